"""Alterations of what a provider writes, for whichever wire: JSON, server-sent events, JSON by lines."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.contract.framing import Change, frames, payload, with_payload
from tests.contract.public import Alter, Reply

BRAND_NEW = "brand_new"
"""A word that no version of any API knows."""

TEXTS = frozenset({"content", "text", "thinking", "reasoning", "arguments", "partial_json", "delta"})
"""Where streams put the pieces of an answer."""

ENUMS = frozenset(
    {
        "object", "role", "service_tier", "serviceTier", "severity", "modality", "visibility", "owned_by", "phase",
        "finish_reason", "stop_reason", "done_reason", "finishReason",
    }
)  # fmt: skip
"""Keys whose values come from a set that may grow."""


_TEXT = b"event: output\n"
"""So begins text of Replicate's, which may look like JSON and is none."""


def json_of(change: Change) -> Alter:
    """Apply a change to every JSON object of a reply, but for the description of a model's inputs."""

    def alter(reply: Reply) -> bytes:
        if not reply.is_stream:
            return _written(change(json.loads(reply.body)))
        return b"".join(_changed(frame, change) for frame in frames(reply.body, lines=reply.lines))

    return alter


def _changed(frame: bytes, change: Change) -> bytes:
    value = payload(frame)
    if not isinstance(value, dict) or frame.startswith(_TEXT):
        return frame
    return with_payload(frame, change(value))


def _written(value: Any) -> bytes:
    """Write JSON without white space, which is kept as it is within the arguments of tool calls."""
    return json.dumps(value, separators=(",", ":")).encode()


def stream_of(insert: Callable[[bytes], bytes]) -> Alter:
    """Put something behind each frame of a stream but the last, which often ends it; replies that are whole stay."""

    def alter(reply: Reply) -> bytes:
        if not reply.is_stream:
            return reply.body
        *most, last = frames(reply.body, lines=reply.lines)
        return b"".join(frame + insert(frame) for frame in most) + last

    return alter


def bytes_of(change: Callable[[bytes], bytes], *, whole: bool = True) -> Alter:
    """Change the bytes of each reply; only of streams unless `whole`."""
    return lambda reply: change(reply.body) if whole or reply.is_stream else reply.body


def emptied(frame: bytes) -> bytes:
    """Return the frame once more with no piece in it; nothing where it holds no piece, or more than pieces."""
    if frame.startswith(_TEXT):
        return _TEXT + b"data: \n\n"
    value = payload(frame)
    if not isinstance(value, dict) or _named(value):
        return b""
    bare = _without_pieces(value)
    if bare == value:
        return b""
    bare.pop("sequence_number", None)  # No other event has the same number.
    return with_payload(frame, bare)


def _without_pieces(value: Any) -> Any:
    match value:
        case list():
            return [_without_pieces(item) for item in value]
        case dict():
            return {
                key: "" if key in TEXTS and isinstance(item, str) else _without_pieces(item)
                for key, item in value.items()
            }
    return value


def _named(value: Any) -> bool:
    """Whether a frame begins something that has a name, or tells of an end: it would be another one, said twice."""
    match value:
        case list():
            return any(map(_named, value))
        case {"name": str()} | {"done": True} | {"signature": str()}:
            return True
        case dict():
            return any(map(_named, value.values()))
    return False


def with_enums(value: Any, key: str = "") -> Any:
    """Give every enumeration a value that nobody knows."""
    match value:
        case list():
            return [with_enums(item, key) for item in value]
        case dict():
            return {name: with_enums(item, name) for name, item in value.items()}
        case str() if key in ENUMS and value:
            return BRAND_NEW
    return value
