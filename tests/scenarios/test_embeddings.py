"""Embeddings through the public face, over real sockets: batches, faults in one of them, and understudies."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

import understudy as u
from understudy import providers
from understudy.client.provider import Provider
from understudy.domain.failures import FailureKind as K
from understudy.domain.operation import Operation
from understudy.emulator import Emulator, Fault
from understudy.emulator.vectors import embed
from understudy.providers.base import quirks_of

MODELS = {"azure-openai": "text-embedding-3-small"}
WITH_EMBEDDINGS = [name for name in providers.types() if Operation.EMBED in providers.row(name).dialects]
TEXTS = [f"text {number}" for number in range(80)]
"""Three batches at Hugging Face, two at Together."""

Entry = Callable[..., Provider]


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    async with Emulator(WITH_EMBEDDINGS) as running:
        yield running


@pytest.fixture
async def entry(emulator: Emulator) -> AsyncIterator[Entry]:
    made: list[Provider] = []

    def build(provider: str, *, retries: int = 3, **fields: Any) -> Provider:
        row = providers.row(provider)
        fields = {"embedding_model": row.embedding_model or MODELS[provider], **fields}
        config = u.ProviderConfig(
            provider=provider, base_url=emulator.url(provider), api_key=u.Secret(emulator.key), **fields
        )
        fallback = u.FallbackConfig(retry_delay_ms=1, max_retries=retries)
        made.append(u.create_provider(config, fallback=fallback))
        return made[-1]

    yield build
    for each in made:
        await each.aclose()


def managed(*entries: Provider, **fallback: Any) -> u.ProviderManager:
    return u.ProviderManager(entries, u.FallbackConfig(**{"retry_delay_ms": 1, **fallback}))


def kinds(attempts: tuple[u.AttemptRecord, ...]) -> list[tuple[int | None, str, str | None]]:
    return [(each.batch, each.provider, each.failure.kind if each.failure else None) for each in attempts]


@pytest.mark.parametrize("provider", WITH_EMBEDDINGS)
async def test_more_texts_than_one_request_takes(emulator: Emulator, entry: Entry, provider: str) -> None:
    llm = entry(provider)
    limit = quirks_of(llm.row, llm.config.embedding_model).embed_batch
    assert limit is not None
    texts = [f"t{number}" for number in range(limit + 1)]
    response = await llm.embed(texts, dimensions=256)
    one = await llm.embed(texts[-1], dimensions=256)
    assert len(emulator.requests(provider)) == 3
    assert [attempt.batch for attempt in response.attempts] == [1, 2]
    assert len({attempt.request_id for attempt in response.attempts}) == 1
    assert len(response.embeddings) == len(texts)
    assert response.embeddings[-1] == pytest.approx(one.embedding, abs=1e-6)
    assert response.embeddings[0] == pytest.approx((await llm.embed(texts[0], dimensions=256)).embedding, abs=1e-6)
    assert (response.model, response.provider) == (one.model, provider)
    assert response.raw is None
    assert one.attempts[0].batch is None
    told = {each.usage.input for each in response.attempts}
    assert response.usage.input == (None if None in told else sum(each.usage.input or 0 for each in response.attempts))


async def test_order_is_kept_whatever_comes_back_first(emulator: Emulator, entry: Entry) -> None:
    emulator.script("huggingface", [Fault.slow_headers(0.1)])
    response = await entry("huggingface").embed(TEXTS)
    assert list(response.embeddings) == [pytest.approx(embed(text, 1024)) for text in TEXTS]


async def test_a_batch_that_is_told_to_wait_waits_alone(emulator: Emulator, entry: Entry) -> None:
    emulator.script("huggingface", [None, Fault.status(429, retry_after=0.05)])
    llm = entry("huggingface")
    response = await llm.embed(TEXTS)
    assert len(response.embeddings) == len(TEXTS)
    assert [kind for _, _, kind in kinds(response.attempts)].count(K.RATE_LIMITED) == 1
    assert len(response.attempts) == 4
    stats = llm.stats()
    assert (stats.total_requests, stats.successful_requests, stats.failed_requests) == (4, 3, 1)


async def test_batches_for_which_there_is_no_room_go_again_with_fewer_beside_them(
    emulator: Emulator, entry: Entry
) -> None:
    """Four at once are more than the retry budget grants retries to."""
    emulator.script("huggingface", [Fault.status(429, retry_after=0.01)] * 4)
    response = await entry("huggingface").embed([f"text {number}" for number in range(200)])
    assert list(response.embeddings) == [pytest.approx(embed(f"text {number}", 1024)) for number in range(200)]
    assert [batch for batch, _, kind in kinds(response.attempts) if kind is None] == [1, 2, 3, 4, 5, 6, 7]
    assert any("budget is used up" in (attempt.next_step or "") for attempt in response.attempts)


async def test_a_provider_that_never_has_room_ends_the_call(emulator: Emulator, entry: Entry) -> None:
    emulator.script("huggingface", always=Fault.status(429, retry_after=0.01))
    with pytest.raises(u.RateLimited) as caught:
        await entry("huggingface", retries=1).embed([f"text {number}" for number in range(128)])
    assert len(caught.value.attempts) <= 2 * 4


async def test_a_provider_that_dies_midway_is_replaced_for_the_rest(emulator: Emulator, entry: Entry) -> None:
    emulator.script("huggingface", [None, None], always=Fault.status(500))
    first = entry("huggingface", embedding_space="thousand")
    second = entry("together", embedding_space="thousand", priority=20)
    response = await managed(first, second, max_retries=1).embed(TEXTS, concurrency=1)
    assert kinds(response.attempts) == [
        (1, "huggingface", None),
        (2, "huggingface", None),
        (3, "huggingface", K.SERVER_ERROR),
        (3, "together", None),
    ]
    assert list(response.embeddings) == [pytest.approx(embed(text, 1024)) for text in TEXTS]
    assert response.provider == "huggingface"
    assert response.usage.input is None
    assert first.stats().failed_requests == 1
    assert second.stats().successful_requests == 1


async def test_the_first_batch_that_fails_ends_the_call_and_every_attempt_is_told(
    emulator: Emulator, entry: Entry
) -> None:
    # The first batch is answered before the third is sent, while the second is waited for.
    emulator.script("huggingface", [None, Fault.slow_headers()], always=Fault.error(K.INVALID_REQUEST))
    llm = entry("huggingface")
    texts = TEXTS * 3
    with pytest.raises(u.InvalidRequest, match=r"^batch 3 of 8 \(texts 64 to 95\): ") as caught:
        await llm.embed(texts, concurrency=2)
    attempts = caught.value.attempts
    assert str(caught.value) == caught.value.message
    assert {each.outcome for each in attempts} == {u.Outcome.WON, u.Outcome.FAILED, u.Outcome.ABORTED}
    given_up = [each.failure for each in attempts if each.outcome is u.Outcome.ABORTED]
    assert {failure.message for failure in given_up if failure} == {"another batch of the request failed"}
    assert llm.stats().total_requests == len(attempts)
    assert llm.stats().aborted_requests == len(given_up)


async def test_a_space_in_name_only_is_found_out(emulator: Emulator, entry: Entry) -> None:
    emulator.script("huggingface", [None], always=Fault.status(500))
    llm = managed(entry("huggingface", embedding_space="wrong"), entry("ollama", embedding_space="wrong", priority=20))
    with pytest.raises(u.InvalidResponse, match="1024 and 768 numbers: correct embedding_space") as caught:
        await llm.embed(TEXTS, concurrency=1)
    assert caught.value.attempts


async def test_batches_fit_all_targets_of_the_space(emulator: Emulator, entry: Entry) -> None:
    llm = managed(entry("together", embedding_space="thousand"), entry("huggingface", embedding_space="thousand"))
    await llm.embed(TEXTS)
    assert len(emulator.requests("together")) == 3


async def test_the_longest_text_is_named_when_one_is_too_long(emulator: Emulator, entry: Entry) -> None:
    emulator.script("cohere", [None, Fault.error(K.CONTEXT_LENGTH)])
    texts = [*TEXTS, *TEXTS[:20], "long " * 2_000, *TEXTS]
    with pytest.raises(u.ContextLengthExceeded, match=r"^batch 2 .*; the longest text is number 100, with 10,000 char"):
        await entry("cohere").embed(texts, concurrency=1)
    emulator.script("cohere", [Fault.error(K.CONTEXT_LENGTH)])
    with pytest.raises(u.ContextLengthExceeded, match=r"; the longest text is number 1, with 5 characters$"):
        await entry("cohere").embed(["a", "bbbbb", "c"])


async def test_dimensions_that_a_model_does_not_take_are_a_warning(entry: Entry) -> None:
    models = ("together", None), ("huggingface", None), ("cohere", "embed-english-v3.0")
    for provider, model in models:
        llm = entry(provider, embedding_model=model) if model else entry(provider)
        response = await llm.embed("hello", dimensions=64)
        assert [warning.what for warning in response.warnings if warning.kind == "dropped"] == ["dimensions"]
        assert len(response.embedding) == 1024


@pytest.mark.parametrize("provider", ["openai", "azure-openai", "google", "cohere", "ollama"])
async def test_dimensions(entry: Entry, provider: str) -> None:
    response = await entry(provider).embed(["hello", "there"], dimensions=256, input_type="query")
    assert [len(vector) for vector in response.embeddings] == [256, 256]
    assert "dimensions" not in {warning.what for warning in response.warnings}


@pytest.mark.parametrize("texts", [[], "", ["a", ""]])
async def test_nothing_to_embed_is_a_mistake_before_anything_is_sent(
    emulator: Emulator, entry: Entry, texts: str | list[str]
) -> None:
    with pytest.raises(u.Misuse, match="empty"):
        await entry("openai").embed(texts)
    assert emulator.requests("openai") == []
