"""Callers who go away: whatever the provider was doing, its connection is closed, and nothing of the call is left.

Every wire format, at every stage of an answer, left in every way. Nothing else would end these calls: all time-outs are
longer than the tests.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import inspect
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path

import msgspec
import pytest

import understudy as u
from tests.hostile.answers.all import BACKUPS, DIALECTS
from tests.hostile.answers.base import TEXT, Answers
from tests.hostile.clients import CHATTING, PROMPT, until
from tests.hostile.framing import chunk, chunked_head, cut_response
from tests.hostile.playing import complaints
from tests.hostile.server import Hang, HostileServer, Party, Request, Script
from understudy.domain.attempts import CostBasis, Outcome
from understudy.engine.engine import Engine
from understudy.policy.health import Health
from understudy.policy.targets import Target

SOURCES = str(Path(u.__file__).parent)
STAGES = ("silent", "headers", "opening", "content")
WAYS = ("cancelled", "out of patience", "stream closed", "stream left", "let go of", "provider closed", "hedged")


class Leaving(msgspec.Struct, frozen=True):
    """How far the answer has come, and how its caller leaves."""

    dialect: str
    stage: str
    way: str

    @property
    def name(self) -> str:
        """All three in a word."""
        return f"{self.dialect}, {self.stage}, {self.way}"


def applies(each: Leaving) -> bool:
    """Leave out what cannot be: a stream that shows nothing has no reader who could leave it."""
    if each.way in ("stream left", "let go of"):
        return each.stage == "content" and DIALECTS[each.dialect].streamed_apart is None
    return each.way != "hedged" or (each.stage == "silent" and each.dialect != "replicate")


LEAVINGS = [
    each
    for dialect in CHATTING
    for stage in STAGES
    for way in WAYS
    if applies(each := Leaving(dialect=dialect, stage=stage, way=way))
]


def stuck(answers: Answers, stage: str) -> Callable[[Request], Script]:
    """Answer as far as the stage says, and no further."""

    def act(request: Request) -> Script:
        if not answers.matches("generate", request) and not answers.flows(request):
            return answers.other(request) or answers.good("generate", request)
        if stage == "silent":
            return (Hang(),)
        if answers.streamed_apart is not None and not answers.flows(request):
            return answers.good("generate", request)
        if not answers.flows(request):
            return (cut_response(answers.plain, len(answers.plain) // 3), Hang())
        frames = {"headers": (), "opening": (answers.opening,), "content": (answers.opening, *answers.pieces[:2])}
        return (chunked_head(answers.stream_type) + b"".join(map(chunk, filter(None, frames[stage]))), Hang())

    return act


class Watched(u.ProviderManager):
    """A manager whose health can be looked at."""

    def _make_engine(self) -> Engine:
        self.health = Health()
        return Engine(sink=self._sink, observers=tuple(self._observers), health=self.health)

    def in_flight(self) -> int:
        """Return how many permits were not given back."""
        targets = (Target(name=each.name, provider_type=each.provider_type) for each in self.providers)
        return sum(self.health.facts(target, time.monotonic()).in_flight for target in targets)


def entry(name: str, answers: Answers, party: Party) -> u.LLMProvider:
    config = u.ProviderConfig(
        provider=answers.provider,
        name=name,
        api_key=u.Secret("key"),
        base_url=party.url + answers.base,
        text_model=answers.model,
        priority=1 if name == "primary" else 2,
    )
    return u.create_provider(config)


async def play(server: HostileServer, leaving: Leaving) -> list[str]:
    """Let a caller leave, and return what is left of the call."""
    answers, other = DIALECTS[leaving.dialect], DIALECTS[BACKUPS[leaving.dialect]]
    mark = f"{id(leaving):x}"
    parties = [
        server.party(f"p{mark}", stuck(answers, leaving.stage)),
        server.party(f"b{mark}", stuck(other, "silent")),
    ]
    hedged = leaving.way == "hedged"
    ledger = u.MemoryLedger()
    providers = [entry("primary", answers, parties[0]), entry("backup", other, parties[1])]
    rules = u.FallbackConfig(hedge=hedged, hedge_after=0.02 if hedged else None)
    llm = Watched(providers, rules, sink=ledger)
    told = await leave(llm, leaving, parties[: 2 if hedged else 1])
    for party in parties[: 2 if hedged else 1]:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(party.left.wait(), 30)
        if not party.left.is_set():
            told.append("the connection stays open")
    if llm.in_flight():
        told.append(f"{llm.in_flight()} permits are kept")
    await llm.aclose()
    if parties[1].requests and not hedged:
        told.append("the backup was asked for a caller who has gone")
    records = list(ledger)
    if len(records) != 1 + hedged or any(each.outcome is not Outcome.ABORTED for each in records):
        told.append(f"the account says {[(each.provider, each.outcome) for each in records]}")
    sent = CostBasis.ESTIMATED if leaving.stage == "content" and answers.flows(parties[0].requests[-1]) else None
    if any(each.cost_basis not in (sent, CostBasis.UNKNOWN, CostBasis.ESTIMATED) for each in records):
        told.append(f"cost: {[each.cost_basis for each in records]}")
    return [f"{leaving.name}: {each}" for each in told]


async def leave(llm: Watched, leaving: Leaving, parties: list[Party]) -> list[str]:
    """Ask, wait until every party is asked as far as its script goes, and leave in the way that is wanted."""
    asked = DIALECTS[leaving.dialect]

    def is_asked() -> bool:
        is_last = (
            asked.flows if asked.streamed_apart and leaving.stage != "silent" else partial(asked.matches, "generate")
        )
        return any(map(is_last, parties[0].requests)) and all(party.requests for party in parties)

    stream = llm.stream(PROMPT)
    if leaving.way in ("stream left", "let go of"):
        return await _stop_reading(stream, leaving.way)
    call: Awaitable[object] = stream.collect() if leaving.way == "stream closed" else llm.generate(PROMPT)
    expected: type[BaseException] = u.Unavailable
    if leaving.way == "out of patience":
        call, expected = asyncio.wait_for(call, 1.5), TimeoutError
    running = asyncio.ensure_future(call)
    try:
        await until(is_asked)
    except TimeoutError:
        return ["it was never asked"]
    await asyncio.sleep(0.05)
    match leaving.way:
        case "cancelled" | "hedged":
            running.cancel()
            expected = asyncio.CancelledError
        case "stream closed":
            await stream.aclose()
        case "provider closed":
            await llm.aclose()
    try:
        answer = await running
    except expected:
        return []
    except BaseException as error:  # noqa: BLE001 - whatever comes is judged
        return [f"it ended with {error!r}"]
    return [f"it ended with {answer!r}"]


async def _stop_reading(stream: u.ResponseStream, way: str) -> list[str]:
    if way == "stream left":
        async with stream:
            async for event in stream:
                if isinstance(event, u.TextDelta):
                    return []
    else:
        async for event in stream:
            if isinstance(event, u.TextDelta):
                return []
    return ["it had no content"]


async def leftovers() -> list[str]:
    """Return the library's tasks and generators that have not ended."""
    for _ in range(3):
        gc.collect()
        await asyncio.sleep(0.01)
    return [repr(each) for each in asyncio.all_tasks() if SOURCES in repr(each)] + unfinished()


