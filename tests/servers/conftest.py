"""The servers, each started once, and only when `make servers` asks for it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.environments import Environment
from tests.cli.running import CommandLine
from tests.servers.installing import AIMOCK, LITELLM, LLAMA_CPP, LLMOCK
from tests.servers.running import Running, free_port, running

HERE = Path(__file__).parent
LITELLM_KEY = "sk-litellm-master-0123"
SMALL, LARGE = 2048, 8192
"""Context windows of the two llama.cpp servers, in tokens."""


@pytest.fixture(scope="session", autouse=True)
def asked_for() -> None:
    if os.environ.get("UNDERSTUDY_SERVERS") != "1":
        pytest.skip("needs UNDERSTUDY_SERVERS=1 (make servers)")


def need(server: Environment) -> None:
    if not server.installed:
        pytest.skip(f"{server.name} is not installed (make servers)")


def llama(folder: Path, name: str, context: int, *modes: str) -> Iterator[Running]:
    need(LLAMA_CPP)
    port = free_port()
    program = str(HERE / "programs" / "llama_cpp.py")
    command = (LLAMA_CPP.program("bin", "python"), program, str(port), str(context), name, *modes)
    with running(folder, port, *command) as server:
        server.wait_for("/health")  # it listens before the model is loaded, and answers 503
        yield server


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """llama.cpp with a window of 2,048 tokens."""
    yield from llama(tmp_path_factory.mktemp("small"), "tiny", SMALL)


@pytest.fixture(scope="session")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """llama.cpp with a window of 8,192 tokens."""
    yield from llama(tmp_path_factory.mktemp("large"), "tiny-8k", LARGE)


@pytest.fixture(scope="session")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """llama.cpp that embeds."""
    yield from llama(tmp_path_factory.mktemp("embedder"), "tiny-embed", SMALL, "embeddings")


@pytest.fixture(scope="session")
def proxy(small: Running, embedder: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """LiteLLM's proxy, with models that answer from its configuration and one that llama.cpp serves."""
    need(LITELLM)
    folder = tmp_path_factory.mktemp("litellm")
    text = (HERE / "programs" / "litellm.yaml").read_text()
    for name, value in {"SMALL": small.url, "EMBEDDER": embedder.url, "MASTER_KEY": LITELLM_KEY}.items():
        text = text.replace(f"${{{name}}}", value)
    (folder / "config.yaml").write_text(text)
    port = free_port()
    command = (LITELLM.program("bin", "litellm"), "--config", "config.yaml", "--host", "127.0.0.1", "--port", str(port))
    # Without these it asks other hosts for prices, and reports its use.
    alone = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_TELEMETRY": "False"}
    with running(folder, port, *command, environment=alone) as server:
        yield server


@pytest.fixture(scope="session")
def llmock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    need(LLMOCK)
    port = free_port()
    command = (LLMOCK.program("bin", "llmock"), "serve", "--host", "127.0.0.1", "--port", str(port))
    with running(tmp_path_factory.mktemp("llmock"), port, *command) as server:
        yield server


@pytest.fixture(scope="session")
def aimock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    need(AIMOCK)
    port = free_port()
    program = AIMOCK.program("node_modules", "@copilotkit", "aimock", "dist", "cli.js")
    fixtures = str(HERE / "programs" / "aimock.json")
    with running(tmp_path_factory.mktemp("aimock"), port, "node", program, "-p", str(port), "-f", fixtures) as server:
        yield server


@pytest.fixture
def cli(tmp_path: Path) -> CommandLine:
    """The command line, where nothing is configured."""
    return CommandLine(tmp_path)
