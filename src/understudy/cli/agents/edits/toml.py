"""TOML, edited in place: a key at the root, and whole tables."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from typing import Any

from understudy.cli.agents.edits.values import GONE, CannotEdit, Path, Values

_HEADER = re.compile(r"^[ \t]*\[", re.MULTILINE)
_TRAILING = re.compile(r"(?:^[ \t]*(?:#[^\r\n]*)?\r?\n)*(?:[ \t]*(?:#[^\r\n]*)?)\Z", re.MULTILINE)
_BARE = re.compile(r"[A-Za-z0-9_-]+")


def read(text: str) -> dict[str, Any]:
    """Return the values. Raise `CannotEdit` if the text is not TOML."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CannotEdit(f"the file is not valid TOML: {error}") from error


def write(text: str, values: Values) -> str:
    """Return the text with values set or removed: strings by a path of one key, tables of strings by a longer one."""
    for path, value in values.items():
        text = _root_key(text, path[0], value) if len(path) == 1 else _table(text, path, value)
    return text


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _root_key(text: str, key: str, value: Any) -> str:
    first = _HEADER.search(text)
    root = text[: first.start()] if first else text
    line = re.compile(rf"^[ \t]*(?:{re.escape(key)}|\"{re.escape(key)}\")[ \t]*=.*(?:\r?\n|\Z)", re.MULTILINE)
    newline = _newline(text)
    written = None if value is GONE else f"{key} = {json.dumps(value)}"
    if found := line.search(root):
        if written is None:
            return text[: found.start()] + text[found.end() :]
        comment = re.search(r"=[ \t]*(?:\"[^\"\\\n]*\"|'[^'\n]*')([ \t]*#[^\r\n]*)", found.group())
        return text[: found.start()] + written + (comment[1] if comment else "") + newline + text[found.end() :]
    if written is None:
        return text
    # Ahead of everything else: only there no table and no comment on the next line can claim it.
    return f"{written}{newline}{text}"


def _table(text: str, path: Path, value: Any) -> str:
    name = ".".join(each if _BARE.fullmatch(each) else json.dumps(each) for each in path)
    newline = _newline(text)
    header = re.compile(rf"^[ \t]*\[[ \t]*{re.escape(name)}[ \t]*\][^\r\n]*(?:\r?\n|\Z)", re.MULTILINE)
    found = header.search(text)
    if value is GONE:
        return text if found is None else _joined(text[: found.start()], text[_end_of(text, found.end()) :], newline)
    lines = newline.join(f"{key} = {_dump(each)}" for key, each in value.items()) + newline
    if found is not None:
        return text[: found.end()] + lines + text[_end_of(text, found.end()) :]
    gap = "" if not text.strip() else (newline if text.endswith("\n") else newline * 2)
    return f"{text}{gap}[{name}]{newline}{lines}"


def _end_of(text: str, start: int) -> int:
    """Return where the table ends whose first line begins at `start`: blank lines and comments ahead of the next table
    belong to that."""
    following = _HEADER.search(text, start)
    body = text[start : following.start() if following else len(text)]
    trailing = _TRAILING.search(body)
    return start + (trailing.start() if trailing else len(body))


def _joined(before: str, after: str, newline: str) -> str:
    """Join what surrounded a table, without the blank line that stood between."""
    if not after.strip():
        return before.rstrip() + newline if before.strip() else ""
    return before + after.removeprefix(newline)


def _dump(value: Any) -> str:
    if isinstance(value, Mapping):
        raise CannotEdit("a table inside a table is not written")
    return json.dumps(value, ensure_ascii=False)