def unfinished() -> list[str]:
    """Return the library's asynchronous generators that have begun and not ended."""
    generators = (each for each in gc.get_objects() if inspect.isasyncgen(each) and each.ag_frame is not None)
    return [each.ag_code.co_qualname for each in generators if each.ag_code.co_filename.startswith(SOURCES)]


@pytest.fixture
async def server() -> AsyncIterator[HostileServer]:
    async with HostileServer() as server:
        yield server


@pytest.mark.parametrize("way", WAYS)
async def test_callers_who_leave_leave_nothing_behind(server: HostileServer, way: str) -> None:
    trials = [each for each in LEAVINGS if each.way == way]
    assert await complaints(trials, lambda each: play(server, each)) == []
    assert await leftovers() == []


async def test_a_held_stream_that_is_closed_after_its_end_is_finished_at_once(server: HostileServer) -> None:
    """Its events are all in memory: closing it needs no garbage collector to end the run."""
    answers = DIALECTS["openai"]
    party = server.party("whole", lambda request: answers.good("generate", request))
    async with u.ProviderManager([entry("primary", answers, party)]) as llm:
        stream = llm.stream(PROMPT, on_midstream_error="hold")
        while not isinstance(await anext(stream), u.TextDelta):
            pass
        assert unfinished()
        await stream.aclose()
        assert not unfinished()
        assert stream.response.text == TEXT
