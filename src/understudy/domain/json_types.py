"""The types of decoded JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Json = Any
"""A decoded JSON value."""

JsonObject = dict[str, Any]
"""A decoded JSON object."""


def built_in(value: object) -> Any:
    """Return a value of a type that encoders of JSON do not know as the built-in type that it derives from.

    These are strings and numbers of other classes, such as numpy's, and mappings that are not dicts. Raise `TypeError`
    for any other.
    """
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int.__int__(value)
    if isinstance(value, float):
        return float.__float__(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")
