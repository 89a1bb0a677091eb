"""The back ends, each started once, and only when `make backends` asks for it."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import time
from collections.abc import Callable, Iterator

import pytest

from benchmarks.environments import Environment
from tests.servers.running import PATIENCE, Running, free_port, running
from tests.telemetry.backends.installing import MLFLOW, PHOENIX


@pytest.fixture(scope="session", autouse=True)
def asked_for() -> None:
    if os.environ.get("UNDERSTUDY_BACKENDS") != "1":
        pytest.skip("needs UNDERSTUDY_BACKENDS=1 (make backends)")


def need(environment: Environment) -> None:
    if not environment.installed:
        pytest.skip(f"{environment.name} is not installed (make backends)")


@pytest.fixture(scope="session")
def mlflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    need(MLFLOW)
    port = free_port()
    where = ("--host", "127.0.0.1", "--port", str(port), "--backend-store-uri", "sqlite:///mlflow.db")
    command = (MLFLOW.program("bin", "mlflow"), "server", *where, "--workers", "1")
    alone = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    alone["MLFLOW_MODEL_CATALOG_URI"] = ""  # else it fetches prices from GitHub while it takes spans
    with running(tmp_path_factory.mktemp("mlflow"), port, *command, environment=alone) as server:
        _answers(port, _first_span)
        yield server


def _answers(port: int, ask: Callable[[http.client.HTTPConnection], None]) -> None:
    """Wait until a server answers with a success: a port may accept connections before, or may be another program's."""
    end = time.monotonic() + PATIENCE
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
            ask(connection)
            if connection.getresponse().status == 200:
                return
        assert time.monotonic() < end, f"nothing answers on port {port}"
        time.sleep(0.1)


def _first_span(connection: http.client.HTTPConnection) -> None:
    """Export one span to MLflow, which loads much with the first: longer than exports may take on a busy machine."""
    span = {"traceId": "1" * 32, "spanId": "1" * 16, "name": "first", "startTimeUnixNano": "1", "endTimeUnixNano": "2"}
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]})
    headers = {"content-type": "application/json", "x-mlflow-experiment-id": "0"}
    connection.request("POST", "/v1/traces", body, headers)


@pytest.fixture(scope="session")
def phoenix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    need(PHOENIX)
    port = free_port()
    folder = tmp_path_factory.mktemp("phoenix")
    alone = {
        "PHOENIX_WORKING_DIR": str(folder),
        "PHOENIX_HOST": "127.0.0.1",
        "PHOENIX_PORT": str(port),
        "PHOENIX_GRPC_PORT": str(free_port()),
        "PHOENIX_TELEMETRY_ENABLED": "false",
        "PHOENIX_ALLOW_EXTERNAL_RESOURCES": "false",
    }
    with running(folder, port, PHOENIX.program("bin", "phoenix"), "serve", environment=alone) as server:
        _answers(port, lambda connection: connection.request("GET", "/v1/projects"))
        yield server
