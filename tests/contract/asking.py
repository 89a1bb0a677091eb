"""What is asked of each of the ten, and what of an answer can be compared."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

import understudy as u
from tests.contract.public import Stand
from understudy import providers
from understudy.domain.events import Event
from understudy.domain.operation import Operation

WEATHER = u.Tool(
    name="weather",
    description="The weather in a city",
    parameters={
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
)

Scene = tuple[str, dict[str, Any]]
"""A prompt and its options."""

CHATS: dict[str, Scene] = {
    "text": ("Hello there", {"reasoning": u.Reasoning(effort="low", display="auto")}),
    "tools": ("What is the weather in Paris and London? Use the tool.", {"tools": [WEATHER]}),
    "values": ("Describe Lisbon.", {"schema": {"type": "object", "properties": {"name": {"type": "string"}}}}),
}
"""Text with thinking where it is shown, parallel tool calls, structured output."""

SHORT: dict[str, Scene] = {
    "text": ("Hello there", {"reasoning": u.Reasoning(effort="low", display="auto"), "max_tokens": 15}),
    "tools": ("What is the weather in Paris? Use the tool.", {"tools": [WEATHER]}),
}
"""The same with answers so short that they can be split at each of their positions."""

Ask = Callable[[Stand], Awaitable[Any]]

OTHERS: dict[str, tuple[Operation, Ask]] = {
    "embed": (Operation.EMBED, lambda stand: stand.llm.embed(["one", "two"])),
    "list_models": (Operation.MODELS, lambda stand: stand.llm.list_models()),
    "count_tokens": (Operation.COUNT_TOKENS, lambda stand: stand.llm.count_tokens("Hello there")),
    "is_model_available": (Operation.MODELS, lambda stand: stand.llm.is_model_available(stand.llm.text_model or "")),
    "health_check": (Operation.MODELS, lambda stand: stand.llm.health_check()),
}
"""What else a provider is asked, and the operation that it needs for it."""


def offers(provider: str, name: str) -> bool:
    row = providers.row(provider)
    return OTHERS[name][0] in row.dialects and not (name == "is_model_available" and row.catalogue_only)


def calls_tools(provider: str) -> bool:
    """Whether the provider takes tools at all; Replicate's models have no inputs for them."""
    return provider != "replicate"


async def plain(stand: Stand, scene: Scene) -> u.GenerationResponse:
    prompt, options = scene
    return await stand.llm.generate(prompt, **options)


async def streamed(stand: Stand, scene: Scene) -> tuple[list[Event], u.GenerationResponse]:
    """Return the events as callers see them, and the answer that they make."""
    prompt, options = scene
    stream = stand.llm.stream(prompt, **options)
    return [event async for event in stream], stream.response


async def answered(stand: Stand, scene: Scene, *, streaming: bool) -> u.GenerationResponse:
    return (await streamed(stand, scene))[1] if streaming else await plain(stand, scene)


def lasting(answer: Any) -> Any:
    """What of an answer does not depend on the clock, nor on how its bytes were written."""
    if isinstance(answer, u.GenerationResponse | u.EmbeddingResponse):
        answer = msgspec.structs.replace(answer, attempts=(), raw=None)
        return msgspec.structs.replace(answer, usage=msgspec.structs.replace(answer.usage, raw=None))
    if isinstance(answer, u.HealthStatus):
        return msgspec.structs.replace(answer, latency=None)
    return answer
