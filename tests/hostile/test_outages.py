"""What an outage costs, over sockets and with many callers. The tight figures are the simulator's; here the bounds have
room for a busy machine, and none is a duration.
"""

from __future__ import annotations

import asyncio
import socket
from collections import Counter

import pytest

import understudy as u
from tests.engine.servers import Asked, Script, manager, message, serving, silent, well


class Switch:
    """A server that is down until it is told otherwise."""

    def __init__(self, down: Script) -> None:
        self.is_down = True
        self._down = down

    async def __call__(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        await (self._down if self.is_down else well)(asked, writer)


async def unavailable(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """Answer 503 at once."""
    writer.write(message("application/json", b'{"error": {"message": "down"}}', "503 Service Unavailable"))
    await writer.drain()


async def ask_all(llm: u.ProviderManager, count: int) -> Counter[str]:
    """Ask at once; return how many were answered by whom, or how they failed."""
    answers = await asyncio.gather(*(llm.generate("Hi") for _ in range(count)), return_exceptions=True)
    return Counter(
        answer.provider or "" if isinstance(answer, u.GenerationResponse) else type(answer).__name__
        for answer in answers
    )


async def test_a_silent_primary_is_paid_for_by_one_wave_of_callers() -> None:
    async with serving(silent, well) as (primary, backup):
        entries = primary.entry(name="primary", first_event_timeout=1.5), backup.entry(name="backup")
        async with u.ProviderManager(entries, u.FallbackConfig(retry_delay_ms=1)) as llm:
            paid = []
            for _ in range(3):
                before = len(primary.requests)
                assert await ask_all(llm, 200) == {"backup": 200}
                paid.append(len(primary.requests) - before)
    assert paid[0] > 0, "nobody can know before the first limit has passed"
    assert paid[1] <= 10
    assert paid[2] <= 2


async def test_when_both_are_down_all_wait_and_are_answered_by_whoever_is_back() -> None:
    down = Switch(unavailable)
    async with (
        serving(down, down) as servers,
        manager(*servers, retry_delay_ms=1000, deadline=120.0, max_wait=60.0) as llm,
    ):
        asking = asyncio.create_task(ask_all(llm, 20))
        await asyncio.sleep(2.0)
        down.is_down = False
        answered = await asking
    assert sum(answered.values()) == 20
    assert set(answered) <= {"primary", "backup"}
    assert sum(len(server.requests) for server in servers) < 120


async def test_a_name_that_does_not_resolve_is_not_asked_for_by_every_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up = 0

    async def fail(*_: object, **__: object) -> object:
        nonlocal looked_up
        looked_up += 1
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    async with serving(well) as (backup,):
        monkeypatch.setattr("aiohttp.resolver.ThreadedResolver.resolve", fail)
        entry = u.ProviderConfig(
            provider="openai",
            name="primary",
            api_key="sk-test",
            text_model="gpt-5",
            base_url="http://nowhere.invalid/v1",
        )
        rules = u.FallbackConfig(retry_delay_ms=1)
        async with u.ProviderManager([entry, backup.entry(name="backup")], rules) as llm:
            answered = Counter([(await llm.generate("Hi")).provider for _ in range(40)])
    assert answered == {"backup": 40}
    assert looked_up <= 15
