"""JSON with the limits that text from the network needs."""

from __future__ import annotations

import re
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

_decode: msgspec.json.Decoder[Any] = msgspec.json.Decoder()
encode = msgspec.json.Encoder().encode
"""Encode a value as compact JSON."""


BOM = b"\xef\xbb\xbf"
"""The byte order mark of UTF-8. Nobody may write it ahead of JSON and some servers do; RFC 8259 lets readers pass over
it, and all readers here do."""

MAX_DEPTH = 64
"""Arrays and objects in each other (fault model §2, row 20). Real answers stay below 20; Python's own limit differs
from version to version."""

_STRUCTURE = b'[]{}"'
_PAIR = re.compile(rb"\[\]|\{\}")
_REST = bytes(byte for byte in range(256) if byte not in _STRUCTURE)


_FLAWS = (msgspec.DecodeError, RecursionError, UnicodeError, ValueError)


class BadJson(ValueError):
    """The bytes are not the JSON that was expected."""


def decode(data: bytes | str) -> Any:
    """Decode any JSON value. Raises `BadJson` for malformed text, invalid UTF-8 or nesting beyond the limit."""
    check_depth(data)
    try:
        return _decode.decode(data)
    except _FLAWS as flaw:
        return decode_unmarked(_decode, data, flaw)


def decode_as(decoder: msgspec.json.Decoder[T], data: bytes | str) -> T:
    """Decode into a wire struct. Raises `BadJson` as `decode` does, and where a value has the wrong type."""
    check_depth(data)
    try:
        return decoder.decode(data)
    except _FLAWS as flaw:
        return decode_unmarked(decoder, data, flaw)


def decode_unmarked(decoder: msgspec.json.Decoder[T], data: bytes | str, flaw: Exception) -> T:
    """Decode once more, without the byte order mark that may be the flaw; so text without one pays nothing for it.

    Raises `BadJson`, of the flaw where there is no mark.
    """
    bare = data.removeprefix("\ufeff") if isinstance(data, str) else bytes(data).removeprefix(BOM)
    if len(bare) == len(data):
        raise BadJson(str(flaw)) from flaw
    try:
        return decoder.decode(bare)
    except _FLAWS as error:
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


def check_depth(data: bytes | str | msgspec.Raw) -> None:
    """Raise `BadJson` for nesting beyond the limit. Text with few brackets, as almost all is, costs two counts."""
    if isinstance(data, str):
        if data.count("[") + data.count("{") <= MAX_DEPTH:
            return
        data = data.encode("utf-8", "surrogatepass")
    elif isinstance(data, msgspec.Raw):
        return  # It was taken out of a value that has been checked.
    elif data.count(b"[") + data.count(b"{") <= MAX_DEPTH:
        return
    # Without escapes every quote opens or closes a string; what stands between strings is structure. Taking the
    # innermost pairs away lowers the depth by one, all in C.
    bare = data.replace(b"\\\\", b"").replace(b'\\"', b"").translate(None, _REST)
    brackets = b"".join(bare.split(b'"')[::2])
    for _ in range(MAX_DEPTH):
        if not brackets:
            return
        brackets = _PAIR.sub(b"", brackets)
    if brackets:
        raise BadJson(f"nested deeper than {MAX_DEPTH} levels, or brackets that do not match")
