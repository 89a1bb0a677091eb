"""The explanation of a request, on virtual time: every timeline written out by hand."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import AsyncIterator, Iterable
from random import Random
from typing import Any

import pytest

import understudy as u
from understudy.domain.events import Finished, Started, TextDelta
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.fold import fold
from understudy.engine.engine import Admission, Engine, Sources
from understudy.virtual_time import run

K = FailureKind
EPOCH = 1_800_000_000.0
DOWN = (1.0, u.ServerFailed("down", failure=Failure(kind=K.SERVER_ERROR, message="down", status=503)))
"""A failure after a second."""


def limited(seconds: float) -> tuple[float, u.LLMError]:
    """Return a rate limit with a hint, after a second."""
    failure = Failure(kind=K.RATE_LIMITED, message="slow down", status=429, retry_after=seconds)
    return 1.0, u.RateLimited("slow down", failure=failure)


class Middling(Random):
    """Chance that always draws the middle."""

    def random(self) -> float:
        return 0.5


class Speaker:
    """A provider whose calls take one script each, the last one for ever: pauses before pieces or exceptions."""

    provider_type = "own"

    def __init__(self, name: str, *scripts: Any, priority: int = 10) -> None:
        self.name, self.priority = name, priority
        self._scripts = list(scripts)

    async def stream(self, request: u.GenerationRequest) -> AsyncIterator[u.Event]:
        script = self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]
        pieces: Iterable[tuple[float, Any]] = [script] if isinstance(script, tuple) else script
        yield Started(model=self.name)
        for pause, piece in pieces:
            await asyncio.sleep(pause)
            if isinstance(piece, Exception):
                raise piece
            yield TextDelta(0, piece)
        yield Finished(u.FinishReason.STOP)

    async def generate(self, request: u.GenerationRequest) -> u.GenerationResponse:
        return fold([event async for event in self.stream(request)])


class Manager(u.ProviderManager):
    """A manager without chance, whose wall clock is that of the loop."""

    def __init__(self, *speakers: Any, admit: Admission | None = None, **fallback: Any) -> None:
        self._admit = admit
        super().__init__(list(speakers), u.FallbackConfig(**fallback))

    def _make_engine(self) -> Engine:
        numbers, loop = iter(range(1, 1_000_000)), asyncio.get_running_loop()
        sources = Sources(rng=Middling(), new_id=lambda: f"id-{next(numbers)}", wall_clock=lambda: EPOCH + loop.time())
        return Engine(sources=sources, admit=self._admit)


def told(explanation: u.Explanation | None) -> list[str]:
    """Return the timeline as lines without what repeats in each."""
    assert explanation is not None
    assert u.Explanation.from_dict(explanation.to_dict()) == explanation
    return [str(event) for event in explanation.timeline]


async def fallen(work: Any) -> u.LLMError:
    with pytest.raises(u.LLMError) as caught:
        await work
    return caught.value


def test_a_plain_success() -> None:
    async def scenario() -> None:
        llm = Manager(Speaker("a", (2.0, "hi")), Speaker("b", (1.0, "ho"), priority=20))
        await asyncio.sleep(3.0)
        answer = await llm.generate("Why?")
        explanation = answer.explanation
        assert explanation is not None
        assert explanation.request_id == answer.attempts[0].request_id
        assert explanation.started == EPOCH + 3.0
        assert explanation.why == "by priority"
        assert explanation.steps == (
            u.PlannedTarget(place=1, target="a", why="priority 10"),
            u.PlannedTarget(place=2, target="b", why="priority 20"),
        )
        assert explanation.skipped == ()
        assert told(explanation) == [
            "0.000 s launched attempt 1, a: priority 10",
            "2.000 s ended attempt 1, a: the answer is whole and valid",
            "2.000 s committed attempt 1, a: its answer is the answer",
            "2.000 s settled attempt 1, a: answered",
        ]
        assert "explanation" not in answer.to_dict()
        assert pickle.loads(pickle.dumps(answer)).explanation is None
        assert str(explanation).splitlines()[:4] == [
            f"request {explanation.request_id}, started 2027-01-15 08:00:03 UTC",
            "order: by priority",
            "1. a: priority 10",
            "2. b: priority 20",
        ]

    run(scenario())


def test_a_fallback_after_back_off() -> None:
    async def scenario() -> None:
        llm = Manager(Speaker("a", DOWN), Speaker("b", (1.0, "ho"), priority=20), max_retries=2)
        assert told((await llm.generate("Why?")).explanation) == [
            "0.000 s launched attempt 1, a: priority 10",
            "1.000 s failed attempt 1, a: server_error (HTTP 503): down",
            "1.000 s decided attempt 1, a: retry in 0.50 s",
            "1.000 s waiting until 1.500 s: before the retry of a",
            "1.500 s launched attempt 2, a: attempt 2 at this target",
            "2.500 s failed attempt 2, a: server_error (HTTP 503): down",
            "2.500 s decided attempt 2, a: no retry: 2 attempts were made (max_retries); fall back to b",
            "2.500 s launched attempt 3, b: priority 20",
            "3.500 s ended attempt 3, b: the answer is whole and valid",
            "3.500 s committed attempt 3, b: its answer is the answer",
            "3.500 s settled attempt 3, b: answered",
        ]

    run(scenario())


def test_a_request_that_begins_with_a_wait() -> None:
    """Its only target is in cooldown when it starts, so that the first moment is one without actions."""

    async def scenario() -> None:
        llm = Manager(Speaker("a", limited(3.0), (2.0, "hi")), max_attempts=1)
        await fallen(llm.generate("Why?"))
        answer = await llm.generate("Why?")
        assert answer.text == "hi"
        lines = told(answer.explanation)
        assert lines[0] == "0.000 s skipped a until 3.000 s: rate_limited: slow down"
        assert lines[1].startswith("0.000 s waiting")
        assert [line.split()[2] for line in lines[-4:]] == ["launched", "ended", "committed", "settled"]

    run(scenario())


def test_a_target_in_cooldown_is_skipped() -> None:
    async def scenario() -> None:
        llm = Manager(Speaker("a", limited(30.0)), Speaker("b", (1.0, "ho"), priority=20))
        first = await llm.generate("Why?")
        assert told(first.explanation)[1:4] == [
            "1.000 s failed attempt 1, a: rate_limited (HTTP 429): slow down",
            "1.000 s decided attempt 1, a: no retry: the provider asks for a wait of 30 s, and max_wait is 20 s; "
            "fall back to b",
            "1.000 s launched attempt 2, b: priority 20",
        ]
        await asyncio.sleep(3.0)
        assert told((await llm.generate("Why?")).explanation) == [
            "0.000 s skipped a until 26.000 s: rate_limited: slow down",
            "0.000 s launched attempt 1, b: priority 20",
            "1.000 s ended attempt 1, b: the answer is whole and valid",
            "1.000 s committed attempt 1, b: its answer is the answer",
            "1.000 s settled attempt 1, b: answered",
        ]

    run(scenario())
