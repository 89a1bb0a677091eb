"""What arrives on the wire, as tolerant structs.

A streamed chunk and a whole completion are one shape: a choice holds a `delta` or a `message`. Leaves are `Any`,
because the servers that speak this dialect differ in them (a tool's index as a float, arguments as an object, content
as parts); the decoder reads them where it uses them. Unknown fields are ignored.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Generic, Literal, TypeVar

import msgspec

from understudy.dialects.forwarding import HeaderRules
from understudy.domain.events import Piece, TextDelta, ThinkingDelta, ToolCallDelta
from understudy.wire.bounds import BOUNDS
from understudy.wire.json import BOM, BadJson, JsonTooLarge, check_depth, decode_large, decode_object
from understudy.wire.shape import LARGE

FIELDS: dict[str, str] = {
    "max_tokens": "max_completion_tokens",
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "min_p": "min_p",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
    "seed": "seed",
    "logit_bias": "logit_bias",
    "logprobs": "logprobs",
    "top_logprobs": "top_logprobs",
    "parallel_tool_calls": "parallel_tool_calls",
    "verbosity": "verbosity",
    "service_tier": "service_tier",
    "user": "user",
    "cache_key": "prompt_cache_key",
    "metadata": "metadata",
}
"""Fields of a request whose values go on the wire as they are, and their names there."""


NAME = "openai"

FORWARDED = HeaderRules(prefixes=("openai-",), never=("openai-organization", "openai-project"))
"""The caller's headers that go to a server of the same wire format."""


class FunctionWire(msgspec.Struct, gc=False):
    """Name and arguments of a call, or pieces of them. A custom tool has `input` instead of arguments."""

    name: Any = None
    arguments: Any = None
    input: Any = None


class CallWire(msgspec.Struct, gc=False):
    """A tool call, whole or a piece of it."""

    index: Any = None
    id: Any = None
    type: Any = None
    function: FunctionWire | None = None
    custom: FunctionWire | None = None


class DeltaWire(msgspec.Struct, gc=False):
    """A message, or what a chunk adds to it."""

    content: Any = None
    reasoning: Any = None
    reasoning_content: Any = None
    refusal: Any = None
    tool_calls: list[CallWire] | None = None
    function_call: FunctionWire | None = None
    annotations: Any = None
    audio: Any = None
    executed_tools: Any = None


class ChoiceWire(msgspec.Struct, gc=False):
    """One of the answers. Only the first becomes events."""

    index: Any = 0
    delta: DeltaWire | None = None
    message: DeltaWire | None = None
    finish_reason: Any = None
    logprobs: Any = None
    content_filter_results: Any = None


class ChunkWire(msgspec.Struct, gc=False):
    """A chunk of a stream, or a whole completion."""

    id: Any = None
    model: Any = None
    created: Any = None
    choices: list[ChoiceWire] | None = None
    usage: Any = None
    error: Any = None
    service_tier: Any = None
    system_fingerprint: Any = None
    x_groq: Any = None
    moderation: Any = None
    usage_breakdown: Any = None
    prompt_filter_results: Any = None
    warnings: Any = None


_Empty = Literal[""] | None
_NoneOf = Annotated[list[Any], msgspec.Meta(max_length=0)] | None


class _Bare(msgspec.Struct, gc=False):
    """A message, or a piece of one, without what is rare. Each form adds what it may have, and what it must not."""

    refusal: _Empty = None
    function_call: None = None
    annotations: _NoneOf = None
    audio: None = None
    executed_tools: _NoneOf = None


class PlainDelta(_Bare, gc=False):
    """A message, or a piece of one, that is text and nothing else."""

    content: str | None = None
    reasoning: _Empty = None
    reasoning_content: _Empty = None
    tool_calls: _NoneOf = None


class PlainThinking(_Bare, gc=False):
    """A piece of a message that is thinking and nothing else."""

    content: _Empty = None
    reasoning: str | None = None
    reasoning_content: str | None = None
    tool_calls: _NoneOf = None


class PlainFunction(msgspec.Struct, gc=False):
    """More of the arguments of a call."""

    arguments: Annotated[str, msgspec.Meta(min_length=1)]
    name: _Empty = None


class PlainCall(msgspec.Struct, gc=False):
    """A piece of a call that is under way: a `CallWire` that neither names it nor gives it an id."""

    index: int
    function: PlainFunction
    id: _Empty = None
    type: Literal["function"] | None = None
    custom: None = None


class PlainArguments(_Bare, kw_only=True, gc=False):
    """A piece of a message that is more of the arguments of one call, and nothing else."""

    content: _Empty = None
    reasoning: _Empty = None
    reasoning_content: _Empty = None
    tool_calls: Annotated[list[PlainCall], msgspec.Meta(min_length=1, max_length=1)]


class _Plain(msgspec.Struct, gc=False):
    """What most answers and chunks have, and that they have nothing else of what is read."""

    id: str | None = None
    model: str | None = None
    created: int | None = None
    error: None = None
    service_tier: str | None = None
    system_fingerprint: str | None = None
    x_groq: None = None
    moderation: None = None
    usage_breakdown: None = None
    prompt_filter_results: None = None
    warnings: None = None


