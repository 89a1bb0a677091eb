"""Reads bodies for the rules: kinds of JSON values, fields beyond a list, messages, images and numbers in a range."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from understudy.domain.content import Json, JsonObject
from understudy.emulator.cast.base import CheckedRequest
from understudy.emulator.examiners.file_types import decoded, file_type

READ = "2026-11-28"
"""The day on which the sources of the rules were read."""

Fields = Mapping[str, str]
"""The names of an object's fields with the kinds of their values, such as `string|array`. `any` accepts every kind."""


class Mistyped(msgspec.Struct, frozen=True):
    """A field whose value has another kind than the vendor's."""

    name: str
    given: str
    wanted: str


def kind_of(value: Any) -> str:
    """Return the kind of a JSON value; whole numbers are `integer`."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"


def is_kind(value: Any, kinds: str) -> bool:
    """Check whether a value has one of several kinds; every integer is also a number."""
    kind = kind_of(value)
    return kinds == "any" or kind in kinds.split("|") or (kind == "integer" and "number" in kinds.split("|"))


def unknown_field(value: JsonObject, fields: Fields) -> str | None:
    """Return the first field that the vendor does not list."""
    return next((name for name in value if name not in fields), None)


def mistyped(value: JsonObject, fields: Fields) -> Mistyped | None:
    """Return the first listed field with a value of another kind. Null counts as unset."""
    for name, wanted in fields.items():
        given = value.get(name)
        if given is not None and not is_kind(given, wanted):
            return Mistyped(name, kind_of(given), wanted)
    return None


def objects(values: Any) -> Iterator[tuple[int, JsonObject]]:
    """Yield the objects of a list with their positions; nothing for what is not a list."""
    if isinstance(values, list):
        yield from ((at, value) for at, value in enumerate(values) if isinstance(value, dict))


def messages(request: CheckedRequest) -> Iterator[tuple[int, JsonObject]]:
    """Yield the messages of a request with their positions."""
    return objects(request.body.get("messages"))


def parts(message: JsonObject) -> Iterator[tuple[int, JsonObject]]:
    """Yield the parts of a message's content with their positions."""
    return objects(message.get("content"))


def functions(request: CheckedRequest) -> Iterator[tuple[int, JsonObject]]:
    """Yield the definitions of the functions among the tools of a request, with their positions."""
    for at, tool in objects(request.body.get("tools")):
        function = tool.get("function")
        if isinstance(function, dict):
            yield at, function


def calls(request: CheckedRequest) -> Iterator[tuple[int, int, JsonObject]]:
    """Yield the tool calls of the messages, with the positions of message and call."""
    for at, message in messages(request):
        for number, call in objects(message.get("tool_calls")):
            yield at, number, call


def outside(value: Any, least: float, greatest: float) -> bool:
    """Check whether a value is a number outside a range, both ends included."""
    return is_kind(value, "number") and not least <= value <= greatest


def is_empty(content: Any) -> bool:
    """Check whether content holds nothing: null, no text, no parts, or only parts of empty text."""
    if isinstance(content, list):
        return all(isinstance(part, dict) and part.get("type") == "text" and not part.get("text") for part in content)
    return content in (None, "")


def json_kind(text: Json) -> str | None:
    """Return the kind of the JSON value in a string; `None` for what is not JSON in a string."""
    if not isinstance(text, str):
        return None
    try:
        return kind_of(msgspec.json.decode(text))
    except (msgspec.DecodeError, RecursionError):
        return None


_DATA_URL = re.compile(r"data:(?P<type>[^;,]*)(?P<options>(?:;[^;,]*)*),(?P<data>.*)", re.S)


def image_flaw(url: Any, accepted: frozenset[str], *, by_address: bool = True) -> str | None:
    """Return what is wrong with the URL of an image: its form, its base64, its type, or bytes of another type."""
    if not isinstance(url, str):
        return "the URL is not a string"
    if url.startswith(("https://", "http://")):
        return None if by_address else "a data URL is required"
    found = _DATA_URL.match(url)
    if found is None:
        return "neither a web URL nor a data URL"
    if ";base64" not in found["options"]:
        return "the data URL is not base64"
    data = decoded(found["data"])
    if data is None:
        return "the base64 is invalid"
    if found["type"] not in accepted:
        return f"the type {found['type']!r} is not supported"
    return None if file_type(data) == found["type"] else f"the data is not {found['type']}"


def image_urls(request: CheckedRequest) -> Iterator[tuple[int, int, Any]]:
    """Yield the URLs of the images in messages, with the positions of message and part."""
    for at, message in messages(request):
        for number, part in parts(message):
            if part.get("type") == "image_url":
                image = part.get("image_url")
                yield at, number, image.get("url") if isinstance(image, dict) else image
