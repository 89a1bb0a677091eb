"""Removes secrets from streamed bodies: also those that a stream repeats in pieces."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from understudy.testing.scrubbing import Scrubber

_PREFIX = "data:"
Path = tuple[str | int, ...]


def scrub_lines(lines: list[str], scrubber: Scrubber) -> list[str]:
    """Return the lines of a text without secrets.

    Lines that hold JSON (with `data:` in front, or alone) are read as the pieces of one answer: strings at the same
    place of successive objects are put together, and a secret in the whole is removed from its pieces.
    """
    objects = {at: found for at, line in enumerate(lines) if (found := _object_in(line)) is not None}
    for _, value in objects.values():
        scrubber.learn_body(value)
    joined: dict[Path, list[tuple[int, str]]] = {}
    for at, (_, value) in objects.items():
        for path, text in _strings(value, ()):
            joined.setdefault(path, []).append((at, text))
    changed = dict(enumerate(lines))
    for path, pieces in joined.items():
        whole = "".join(text for _, text in pieces)
        clean = scrubber.text(whole)
        if len(pieces) > 1 and clean != whole and clean != "".join(scrubber.text(text) for _, text in pieces):
            for number, (at, _) in enumerate(pieces):
                prefix, value = objects[at]
                _put(value, path, clean if number == 0 else "")
                changed[at] = prefix + json.dumps(value, ensure_ascii=False)
    return [_scrubbed(line, scrubber) for line in changed.values()]


def _scrubbed(line: str, scrubber: Scrubber) -> str:
    """Return a line without secrets; JSON is written anew only if it changes."""
    found = _object_in(line)
    if found is not None:
        clean = scrubber.value(found[1])
        if clean != found[1]:
            return found[0] + json.dumps(clean, ensure_ascii=False)
    return scrubber.text(line)


def _object_in(line: str) -> tuple[str, dict[str, Any]] | None:
    """Return what stands in front of the JSON object of a line, and the object."""
    start = len(_PREFIX) if line.startswith(_PREFIX) else 0
    rest = line[start:]
    text = rest.lstrip()
    if not text.startswith("{"):
        return None
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return (line[: start + len(rest) - len(text)], value) if isinstance(value, dict) else None


def _strings(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    match value:
        case str():
            yield path, value
        case list():
            for at, each in enumerate(value):
                yield from _strings(each, (*path, at))
        case dict():
            for name, each in value.items():
                yield from _strings(each, (*path, name))


def _put(value: Any, path: Path, text: str) -> None:
    for step in path[:-1]:
        value = value[step]
    value[path[-1]] = text
