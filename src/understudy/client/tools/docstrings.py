"""Reads docstrings: what a function does, and what its parameters mean, in the styles of Google, NumPy and Sphinx."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import NamedTuple

_PARAMETERS = frozenset({"args", "arguments", "parameters", "params", "keyword args", "keyword arguments"})
_PARAMETERS_TOO = frozenset({"other parameters"})
_OTHERS = frozenset(
    {"returns", "return", "yields", "yield", "raises", "raise", "receives", "warns", "attributes", "methods"}
    | {"example", "examples", "see also", "references", "todo"}
)
_SECTIONS = _PARAMETERS | _PARAMETERS_TOO | _OTHERS
"""Titles of sections, in lower case; a section with any other title, such as `Note`, is part of the description."""

_FIELD = re.compile(r"[:@](?P<kind>\w+)(?:\s+(?P<argument>[^:]+?))?\s*:(?P<text>.*)")
"""A field of Sphinx (`:param int count: how many`) or Epytext (`@param count: how many`)."""
_FIELDS = frozenset({"param", "parameter", "arg", "argument", "key", "keyword"})
_ENTRY = re.compile(r"\*{0,2}(?P<name>\w+)\s*(?:\(.*?\)\s*)?:\s?(?P<text>.*)")
"""A parameter in a section of Google's style: `count (int, optional): how many`."""
_UNDERLINE = re.compile(r"[-=]{3,}")


class Docstring(NamedTuple):
    """A docstring by its meaning."""

    description: str | None = None
    parameters: dict[str, str] = {}  # noqa: RUF012 - never changed


def read_docstring(text: str | None) -> Docstring:
    """Return the description and those of the parameters. A docstring in no known style is all description."""
    if not text or not text.strip():
        return Docstring()
    first = text.lstrip().split("\n", 1)[0]
    # Without a line before it, `cleandoc` would take the indentation of a section's body away.
    lines = inspect.cleandoc(f"\n{text}" if first.rstrip(" :").lower() in _SECTIONS else text).splitlines()
    description: list[str] = []
    parameters: dict[str, str] = {}
    at = 0
    while at < len(lines):
        title, body = _section_title(lines, at)
        if title is not None:
            end = _section_end(lines, body)
            if title in _PARAMETERS or title in _PARAMETERS_TOO:
                numpy = body == at + 2
                parameters |= dict((_numpy_entries if numpy else _google_entries)(lines[body:end]))
            at = end
        elif found := _FIELD.fullmatch(lines[at].strip()):
            end = _indented_end(lines, at + 1)
            if found["kind"] in _FIELDS and found["argument"]:
                parameters[found["argument"].split()[-1].lstrip("*")] = _joined([found["text"], *lines[at + 1 : end]])
            at = end
        else:
            description.append(lines[at])
            at += 1
    return Docstring("\n".join(description).strip() or None, {name: text for name, text in parameters.items() if text})


def _section_title(lines: list[str], at: int) -> tuple[str | None, int]:
    """Return the title of the section that begins at a line, and the line where its body begins; else `None`."""
    line = lines[at].strip()
    if lines[at][:1].isspace() or not line:
        return None, at
    if at + 1 < len(lines) and _UNDERLINE.fullmatch(lines[at + 1].strip()) and line.lower() in _SECTIONS:
        return line.lower(), at + 2
    title = line[:-1].lower() if line.endswith(":") else None
    return (title if title in _SECTIONS else None), at + 1


def _section_end(lines: list[str], start: int) -> int:
    """Return the line where the section ends whose body begins at `start`."""
    numpy = start >= 2 and _UNDERLINE.fullmatch(lines[start - 1].strip())
    for at in range(start, len(lines)):
        if _section_title(lines, at)[0] is not None:
            return at
        if not numpy and lines[at].strip() and not lines[at][:1].isspace():
            return at
    return len(lines)


def _indented_end(lines: list[str], start: int) -> int:
    """Return the line after the indented ones that continue a field."""
    at = start
    while at < len(lines) and lines[at].strip() and lines[at][:1].isspace():
        at += 1
    return at


def _google_entries(lines: list[str]) -> Iterator[tuple[str, str]]:
    indent = min((_indent(line) for line in lines if line.strip()), default=0)
    name, text = "", [""]
    for line in lines:
        found = _ENTRY.fullmatch(line.strip()) if _indent(line) == indent else None
        if found is None:
            text.append(line)
            continue
        if name:
            yield name, _joined(text)
        name, text = found["name"], [found["text"]]
    if name:
        yield name, _joined(text)


def _numpy_entries(lines: list[str]) -> Iterator[tuple[str, str]]:
    names: list[str] = []
    text: list[str] = []
    for line in (*lines, "end"):
        if not line.strip() or line[:1].isspace():
            text.append(line)
            continue
        for name in names:
            yield name, _joined(text)
        names = [each.strip().lstrip("*") for each in line.split(":")[0].split(",")]
        text = []


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _joined(lines: list[str]) -> str:
    """Return the lines of one description as one line."""
    return " ".join(" ".join(lines).split())
