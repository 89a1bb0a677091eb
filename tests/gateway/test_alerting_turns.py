"""Who sends alerts when processes come and go in the middle of it, with a clock that is set by hand."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.telemetry.tracing.collector import Collector, collecting
from understudy.config import Config, parse
from understudy.fleet.store import FleetUnavailable, History
from understudy.gateway.alerting import LEASE, Alerting
from understudy.settings.alerts import AlertsConfig, Webhook
from understudy.telemetry.alerts.sqlite import SqliteAlerts
from understudy.telemetry.alerts.store import AlertStore
from understudy.telemetry.snapshot import Snapshot, Tally, TargetSnapshot, TargetState

CONFIG = parse('[[llm.providers]]\nprovider = "ollama"\n', environ={})


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


class SeenFleet:
    """A fleet of one process, whose only target is in some state."""

    def __init__(self) -> None:
        self.state = TargetState.OPEN
        self.is_away = False

    async def snapshots(self) -> list[Snapshot]:
        target = TargetSnapshot(
            entry="a", model="m", provider_type="openai", state=self.state, total=Tally(succeeded=1)
        )
        common: dict[str, Any] = {"instance": "i", "worker": "w", "host": "h", "version": "0"}
        return [Snapshot(**common, pid=1, started=0, at=0, targets=(target,))]

    async def history(self, since: float, until: float) -> History:
        if self.is_away:
            raise FleetUnavailable("away")
        return History()


class Stage:
    """A store, a webhook, and processes that look."""

    def __init__(self, folder: Path, hook: Collector) -> None:
        self.hook, self.fleet, self.clock = hook, SeenFleet(), Clock()
        self.file = folder / "alerts"
        self.processes: list[Alerting] = []
        webhook = Webhook(name="w", url=hook.url)
        self.alerts = AlertsConfig(webhooks=(webhook,), down_after=0, up_after=0)

    def process(self, store: AlertStore | None = None) -> Alerting:
        config: Config = replace(CONFIG, telemetry=replace(CONFIG.telemetry, alerts=self.alerts))
        fleet: Any = self.fleet
        made = Alerting(lambda: config, lambda: fleet, store or SqliteAlerts(self.file, self.clock), self.clock)
        self.processes.append(made)
        return made

    @property
    def received(self) -> list[str]:
        return [json.loads(each)["status"] for each in self.hook.bodies]


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    with collecting() as hook:
        stage = Stage(tmp_path, hook)
        yield stage
        for each in stage.processes:  # those that were killed, too: their connections are this process's
            await each._leave()


async def test_another_goes_on_where_one_was_killed(stage: Stage) -> None:
    first, second = stage.process(), stage.process()
    await first.look(stage.alerts)
    await second.look(stage.alerts)
    assert stage.received == ["firing"]
    stage.clock.now += LEASE + 1  # the first is silent from now on
    await second.look(stage.alerts)
    assert stage.received == ["firing"]
    stage.fleet.state = TargetState.CLOSED
    await second.look(stage.alerts)
    await first.look(stage.alerts)
    assert stage.received == ["firing", "resolved"]


async def test_one_that_is_killed_between_sending_and_noting_leaves_a_repetition_of_the_same_id(stage: Stage) -> None:
    class Killed(SqliteAlerts):
        """Notes what is to be sent and that it is tried, and not that it was taken."""

        kept = 0

        def keep(self, owner: str, document: bytes) -> bool:
            self.kept += 1
            return super().keep(owner, document) if self.kept <= 2 else False

    await stage.process(Killed(stage.file, stage.clock)).look(stage.alerts)
    stage.clock.now += LEASE + 1
    await stage.process().look(stage.alerts)
    first, second = stage.hook.headers
    assert first["webhook-id"] == second["webhook-id"]
    assert stage.received == ["firing", "firing"]


async def test_one_that_leaves_hands_over_at_once(stage: Stage) -> None:
    running = asyncio.create_task(stage.process().run())
    async with asyncio.timeout(20):
        while not stage.received:
            await asyncio.sleep(0.02)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    stage.fleet.state = TargetState.CLOSED
    await stage.process().look(stage.alerts)
    assert stage.received == ["firing", "resolved"]


async def test_while_the_fleet_is_away_targets_of_this_process_are_still_seen(stage: Stage) -> None:
    stage.fleet.is_away = True
    await stage.process().look(stage.alerts)
    assert stage.received == ["firing"]
