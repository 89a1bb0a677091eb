"""JSON with the limits that text from the network needs."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

_decode: msgspec.json.Decoder[Any] = msgspec.json.Decoder()
encode = msgspec.json.Encoder().encode
"""Encode a value as compact JSON."""


class BadJson(ValueError):
    """The bytes are not the JSON that was expected."""


def decode(data: bytes | str) -> Any:
    """Decode any JSON value. Raises `BadJson` for malformed text, invalid UTF-8 or nesting beyond the limit."""
    try:
        return _decode.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeError, ValueError) as error:
        raise BadJson(str(error)) from error


def decode_as(decoder: msgspec.json.Decoder[T], data: bytes | str) -> T:
    """Decode into a wire struct. Raises `BadJson` as `decode` does, and where a value has the wrong type."""
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeError, ValueError) as error:
        raise BadJson(str(error)) from error


def decode_object(data: bytes | str) -> dict[str, Any]:
    """Decode a JSON object. Raises `BadJson` when the value is of another kind."""
    value = decode(data)
    if not isinstance(value, dict):
        raise BadJson(f"expected a JSON object, got {type(value).__name__}")
    return value


def text_of(raw: msgspec.Raw) -> str:
    """Return the text of a value that was kept as JSON. Raises `BadJson`: what is not decoded is not checked either,
    so its UTF-8 may be invalid."""
    try:
        return bytes(raw).decode()
    except UnicodeDecodeError as error:
        raise BadJson(str(error)) from error
