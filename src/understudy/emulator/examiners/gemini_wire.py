"""Reads a JSON body against descriptions of messages, and words what is wrong as Google's JSON front does.

The front turns JSON into a protobuf message (https://protobuf.dev/programming-guides/json): names in camel or snake
case, null for unset, numbers as strings, one value for a list of one, enums in any case, either alphabet of base64.
What it complains about is quoted in https://github.com/zed-industries/zed/issues/44875 (unknown names),
https://github.com/zed-industries/zed/issues/53919 (lists), https://github.com/zereight/gitlab-mcp/issues/166 (values)
and https://github.com/bobrware/bobrchat/issues/135 (base64).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

_BASE64 = re.compile(r"[A-Za-z0-9+/_-]*={0,2}")
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")


class Scalar(msgspec.Struct, frozen=True):
    """A single value; `name` is what the front calls its type."""

    name: Literal["STRING", "BYTES", "INT32", "FLOAT", "BOOL", "STRUCT", "VALUE"]


class Enum(msgspec.Struct, frozen=True):
    """One of several words, in any case, or the number of one."""

    name: str
    words: frozenset[str]


class Message(msgspec.Struct, frozen=True):
    """A message that is described elsewhere."""

    name: str


class Repeated(msgspec.Struct, frozen=True):
    """A list."""

    of: Kind


class Table(msgspec.Struct, frozen=True):
    """A map from names to values."""

    of: Kind


class Fields(msgspec.Struct, frozen=True):
    """The fields of a message by their names in camel case; at most one of those in `oneof` may be set."""

    kinds: Mapping[str, Kind]
    oneof: frozenset[str] = frozenset()


Kind = Scalar | Enum | Message | Repeated | Table
Messages = Mapping[str, Fields]


def snake(name: str) -> str:
    """Return a name in snake case, as the front's complaints have it."""
    return re.sub(r"[A-Z]", lambda found: f"_{found[0].lower()}", name)


def decodes(data: str) -> bool:
    """Check whether a string is base64 in the standard alphabet or the one for URLs, with or without padding."""
    return _BASE64.fullmatch(data) is not None and len(data.rstrip("=")) % 4 != 1


class Reader:
    """Reads one body; `faults` has what is wrong with it, by kind."""

    def __init__(self, messages: Messages) -> None:
        self._messages = messages
        self.faults: list[tuple[Literal["name", "value", "oneof"], str]] = []

    def message(self, name: str, value: Any, path: str = "") -> dict[str, Any]:
        """Return a message with its names in camel case, its lists as lists, and nothing that is null."""
        fields = self._messages[name]
        if not isinstance(value, dict):
            self._value(path, f"type.googleapis.com/google.ai.generativelanguage.v1beta.{name}", value)
            return {}
        known = {snake(field): field for field in fields.kinds}
        found: dict[str, Any] = {}
        for given, inner in value.items():
            field = given if given in fields.kinds else known.get(given)
            if field is None:
                self._unknown(given, path, "Cannot find field.")
            elif inner is not None:
                self._set(found, field, fields, inner, path)
        return found

    def _set(self, found: dict[str, Any], field: str, fields: Fields, value: Any, path: str) -> None:
        taken = next((name for name in fields.oneof if name in found), None) if field in fields.oneof else None
        if taken is not None:
            where = path or "request"
            words = f"oneof field 'data' is already set. Cannot set '{field}'"
            self.faults.append(("oneof", f"Invalid value at '{where}' (oneof), {words}"))
            return
        found[field] = self._kind(fields.kinds[field], value, field, path)

    def _kind(self, kind: Kind, value: Any, field: str, path: str) -> Any:
        inner = f"{path}.{snake(field)}" if path else snake(field)
        match kind:
            case Repeated(of):
                values = value if isinstance(value, list) else [value]
                return [self._one(of, one, f"{inner}[{at}]") for at, one in enumerate(values)]
            case Table(of):
                if not isinstance(value, dict):
                    self._value(inner, "Map", value)
                    return {}
                return {key: self._one(of, one, f"{inner}[{at}].value") for at, (key, one) in enumerate(value.items())}
            case Scalar("VALUE"):
                return value
            case _ if isinstance(value, list):
                self._unknown(field, path, "Proto field is not repeating, cannot start list.")
                return None
            case _:
                return self._one(kind, value, inner)

    def _one(self, kind: Kind, value: Any, path: str) -> Any:
        match kind:
            case Message(name):
                return self.message(name, value, path)
            case Enum(name, words):
                if isinstance(value, str) and value.upper() in words:
                    return value.upper()
                if isinstance(value, bool) or not isinstance(value, int):
                    self._value(path, f"type.googleapis.com/google.ai.generativelanguage.v1beta.{name}", value)
            case Scalar(name):
                self._scalar(name, value, path)
                if name in ("INT32", "FLOAT") and isinstance(value, str):
                    return float(value) if _is_number(value) else 0
            case Repeated() | Table():
                raise AssertionError("lists and maps are not nested")
        return value

    def _scalar(self, name: str, value: Any, path: str) -> None:
        if name == "BYTES" and isinstance(value, str) and not decodes(value):
            self.faults.append(
                ("value", f"Invalid value at '{path}' (TYPE_BYTES), Base64 decoding failed for \"{value[:80]}\"")
            )
        elif not _fits(name, value):
            self._value(path, f"TYPE_{name}", value)

    def _unknown(self, name: str, path: str, complaint: str) -> None:
        where = f" at '{path}'" if path else ""
        self.faults.append(("name", f'Invalid JSON payload received. Unknown name "{name}"{where}: {complaint}'))

    def _value(self, path: str, type_name: str, value: Any) -> None:
        shown = f'"{value}"' if isinstance(value, str) else str(value)
        self.faults.append(("value", f"Invalid value at '{path}' ({type_name}), {shown[:80]}"))


def _fits(name: str, value: Any) -> bool:
    match name:
        case "STRING" | "BYTES":
            return isinstance(value, str)
        case "BOOL":
            return isinstance(value, bool)
        case "STRUCT":
            return isinstance(value, dict)
        case "INT32":
            return (
                _is_number(value)
                and abs(value if isinstance(value, int) else float(value)) < 2**31
                and _is_whole(value)
            )
        case "FLOAT":
            return _is_number(value)
        case _:
            return True


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) or float(value).is_integer()


def _is_number(value: Any) -> bool:
    if isinstance(value, str):
        return _NUMBER.fullmatch(value) is not None
    return isinstance(value, int | float) and not isinstance(value, bool)
