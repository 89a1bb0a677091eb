"""Takes recorded streams apart and puts them together again, independently of the decoders under test."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

Change = Callable[[Any], Any]

OPAQUE_KEYS = frozenset(
    {"input", "arguments", "args", "parameters", "input_schema", "schema", "partial_json", "format"}
)
"""Below these keys the JSON is the user's or the model's own, and no field of the wire."""

UNKNOWN_FIELD = "x_unknown_field"


def frames(body: bytes, *, lines: bool) -> list[bytes]:
    """Split a stream at its frame ends, which stay with their frames. `lines` for NDJSON."""
    if lines:
        return [line for line in body.splitlines(keepends=True) if line.strip()]
    blocks = body.replace(b"\r\n", b"\n").split(b"\n\n")
    return [block + b"\n\n" for block in blocks if block.strip()]


def payload(frame: bytes) -> Any:
    """Return a frame's JSON; `None` for frames without any (comments, `[DONE]`)."""
    try:
        return json.loads(frame)
    except ValueError:
        pass
    data = [line.partition(b":")[2].strip() for line in frame.split(b"\n") if line.startswith(b"data:")]
    try:
        return json.loads(b"\n".join(data)) if data else None
    except ValueError:
        return None


def with_payload(frame: bytes, value: Any) -> bytes:
    """Return the frame with another JSON."""
    text = json.dumps(value, separators=(",", ":")).encode()
    if not any(line.startswith(b"data:") for line in frame.split(b"\n")):
        return text + b"\n"
    kept = [line for line in frame.rstrip(b"\n").split(b"\n") if not line.startswith(b"data:")]
    return b"\n".join([*kept, b"data: " + text, b"", b""])


def changed(body: bytes, change: Change, *, lines: bool) -> bytes:
    """Apply a change to the JSON of every frame."""
    pieces = []
    for frame in frames(body, lines=lines):
        value = payload(frame)
        pieces.append(frame if value is None else with_payload(frame, change(value)))
    return b"".join(pieces)


def with_unknown_fields(value: Any) -> Any:
    """Add a field of no meaning to every object of the wire."""
    if isinstance(value, list):
        return [with_unknown_fields(item) for item in value]
    if not isinstance(value, dict) or not value:
        return value  # An empty object says that there is nothing, which another field would deny.
    grown = {key: item if key in OPAQUE_KEYS else with_unknown_fields(item) for key, item in value.items()}
    return {**grown, UNKNOWN_FIELD: {"why": ["a later version"]}}


def without_unknown_fields(value: Any) -> Any:
    """Take that field out again, wherever it was kept among raw values."""
    if isinstance(value, (list, tuple)):
        return [without_unknown_fields(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: without_unknown_fields(item) for key, item in value.items() if key != UNKNOWN_FIELD}


def without_keys(*keys: str) -> Change:
    """Make a change that removes some keys on every level of the wire."""

    def remove(value: Any) -> Any:
        if isinstance(value, list):
            return [remove(item) for item in value]
        if not isinstance(value, dict):
            return value
        return {key: item if key in OPAQUE_KEYS else remove(item) for key, item in value.items() if key not in keys}

    return remove


def with_keys(holders: tuple[str, ...], *keys: str) -> Change:
    """Make a change that adds null fields to the objects below `holders`, where they are absent."""

    def add(value: Any, holder: str = "") -> Any:
        if isinstance(value, list):
            return [add(item, holder) for item in value]
        if not isinstance(value, dict):
            return value
        grown = {key: item if key in OPAQUE_KEYS else add(item, key) for key, item in value.items()}
        return {**dict.fromkeys(keys), **grown} if holder in holders else grown

    return add


def with_values(values: dict[str, Any]) -> Change:
    """Make a change that replaces the values of some keys, where they are not null."""

    def put(value: Any) -> Any:
        if isinstance(value, list):
            return [put(item) for item in value]
        if not isinstance(value, dict):
            return value
        return {
            key: values[key] if key in values and item is not None else item if key in OPAQUE_KEYS else put(item)
            for key, item in value.items()
        }

    return put
