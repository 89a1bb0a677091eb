"""JSON with comments and trailing commas, edited in place.

`read` accepts what VS Code's parser calls JSONC, which Gemini CLI and opencode read; strict JSON is a part of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from understudy.cli.agents.edits.values import GONE, CannotEdit, Path, Values

_BLANK = re.compile(r"(?:[ \t\r\n]+|//[^\r\n]*|/\*.*?\*/)*", re.DOTALL)
_SCALAR = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"|-?\d[\d.eE+-]*|true|false|null')
_LINE_END = re.compile(r"[ \t]*(?://[^\r\n]*|/\*[^\r\n]*?\*/)?")
"""A comment behind a value belongs to its line."""
_DEEPEST = 200


class Member(msgspec.Struct, frozen=True):
    """A key of an object and its value, with their places in the text."""

    key: str
    start: int
    value: Node


class Node(msgspec.Struct, frozen=True):
    """A value and its place in the text."""

    start: int
    end: int
    value: Any
    members: tuple[Member, ...] = ()


def read(text: str) -> dict[str, Any]:
    """Return the values. Raise `CannotEdit` if the text is not an object."""
    if not _BLANK.sub("", text, count=1):
        return {}
    root = _Parser(text).document()
    if not isinstance(root.value, dict):
        raise CannotEdit("the file does not contain an object")
    return root.value


def write(text: str, values: Values) -> str:
    """Return the text with values set or removed."""
    if not _BLANK.sub("", text, count=1):
        text = text.rstrip() + ("\n" if text.strip() else "") + "{}\n"
    for path, value in values.items():
        text = _removed(text, path) if value is GONE else _set(text, path, value)
    return text


class _Parser:
    """Reads a text into nodes."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.depth = 0

    def document(self) -> Node:
        self.blank()
        node = self.value()
        self.blank()
        if self.at != len(self.text):
            raise self.wrong()
        return node

    def blank(self) -> None:
        match = _BLANK.match(self.text, self.at)
        self.at = match.end() if match else self.at

    def wrong(self) -> CannotEdit:
        line = self.text.count("\n", 0, self.at) + 1
        return CannotEdit(f"line {line} is not valid JSON")

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def value(self) -> Node:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise CannotEdit("the file nests too deeply")
        start = self.at
        match self.peek():
            case "{":
                members = tuple(self.members())
                keys = [member.key for member in members]
                if len(set(keys)) < len(keys):
                    raise CannotEdit(f"an object has the same key twice: {max(keys, key=keys.count)}")
                node = Node(start, self.at, {each.key: each.value.value for each in members}, members)
            case "[":
                items = [each.value for each in self.items("]")]
                node = Node(start, self.at, items)
            case _:
                node = self.scalar()
        self.depth -= 1
        return node

    def scalar(self) -> Node:
        match = _SCALAR.match(self.text, self.at)
        if match is None:
            raise self.wrong()
        try:
            value = json.loads(match.group())
        except ValueError as error:
            raise self.wrong() from error
        start, self.at = self.at, match.end()
        return Node(start, self.at, value)

    def members(self) -> Iterator[Member]:
        for key in self.items("}"):
            if not isinstance(key.value, str):
                raise self.wrong()
            self.blank()
            if self.peek() != ":":
                raise self.wrong()
            self.at += 1
            self.blank()
            yield Member(key.value, key.start, self.value())

    def items(self, end: str) -> Iterator[Node]:
        """Yield the values up to a closing bracket; the caller reads what follows each of them."""
        self.at += 1
        self.blank()
        while self.peek() != end:
            yield self.value()
            self.blank()
            if self.peek() == ",":
                self.at += 1
                self.blank()
            elif self.peek() != end:
                raise self.wrong()
        self.at += 1


def _find(root: Node, path: Path) -> list[tuple[Node, Member | None]]:
    """Return the objects along a path, each with the member that the path takes there, as far as they exist."""
    steps: list[tuple[Node, Member | None]] = []
    here = root
    for key in path:
        if not isinstance(here.value, dict):
            raise CannotEdit(f"{'.'.join(path[: len(steps)])} is not an object")
        member = next((each for each in here.members if each.key == key), None)
        steps.append((here, member))
        if member is None:
            break
        here = member.value
    return steps


