"""One call of `embed` in many batches, over a transport that is no network: how many at once, and until when."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest

import understudy as u
from tests.engine.fakes import Incoming, eventually
from understudy import virtual_time
from understudy.client.provider import Provider
from understudy.domain.responses import joined
from understudy.wire.http import HttpRequest
from understudy.wire.json import decode_object, encode


class Vectors:
    """Answers each embedding after a while; remembers how many were under way at once."""

    def __init__(self, seconds: Callable[[int], float] = lambda number: 0.0, **body: Any) -> None:
        self.sizes: list[int] = []
        self.most = 0
        self._seconds = seconds
        self._body = body
        self._under_way = 0

    async def send(self, request: HttpRequest, *, connect: float) -> Incoming:
        texts: list[str] = decode_object(request.body or b"")["input"]
        self.sizes.append(len(texts))
        self._under_way += 1
        self.most = max(self.most, self._under_way)
        try:
            await asyncio.sleep(self._seconds(len(self.sizes)))
        finally:
            self._under_way -= 1
        data = [{"index": at, "embedding": [float(text[:6]), 1.0]} for at, text in enumerate(texts)]
        return Incoming("application/json", encode({"data": data, "model": "m", **self._body}))

    async def aclose(self) -> None:
        return None


def provider(transport: Vectors, type_: str = "together", **fields: Any) -> Provider:
    config = u.ProviderConfig(provider=type_, api_key=u.Secret("k"), embedding_model="m", **fields)
    return u.create_provider(config, transport=transport)


def numbers(count: int) -> list[str]:
    return [str(number) for number in range(count)]


@pytest.mark.parametrize(("asked", "most"), [(None, 4), (1, 1), (2, 2), (100, 10)])
async def test_so_many_batches_are_under_way_at_once(asked: int | None, most: int) -> None:
    transport = Vectors(lambda number: 0.01)
    options: u.EmbedOptions = {} if asked is None else {"concurrency": asked}
    response = await provider(transport).embed(numbers(64 * 10), **options)
    assert transport.most == most
    assert transport.sizes == [64] * 10
    assert [vector[0] for vector in response.embeddings] == [float(number) for number in range(640)]


async def test_batches_that_overtake_one_another_come_back_in_order() -> None:
    transport = Vectors(lambda number: 0.02 / number)
    response = await provider(transport).embed(numbers(300), concurrency=5)
    assert [vector[0] for vector in response.embeddings] == [float(number) for number in range(300)]
    assert [attempt.batch for attempt in response.attempts] == [1, 2, 3, 4, 5]


def test_all_batches_share_one_deadline() -> None:
    transport = Vectors(lambda number: 60.0)

    async def embed() -> u.DeadlineExceeded:
        with pytest.raises(u.DeadlineExceeded, match=r"batch 2 of 10 .*deadline of 100 s passed") as caught:
            await provider(transport).embed(numbers(640), concurrency=1, deadline=100.0)
        return caught.value

    error, passed = virtual_time.run(embed())
    assert (len(transport.sizes), passed) == (2, 100.0)
    assert error.attempts[0].outcome is u.Outcome.WON


async def test_a_caller_who_leaves_takes_all_batches_along() -> None:
    ledger = u.MemoryLedger()
    transport = Vectors(lambda number: 0.0 if number == 1 else 60.0)
    config = u.ProviderConfig(provider="together", api_key=u.Secret("k"), embedding_model="m")
    llm = u.create_provider(config, transport=transport, sink=ledger)
    call = asyncio.create_task(llm.embed(numbers(640), concurrency=3))
    await eventually(lambda: len(transport.sizes) == 4)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert [record.outcome for record in ledger] == [u.Outcome.WON, *[u.Outcome.ABORTED] * 3]
    assert {record.failure.message for record in ledger if record.failure} == {"the caller abandoned the request"}
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_usage_is_the_sum_of_the_batches() -> None:
    transport = Vectors(usage={"prompt_tokens": 5, "total_tokens": 5})
    response = await provider(transport).embed(numbers(130))
    assert response.usage.input == 15
    assert response.usage.raw == {"batches": [{"prompt_tokens": 5, "total_tokens": 5}] * 3}


async def test_batches_keep_below_the_tokens_of_one_request() -> None:
    transport = Vectors()
    texts = ["1" * 100_000, "2" * 100_000, "3" * 100_000, "4", "5" * 400_000, "6"]
    await provider(transport, "openai").embed(texts, extra={"openai": {"encoding_format": "float"}})
    assert transport.sizes == [3, 1, 1, 1]


class Shy:
    """A user's own provider, of which only `embed` is asked."""

    provider_type = "mine"
    name = "shy"
    priority = 10

    def __init__(self, vectors: int) -> None:
        self.vectors = vectors

    async def embed(self, texts: str | Sequence[str], /, **options: Any) -> u.EmbeddingResponse:
        return u.EmbeddingResponse(embeddings=((1.0, 0.0),) * self.vectors)

    def stats(self) -> u.ProviderStats:
        return u.ProviderStats()


async def test_a_provider_of_ones_own_takes_all_texts_at_once_and_must_answer_each() -> None:
    whole: Any = Shy(3)
    short: Any = Shy(2)
    assert len((await u.ProviderManager([whole]).embed(["a", "b", "c"])).embeddings) == 3
    with pytest.raises(u.InvalidResponse, match="2 vectors for 3 texts"):
        await u.ProviderManager([short], u.FallbackConfig(retry_delay_ms=0)).embed(["a", "b", "c"])


async def test_dimensions_that_are_passed_over_in_silence_are_told() -> None:
    response = await provider(Vectors(), "openai").embed(
        "1", dimensions=8, extra={"openai": {"encoding_format": "float", "input": ["1"]}}
    )
    assert [str(warning) for warning in response.warnings] == [
        "dropped: dimensions (openai ignored it: its vectors have 2 numbers)"
    ]


def answer(cost: u.Cost | None, usage: u.Usage) -> u.EmbeddingResponse:
    return u.EmbeddingResponse(embeddings=((1.0,),), cost=cost, usage=usage)


def test_what_is_unknown_of_one_batch_is_unknown_of_all() -> None:
    cost = u.Cost(amount=u.Money(3), source="test", as_of="2026-01-01")
    known, unknown = answer(cost, u.Usage(input=1, cache_read=2)), answer(None, u.Usage(cache_read=3))
    both = joined([known, known])
    assert (both.usage, both.cost) == (
        u.Usage(input=2, cache_read=4),
        u.Cost(amount=u.Money(6), source="test", as_of="2026-01-01"),
    )
    either = joined([known, unknown])
    assert (either.usage, either.cost) == (u.Usage(cache_read=5), None)
