"""Runs of random providers, hedged or not, that are read, left, cancelled or closed at a random moment.

Whatever happens: one record for each attempt, one provider's words once and in order, and nothing left behind.
"""

from __future__ import annotations

import asyncio
import gc
from random import Random
from typing import Any

import pytest

import understudy as u
from tests.engine.test_run import WORDS, Paced, a_run, failing
from understudy.domain.events import TextDelta
from understudy.domain.failures import FailureKind
from understudy.engine.engine import CLOSED, Engine, Sources
from understudy.engine.run import Run
from understudy.engine.watch import Watch
from understudy.policy.targets import Limits, Target
from understudy.virtual_time import run

KINDS = (FailureKind.RATE_LIMITED, FailureKind.TLS, FailureKind.TRUNCATED, FailureKind.UNKNOWN_STATUS)
ENDS = ("read", "read", "leave", "cancel", "close", "close twice")


async def _read(one: Run, words: list[str], most: int) -> None:
    """Read a stream, up to a number of batches."""
    events = one.events()
    try:
        async for batch in events:
            words.extend(event.text for event in batch if isinstance(event, TextDelta))
            most -= 1
            if not most:
                break
    finally:
        await events.aclose()


async def _end(how: str, engine: Engine, one: Run, reading: asyncio.Task[None]) -> None:
    if how == "cancel":
        reading.cancel()
    elif how == "close":
        await engine.close()
    elif how == "close twice":
        await asyncio.gather(one.close(CLOSED), engine.close())


@pytest.mark.parametrize("hedge_after", [None, 0.5, 1.0])
@pytest.mark.parametrize("streamed", [True, False])
def test_nothing_is_lost_doubled_or_left_behind(hedge_after: float | None, streamed: bool, deep: bool) -> None:
    unseen: list[Any] = []
    for seed in range(60 if deep else 20):
        run(_play(Random(seed), hedge_after, unseen, streamed=streamed))
    gc.collect()  # once: it takes a second where thousands of tests have run before
    assert unseen == []


async def _play(rng: Random, hedge_after: float | None, unseen: list[Any], *, streamed: bool) -> None:
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unseen.append(context))
    engine = Engine(sources=Sources(rng=rng))
    providers = [
        Paced(name, rng.choice([0.0, 0.2, 0.7, 3.0, 30.0]), rng.choice([None, None, failing(rng.choice(KINDS))]))
        for name in "abc"
    ]
    one = a_run(*providers, engine=engine, streamed=streamed, hedge_after=hedge_after)
    how, words, most = rng.choice(ENDS), list[str](), rng.randint(1, 4)
    reading = asyncio.ensure_future(_read(one, words, most if how == "leave" else -1))
    await asyncio.wait((reading,), timeout=rng.choice([0.0, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0]))
    await _end(how, engine, one, reading)
    error = (await asyncio.gather(reading, return_exceptions=True))[0]
    assert error is None or isinstance(error, u.LLMError | asyncio.CancelledError)
    await engine.background.finish()
    _check(one, words, streamed=streamed, is_whole=error is None and how == "read")
    assert len(one.records) >= sum(each.asked for each in providers)
    assert not engine.running
    targets = [Target(name=each.name, model="m") for each in providers]
    now = asyncio.get_running_loop().time()
    assert not any(engine.health.facts(target, now).in_flight for target in targets)


def _check(one: Run, words: list[str], *, streamed: bool, is_whole: bool) -> None:
    numbers = [record.number for record in one.records]
    assert sorted(numbers) == list(range(1, len(numbers) + 1))
    if streamed and words:
        speaker = words[0][0]
        assert words == [f"{speaker}:{word}" for word in WORDS][: len(words)]
    if is_whole:
        assert [record.outcome.value for record in one.records].count("won") == 1
        assert one.response is not None
        assert one.won is not None
        assert one.response.provider == one.won.provider
        assert not streamed or len(words) == len(WORDS)


def test_an_attempt_that_is_ended_as_its_limit_is_reached_ends_once() -> None:
    unseen: list[Any] = []

    async def scenario() -> str:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: unseen.append(context))
        watch = Watch(Limits(total=1.0), streamed=False)
        loop.call_at(1.0, watch.interrupt, CLOSED)
        with pytest.raises(TimeoutError), watch:
            await asyncio.sleep(9.0)
        assert watch.verdict is not None
        return watch.verdict.message

    assert run(scenario()) == (CLOSED.message, 1.0)
    assert unseen == []


@pytest.mark.parametrize("cancelled_at", [None, 0.5, 1.0])
def test_a_limit_ends_the_wait_alone_and_a_cancellation_ends_the_task(cancelled_at: float | None) -> None:
    async def wait(watch: Watch) -> str:
        try:
            with watch:
                await asyncio.sleep(9.0)
        except TimeoutError:
            task = asyncio.current_task()
            assert task is not None
            assert not task.cancelling()
            await asyncio.sleep(1.0)  # it goes on as any other
            return "timed out"
        return "not ended"

    async def scenario() -> str:
        loop = asyncio.get_running_loop()
        waiting = loop.create_task(wait(Watch(Limits(total=1.0), streamed=False)))
        if cancelled_at is not None:
            loop.call_at(cancelled_at, waiting.cancel)
        try:
            return await waiting
        except asyncio.CancelledError:
            return "cancelled"

    expected = ("timed out", 2.0) if cancelled_at is None else ("cancelled", cancelled_at)
    assert run(scenario()) == expected
