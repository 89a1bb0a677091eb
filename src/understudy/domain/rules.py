"""What a value must be, and what it is for: of the configuration, written in TOML or in Python, and of an option.

Types are distinguished strictly: a boolean is not a number.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, time
from typing import Any, Literal

import msgspec

from understudy.domain.suggestions import kind_of

Kind = Literal["string", "integer", "number", "flag", "table", "strings", "numbers", "flags", "tables", "names", "keys"]
"""`strings`, `numbers` and `flags` are tables with such values, `tables` and `names` are lists of tables and strings.
`keys` is a string, or a list of strings."""


class Rule(msgspec.Struct, frozen=True):
    """What a value must be. Both ends of the range are allowed, except 0 where `positive` is set."""

    kind: Kind
    example: str = ""
    """A value in TOML, for suggestions."""
    meaning: str = ""
    """What the key is for, in one line of Markdown without a full stop: the manual's tables and the comments of
    `understudy init` are generated from it."""
    unset: str = "required"
    """What applies when the key is omitted."""
    least: float | None = None
    most: float | None = None
    positive: bool = False
    may_be_empty: bool = False
    """Whether an empty string is a valid value."""
    unit: str = ""
    """What a number counts, such as `seconds`."""
    choices: tuple[str, ...] = ()
    """The only strings that are allowed, if any; case does not matter, and `-` stands for `_`."""

    def described(self) -> str:
        """Return what a value is, in a few words: "string", "whole number ≥ 1", "seconds > 0", "0 to 2"."""
        if self.least is not None and self.most is not None:
            return f"{self.least:g} to {self.most:g}"
        name = self.unit or _DESCRIPTIONS[self.kind]
        if self.positive:
            return f"{name} > 0"
        return f"{name} ≥ {self.least:g}" if self.least is not None else name

    def complaint(self, value: object) -> str | None:
        """Return what is wrong with a value, such as "must be a whole number, not a string"; `None` if it is valid."""
        if not self._has_kind(value):
            return f"must be {_NAMES[self.kind]}, not {_name(value)}{self._wrong_item(value)}"
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return self._range_complaint(value)
        if self.kind == "numbers" and isinstance(value, Mapping):
            return next((found for item in value.values() if (found := self._range_complaint(item))), None)
        return None

    def _has_kind(self, value: object) -> bool:
        match self.kind:
            case "string":
                return isinstance(value, str)
            case "integer":
                return isinstance(value, int) and not isinstance(value, bool)
            case "number":
                return isinstance(value, (int, float)) and not isinstance(value, bool)
            case "flag":
                return isinstance(value, bool)
            case "table":
                return isinstance(value, Mapping)
            case "strings":
                return _is_table_of(str, value)
            case "numbers":
                return _is_table_of((int, float), value)
            case "flags":
                return _is_table_of(bool, value)
            case "tables":
                return isinstance(value, list) and all(isinstance(item, dict) for item in value)
            case "names":
                return _is_list_of_strings(value)
            case "keys":
                return isinstance(value, str) or _is_list_of_strings(value)

    def _wrong_item(self, value: object) -> str:
        """Return what does not belong in a table or list of the right type, such as " that contains a number"."""
        match value:
            case Mapping() if self.kind in ("strings", "numbers", "flags"):
                items = [*(key for key in value if not isinstance(key, str)), *value.values()]
            case list() | tuple() if self.kind in ("tables", "names", "keys"):
                items = list(value)
            case _:
                return ""
        wanted: type | tuple[type, ...] = _ITEMS.get(self.kind, str)
        return next((f" that contains {_name(item)}" for item in items if not _is(item, wanted)), "")

    def _range_complaint(self, value: float) -> str | None:
        if isinstance(value, float) and not math.isfinite(value):
            return "must be a finite number"
        if isinstance(value, int) and not _LEAST_INTEGER <= value <= _MOST_INTEGER:
            return "must fit in 64 bits"  # what the vendors' numbers do, and what a float holds at all
        if self.positive and value <= 0:
            return "must be greater than 0"
        if self.least is not None and self.most is not None and not self.least <= value <= self.most:
            return f"must be between {self.least:g} and {self.most:g}"
        if self.least is not None and value < self.least:
            return f"must be at least {self.least:g}"
        return None


_ITEMS: Mapping[Kind, type | tuple[type, ...]] = {"numbers": (int, float), "flags": bool, "tables": dict}
"""The types of the items of tables and lists; otherwise they are strings."""


def _is_list_of_strings(value: object) -> bool:
    return isinstance(value, (list, tuple)) and bool(value) and all(isinstance(item, str) for item in value)


_LEAST_INTEGER, _MOST_INTEGER = -(2**63), 2**64 - 1


def _is_table_of(kind: type | tuple[type, ...], value: object) -> bool:
    if not isinstance(value, Mapping):
        return False
    return all(isinstance(key, str) and _is(item, kind) for key, item in value.items())


def _is(value: object, kind: type | tuple[type, ...]) -> bool:
    """Check the type of a value. A boolean is not a number."""
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


_DESCRIPTIONS: Mapping[Kind, str] = {
    "string": "string",
    "integer": "whole number",
    "number": "number",
    "flag": "true or false",
    "table": "table",
    "strings": "table of strings",
    "numbers": "table of numbers",
    "flags": "table of true and false",
    "tables": "list of tables",
    "names": "list of strings",
    "keys": "string, or list of strings",
}

_NAMES: Mapping[Kind, str] = {
    **{kind: f"a {words}" for kind, words in _DESCRIPTIONS.items()},
    "flag": "true or false",
    "names": "a list of at least one string",
    "keys": "a string, or a list of at least one string",
}


def _name(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str():
            return "a string"
        case int():
            return "a whole number"
        case float():
            return "a decimal number"
        case dict():
            return "a table"
        case list():
            return "a list" if value else "an empty list"
        case date() | time():
            return "a date or time"
        case _:
            return kind_of(value)


def in_python(complaint: str) -> str:
    """Return a complaint in the words of Python, where a table is a dict."""
    return complaint.replace("a table", "a dict").replace("list of tables", "list of dicts")


DEEPEST = 64
"""Levels of nesting that JSON may have here, as in answers."""


def not_json(value: Any, depth: int = 0) -> str | None:
    """Return what in an `extra` value has no JSON form, such as "a date or time"; `None` if all of it has one."""
    if depth > DEEPEST:
        return f"more than {DEEPEST} levels of nesting"
    match value:
        case Mapping():
            if key := next((kind_of(key) for key in value if not isinstance(key, str)), None):
                return f"{key} as a key"
            return next((found for item in value.values() if (found := not_json(item, depth + 1))), None)
        case list() | tuple():
            return next((found for item in value if (found := not_json(item, depth + 1))), None)
        case float() if not math.isfinite(value):
            return "a number that is not finite"
        case None | bool() | int() | float() | str():
            return None
        case _:
            return _name(value)
