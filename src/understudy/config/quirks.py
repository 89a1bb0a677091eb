"""Reads tables of quirks: their keys and values are those of `QuirksPatch`, whose types are what is checked."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from understudy.config.lines import KeyPath
from understudy.config.tables import Context
from understudy.dialects.quirks import QuirksPatch


def read_quirks(context: Context, table: Mapping[str, Any], path: KeyPath) -> QuirksPatch:
    """Return the good ones of the quirks; what is wrong goes to the report."""
    types = _types()
    context.report.unknown_keys(table, path, f"the quirks of {path[2]}", types)
    quirks: QuirksPatch = {}
    for key, value in table.items():
        if key not in types:
            continue
        try:
            quirks[key] = msgspec.convert(value, types[key])  # type: ignore[literal-required]  # checked above
        except msgspec.ValidationError:
            context.report.error((*path, key), f"{key} has a wrong value", f"it must be {_described(types[key])}")
    return quirks


@cache
def _types() -> Mapping[str, Any]:
    return get_type_hints(QuirksPatch)


def _described(kind: Any) -> str:
    """Return a type in words: "true or false", "a list of texts"."""
    arguments = get_args(kind)
    match get_origin(kind):
        case origin if origin in (Union, UnionType):
            # TOML has no null: to leave a quirk unset is to leave it away.
            return " or ".join(_described(each) for each in arguments if each is not NoneType)
        case origin if origin is Literal:
            return " or ".join(f'"{each}"' for each in arguments)
        case origin if origin is frozenset:
            return "a list of texts"
        case origin if origin is tuple:
            return f"a list such as {_shape(kind)}"
        case _:
            return {bool: "true or false", int: "a whole number", str: "a text"}[kind]


def _shape(kind: Any) -> str:
    """Return a list's form, such as `[["text", ["text"]]]`."""
    if get_origin(kind) in (tuple, frozenset):
        inner = [_shape(each) for each in get_args(kind) if each is not Ellipsis]
        return f"[{', '.join(inner)}]"
    return '"text"' if kind is str else "1"
