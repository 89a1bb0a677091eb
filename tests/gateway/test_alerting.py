"""Alerts of real gateways: to a webhook on this machine, from several processes, over restarts."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.running import PATIENCE
from tests.gateway.serving.running_gateway import Served, chat, configuration, serve
from tests.telemetry.tracing.collector import Collector, collecting
from understudy.emulator import Emulator, Fault, FaultKind, emulate

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="workers are stopped as on Linux")
SECRET = "signing-canary-0123456789"
QUIET = 6.0
"""Seconds in which several looks are made."""


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with emulate("openai") as running:
        yield running


@pytest.fixture
def hook() -> Iterator[Collector]:
    with collecting() as found:
        yield found


def alerts(hook: Collector, **settings: float) -> str:
    lines = "".join(f"{name} = {value}\n" for name, value in settings.items())
    return f"""
[llm.telemetry.alerts]
{lines}
[[llm.telemetry.alerts.webhooks]]
name = "pager"
url = "{hook.url}/hook-canary-77"
secret = "{SECRET}"
"""


def received(hook: Collector) -> list[dict[str, Any]]:
    return [json.loads(each) for each in hook.bodies]


async def arrived(hook: Collector, count: int) -> list[dict[str, Any]]:
    async with asyncio.timeout(PATIENCE):
        while len(hook.bodies) < count:
            await asyncio.sleep(0.05)
    return received(hook)


async def ask(served: Served, times: int) -> None:
    for _ in range(times):
        peer = await served.connect()
        peer.writer.write(chat(keep=False))
        await peer.response()


async def test_one_of_two_workers_sends_and_a_restart_does_not_repeat(
    tmp_path: Path, emulator: Emulator, hook: Collector
) -> None:
    emulator.script("openai", always=Fault(kind=FaultKind.STATUS, code=401))
    text = configuration(emulator) + alerts(hook, down_after=0, up_after=3600, error_rate=0)
    async with serve(tmp_path, text, "--workers", "2") as served:
        await ask(served, 12)
        (alert,) = await arrived(hook, 1)
        assert (alert["kind"], alert["status"], alert["subject"]) == ("target_down", "firing", "first/gpt-6-luna")
        assert hook.headers[0]["webhook-id"] == alert["id"]
        assert hook.headers[0]["webhook-signature"].startswith("v1,")
        await asyncio.sleep(QUIET)
        assert len(hook.bodies) == 1
        assert "canary" not in (tmp_path / "stderr").read_text()
    async with serve(tmp_path, text, "--workers", "2") as served:
        await ask(served, 12)
        await asyncio.sleep(QUIET)
        assert len(hook.bodies) == 1


async def test_a_webhook_that_was_away_receives_what_it_missed(
    tmp_path: Path, emulator: Emulator, hook: Collector
) -> None:
    hook.status = 503
    emulator.script("openai", always=Fault(kind=FaultKind.STATUS, code=500))
    text = configuration(emulator) + alerts(hook, down_after=3600, error_requests=3)
    async with serve(tmp_path, text) as served:
        await ask(served, 4)
        said = await served.logged("the webhook pager did not take an alert: status 503; it is tried again")
        assert "canary" not in said
        hook.status = 200
        (alert,) = await arrived(hook, 1)
        assert (alert["kind"], alert["value"], alert["threshold"]) == ("error_rate", 1.0, 0.1)
        assert hook.asked > 1


async def test_what_is_well_again_is_resolved(tmp_path: Path, emulator: Emulator, hook: Collector) -> None:
    emulator.script("openai", [Fault(kind=FaultKind.STATUS, code=401)])
    text = configuration(emulator) + alerts(hook, down_after=0, up_after=1, error_rate=0)
    async with serve(tmp_path, text) as served:
        await ask(served, 1)
        (first,) = await arrived(hook, 1)
        served.config.write_text(text.replace("up_after = 1", "up_after = 2"))
        served.process.send_signal(signal.SIGHUP)  # makes the providers anew
        _, second = await arrived(hook, 2)
        assert (first["status"], second["status"]) == ("firing", "resolved")
        assert second["summary"] == "first/gpt-6-luna is up again"
        assert first["since"] == second["since"]
