"""Whose part an emulated model plays, and how that provider's models show themselves."""

from __future__ import annotations

from typing import Literal

import msgspec

EPOCH = 1_767_225_600
"""Unix seconds of the first request, 2026-01-01: emulators read no clock, so that their answers never change."""


class Persona(msgspec.Struct, frozen=True, kw_only=True):
    """What an answer looks like at one provider, in one dialect."""

    title: str
    answer_prefix: str = "chatcmpl-"
    """What the ids of answers begin with; empty where answers have none."""
    call_prefix: str = "call_"
    thinking: Literal["shown", "signed", "summary", "hidden"] = "hidden"
    """Whether thinking is shown: as text, as text with a signature, as a summary where asked for, or not at all."""
    counts_reasoning: bool = True
    """Usage tells reasoning apart from the answer."""
    stop_word: str | None = None
    """The provider's word for an end at a stop sequence, where it has an own one."""
    durations: bool = False
    """Tells how long everything took, in nanoseconds."""


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """One answer to be given."""

    persona: Persona
    model: str
    number: int = 1
    """Counts the requests of the emulator; ids and times are made of it."""
    cache_read: int = 0
    cache_write: int = 0
    cache_write_1h: int = 0

    @property
    def answer_id(self) -> str | None:
        """The id of the answer."""
        prefix = self.persona.answer_prefix
        return f"{prefix}emulated{self.number:08d}" if prefix else None

    @property
    def created(self) -> float:
        """When the answer was given, in Unix seconds of the emulator's own time."""
        return float(EPOCH + self.number)

    def call_id(self, position: int) -> str:
        """Return the id of the answer's tool call at that position."""
        return f"{self.persona.call_prefix}emulated{self.number:06d}{position:02d}"