class PlainAnswer(msgspec.Struct, gc=False):
    """The one answer of a whole completion."""

    message: PlainDelta
    finish_reason: str
    index: Literal[0] = 0
    delta: None = None
    logprobs: None = None
    content_filter_results: None = None


class PlainWhole(_Plain, kw_only=True, gc=False):
    """A whole completion of the usual form: a `ChunkWire` whose message is a text."""

    choices: Annotated[list[PlainAnswer], msgspec.Meta(min_length=1, max_length=1)]
    usage: dict[str, Any] | None = None


_Delta = TypeVar("_Delta", PlainDelta, PlainThinking, PlainArguments)


class PlainPiece(msgspec.Struct, Generic[_Delta], gc=False):
    """A piece of the one answer of a stream."""

    delta: _Delta
    index: Literal[0] = 0
    message: None = None
    finish_reason: None = None
    logprobs: None = None
    content_filter_results: None = None


class PlainChunk(_Plain, Generic[_Delta], kw_only=True, gc=False):
    """A chunk of the usual form: a `ChunkWire` that adds to one part and does nothing else."""

    choices: Annotated[list[PlainPiece[_Delta]], msgspec.Meta(min_length=1, max_length=1)]
    usage: None = None


_plain_whole = msgspec.json.Decoder(PlainWhole).decode
_plain_chunks: dict[type[Piece], Callable[[bytes], PlainChunk[Any]]] = {
    TextDelta: msgspec.json.Decoder(PlainChunk[PlainDelta]).decode,
    ThinkingDelta: msgspec.json.Decoder(PlainChunk[PlainThinking]).decode,
    ToolCallDelta: msgspec.json.Decoder(PlainChunk[PlainArguments]).decode,
}


def plain_whole(data: bytes, decoded: int) -> PlainWhole | None:
    """Decode a whole completion of the usual form; `None` for any other. Raise `JsonTooLarge`, as `decode_chunk`
    does."""
    size = len(data)
    if size > LARGE:
        return None
    if size > _SHORT:
        check_depth(data, decoded=decoded)
    try:
        return _plain_whole(data)
    except (msgspec.DecodeError, RecursionError, UnicodeError, ValueError):
        return None


def plain_chunk(data: bytes, kind: type[Piece]) -> PlainChunk[Any] | None:
    """Decode a chunk of the usual form that adds such a piece; `None` for any other."""
    if len(data) > _SHORT:
        return None
    try:
        return _plain_chunks[kind](data)
    except (msgspec.DecodeError, RecursionError, UnicodeError, ValueError):
        return None


_decoder = msgspec.json.Decoder(ChunkWire)
_decode = _decoder.decode

_SHORT = 512
"""Bytes up to which nothing is counted: shorter text cannot nest deeper than the decoder itself allows."""


def decode_chunk(data: bytes, decoded: int = BOUNDS.decoded) -> ChunkWire:
    """Decode a chunk or a whole completion. Raise `BadJson` if it is not a JSON object, or its values need more memory
    than `decoded`.

    Where a container is of another kind than this dialect's (such as a `tool_calls` that is an object), the fields that
    do fit are read all the same.
    """
    size = len(data)
    if size > _SHORT:
        check_depth(data, decoded=decoded)
    try:
        return _decode(data) if size <= LARGE else decode_large(_decoder, data)
    except msgspec.ValidationError:
        chunk: ChunkWire = _lenient(ChunkWire, decode_object(data, decoded=decoded), choices=_choice)
        return chunk
    except (msgspec.DecodeError, RecursionError, UnicodeError, ValueError) as flaw:
        if data.startswith(BOM) and not data.startswith(BOM, len(BOM)):
            return decode_chunk(data[len(BOM) :], decoded)
        raise (JsonTooLarge if isinstance(flaw, RecursionError) else BadJson)(str(flaw)) from flaw


def _lenient(kind: type[Any], value: dict[str, Any], **containers: Any) -> Any:
    """Build a struct of what fits: containers by their own readers, leaves as they are."""
    fields = {name: value[name] for name in kind.__struct_fields__ if name in value}
    for name, read in containers.items():
        found = fields.get(name)
        if isinstance(found, list):
            fields[name] = [read(item) for item in found if isinstance(item, dict)]
        elif name in fields:
            fields[name] = None
    return kind(**fields)


def _choice(value: dict[str, Any]) -> ChoiceWire:
    choice: ChoiceWire = _lenient(ChoiceWire, {**value, "delta": None, "message": None})
    if isinstance(value.get("delta"), dict):
        choice.delta = _delta(value["delta"])
    if isinstance(value.get("message"), dict):
        choice.message = _delta(value["message"])
    return choice


def _delta(value: dict[str, Any]) -> DeltaWire:
    calls = value.get("tool_calls")
    delta: DeltaWire = _lenient(
        DeltaWire,
        {**value, "tool_calls": [calls] if isinstance(calls, dict) else calls, "function_call": None},
        tool_calls=_call,
    )
    delta.function_call = _function(value.get("function_call"))
    return delta


def _call(value: dict[str, Any]) -> CallWire:
    call: CallWire = _lenient(CallWire, {**value, "function": None, "custom": None})
    call.function = _function(value.get("function"))
    call.custom = _function(value.get("custom"))
    return call


def _function(value: Any) -> FunctionWire | None:
    found: FunctionWire | None = _lenient(FunctionWire, value) if isinstance(value, dict) else None
    return found
