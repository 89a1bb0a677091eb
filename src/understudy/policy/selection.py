"""What a name such as `entry/model` means: the one place where such names are taken apart."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec


class Selection(msgspec.Struct, frozen=True):
    """What a call's `model` names: a route, or an entry with a model of it; or nothing at all."""

    route: str | None = None
    entry: str | None = None
    model: str | None = None
    """`None`: the entry's own."""


EVERYTHING = Selection()
"""The selection of a call without a `model`."""


def split_name(name: str) -> tuple[str, str | None]:
    """Split `entry` or `entry/model`; the model may hold further slashes."""
    entry, _, model = name.partition("/")
    return entry, model or None


def select(name: str, entries: Mapping[str, Collection[str]], routes: Collection[str] = ()) -> Selection | None:
    """Return what a name selects: a route, `entry`, `entry/model`, or a model that an entry names; else `None`.

    `entries` holds by name the models that each entry names.
    """
    if name in routes:
        return Selection(route=name)
    entry, model = split_name(name)
    if entry in entries:
        return Selection(entry=entry, model=model)
    return next((Selection(entry=entry, model=name) for entry, models in entries.items() if name in models), None)


def unknown_name(name: str, entries: Collection[str], routes: Collection[str] = ()) -> str:
    """Return the message for a name that selects nothing."""
    example = next(iter(entries))
    routed = f"; the routes are {', '.join(routes)}" if routes else ""
    return f"unknown entry or model {name!r}: write {example}/{name}; the entries are {', '.join(entries)}{routed}"
