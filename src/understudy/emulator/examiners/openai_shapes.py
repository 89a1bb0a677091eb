"""Shapes of JSON values, with OpenAI's complaints about values of another shape."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from understudy.domain.content import Json, JsonObject
from understudy.emulator.cast.base import Check, CheckedRequest, Words
from understudy.emulator.examiners import openai_words as say

Shape = Callable[[Json, str], Words | None]
"""Returns the complaint about a value; the second argument is its name, such as `messages[0].content`."""


def anything(value: Json, where: str) -> Words | None:
    """Accept every value."""
    return None


def string(*, limit: int | None = None, pattern: str | None = None, empty: bool = True) -> Shape:
    """Return the shape of a string."""
    compiled = re.compile(pattern) if pattern is not None else None

    def check(value: Json, where: str) -> Words | None:
        if not isinstance(value, str):
            return say.wrong_type(where, "a string", value)
        if not value and not empty:
            return say.empty_string(where)
        if limit is not None and len(value) > limit:
            return say.too_long(where, limit, len(value))
        if compiled is not None and not compiled.fullmatch(value):
            return say.wrong_pattern(where, compiled.pattern)
        return None

    return check


def number(low: float | None = None, high: float | None = None, *, whole: bool = False) -> Shape:
    """Return the shape of a number between two bounds."""

    def check(value: Json, where: str) -> Words | None:
        if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
            return say.wrong_type(where, "an integer" if whole else "a decimal", value)
        if low is not None and value < low:
            return say.out_of_range(where, value, low, whole=whole, above=False)
        if high is not None and value > high:
            return say.out_of_range(where, value, high, whole=whole, above=True)
        return None

    return check


def boolean(value: Json, where: str) -> Words | None:
    """Accept `true` and `false`."""
    return None if isinstance(value, bool) else say.wrong_type(where, "a boolean", value)


def one_of(*values: str) -> Shape:
    """Return the shape of a string out of a few."""

    def check(value: Json, where: str) -> Words | None:
        if not isinstance(value, str):
            return say.wrong_type(where, "a string", value)
        return None if value in values else say.wrong_value(where, value, values)

    return check


def nullable(shape: Shape) -> Shape:
    """Return a shape that accepts null too."""
    return lambda value, where: None if value is None else shape(value, where)


def array(item: Shape, *, limit: int | None = None, empty: bool = False, of: str = "") -> Shape:
    """Return the shape of an array; `of` names its items, such as `objects`."""
    expected = f"an array of {of}" if of else "an array"

    def check(value: Json, where: str) -> Words | None:
        if not isinstance(value, list):
            return say.wrong_type(where, expected, value)
        if not value and not empty:
            return say.empty_array(where)
        if limit is not None and len(value) > limit:
            return say.too_many(where, limit, len(value))
        complaints = (item(part, f"{where}[{at}]") for at, part in enumerate(value))
        return next((words for words in complaints if words is not None), None)

    return check


def obj(fields: Mapping[str, Shape], *, required: Collection[str] = (), ignored: Collection[str] = ()) -> Shape:
    """Return the shape of an object with known fields. The service does not look into the `ignored` ones."""

    def check(value: Json, where: str) -> Words | None:
        if not isinstance(value, dict):
            return say.wrong_type(where, "an object", value)
        for name in required:
            if name not in value:
                return say.missing(_inner(where, name))
        for name, part in value.items():
            if name in ignored:
                continue
            if name not in fields:
                return say.unknown(_inner(where, name))
            if (words := fields[name](part, _inner(where, name))) is not None:
                return words
        return None

    return check


def an_object(value: Json, where: str) -> Words | None:
    """Accept every object."""
    return None if isinstance(value, dict) else say.wrong_type(where, "an object", value)


def mapping(keys: int, item: Shape, *, name_limit: int | None = None) -> Shape:
    """Return the shape of an object with free names, at most `keys` of them."""

    def check(value: Json, where: str) -> Words | None:
        if not isinstance(value, dict):
            return say.wrong_type(where, "an object", value)
        if len(value) > keys:
            rest = f"Expected an object with at most {keys} properties, but got an object with {len(value)} properties"
            message = f"Invalid '{where}': too many properties. {rest} instead."
            return say.refuse(message, where, "object_above_max_properties")
        longest = next((name for name in value if name_limit is not None and len(name) > name_limit), None)
        if longest is not None and name_limit is not None:
            return say.long_name(where, longest, name_limit)
        complaints = (item(part, _inner(where, name)) for name, part in value.items())
        return next((words for words in complaints if words is not None), None)

    return check


def tagged(tag: str, shapes: Mapping[str, Shape], *, default: str | None = None) -> Shape:
    """Return the shape of an object whose field `tag` names its shape."""

    def check(value: Json, where: str) -> Words | None:
        if not isinstance(value, dict):
            return say.wrong_type(where, "an object", value)
        name = value.get(tag, default)
        if name is None:
            return say.missing(_inner(where, tag))
        if not isinstance(name, str) or name not in shapes:
            return say.wrong_value(_inner(where, tag), name, list(shapes))
        return shapes[name](value, where)

    return check


def either(expected: str, shapes: Mapping[type, Shape]) -> Shape:
    """Return the shape that depends on the JSON type; `expected` is such as `one of a string or array of objects`."""

    def check(value: Json, where: str) -> Words | None:
        for kind, shape in shapes.items():
            if isinstance(value, kind):
                return shape(value, where)
        return say.wrong_type(where, expected, value)

    return check


def field(name: str, shape: Shape) -> Check:
    """Return the check of a field of the body, which may be missing or null."""

    def check(request: CheckedRequest) -> Words | None:
        value = request.body.get(name)
        return None if value is None else shape(value, name)

    return check


def objects(values: Json) -> Iterable[tuple[int, JsonObject]]:
    """Return the objects in an array with their places; nothing if it is no array."""
    if not isinstance(values, list):
        return ()
    return [(at, value) for at, value in enumerate(values) if isinstance(value, dict)]


def section(parent: JsonObject, *names: str) -> JsonObject:
    """Return an object within an object; an empty one where it is missing."""
    for name in names:
        found = parent.get(name)
        if not isinstance(found, dict):
            return {}
        parent = found
    return parent


def only_with(name: str, needed: str, message: str) -> Check:
    """Return the check that a field comes only together with another one."""

    def check(request: CheckedRequest) -> Words | None:
        if request.body.get(name) is None or request.body.get(needed):
            return None
        return say.refuse(message, name)

    return check


def known(names: Sequence[str], message: str, code: str | None = None) -> Check:
    """Return the check that the body has no other fields; `message` has a place for the name."""
    accepted = frozenset(names)

    def check(request: CheckedRequest) -> Words | None:
        other = next((name for name in request.body if name not in accepted), None)
        return None if other is None else say.refuse(message.format(other), other if code else None, code)

    return check


def _inner(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name
