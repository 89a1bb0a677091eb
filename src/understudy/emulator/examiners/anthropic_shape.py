"""Walks a body against a description of its fields, and words what is wrong as Anthropic's API does.

The API validates bodies as pydantic models: unions are told apart by their `type`, whose value then stands in the path
(`messages.0.content.1.tool_use.id`), unknown fields are refused, and optional fields may be null only where the
official client's types say so (anthropic 2.12.0, `anthropic/types/*_param.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import msgspec

Fault = Literal["missing", "extra", "value"]


class Problem(msgspec.Struct, frozen=True):
    """What is wrong with one field."""

    fault: Fault
    path: str
    words: str


class Text(msgspec.Struct, frozen=True):
    """A string; one of `choices` or matching `pattern`, where given."""

    choices: tuple[str, ...] = ()
    pattern: str | None = None
    longest: int | None = None
    shortest: int = 0


class Number(msgspec.Struct, frozen=True):
    """A number of at least `least`."""

    whole: bool = True
    least: int | None = None


class Flag(msgspec.Struct, frozen=True):
    """True or false."""


class Free(msgspec.Struct, frozen=True):
    """An object with any fields."""


class Anything(msgspec.Struct, frozen=True):
    """Any value."""


class ListOf(msgspec.Struct, frozen=True):
    """A list; the kind of its items by name or in place."""

    of: Kind
    longest: int | None = None


class Named(msgspec.Struct, frozen=True):
    """A kind that is defined elsewhere, which lets kinds contain themselves."""

    name: str


class Either(msgspec.Struct, frozen=True):
    """A string, or a value of another kind."""

    other: Kind


class Field(msgspec.Struct, frozen=True):
    """A field of an object."""

    kind: Kind
    required: bool = False
    nullable: bool = False


class Record(msgspec.Struct, frozen=True):
    """An object with these fields and no others."""

    fields: Mapping[str, Field]


class Tagged(msgspec.Struct, frozen=True):
    """An object whose `type` (or another field) decides its fields."""

    kinds: Mapping[str, Kind]
    by: str = "type"
    default: str | None = None
    """The tag of objects without one; `None`: the tag is required."""
    others: str | None = None
    """A regular expression of further tags, whose fields are unknown here."""
    in_path: bool = True
    """Whether the tag stands in the path of a field."""


Kind = Text | Number | Flag | Free | Anything | ListOf | Named | Either | Record | Tagged

Definitions = Mapping[str, Kind]


def problems(value: Any, kind: Kind, path: str, named: Definitions) -> Iterator[Problem]:
    """Yield what is wrong with a value, in the order of the body."""
    match kind:
        case Named(name):
            yield from problems(value, named[name], path, named)
        case Either(other):
            if not isinstance(value, str):
                yield from problems(value, other, path, named)
        case Record(fields):
            yield from _record(value, fields, path, named)
        case Tagged():
            yield from _tagged(value, kind, path, named)
        case ListOf(of, longest):
            if not isinstance(value, list):
                yield Problem("value", path, "Input should be a valid list")
                return
            if longest is not None and len(value) > longest:
                yield Problem("value", path, f"List should have at most {longest} items, not {len(value)}")
            for at, item in enumerate(value):
                yield from problems(item, of, f"{path}.{at}", named)
        case _:
            if (words := _scalar(value, kind)) is not None:
                yield Problem("value", path, words)


def _record(value: Any, fields: Mapping[str, Field], path: str, named: Definitions) -> Iterator[Problem]:
    if not isinstance(value, dict):
        yield Problem("value", path, "Input does not match the expected shape.")
        return
    dot = f"{path}." if path else ""
    for name, field in fields.items():
        if name not in value:
            if field.required:
                yield Problem("missing", f"{dot}{name}", "Field required")
        elif not (field.nullable and value[name] is None):
            yield from problems(value[name], field.kind, f"{dot}{name}", named)
    for name in value:
        if name not in fields:
            yield Problem("extra", f"{dot}{name}", "Extra inputs are not permitted")


def _tagged(value: Any, kind: Tagged, path: str, named: Definitions) -> Iterator[Problem]:
    if not isinstance(value, dict):
        yield Problem("value", path, "Input should be a valid dictionary or object to extract fields from")
        return
    tag = value.get(kind.by) or kind.default
    if tag is None:
        yield Problem("missing", f"{path}.{kind.by}", "Field required")
        return
    found = kind.kinds.get(tag) if isinstance(tag, str) else None
    if found is not None:
        yield from problems(value, found, f"{path}.{tag}" if kind.in_path else path, named)
    elif not (isinstance(tag, str) and kind.others and re.fullmatch(kind.others, tag)):
        tags = ", ".join(f"'{known}'" for known in kind.kinds)
        words = f"Input tag '{tag}' found using '{kind.by}' does not match any of the expected tags: {tags}"
        yield Problem("value", path, words)


def _scalar(value: Any, kind: Kind) -> str | None:
    match kind:
        case Text():
            return _text(value, kind)
        case Number(whole, least):
            if isinstance(value, bool) or not isinstance(value, int | float):
                return "Input should be a valid integer" if whole else "Input should be a valid number"
            if whole and value != int(value):
                return "Input should be a valid integer, got a number with a fractional part"
            return f"Input should be greater than or equal to {least}" if least is not None and value < least else None
        case Flag():
            return None if isinstance(value, bool) else "Input should be a valid boolean"
        case Free():
            return None if isinstance(value, dict) else "Input should be a valid dictionary"
        case _:
            return None


def _text(value: Any, kind: Text) -> str | None:
    if kind.choices:
        if value in kind.choices:
            return None
        *most, last = [f"'{choice}'" for choice in kind.choices]
        return f"Input should be {', '.join(most)} or {last}" if most else f"Input should be {last}"
    if not isinstance(value, str):
        return "Input should be a valid string"
    if len(value) < kind.shortest:
        return f"String should have at least {kind.shortest} character"
    if kind.longest is not None and len(value) > kind.longest:
        return f"String should have at most {kind.longest} characters"
    if kind.pattern is not None and not re.fullmatch(kind.pattern, value):
        return f"String should match pattern '^{kind.pattern}$'"
    return None
