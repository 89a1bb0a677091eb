"""A real Prometheus on loopback reads a real gateway, with the rules and every expression of the dashboard."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import urllib.parse
import urllib.request
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.gateway.serving.running_gateway import Served, chat, serve
from tests.servers.running import free_port
from tests.telemetry.prometheus.programs import program
from tests.telemetry.prometheus.test_rules import DEPLOY, GRAFANA, PANELS, RECORDS
from understudy.emulator import Emulator, Fault, emulate

PATIENCE = 60.0
KEY = "prometheus-0123456789abcdef"
CONFIGURATION = """
[[llm.providers]]
name = "main"
provider = "openai"
base_url = "{url}"
api_key = "{key}"
text_model = "gpt-4.1-mini"
price = {{ input = 0.4, output = 1.6 }}

[[llm.providers]]
name = "backup"
provider = "groq"
base_url = "{other}"
api_key = "{key}"
text_model = "llama-3.3-70b-versatile"
priority = 20
price = {{ input = 0.4, output = 1.6 }}

[[llm.routes]]
name = "fast"
targets = ["main", "backup"]

[[llm.budgets]]
name = "team"
max = 25

[[llm.console.keys]]
name = "prometheus"
key = "{admin}"
scope = "read"
"""
EMPTY = {"Quota of providers that is left", "Prompt tokens read from a cache"}
"""Panels of which the emulated providers give nothing to show, or nothing above zero."""


class Prometheus:
    """A running server, asked over its API."""

    def __init__(self, port: int) -> None:
        self._origin = f"http://127.0.0.1:{port}"

    async def get(self, path: str, **query: str) -> Any:
        return await asyncio.to_thread(self._get, f"{self._origin}{path}?{urllib.parse.urlencode(query)}")

    async def query(self, expression: str) -> list[dict[str, Any]]:
        answer = await self.get("/api/v1/query", query=expression)
        assert answer["status"] == "success"
        found: list[dict[str, Any]] = answer["data"]["result"]
        return found

    async def until(self, expression: str, holds: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
        async with asyncio.timeout(PATIENCE):
            while not holds(found := await self.query(expression)):
                await asyncio.sleep(0.2)
        return found

    @staticmethod
    def _get(url: str) -> Any:
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
            return json.load(answer)


@pytest.fixture
def emulator() -> Any:
    with emulate("openai", "groq") as running:
        yield running


@pytest.fixture
async def gateway(tmp_path: Path, emulator: Emulator) -> AsyncIterator[Served]:
    program("prometheus")
    text = CONFIGURATION.format(url=emulator.url("openai"), other=emulator.url("groq"), key=emulator.key, admin=KEY)
    async with serve(tmp_path, text, "--workers", "2") as served:
        yield served


@pytest.fixture
async def prometheus(tmp_path: Path, gateway: Served) -> AsyncIterator[Prometheus]:
    """Prometheus with the deployed configuration: only its target, its key and its pace are others."""
    folder = tmp_path / "prometheus"
    folder.mkdir()
    (folder / "key").write_text(KEY, encoding="utf-8")
    for path in (DEPLOY / "prometheus").glob("*_rules.yml"):
        (folder / path.name).write_bytes(path.read_bytes())
    written = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    written["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    (job,) = written["scrape_configs"]
    job["authorization"]["credentials_file"] = str(folder / "key")
    job["static_configs"] = [{"targets": [f"127.0.0.1:{gateway.port}"]}]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(written), encoding="utf-8")
    port = free_port()
    words = ("--config.file=prometheus.yml", "--storage.tsdb.path=data", f"--web.listen-address=127.0.0.1:{port}")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program("prometheus"), *words], cwd=folder, stdout=log, stderr=log)
    try:
        running = Prometheus(port)
        async with asyncio.timeout(PATIENCE):
            while True:
                assert process.poll() is None, (folder / "log").read_text()
                try:
                    await running.query("up")
                except OSError:
                    await asyncio.sleep(0.1)
                else:
                    break
        yield running
    finally:
        process.terminate()
        process.wait(PATIENCE)


async def ask(gateway: Served, *, stream: bool = False) -> None:
    peer = await gateway.connect()
    peer.writer.write(chat(model="fast", stream=stream, keep=False))
    assert b"200" in await peer.reader.readline()
    await peer.reader.read()


async def test_prometheus_reads_what_happened_and_every_panel_shows_it(
    gateway: Served, prometheus: Prometheus, emulator: Emulator
) -> None:
    await prometheus.until("up", lambda found: [each["value"][1] for each in found] == ["1"])
    await ask(gateway)
    answered = 'sum(understudy_requests_total{face="openai",outcome="answered"})'
    await prometheus.until(answered, lambda found: bool(found) and found[0]["value"][1] == "1")
    emulator.script("openai", [None] * 6, always=Fault.status(429, retry_after=60))
    for number in range(12):
        await ask(gateway, stream=number % 2 == 0)
        await asyncio.sleep(0.25)
    await prometheus.until(answered, lambda found: found[0]["value"][1] == "13")
    (scraping,) = (await prometheus.get("/api/v1/targets"))["data"]["activeTargets"]
    assert (scraping["health"], scraping["lastError"]) == ("up", "")

    (state,) = await prometheus.query('understudy_target_state{entry="main",state="cooldown"} == 1')
    assert state["metric"]["model"] == "gpt-4.1-mini"
    (stand_in,) = await prometheus.query("understudy_stand_in_workers{route='fast'}")
    assert (stand_in["metric"]["primary"], stand_in["value"][1] in {"1", "2"}) == ("main/gpt-4.1-mini", True)
    (workers,) = await prometheus.query("understudy_workers")
    assert workers["value"][1] == "2"
    empty = set()
    for panel in PANELS:
        for target in panel["targets"]:
            expression = target["expr"]
            for name, value in {**GRAFANA, "$__rate_interval": "30s", "$__range": "1m"}.items():
                expression = expression.replace(name, value)
            if not await prometheus.query(expression):
                empty.add(panel["title"])
    assert empty - EMPTY == set()

    rules = [rule for group in (await prometheus.get("/api/v1/rules"))["data"]["groups"] for rule in group["rules"]]
    assert {rule["name"] for rule in rules} > {each["record"] for each in RECORDS}
    assert [rule["name"] for rule in rules if rule["health"] != "ok"] == []
    pending = {rule["name"] for rule in rules if rule["type"] == "alerting" and rule["state"] != "inactive"}
    assert pending == {"UnderstudyTargetUnavailable"}


def test_grafanas_variables_are_the_only_ones() -> None:
    written = " ".join(target["expr"] for panel in PANELS for target in panel["targets"])
    assert set(re.findall(r"\$\w+", written)) <= set(GRAFANA)
