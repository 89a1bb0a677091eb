"""What Cohere's API writes, as far as both halves need it typed. Unknown fields are ignored; most fields are optional.

Source: OpenAPI description of the API (2026-08); official Python SDK 7.3.1, `types`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from understudy.dialects.forwarding import HeaderRules
from understudy.dialects.request_fields import Field
from understudy.domain.content import JsonObject, Thinking
from understudy.domain.finish import FinishReason

INPUT_TYPES = {
    "document": "search_document",
    "query": "search_query",
    "classification": "classification",
    "clustering": "clustering",
}


FEATURES = {
    "tools": "tools",
    "vision": "vision",
    "reasoning": "thinking",
    "json_schema": "structured_output",
}
"""The service's names of features, and the unified ones."""


NAME = "cohere"

FORWARDED = HeaderRules(names=frozenset({"x-client-name"}))
"""The caller's headers that go to a server of the same wire format: the name of its project (Cohere API reference)."""

FIELDS = (
    Field("max_tokens", "max_tokens"),
    Field("temperature", "temperature", 0, 1),
    Field("top_p", "p", 0.01, 0.99),
    Field("top_k", "k", 0, 500),
    Field("presence_penalty", "presence_penalty", 0, 1),
    Field("frequency_penalty", "frequency_penalty", 0, 1),
    Field("seed", "seed", 0, 2**64 - 1),
    Field("logprobs", "logprobs"),
)

FINISH: Mapping[str, FinishReason] = {
    "COMPLETE": FinishReason.STOP,
    "STOP_SEQUENCE": FinishReason.STOP,
    "MAX_TOKENS": FinishReason.LENGTH,
    # The prompt and the answer have filled the context window (older models).
    "ERROR_LIMIT": FinishReason.LENGTH,
    "TOOL_CALL": FinishReason.TOOL_CALLS,
    "ERROR_TOXIC": FinishReason.CONTENT_FILTER,
}

FAILED = frozenset({"ERROR", "TIMEOUT", "USER_CANCEL"})
"""Reasons that end an answer with a failure, whatever was written before."""

PLAN = "tool_plan"
"""The key in the extra fields of a thinking part which marks it as the `tool_plan` of a message."""


class FunctionWire(msgspec.Struct, frozen=True, kw_only=True):
    """What is called. In the delta of a stream only the arguments are set."""

    name: str | None = None
    arguments: str | None = None


class CallWire(msgspec.Struct, frozen=True, kw_only=True):
    """A tool call, or more of one."""

    id: Any = None
    function: FunctionWire | None = None


class MessageWire(msgspec.Struct, frozen=True, kw_only=True):
    """The message of a whole answer. `content` may be missing if it only calls tools."""

    content: list[JsonObject] | str | None = None
    tool_plan: str | None = None
    tool_calls: list[CallWire] | None = None
    citations: Any = None


class Body(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer; where `message` is a string it is an error."""

    id: Any = None
    message: MessageWire | str | None = None
    finish_reason: Any = None
    usage: Any = None
    logprobs: Any = None


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """More of a message. What begins as a list in `message-start` is one object in the events that follow."""

    content: JsonObject | list[Any] | None = None
    tool_plan: str | None = None
    tool_calls: CallWire | list[Any] | None = None
    citations: Any = None


class Delta(msgspec.Struct, frozen=True, kw_only=True):
    """What an event adds: a piece of the message or, in `message-end`, how it ended."""

    message: Piece | None = None
    finish_reason: Any = None
    usage: Any = None
    error: Any = None


class StreamEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Any event of a stream. With a message and without a type it is an error."""

    type: str = ""
    id: Any = None
    index: Any = None
    delta: Delta | None = None
    logprobs: Any = None
    message: Any = None


EVENTS = frozenset(
    {"message-start", "message-end", "content-start", "content-delta", "content-end", "tool-plan-delta"}
    | {"tool-call-start", "tool-call-delta", "tool-call-end", "citation-start", "citation-end", ""}
)
"""Events that must be understood; any other may have any shape."""


class VectorsByType(msgspec.Struct, frozen=True, kw_only=True, rename={"float_": "float"}):
    """Vectors by the type of their numbers; `base64` holds little-endian floats of 32 bits."""

    float_: list[list[float]] | None = None
    base64: list[str] | None = None
    int8: list[list[float]] | None = None
    uint8: list[list[float]] | None = None
    binary: list[list[float]] | None = None
    ubinary: list[list[float]] | None = None

    @property
    def given(self) -> Sequence[list[float] | str]:
        """The vectors of the first type that is present, floats first."""
        kinds = (self.float_, self.base64, self.int8, self.uint8, self.binary, self.ubinary)
        return next((vectors for vectors in kinds if vectors is not None), [])


class Vectors(msgspec.Struct, frozen=True, kw_only=True):
    """An answer with vectors, grouped by their type, in the order of the texts."""

    embeddings: VectorsByType | None = None
    meta: Any = None


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """A text, tokenized."""

    tokens: list[Any]


class ModelPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of the model list."""

    models: list[JsonObject]
    next_page_token: str | None = None


def is_plan(part: Thinking) -> bool:
    """Check whether a thinking part is the `tool_plan` of a message."""
    return bool((part.extra or {}).get(NAME, {}).get(PLAN))
