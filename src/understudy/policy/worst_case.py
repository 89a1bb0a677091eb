"""The most that one attempt can cost: what a hard budget reserves before it is sent. Pure.

No tokeniser makes more tokens of a text than it has bytes of UTF-8. For media the bound is what the vendors document
for the largest that they accept; what is only referred to can be as long as the model's window.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from understudy.domain.content import AnyPart, Audio, File, Image, Opaque, Refusal, Text, Thinking, ToolCall, ToolResult
from understudy.domain.json_types import built_in
from understudy.domain.messages import Tool
from understudy.domain.prices import PER, Price, Rates
from understudy.domain.requests import EmbeddingRequest, GenerationRequest, outline_of
from understudy.policy.estimate import size_of

IMAGE_TOKENS = 50_000
"""An image: GPT-4o mini counts up to 48,169 tokens for one (2,833 and 5,667 for each of eight tiles); others less."""
AUDIO_BYTES = 16
"""Bytes of audio for a token: Google counts 32 tokens a second, and speech has 6 kbit/s at least."""
MESSAGE_TOKENS = 16
"""Of a message beside its words: role, delimiters, names."""
FRAME_TOKENS = 2_048
"""Of a request beside its messages, such as the vendor's own words about tools (530 at Anthropic)."""
UNKNOWN_WINDOW = 1_048_576
"""Tokens of what is only referred to, at a model whose window is not known."""
LONGEST_OUTPUT = 131_072
"""Tokens of the longest answer of any model (GPT-5: 128,000), for one of which nothing else is known."""
FITTED = 4_096
"""Tokens that every model accepts as the limit of an answer: the most that is set where the request sets none."""

_BY_REFERENCE = UNKNOWN_WINDOW
_encode = msgspec.json.Encoder(enc_hook=built_in).encode
_INPUT = ("input", "cache_read", "cache_write", "cache_write_1h", "audio_input")
_OUTPUT = ("output", "reasoning", "audio_output")


class Bound(msgspec.Struct, frozen=True, kw_only=True):
    """How many tokens an attempt can take at most."""

    input: int
    output: int
    highest: int
    """The highest `max_tokens` that the model is known to accept for this request."""


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """The dearest rates of a price: nano-USD for a million tokens, and for the call."""

    input: int
    output: int
    call: int

    def cost(self, bound: Bound) -> int:
        """Return the most that an attempt can cost, in nano-USD, rounded up."""
        return self.input_cost(bound) + -(-self.output * bound.output // PER)

    def input_cost(self, bound: Bound) -> int:
        """Return the most that its prompt can cost."""
        return self.call + -(-self.input * bound.input // PER)

    def output_within(self, amount: int, bound: Bound) -> int:
        """Return how many tokens of an answer an amount pays for, beside the prompt."""
        left = amount - self.input_cost(bound)
        if left < 0:
            return 0
        fits = left * PER // self.output if self.output else bound.output
        return min(fits, bound.highest)


def dearest(price: Price) -> Rate | None:
    """Return the dearest rates of all classes and tiers of a price; `None` if that of input or output is unknown."""
    every = [price.rates, *(tier.rates for tier in price.tiers)]
    if any(rates.input is None for rates in every if not rates.call):
        return None
    inputs, outputs = _rates(every, _INPUT), _rates(every, _OUTPUT)
    return Rate(input=max(inputs, default=0), output=max(outputs, default=0), call=max(rates.call for rates in every))


def bound_of(request: object, *, window: int | None = None, longest: int | None = None) -> Bound | None:
    """Return how many tokens a request can take at a model; `None` if nothing bounds them.

    `window` and `longest` are the tokens of the model's context and of its longest answer, if they are known.
    """
    if isinstance(request, EmbeddingRequest):
        return Bound(input=sum(max(1, size_of(text)) for text in request.texts), output=0, highest=0)
    if not isinstance(request, GenerationRequest):
        return None
    prompt = _prompt(request)
    limit = request.max_tokens
    output = limit if limit is not None else longest or min(window or LONGEST_OUTPUT, LONGEST_OUTPUT)
    if limit is not None and request.reasoning is not None and request.reasoning.budget:
        output += request.reasoning.budget
    return Bound(
        input=prompt if window is None else min(prompt, window),
        output=output,
        highest=FITTED if limit is None and longest is None else output,
    )


def _prompt(request: GenerationRequest) -> int:
    """Return how many tokens a prompt can have at most."""
    if (outline := outline_of(request)) is not None:
        return FRAME_TOKENS + len(outline.body) + MESSAGE_TOKENS * len(request.messages)
    total = FRAME_TOKENS
    for tool in request.tools:
        if isinstance(tool, Tool):
            total += size_of(tool.name) + size_of(tool.description or "") + len(_encode(tool.parameters))
        else:
            total += len(_encode(tool.json))
    if request.output is not None and request.output.json_schema is not None:
        total += len(_encode(request.output.json_schema))
    for message in request.messages:
        total += MESSAGE_TOKENS
        content = message.content
        total += size_of(content) if isinstance(content, str) else sum(_tokens(content))
    return total


def _tokens(parts: Iterable[AnyPart]) -> Iterator[int]:
    for part in parts:
        match part:
            case Text(text=text) | Refusal(text=text):
                yield size_of(text)
            case Thinking():
                yield len(_encode(part))
            case Image():
                yield IMAGE_TOKENS
            case Audio(data=data):
                yield len(data) * 3 // 4 // AUDIO_BYTES if data else _BY_REFERENCE
            case File(text=text, data=data):
                yield size_of(text) if text else len(data) if data else _BY_REFERENCE
            case ToolCall(name=name, arguments=arguments):
                yield size_of(name) + size_of(arguments)
            case ToolResult(content=content):
                yield size_of(content) if isinstance(content, str) else sum(_tokens(content))
            case Opaque(json=value):
                yield len(_encode(value))
            case _:
                yield len(_encode(part))


def _rates(every: Iterable[Rates], names: tuple[str, ...]) -> list[int]:
    return [rate for rates in every for name in names if (rate := getattr(rates, name)) is not None]
