"""Degradation as data: what could not be expressed in a wire format is reported with the result."""

from __future__ import annotations

import enum

import msgspec


class WarningKind(enum.StrEnum):
    """What was done with something that the target cannot express, or that cannot be done as usual."""

    DROPPED = "dropped"
    CLAMPED = "clamped"
    RENAMED = "renamed"
    EMULATED = "emulated"
    DEGRADED = "degraded"
    """It is done in a way that serves as long as something is away, such as the server of the limits."""


class Warning(msgspec.Struct, frozen=True):  # noqa: A001 - the public name; it is never raised
    """One degradation: `what` names the field or part, `why` gives the reason in a sentence."""

    kind: WarningKind
    what: str
    why: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.what} ({self.why})"
