"""What the rules of the Gemini API read from a request."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Literal

import msgspec

from understudy.domain.content import JsonObject
from understudy.domain.operation import Operation
from understudy.emulator.cast.base import Check, CheckedRequest, Words
from understudy.emulator.examiners.gemini_fields import MESSAGES
from understudy.emulator.examiners.gemini_wire import Reader

_MODEL = re.compile(r"gemini-(?P<major>\d+)(?:\.(?P<minor>\d+))?-(?P<line>[a-z-]+)")


class Family(msgspec.Struct, frozen=True):
    """The generation of a model, and its line within it, such as `flash-lite`."""

    version: tuple[int, int]
    line: str


class Body(msgspec.Struct, frozen=True):
    """A body in the form in which the service has it after its JSON front."""

    request: CheckedRequest
    root: str
    """The name of its message, which begins the paths in complaints."""
    fields: JsonObject
    faults: tuple[tuple[str, str], ...]

    def config(self, *names: str) -> JsonObject:
        """Return the object under these names; an empty one where it is missing."""
        found: Any = self.fields
        for name in names:
            found = found.get(name, {})
        return found if isinstance(found, dict) else {}

    @property
    def contents(self) -> list[JsonObject]:
        """The conversation."""
        found: list[JsonObject] = self.fields.get("contents", [])
        return found

    @property
    def family(self) -> Family | None:
        """The family of the requested model, where its name tells it."""
        found = _MODEL.match(self.request.model_name or "")
        return found and Family((int(found["major"]), int(found["minor"] or 0)), found["line"].strip("-"))

    def at_least(self, major: int, minor: int = 0) -> bool:
        """Check whether the model is known to be of this generation or a later one."""
        return self.family is not None and self.family.version >= (major, minor)

    def before(self, major: int, minor: int = 0) -> bool:
        """Check whether the model is known to be of an earlier generation."""
        return self.family is not None and self.family.version < (major, minor)

    def declarations(self) -> Iterator[tuple[str, JsonObject]]:
        """Yield the declared functions with their paths."""
        for at, tool in enumerate(self.fields.get("tools", [])):
            for n, declaration in enumerate(tool.get("functionDeclarations", [])):
                yield f"{self.root}.tools[{at}].function_declarations[{n}]", declaration

    def parts(self) -> Iterator[tuple[str, JsonObject]]:
        """Yield the parts of the conversation with their paths."""
        for at, content in enumerate(self.contents):
            for n, part in enumerate(content.get("parts", [])):
                yield f"{self.root}.contents[{at}].parts[{n}]", part


def invalid(message: str) -> Words:
    """Return a complaint."""
    return Words(400, message, "INVALID_ARGUMENT")


def at_field(path: str, complaint: str) -> Words:
    """Return a complaint about a field."""
    return invalid(f"* {path}: {complaint}")


def calls(content: JsonObject) -> list[JsonObject]:
    """Return the function calls in a content."""
    return [part["functionCall"] for part in content.get("parts", []) if "functionCall" in part]


def responses(content: JsonObject) -> list[JsonObject]:
    """Return the function responses in a content."""
    return [part["functionResponse"] for part in content.get("parts", []) if "functionResponse" in part]


def _root(request: CheckedRequest) -> str:
    if request.operation is Operation.COUNT_TOKENS:
        return "CountTokensRequest"
    if request.operation is Operation.EMBED:
        return "EmbedContentRequest" if request.path.endswith(":embedContent") else "BatchEmbedContentsRequest"
    return "GenerateContentRequest"


class _Readings:
    """Remembers the last body that was read: all the rules of a request ask about the same."""

    def __init__(self) -> None:
        self._last: Body | None = None

    def of(self, request: CheckedRequest) -> Body:
        last = self._last
        if last is None or last.request is not request:
            last = self._last = _read(request)
        return last


def _read(request: CheckedRequest) -> Body:
    root, reader = _root(request), Reader(MESSAGES)
    fields = reader.message(root, request.body)
    if isinstance(inner := fields.get("generateContentRequest"), dict):
        return Body(request, f"{root}.generate_content_request", inner, tuple(reader.faults))
    return Body(request, root, fields, tuple(reader.faults))


_readings = _Readings()


def front(fault: Literal["name", "value", "oneof"]) -> Check:
    """Return a check that reports what the JSON front finds of this kind."""

    def check(request: CheckedRequest) -> Words | None:
        found = next((words for kind, words in _readings.of(request).faults if kind == fault), None)
        return invalid(found) if found else None

    return check


def read(check: Callable[[Body], Words | None]) -> Check:
    """Return a check of bodies that the JSON front lets through; what is wrong with others, `front` reports."""

    def checked(request: CheckedRequest) -> Words | None:
        body = _readings.of(request)
        return None if body.faults else check(body)

    return checked