def _set(text: str, path: Path, value: Any) -> str:
    steps = _find(_Parser(text).document(), path)
    owner, member = steps[-1]
    unit = _unit(text)
    indent = _indent_of(text, owner.start)
    newline = "\r\n" if "\r\n" in text else "\n"
    if member is not None:
        written = _dump(value, unit, newline + indent + unit)
        return text[: member.value.start] + written + text[member.value.end :]
    for key in reversed(path[len(steps) :]):
        value = {key: value}
    written = f"{json.dumps(path[len(steps) - 1])}: {_dump(value, unit, newline + indent + unit)}"
    return _inserted(text, owner, written, newline)


def _inserted(text: str, owner: Node, written: str, newline: str) -> str:
    """Return the text with a member after the last one of an object, in the style of the others."""
    start, end = owner.start + 1, owner.end - 1
    if not owner.members:
        indent = _indent_of(text, owner.start)
        comments = text[start:end].rstrip()
        return text[:start] + f"{comments}{newline}{indent}{_unit(text)}{written}{newline}{indent}" + text[end:]
    last = owner.members[-1].value.end
    comma = _comma(text[last:end])
    if "\n" not in text[owner.start : owner.end]:
        rest = text[last:end] if comma is None else text[last : last + comma] + text[last + comma + 1 : end]
        return text[:last] + f", {written}" + rest + text[end:]
    place = last if comma is None else last + comma + 1
    line_end = _LINE_END.match(text, place, end)
    cut = line_end.end() if line_end else place
    before = text[:last] + ("," if comma is None else text[last:place]) + text[place:cut]
    line = newline + _indent_of(text, owner.members[-1].start)
    return before + line + written + ("" if comma is None else ",") + text[cut:]


def _removed(text: str, path: Path) -> str:
    steps = _find(_Parser(text).document(), path)
    owner, member = steps[-1]
    if member is None or len(steps) < len(path):
        return text
    while len(owner.members) == 1 and len(steps) > 1:
        steps.pop()
        owner, member = steps[-1]
    if member is None:
        return text
    place = owner.members.index(member)
    start, end = member.start, member.value.end
    comma = _comma(text[end : owner.end - 1 if member is owner.members[-1] else owner.members[place + 1].start])
    if comma is not None:
        end += comma + 1
    elif place:
        before = owner.members[place - 1].value.end
        found = _comma(text[before:start])
        gap = text[before : before + (found or 0)] + text[before + (found or 0) + 1 : start]
        # What stands between, such as a comment, stays, and so does the end of its line.
        gap = gap.rstrip(" \t")
        if re.match(r"[ \t]*\r?\n", text[end:]):
            gap = gap.removesuffix("\n").removesuffix("\r")
        return text[:before] + gap + text[end:]
    line = text.rfind("\n", 0, start) + 1
    if text[line:start].strip() == "" and (rest := re.match(r"[ \t]*\r?\n", text[end:])):
        return text[:line] + text[end + rest.end() :]
    return text[:start] + text[end:].lstrip(" ")


def _comma(text: str) -> int | None:
    """Return the place of the first comma outside comments."""
    match = _BLANK.match(text)
    at = match.end() if match else 0
    return at if text[at : at + 1] == "," else None


def _unit(text: str) -> str:
    """Return the indentation of the first member, as a unit for all of them."""
    found = re.search(r'^([ \t]+)"', text, re.MULTILINE)
    return found[1] if found else "  "


def _indent_of(text: str, at: int) -> str:
    """Return the white space at the beginning of a line."""
    line = text[text.rfind("\n", 0, at) + 1 :]
    return line[: len(line) - len(line.lstrip(" \t"))]


def _dump(value: Any, unit: str, line: str) -> str:
    """Return a value as JSON whose further lines begin with `line`."""
    return json.dumps(value, indent=unit, ensure_ascii=False).replace("\n", line)
