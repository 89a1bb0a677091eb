"""Edits a text of any of the formats, and proves that nothing else has changed."""

from __future__ import annotations

import json as strict
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from understudy.cli.agents.edits import jsonc, lines, toml
from understudy.cli.agents.edits.values import GONE, CannotEdit, Values, value_at, with_values

__all__ = ["GONE", "CannotEdit", "edit", "read_values", "value_at"]


def _read_json(text: str) -> dict[str, Any]:
    try:
        strict.loads(text or "{}")
    except ValueError as error:
        raise CannotEdit(f"the file is not valid JSON: {error}") from error
    return jsonc.read(text)


class _Format(NamedTuple):
    read: Callable[[str], dict[str, Any]]
    write: Callable[[str, Values], str]


_FORMATS: Mapping[str, _Format] = {
    "json": _Format(_read_json, jsonc.write),
    "jsonc": _Format(jsonc.read, jsonc.write),
    "toml": _Format(toml.read, toml.write),
    "dotenv": _Format(lines.read_variables, lines.write_variables),
    "yaml": _Format(lines.read_yaml, lines.write_yaml),
}


def read_values(text: str, format_: str) -> dict[str, Any]:
    """Return the values of a file. Raise `CannotEdit` if it is not valid."""
    return _FORMATS[format_].read(text)


def edit(text: str, format_: str, values: Values) -> str:
    """Return the text with values set, or removed where they are `GONE`.

    Raise `CannotEdit` if the text cannot be read, or if the result would differ from it in anything else.
    """
    read, write = _FORMATS[format_]
    before = read(text)
    changing = {path: value for path, value in values.items() if value_at(before, path) != value}
    if not changing:
        return text
    meant = with_values(before, changing)
    after = write(text, changing)
    try:
        is_meant = read(after) == meant
    except CannotEdit:
        is_meant = False
    if not is_meant:
        raise CannotEdit("its form makes it unsafe to change a single value")
    return after
