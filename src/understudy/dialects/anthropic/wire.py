"""What the Messages API writes, as far as both halves need it typed. Unknown fields are ignored, most may miss.

Source: Anthropic API reference, "Messages", "Streaming messages" and "Models"; official Python SDK 2.12.0, `types`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Generic, Literal, TypeVar

import msgspec

from understudy.dialects.forwarding import HeaderRules
from understudy.dialects.request_fields import Field
from understudy.domain.content import JsonObject
from understudy.domain.finish import FinishReason

CAPABILITIES = {
    "image_input": "vision",
    "pdf_input": "pdf_input",
    "thinking": "thinking",
    "structured_outputs": "structured_output",
}
"""What the service calls capabilities, in this library's words."""


NAME = "anthropic"

SAMPLING = (Field("temperature", "temperature", 0, 1), Field("top_p", "top_p", 0, 1), Field("top_k", "top_k", 0, 500))

VERSION_HEADER = "anthropic-version"
BETA_HEADER = "anthropic-beta"

FORWARDED = HeaderRules(prefixes=("anthropic-",), never=("anthropic-organization", "anthropic-workspace"))
"""The caller's headers that go to a server of the same wire format: features of its client that nobody here knows have
headers too."""

STRICT_VERSION = "2026-10-21"
"""From this API version on, the service refuses sampling parameters, documents in assistant messages and citations in
user messages. Versions are ISO dates, so they compare as text."""

STOP_REASONS: Mapping[str, FinishReason] = {
    "end_turn": FinishReason.STOP,
    "stop_sequence": FinishReason.STOP,
    "max_tokens": FinishReason.LENGTH,
    "model_context_window_exceeded": FinishReason.LENGTH,
    "tool_use": FinishReason.TOOL_CALLS,
    "refusal": FinishReason.CONTENT_FILTER,
    "pause_turn": FinishReason.PAUSED,
}

NOTED = ("stop_sequence", "stop_details", "container", "context_management", "diagnostics")
"""Fields of an answer that travel as `FactReported` under the same key."""


class Body(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer, or the begun one in `message_start`."""

    content: list[msgspec.Raw] | None = None
    type: Any = "message"
    id: Any = None
    model: Any = None
    stop_reason: Any = None
    stop_sequence: Any = None
    stop_details: Any = None
    container: Any = None
    context_management: Any = None
    diagnostics: Any = None
    usage: Any = None


class ToolInput(msgspec.Struct, frozen=True, kw_only=True):
    """The arguments of a `tool_use` block, as the text that they are."""

    input: msgspec.Raw = msgspec.Raw(b"{}")


class Delta(msgspec.Struct, frozen=True, kw_only=True):
    """What a `content_block_delta` or `message_delta` adds; which fields are set depends on `type`."""

    type: Any = ""
    text: str | None = None
    thinking: str | None = None
    signature: Any = None
    partial_json: str | None = None
    citation: Any = None
    stop_reason: Any = None
    stop_sequence: Any = None
    stop_details: Any = None
    container: Any = None


class StreamEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Any event of a stream."""

    type: str
    index: Any = None
    message: Body | None = None
    content_block: JsonObject | None = None
    delta: Delta | None = None
    usage: Any = None
    context_management: Any = None


class _Bare(msgspec.Struct, gc=False):
    """A delta without what is rare. Each form adds its piece, and what it must not have beside that."""

    type: str = ""
    signature: None = None
    citation: None = None
    stop_reason: None = None
    stop_sequence: None = None
    stop_details: None = None
    container: None = None


_Filled = Annotated[str, msgspec.Meta(min_length=1)]


class PlainText(_Bare, kw_only=True, gc=False):
    """The next piece of a text part."""

    piece: _Filled = msgspec.field(name="text")
    thinking: None = None
    partial_json: None = None


class PlainThinking(_Bare, kw_only=True, gc=False):
    """More of the thinking."""

    piece: _Filled = msgspec.field(name="thinking")
    text: None = None
    partial_json: None = None


class PlainArguments(_Bare, kw_only=True, gc=False):
    """More of the arguments of a call."""

    piece: _Filled = msgspec.field(name="partial_json")
    text: None = None
    thinking: None = None


_Delta = TypeVar("_Delta", PlainText, PlainThinking, PlainArguments)


class PlainEvent(msgspec.Struct, Generic[_Delta], gc=False):
    """The most frequent of the stream's events: a `StreamEvent` that adds to one part of the answer.

    What is read of the others is named here too: a value of another type, or a number out of range, makes this no such
    event."""

    type: Literal["content_block_delta"]
    index: int
    delta: _Delta
    message: None = None
    content_block: None = None
    usage: None = None
    context_management: None = None


class ModelItem(msgspec.Struct, frozen=True, kw_only=True):
    """One model of the catalogue."""

    id: str
    display_name: str | None = None
    created_at: str | None = None
    max_tokens: int | None = None
    capabilities: JsonObject | None = None


class ModelPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of the catalogue."""

    data: list[JsonObject]
    has_more: bool | None = None
    last_id: str | None = None


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """A token count."""

    input_tokens: int


def field_of(value: object, key: str) -> object:
    """Return a field of a value that should be an object."""
    return value.get(key) if isinstance(value, dict) else None
