"""What calls cost, through the public API: every attempt has a cost, zero or unknown included."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest

import understudy as u
from tests.engine.fakes import ANSWER, CHUNK, Incoming
from understudy.domain.events import Event
from understudy.domain.money import NOT_BILLED
from understudy.domain.prices import Price
from understudy.pricing.cache import PublishedPriceCache
from understudy.pricing.published import PublishedPrices, read_published
from understudy.wire.http import HttpHead, HttpRequest
from understudy.wire.json import decode_object, encode

USAGE = {"prompt_tokens": 1_000, "completion_tokens": 200, "total_tokens": 1_200}
PRICE = Price.per_million(input=1, output=2)


class Answers:
    """A transport that answers each request with the next of its statuses, 200 with usage."""

    def __init__(self, *statuses: int, usage: dict[str, Any] | None = None) -> None:
        self.statuses = list(statuses)
        self.usage = USAGE if usage is None else usage

    async def send(self, request: HttpRequest, *, connect: float) -> Incoming:
        status = self.statuses.pop(0) if self.statuses else 200
        if status != 200:
            incoming = Incoming("application/json", encode({"error": {"message": "no", "code": "x"}}))
            incoming.head = HttpHead(status, {"content-type": "application/json"})
            return incoming
        extra = {"usage": self.usage} if self.usage else {}
        if decode_object(request.body or b"{}").get("stream"):
            last = {**CHUNK, "choices": [], **extra}
            return Incoming(
                "text/event-stream", b"data: " + encode(CHUNK) + b"\n\ndata: " + encode(last) + b"\n\ndata: [DONE]\n\n"
            )
        return Incoming("application/json", encode({**ANSWER, **extra}))

    async def aclose(self) -> None:
        return None


def provider(transport: Answers, name: str = "openai", **config: Any) -> Any:
    entry = u.ProviderConfig(provider="openai", name=name, api_key=u.Secret("sk-x"), text_model="gpt-4o", **config)
    return u.create_provider(entry, transport=transport, fallback=u.FallbackConfig(retry_delay_ms=0))


async def test_an_answer_tells_its_cost_and_where_the_price_comes_from() -> None:
    response = await provider(Answers()).generate("hello")
    assert response.model == "gpt-5"
    assert response.cost is not None
    # gpt-5: $1.25 and $10 a million. 1,000 × 1.25 + 200 × 10 = 3,250 millionths.
    assert str(response.cost.amount) == "$0.003250000"
    assert response.cost.source.startswith("genai-prices ")
    assert response.cost.as_of is not None
    assert response.total_cost == response.cost
    assert not response.cost.estimated


async def test_plain_and_streamed_cost_the_same() -> None:
    llm = provider(Answers(), price=PRICE)
    plain = await llm.generate("hello")
    streamed = await llm.stream("hello").collect()
    assert plain.cost == streamed.cost == u.Cost(amount=u.Money(1_400_000), source="configuration")
    assert llm.stats().estimated_cost == u.Money(2_800_000)
    assert llm.stats().calls_of_unknown_cost == 0


async def test_refused_attempts_cost_nothing_and_lost_ones_an_unknown_sum() -> None:
    refused = await provider(Answers(429, 200), price=PRICE).generate("hello")
    assert [attempt.cost for attempt in refused.attempts] == [NOT_BILLED, refused.cost]
    assert refused.total_cost == refused.cost
    llm = provider(Answers(500, 200), price=PRICE)
    lost = await llm.generate("hello")
    assert [attempt.cost for attempt in lost.attempts] == [None, lost.cost]
    assert lost.total_cost is None
    assert llm.stats().calls_of_unknown_cost == 1
    assert llm.stats().estimated_cost == u.Money(1_400_000)


async def test_an_unknown_price_is_unknown_and_counted() -> None:
    llm = provider(Answers(), base_url="http://127.0.0.1:1/v1")
    response = await llm.generate("hello")
    assert response.cost is None
    assert response.total_cost is None
    assert llm.stats().calls_of_unknown_cost == 1


async def test_the_prices_of_a_nested_manager_are_those_of_its_targets() -> None:
    inner = u.ProviderManager([provider(Answers(429), "a", price=PRICE), provider(Answers(), "b", price=PRICE)])
    outer = u.ProviderManager([inner])
    response = await outer.generate("hello")
    assert response.cost == u.Cost(amount=u.Money(1_400_000), source="configuration")
    streamed = await outer.stream("hello").collect()
    assert streamed.cost == response.cost


class SlowCache(PublishedPriceCache):
    def __init__(self) -> None:
        self.started, self.go_on = threading.Event(), threading.Event()
        super().__init__(self._read_slowly)

    def _read_slowly(self) -> PublishedPrices:
        self.started.set()
        assert self.go_on.wait(30)
        return read_published()


async def test_prices_are_loaded_while_the_request_is_on_its_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """The request is sent and the answer read before anyone waits for them, and the record waits."""
    cache = SlowCache()
    monkeypatch.setattr("understudy.pricing.lookup.PRICE_CACHE", cache)
    transport = Answers()
    records: list[u.AttemptRecord] = []
    entry = u.ProviderConfig(provider="openai", api_key=u.Secret("sk-x"), text_model="gpt-4o")
    llm = u.create_provider(entry, transport=transport, observers=[records.append])
    assert not cache.started.is_set()
    async with llm.stream("hello") as stream:
        seen = [event async for event in _until_text(stream)]
        assert seen
        assert cache.started.is_set()
        rest = asyncio.ensure_future(stream.collect())
        await asyncio.sleep(0.01)
        assert not records
        assert not rest.done()
        cache.go_on.set()
        response = await rest
    assert response.cost is not None
    assert records[0].cost == response.cost


async def _until_text(stream: u.ResponseStream) -> AsyncIterator[Event]:
    async for event in stream:
        yield event
        if isinstance(event, u.TextDelta):
            return


class Breaking(Answers):
    """Streams some of an answer, with the usage so far if there is any, and then nothing more."""

    async def send(self, request: HttpRequest, *, connect: float) -> Incoming:
        chunk = {
            **CHUNK,
            "choices": [{"index": 0, "delta": {"content": "four by four bytes!!"}, "finish_reason": None}],
        }
        extra = {"usage": self.usage} if self.usage else {}
        return Incoming("text/event-stream", b"data: " + encode({**chunk, **extra}) + b"\n\n")


@pytest.mark.parametrize(
    ("usage", "nano_usd"),
    [
        # 5 tokens of 20 bytes arrived; the prompt is 4 tokens of framing and 40 / 4 of text.
        ({}, 14 * 1_000 + 5 * 2_000),
        ({"prompt_tokens": 11, "completion_tokens": 3}, 11 * 1_000 + 5 * 2_000),
        ({"prompt_tokens": 11, "completion_tokens": 30}, 11 * 1_000 + 30 * 2_000),
    ],
)
async def test_what_broke_off_is_estimated_by_what_arrived(usage: dict[str, Any], nano_usd: int) -> None:
    records: list[u.AttemptRecord] = []
    entry = u.ProviderConfig(provider="openai", api_key=u.Secret("sk-x"), text_model="gpt-4o", price=PRICE)
    llm = u.create_provider(
        entry, transport=Breaking(usage=usage), fallback=u.FallbackConfig(max_retries=1), observers=[records.append]
    )
    with pytest.raises(u.Unavailable):
        await llm.stream("x" * 40).collect()
    (record,) = records
    assert record.cost_basis is u.CostBasis.ESTIMATED
    assert record.cost == u.Cost(amount=u.Money(nano_usd), source="configuration", estimated=True)
    assert record.usage.total == (sum(usage.values()) or None), "the record holds what the provider told"
    assert llm.stats().estimated_cost == u.Money(nano_usd)


async def test_what_the_caller_gave_up_is_estimated_too() -> None:
    records: list[u.AttemptRecord] = []
    entry = u.ProviderConfig(provider="openai", api_key=u.Secret("sk-x"), text_model="gpt-4o", price=PRICE)
    llm = u.create_provider(entry, transport=Answers(usage={}), observers=[records.append])
    async with llm.stream("x" * 40) as stream:
        assert [event async for event in _until_text(stream)]
    (record,) = records
    assert record.outcome is u.Outcome.ABORTED
    assert record.cost is not None
    assert record.cost.estimated


async def test_an_answer_without_usage_is_estimated() -> None:
    response = await provider(Answers(usage={}), price=PRICE).generate("x" * 40)
    assert response.cost == u.Cost(amount=u.Money(14 * 1_000 + 2 * 2_000), source="configuration", estimated=True)
    assert response.usage.total is None
    assert response.attempts[0].cost_basis is u.CostBasis.ESTIMATED


async def test_an_answer_that_does_not_fit_was_paid_for_all_the_same() -> None:
    llm = provider(Answers(), price=PRICE)
    with pytest.raises(u.LLMError) as caught:
        await llm.generate("hello", schema={"type": "object"})
    (attempt,) = caught.value.attempts
    assert attempt.cost_basis is u.CostBasis.EXACT
    assert attempt.cost == u.Cost(amount=u.Money(1_400_000), source="configuration")
