"""Circuit breakers over sockets: what an outage costs, who waits, and what an operator says."""

from __future__ import annotations

import asyncio

import pytest

import understudy as u
from tests.scenarios.conftest import Stage
from understudy.emulator import Emulator, Fault


async def test_an_outage_costs_a_handful_of_requests(emulator: Emulator, stage: Stage) -> None:
    emulator.script("openai", always=Fault.status(503))
    manager = stage()
    answers = [await manager.generate("Hello") for _ in range(30)]
    assert {answer.provider for answer in answers} == {"backup"}
    assert len(emulator.requests("openai")) <= 10
    assert [attempt.provider for attempt in answers[-1].attempts] == ["backup"]


async def test_when_all_are_down_nobody_fails(emulator: Emulator, stage: Stage) -> None:
    """Twenty callers, both targets down for a second and a half: all are answered, by few attempts."""
    for provider in ("openai", "anthropic"):
        emulator.script(provider, always=Fault.status(503))
    manager = stage("openai", "anthropic")
    calls = [asyncio.create_task(manager.generate("Hello")) for _ in range(20)]
    await asyncio.sleep(1.5)
    for provider in ("openai", "anthropic"):
        emulator.script(provider)
    answers = await asyncio.gather(*calls)
    assert all(answer.text for answer in answers)


async def test_a_disabled_entry_is_not_asked(emulator: Emulator, stage: Stage) -> None:
    manager = stage("openai", "anthropic")
    manager.disable("primary")
    assert (await manager.generate("Hello")).provider == "backup"
    manager.enable("primary")
    assert (await manager.generate("Hello")).provider == "primary"
    with pytest.raises(u.Misuse, match="no entry is called 'primray'"):
        manager.disable("primray")
