"""JSON with the limits that input from the network needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from understudy.domain.failures import FailureKind
from understudy.domain.json_types import built_in
from understudy.domain.regexes import regex
from understudy.wire.bounds import BOUNDS
from understudy.wire.shape import COUNTED, LARGE, BadShape, check_shape, has_few_brackets
from understudy.wire.slices import decode_slices, is_light

T = TypeVar("T")

_decode: msgspec.json.Decoder[Any] = msgspec.json.Decoder()
encode = msgspec.json.Encoder(enc_hook=built_in).encode
"""Encode a value as compact JSON."""
_UNSEEN = regex("[\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


BOM = b"\xef\xbb\xbf"
"""The byte order mark of UTF-8. RFC 8259 forbids it ahead of JSON, which some servers ignore, and lets readers skip it:
all readers here do."""

_FLAWS = (msgspec.DecodeError, RecursionError, UnicodeError, ValueError)


def visible(data: bytes) -> bytes:
    """Return the same JSON, of which a terminal interprets nothing: C1 controls and what turns the direction of a text,
    which JSON allows as they are, become `\\uXXXX`."""
    if data.isascii() and b"\x7f" not in data:
        return data
    return _UNSEEN.sub(lambda found: f"\\u{ord(found.group()):04x}", data.decode()).encode()


class BadJson(ValueError):
    """The bytes are not the JSON that was expected."""

    kind = FailureKind.BAD_RESPONSE


class JsonTooLarge(BadJson):
    """The JSON nests too deeply, or holds too many values."""

    kind = FailureKind.TOO_LARGE


def decode(data: bytes | str, *, decoded: int = BOUNDS.decoded) -> Any:
    """Decode any JSON value. Raise `BadJson` if it is malformed, is not valid UTF-8 or exceeds the limits."""
    check_depth(data, decoded=decoded)
    try:
        return _decode.decode(data) if len(data) <= LARGE else decode_large(_decode, data)
    except _FLAWS as flaw:
        return decode_unmarked(_decode, data, flaw)


def decode_as(
    decoder: msgspec.json.Decoder[T], data: bytes | str, *, sliced: bool = False, decoded: int | None = None
) -> T:
    """Decode into a wire struct. Raise `BadJson` as `decode` does, and if a value has the wrong type.

    A large text is decoded in slices where `sliced` allows it; structs with fields of type `Raw` cannot be. `decoded`
    is the limit of memory that the values may take.
    """
    if decoded is None:
        decoded = BOUNDS.decoded if sliced else BOUNDS.at_once
    check_depth(data, decoded=decoded)
    try:
        return decoder.decode(data) if not sliced or len(data) <= LARGE else decode_large(decoder, data)
    except _FLAWS as flaw:
        return decode_unmarked(decoder, data, flaw)


def decode_large(decoder: msgspec.json.Decoder[T], data: bytes | str) -> T:
    """Decode a large text, in slices where it holds many values."""
    text = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else bytes(data)
    if is_light(text):
        return decoder.decode(text)
    value: T = msgspec.convert(decode_slices(text), decoder.type)
    return value


def decode_unmarked(decoder: msgspec.json.Decoder[T], data: bytes | str, flaw: Exception) -> T:
    """Decode again without a byte order mark, in case that was the flaw. Text without one never gets here.

    Raise `BadJson` for `flaw` if there is no mark.
    """
    data = bytes(data) if isinstance(data, msgspec.Raw) else data
    marked = data.startswith("\ufeff") if isinstance(data, str) else data.startswith(BOM)
    if not marked:
        raise _flawed(flaw) from flaw
    bare = data.removeprefix("\ufeff") if isinstance(data, str) else bytes(data).removeprefix(BOM)
    try:
        return decoder.decode(bare)
    except _FLAWS as error:
        raise _flawed(error) from error


def _flawed(flaw: Exception) -> BadJson:
    """Convert an exception of the decoder, which gives up by itself where arrays nest a thousand levels deep."""
    return JsonTooLarge("nested too deeply") if isinstance(flaw, RecursionError) else BadJson(str(flaw))


def decode_object(data: bytes | str, *, decoded: int = BOUNDS.decoded) -> dict[str, Any]:
    """Decode a JSON object. Raise `BadJson` for any other value."""
    value = decode(data, decoded=decoded)
    if not isinstance(value, dict):
        raise BadJson(f"expected a JSON object, got {type(value).__name__}")
    return value


def is_object(data: bytes | str) -> bool:
    """Check whether this is a whole JSON object."""
    try:
        decode_object(data)
    except BadJson:
        return False
    return True


def convert(value: Any, kind: type[T]) -> T:
    """Convert a decoded value to a wire struct. Raise `BadJson` if it does not have that form."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise BadJson(str(error)) from error


def as_string(value: object) -> str | None:
    """Return the value if it is a string."""
    return value if isinstance(value, str) else None


def nonempty(value: object) -> str | None:
    """Return the value if it is a string that is not empty."""
    return value if isinstance(value, str) and value else None


def as_objects(value: object) -> list[dict[str, Any]]:
    """Return the objects in an array; an empty list for any other value."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def parsed_or_text(text: str) -> Any:
    """Return the value of a JSON text, or the text itself if it is invalid."""
    try:
        return decode(text)
    except BadJson:
        return text


def extend(value: dict[str, Any], delta: Mapping[str, Any]) -> None:
    """Add a delta to an object whose fields are unknown: strings are joined, everything but `type` is replaced."""
    for key, piece in delta.items():
        if key != "type":
            old = value.get(key)
            value[key] = old + piece if isinstance(old, str) and isinstance(piece, str) else piece


def text_of(raw: msgspec.Raw) -> str:
    """Return the text of a value that was kept as JSON. Raise `BadJson` if it is not valid UTF-8, which nothing
    has checked before."""
    try:
        return bytes(raw).decode()
    except UnicodeDecodeError as error:
        raise BadJson(str(error)) from error


def check_depth(data: bytes | str | msgspec.Raw, *, decoded: int = BOUNDS.decoded) -> None:
    """Raise `JsonTooLarge` for nesting or values beyond the limits."""
    if isinstance(data, bytes):
        # Almost every text: two counts and no further call, because this runs for each event of a stream.
        size = len(data)
        if size <= COUNTED:
            if data.count(b"[") + data.count(b"{") <= BOUNDS.depth:
                return
        elif size <= LARGE and has_few_brackets(data):
            return
    elif isinstance(data, msgspec.Raw):
        return  # Part of a value that has been checked.
    else:
        if len(data) <= LARGE and data.count("[") + data.count("{") <= BOUNDS.depth:
            return
        data = data.encode("utf-8", "surrogatepass")
    try:
        check_shape(data, decoded=decoded)
    except BadShape as flaw:
        raise JsonTooLarge(str(flaw)) from None
