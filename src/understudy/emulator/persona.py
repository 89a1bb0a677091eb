"""The part that an emulated model plays, and what the answers of that provider's models look like."""

from __future__ import annotations

from typing import Literal

import msgspec

EPOCH = 1_767_225_600
"""Unix seconds of the first request, 2026-01-01: emulators read no clock, so that their answers never change."""


class Persona(msgspec.Struct, frozen=True, kw_only=True):
    """The look of an answer at one provider, in one dialect."""

    title: str
    answer_prefix: str = "chatcmpl-"
    """The prefix of answer ids; empty where answers have no id."""
    call_prefix: str = "call_"
    thinking: Literal["shown", "signed", "summary", "encrypted", "hidden"] = "hidden"
    """How thinking is shown: as text, as text with a signature, as a summary on request,
    as such a summary with the encrypted whole, or not at all."""
    counts_reasoning: bool = True
    """Whether usage counts reasoning apart from the answer."""
    stop_word: str | None = None
    """The provider's own word for an end at a stop sequence, where it has one."""
    durations: bool = False
    """Whether the answer reports durations, in nanoseconds."""


class Cached(msgspec.Struct, frozen=True):
    """The tokens of a prompt that were read from the cache, and those written to it."""

    read: int = 0
    write: int = 0
    write_1h: int = 0


class Performance(msgspec.Struct, frozen=True, kw_only=True):
    """An answer to be given."""

    persona: Persona
    model: str
    number: int = 1
    """Counts the requests of the emulator; ids and times are derived from it."""
    cached: Cached = Cached()

    @property
    def answer_id(self) -> str | None:
        """The id of the answer."""
        prefix = self.persona.answer_prefix
        return f"{prefix}emulated{self.number:08d}" if prefix else None

    @property
    def created(self) -> float:
        """The time of the answer, in Unix seconds of the emulator's own clock."""
        return float(EPOCH + self.number)

    def call_id(self, position: int) -> str:
        """Return the id of the answer's tool call at this position."""
        return f"{self.persona.call_prefix}emulated{self.number:06d}{position:02d}"
