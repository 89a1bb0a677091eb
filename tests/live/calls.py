"""One call of each operation, as cheap as it can be: asked of the real providers, and tried on the emulated ones."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import understudy as u
from understudy.client.provider import Provider
from understudy.domain.operation import Operation

PROMPT = "Reply with the single word: pong"
CEILING = 512
"""Tokens; models that cannot be kept from thinking need some for that."""


async def generate(llm: Provider) -> None:
    response = await llm.generate(PROMPT, reasoning="low", max_tokens=CEILING)
    assert "pong" in response.text.lower()
    assert response.usage.total


async def stream(llm: Provider) -> None:
    response = await llm.stream(PROMPT, max_tokens=CEILING).collect()
    assert "pong" in response.text.lower()
    assert response.finish_reason is u.FinishReason.STOP


async def embed(llm: Provider) -> None:
    assert len((await llm.embed(["ping", "pong"])).embeddings) == 2


async def list_models(llm: Provider) -> None:
    assert 0 < len(await llm.list_models(limit=3)) <= 3


async def look_up(llm: Provider) -> None:
    if not llm.row.catalogue_only:
        assert not await llm.is_model_available("no-such-model-anywhere")


async def health_check(llm: Provider) -> None:
    status = await llm.health_check()
    assert status.ok, status.detail


async def count_tokens(llm: Provider) -> None:
    assert (await llm.count_tokens(PROMPT)).input_tokens > 0


CALLS: dict[Callable[[Provider], Awaitable[None]], Operation] = {
    generate: Operation.CHAT,
    stream: Operation.CHAT,
    embed: Operation.EMBED,
    list_models: Operation.MODELS,
    look_up: Operation.MODELS,
    health_check: Operation.MODELS,
    count_tokens: Operation.COUNT_TOKENS,
}
"""The calls, and the operation that a provider needs for each."""
