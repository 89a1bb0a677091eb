"""Statistics through the public face: whatever is attempted, in whichever way, is counted once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import reduce
from operator import add
from typing import Any

import pytest

import understudy as u
from tests.engine.test_foreign_providers import Own, down
from tests.scenarios.conftest import Stage
from understudy.emulator import Emulator, Fault


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    async with Emulator(("openai", "anthropic", "ollama", "huggingface")) as running:
        yield running


def summed(manager: u.ProviderManager) -> u.ProviderStats:
    return reduce(add, (each.stats() for each in manager.providers), u.ProviderStats())


def counts(stats: u.ProviderStats) -> tuple[int, int, int, int]:
    return stats.total_requests, stats.successful_requests, stats.failed_requests, stats.aborted_requests


async def test_plain_and_streamed_answers_and_embeddings(emulator: Emulator, stage: Stage) -> None:
    manager = stage("openai", entries={"openai": {"embedding_model": "text-embedding-3-small"}})
    await manager.generate("Hello")
    await manager.stream("Hello").collect()
    before = manager.stats()
    assert counts(before) == (2, 2, 0, 0)
    assert before.streamed_requests == 1
    assert (before.latencies.count, before.first_events.count) == (2, 1)
    assert before.latency_p50 is not None
    assert before.latency_p95 is not None
    assert before.latency_p50 <= before.latency_p95
    assert before.first_event_p50 == before.first_event_p95 == pytest.approx(before.mean_first_event)
    await manager.embed(["one", "two"])
    after = manager.stats()
    assert counts(after) == (3, 3, 0, 0)
    assert (after.latencies.count, after.first_events.count) == (3, 1)
    assert after.total_tokens_input > before.total_tokens_input
    assert after.total_tokens_output == before.total_tokens_output


async def test_lost_attempts_count_where_they_were_made(emulator: Emulator, stage: Stage) -> None:
    emulator.script("openai", [Fault.status(500), Fault.cut(after=1), Fault.status(503)])
    await emulator.stop("anthropic")
    manager = stage()
    await manager.generate("Hello")
    first, second, third = (each.stats() for each in manager.providers)
    assert counts(first) == (3, 0, 3, 0)
    assert counts(second) == (1, 0, 1, 0)
    assert counts(third) == (1, 1, 0, 0)
    assert counts(manager.stats()) == (5, 1, 4, 0)
    assert second.calls_of_unknown_cost == 0, "nothing was sent"
    assert (first.latency_p50, second.latency_p50) == (None, None)
    assert manager.stats() == summed(manager)


async def test_a_stream_that_is_left_and_one_that_breaks(emulator: Emulator, stage: Stage) -> None:
    manager = stage("openai", max_retries=1)
    async with manager.stream("Tell me everything.") as stream:
        async for _ in stream.text():
            break
    assert counts(manager.stats()) == (1, 0, 0, 1)
    emulator.script("openai", [Fault.cut(after=2)])
    with pytest.raises(u.Unavailable):
        await manager.stream("Tell me everything.").collect()
    assert counts(manager.stats()) == (2, 0, 1, 1)
    assert manager.stats().streamed_requests == 0
    assert manager.stats().first_event_p50 is None


async def test_a_call_that_is_cancelled_and_one_out_of_time(emulator: Emulator, stage: Stage) -> None:
    emulator.script("openai", always=Fault.slow_headers())
    manager = stage("openai", max_retries=1)
    call = asyncio.create_task(manager.generate("Hello"))
    while not emulator.requests("openai"):
        await asyncio.sleep(0.001)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    with pytest.raises(u.DeadlineExceeded):
        await manager.generate("Hello", deadline=0.05)
    assert counts(manager.stats()) == (2, 0, 1, 1)
    assert manager.stats().calls_of_unknown_cost == 2


async def test_every_batch_of_an_embedding_is_an_attempt(emulator: Emulator, stage: Stage) -> None:
    emulator.script("huggingface", [None, Fault.status(500)])
    manager = stage("huggingface", entries={"huggingface": {"embedding_model": "thenlper/gte-large"}})
    response = await manager.embed([f"text {number}" for number in range(80)])
    assert counts(manager.stats()) == (4, 3, 1, 0)
    assert len(response.attempts) == 4


async def test_what_is_free_is_no_request(emulator: Emulator, stage: Stage) -> None:
    manager = stage("anthropic")
    await manager.health_check()
    await manager.list_models()
    await manager.is_model_available("claude-sonnet-5-5")
    await manager.count_tokens("Hello")
    assert emulator.requests("anthropic")
    assert manager.stats() == u.ProviderStats()


async def test_a_provider_counts_what_it_does_alone_and_under_managers(emulator: Emulator, stage: Stage) -> None:
    manager = stage("openai")
    (provider,) = manager.providers
    await provider.generate("Hello")
    await manager.generate("Hello")
    assert counts(provider.stats()) == counts(manager.stats()) == (2, 2, 0, 0)


class Silent(Own):
    """A user's provider that keeps no statistics."""

    def stats(self) -> u.ProviderStats:
        return u.ProviderStats()


async def test_attempts_at_a_provider_that_keeps_no_statistics_are_counted_by_its_manager() -> None:
    first, second = Silent("first", down()), Silent("second", "hello there")
    manager = u.ProviderManager([first, second], u.FallbackConfig(retry_delay_ms=0, max_retries=1))
    await manager.generate("hi")
    await manager.stream("hi").collect()
    stats = manager.stats()
    assert stats.successful_requests == 2
    assert stats.failed_requests >= 1
    assert stats.latency_p50 is not None
    assert stats.first_event_p50 is not None


async def test_a_provider_that_keeps_statistics_is_believed() -> None:
    own = Own("own", "hello")
    manager = u.ProviderManager([own])
    await manager.generate("hi")
    await own.generate(own.calls[0])
    assert manager.stats() == own.stats() == u.ProviderStats(total_requests=2)


async def test_the_attempts_of_a_nested_manager_are_counted_once(emulator: Emulator, stage: Stage) -> None:
    emulator.script("openai", [Fault.status(500)])
    inner = stage("openai", "anthropic", max_retries=1)
    outer = u.ProviderManager([inner, Silent("last", "hello")])
    await outer.generate("hi")
    await outer.stream("hi").collect()
    assert counts(inner.stats()) == counts(outer.stats())
    assert counts(outer.stats())[1] == 2
    assert outer.stats().failed_requests >= 1


async def test_statistics_are_there_before_the_first_call(stage: Stage) -> None:
    assert stage("openai").stats() == u.ProviderStats()


async def test_observers_see_what_the_statistics_count(emulator: Emulator, stage: Stage) -> None:
    ledger: Any = u.MemoryLedger()
    emulator.script("openai", [Fault.status(500), None, Fault.status(429)])
    manager = stage(sink=ledger)
    for _ in range(4):
        await manager.generate("Hello")
    assert counts(manager.stats())[0] == len(ledger)
