"""The input of a custom tool, read from the arguments of the function that stands for it, as they arrive."""

from __future__ import annotations

import json
import re

import msgspec

from understudy.domain.content import Json
from understudy.gateway.flattening import INPUT

_OPENING = re.compile(rf'\s*\{{\s*"{INPUT}"\s*:\s*"')
_PIECE = re.compile(r'(?:[^"\\]++|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))++')
_HIGH = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\Z")
"""The first half of a character beyond the basic plane, whose other half is still to come."""


class InputReader:
    """Reads `{"input": "…"}` piece by piece. What a model writes instead is handed over as it stands, at the end."""

    __slots__ = ("_is_inside", "_is_over", "_rest")

    def __init__(self) -> None:
        self._rest = ""
        """What has arrived and was not handed over."""
        self._is_inside = False
        self._is_over = False

    def feed(self, piece: str) -> str:
        """Return what is new of the input."""
        if self._is_over:
            return ""
        self._rest += piece
        if not self._is_inside:
            opening = _OPENING.match(self._rest)
            if opening is None:
                return ""
            self._is_inside, self._rest = True, self._rest[opening.end() :]
        found = _PIECE.match(self._rest)
        end = found.end() if found is not None else 0
        if (half := _HIGH.search(self._rest[:end])) is not None and not self._rest[end:].startswith('"'):
            end = half.start()
        text, self._rest = _decoded(self._rest[:end]), self._rest[end:]
        self._is_over = self._rest.startswith('"')
        return text

    def close(self) -> str:
        """Return the rest of the input: nothing, unless the arguments were not of the expected form."""
        if self._is_over:
            return ""
        self._is_over = True
        return self._rest if self._is_inside else whole_input(self._rest)


def whole_input(arguments: str) -> str:
    """Return the input in the arguments of a call; the arguments as they stand, if they are of another form."""
    try:
        value: Json = msgspec.json.decode(arguments or "{}")
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        reader = InputReader()
        return reader.feed(arguments) + reader.close() if _OPENING.match(arguments) else arguments
    match value:
        case {"input": str(text)} | str(text):
            return text
        case {}:
            return arguments if value else ""
        case _:
            return arguments


def _decoded(raw: str) -> str:
    """Return a piece of a JSON string without its escapes. Control characters that should be escaped are kept."""
    if "\\" not in raw:
        return raw
    text = str(json.loads(f'"{raw}"', strict=False))
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
