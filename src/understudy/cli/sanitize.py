"""Makes text from models and providers safe to show on a terminal.

Such text may contain control sequences, which recolour the screen, set its title, write to the clipboard or hide text.
`Sanitizer` removes them, even if a sequence is split over several pieces of a stream. Text that does not go to a
terminal is unchanged.
"""

from __future__ import annotations

import enum
import io
import re
from typing import IO

_ESC = "\x1b"
_MAX_STRING = 4096
"""Characters of a control string (such as a title) that are removed; the rest is shown as plain text."""

_BIDI = "\u202a-\u202e\u2066-\u2069"
"""Overrides and isolates of writing direction, which can display text in another order than it is written in."""
_SUSPECT = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f{_BIDI}\ud800-\udfff]")
"""All control characters except tab and newline, direction overrides, and lone surrogates."""


_UNESCAPED = re.compile(f"[\x7f-\x9f{_BIDI}]")
"""Those of them that JSON allows in a string unescaped."""


class _State(enum.Enum):
    GROUND = enum.auto()
    ESCAPE = enum.auto()
    INTERMEDIATE = enum.auto()
    """Between an escape with intermediate characters and its final one, such as the choice of a character set."""
    CSI = enum.auto()
    STRING = enum.auto()
    """Inside OSC, DCS, SOS, PM or APC."""


_INTRODUCERS = {
    "[": _State.CSI,
    "]": _State.STRING,
    "P": _State.STRING,
    "X": _State.STRING,
    "^": _State.STRING,
    "_": _State.STRING,
}
"""What follows an escape (ECMA-48); each also has a one-character form among the C1 controls."""
_C1 = {chr(ord(character) + 0x40): state for character, state in _INTRODUCERS.items()}


class Sanitizer:
    """Removes control sequences from text that arrives in pieces.

    Newlines and tabs stay; every other control character, sequence and direction override is removed. The result does
    not depend on how the text is split. An unfinished sequence at the end is never shown.
    """

    def __init__(self) -> None:
        self._state = _State.GROUND
        self._length = 0

    def feed(self, text: str) -> str:
        """Return the part of a piece that may be shown."""
        if self._state is _State.GROUND and not _SUSPECT.search(text):
            return text
        return "".join(shown for character in text if (shown := self._take(character)))

    def _take(self, character: str) -> str:
        match self._state:
            case _State.GROUND:
                return self._ground(character)
            case _State.STRING:
                return self._string(character)
            case _:
                return self._sequence(character)

    def _ground(self, character: str) -> str:
        if not _SUSPECT.match(character):
            return character
        if character == _ESC:
            self._state = _State.ESCAPE
        elif character in _C1:
            self._begin(_C1[character])
        elif "\ud800" <= character <= "\udfff":
            return "\ufffd"
        return ""

    def _begin(self, state: _State) -> str:
        self._state = state
        self._length = 0
        return ""

    def _sequence(self, character: str) -> str:
        """Continue an escape or CSI sequence; a character that cannot belong to it ends it and is text again."""
        state = self._state
        if state is _State.ESCAPE and character in _INTRODUCERS:
            return self._begin(_INTRODUCERS[character])
        inside = "\x20" <= character <= ("\x3f" if state is _State.CSI else "\x2f")
        if inside:
            self._state = _State.CSI if state is _State.CSI else _State.INTERMEDIATE
            return ""
        self._state = _State.GROUND
        final = "\x40" if state is _State.CSI else "\x30"
        return "" if final <= character <= "\x7e" else self._ground(character)

    def _string(self, character: str) -> str:
        """Continue a control string. It ends at its terminator, at a newline, or if it is too long."""
        self._length += 1
        if character == _ESC:
            # Most likely the first half of the terminator, `ESC \\`, which reads like any other short sequence.
            self._state = _State.ESCAPE
        elif character in "\x07\x18\x1a\x9c\n" or self._length > _MAX_STRING:
            self._state = _State.GROUND
        return "\n" if character == "\n" else ""


def clean(text: str) -> str:
    """Return text without control sequences."""
    return Sanitizer().feed(text)


def clean_line(text: str) -> str:
    """Return text without control sequences, on one line."""
    return " ".join(clean(text).split())


def escaped_json(text: str) -> str:
    """Return JSON in which a terminal interprets nothing: C1 controls and direction overrides become `\\uXXXX`.

    Its value is the same: outside strings JSON has none of them, and C0 controls are always escaped.
    """
    return _UNESCAPED.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


class Shown(io.BytesIO):
    """JSON on its way to a terminal; each write contains whole characters."""

    def __init__(self, terminal: IO[bytes]) -> None:
        super().__init__()
        self._terminal = terminal

    def write(self, data: bytes) -> int:  # type: ignore[override]
        """Write JSON of which the terminal interprets nothing."""
        return self._terminal.write(escaped_json(data.decode()).encode())

    def flush(self) -> None:
        """Flush what was written."""
        self._terminal.flush()
