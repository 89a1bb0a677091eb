"""Streams whose provider says nothing for long: they begin all the same, and how they then end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import pytest

from tests.gateway.conftest import Open
from tests.gateway.test_app import END, PINGS, asked
from understudy.emulator import Fault
from understudy.gateway import streaming

FACES = [face for face in END if face != "ollama"]


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From then on, a twentieth of a second is long."""

    def hurried() -> None:
        monkeypatch.setattr(streaming, "EARLY", 0.05)
        monkeypatch.setattr(streaming, "PING", 0.02)

    return hurried


@pytest.mark.parametrize("face", FACES)
async def test_a_late_answer_begins_and_is_whole(face: str, opened: Open, hurry: Callable[[], None]) -> None:
    caller, emulator, _ = await opened("groq")
    path, body = asked(face, "groq", stream=True)
    quick = await caller.post(path, body)
    hurry()
    emulator.script("groq", [Fault.stall(after=0, seconds=0.3)])
    late = await caller.post(path, body)
    ping = PINGS[face].decode()
    assert late.status == 200
    assert late.text.startswith(ping)
    assert not quick.text.startswith(ping)
    assert late.headers["content-type"] == quick.headers["content-type"]
    assert "x-understudy-provider" not in late.headers, "it was not known yet"
    assert END[face] in late.text


@pytest.mark.parametrize("face", FACES)
async def test_a_late_failure_is_an_event(face: str, opened: Open, hurry: Callable[[], None]) -> None:
    caller, emulator, _ = await opened("groq")
    path, body = asked(face, "groq", stream=True)
    emulator.script("groq", always=Fault.status(400))
    early = await caller.post(path, body)
    assert early.status == 400
    hurry()
    emulator.script("groq", always=Fault.stall(after=0))
    headers = {"x-understudy-deadline": "0.4"}
    late = await caller.post(path, body, headers)
    assert late.status == 200
    assert "deadline" in late.text or "timeout" in late.text.lower()
    assert END[face] not in late.text


async def test_a_client_that_takes_a_closed_connection_better_gets_it(opened: Open, hurry: Callable[[], None]) -> None:
    hurry()
    caller, emulator, _ = await opened("groq")
    path, body = asked("anthropic", "groq", stream=True)
    emulator.script("groq", always=Fault.stall(after=0))
    headers = {"x-understudy-deadline": "0.4", "user-agent": "claude-cli/2.1.332 (external, cli)"}
    late = await caller.post(path, body, headers)
    assert late.status == 200
    assert not late.is_complete


async def test_another_provider_may_still_answer(opened: Open, hurry: Callable[[], None]) -> None:
    hurry()
    caller, emulator, _ = await opened("groq", "anthropic")
    path, body = asked("openai", "groq", stream=True)
    emulator.script("groq", [Fault.status(503, retry_after=0.2)], always=Fault.status(503, retry_after=0.2))
    answer = await caller.post(path, {**body, "model": "groq"}, {"x-understudy-models": "groq, anthropic"})
    assert answer.status == 200
    assert "[DONE]" in answer.text


async def test_a_caller_who_leaves_before_the_first_event_ends_the_run(opened: Open, hurry: Callable[[], None]) -> None:
    hurry()
    caller, emulator, _ = await opened("groq")
    path, body = asked("openai", "groq", stream=True)
    emulator.script("groq", always=Fault.stall(after=0))
    leave, pieces = asyncio.Event(), list[bytes]()
    sending = asyncio.create_task(caller.send("POST", path, json.dumps(body).encode(), leave=leave, pieces=pieces))
    while not pieces:
        await asyncio.sleep(0.01)
    leave.set()
    await asyncio.wait_for(sending, 30)
    async with asyncio.timeout(30):
        while emulator.requests("groq")[-1].outcome != "client_left":
            await asyncio.sleep(0.01)
