"""What a name such as `entry/model` means: the one place where such names are taken apart."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping

import msgspec

from understudy.domain.suggestions import nearest

_FAMILY = r"[a-z]{2,}"
"""The word with which the name of a model begins: `gpt`, `claude`, `llama`."""


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


def unknown_name(name: str, entries: Mapping[str, Collection[str]], routes: Collection[str] = ()) -> str:
    """Return the message for a name that selects nothing, with the most similar name that selects something.

    `entries` holds by name the models that each entry names.
    """
    routed = f"; the routes are {', '.join(routes)}" if routes else ""
    hint = _hint(name, entries, routes)
    listed = f"he entries are {', '.join(entries)}{routed}"
    return f"unknown entry or model {name!r}: {hint}{' T' if hint.endswith('?') else '; t'}{listed}"


def _hint(name: str, entries: Mapping[str, Collection[str]], routes: Collection[str]) -> str:
    """Return what to write instead: the most similar entry or route, or a similar model of any entry."""
    entry, model = split_name(name)
    if model and (similar := nearest(entry, entries)):
        return f"did you mean {similar}/{model}?"
    models = {model: f"{entry}/{model}" for entry, models in entries.items() for model in models if model}
    similar = _most_similar(name, [*entries, *routes, *models])
    if similar is None:
        place = next(iter(entries)) if len(entries) == 1 else "ENTRY"
        return f"write {place}/{name} for a model that no entry names"
    if similar in entries or similar in routes:
        return f"did you mean {similar}?"
    meant = models[similar]
    return f"did you mean {meant}, or {split_name(meant)[0]}/{name} for another model?"


def _most_similar(name: str, known: Iterable[str]) -> str | None:
    """Return the most similar of the names that contain this one or are of its family; without any, of all."""
    wanted, known = _bare(name), list(known)
    family = re.match(_FAMILY, wanted)
    if family is not None:
        related = re.compile(rf"{family[0]}(?![a-z])|.*{re.escape(wanted)}")
        relatives = [each for each in known if related.match(_bare(each))]
        if relatives:
            return nearest(wanted, relatives, cutoff=0)
    return nearest(name, known)


def _bare(model: str) -> str:
    """Return the name of a model without its vendor."""
    return model.rpartition("/")[2].lower()
