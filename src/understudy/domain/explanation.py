"""The explanation of a finished request: where each target stood and why, what was skipped, and what happened when."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal, TypeVar

import msgspec

from understudy.domain.plain import Plain

Happening = Literal[
    "launched",
    "probed",
    "hedged",
    "began",
    "failed",
    "denied",
    "skipped",
    "decided",
    "waiting",
    "committed",
    "restarted",
    "continued",
    "aborted",
    "ended",
    "cancelled",
    "settled",
]
"""What an event of a timeline is: see the table in docs/fallback.md."""


class PlannedTarget(msgspec.Struct, frozen=True, kw_only=True):
    """A target of the plan, and the reason for its place."""

    place: int
    """1 for the target that is asked first."""
    target: str
    why: str = ""


class SkippedTarget(msgspec.Struct, frozen=True, kw_only=True):
    """A target that the plan leaves out, and the reason."""

    target: str
    why: str = ""


class TimelineEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that happened. Times are seconds since the request began."""

    at: float
    what: Happening
    attempt: int | None = None
    """The number of the attempt that it is about, as in `AttemptRecord.number`."""
    batch: int | None = None
    """Of an embedding in several batches: the number of the batch, from 1."""
    target: str | None = None
    """The target that it is about: `entry/model`."""
    key: str | None = None
    """Which key of the entry's pool an attempt uses, such as `2 of 3`."""
    why: str = ""
    until: float | None = None
    """When a wait or a cooldown ends; `None` if that is open."""

    def __str__(self) -> str:
        batch = f"batch {self.batch}: " if self.batch is not None else ""
        number = f"attempt {self.attempt}" if self.attempt is not None else ""
        about = ", ".join(filter(None, (number, self.target, f"key {self.key}" if self.key else "")))
        until = f" until {self.until:.3f} s" if self.until is not None else ""
        why = f": {self.why}" if self.why else ""
        return f"{self.at:.3f} s {batch}{self.what}{' ' if about else ''}{about}{until}{why}"


class Explanation(msgspec.Struct, Plain, frozen=True, kw_only=True):
    """The course of a request, and the reasons. It holds no text of the prompt or of the answer, and no key."""

    request_id: str
    started: float
    """Unix seconds."""
    why: str = ""
    """What decided the order of the targets."""
    route: str | None = None
    """The named route that the call selected."""
    task: str | None = None
    """The task that the request was planned for."""
    steps: tuple[PlannedTarget, ...] = ()
    """The targets in their order."""
    skipped: tuple[SkippedTarget, ...] = ()
    """The targets that the plan leaves out."""
    timeline: tuple[TimelineEvent, ...] = ()
    """What happened, in order."""

    def __str__(self) -> str:
        decisions = ("route", self.route), ("task", self.task), ("order", self.why)
        return "\n".join(
            (
                f"request {self.request_id}, started {utc(self.started)}",
                *(f"{name}: {value}" for name, value in decisions if value),
                *(f"{step.place}. {step.target}: {step.why}" for step in self.steps),
                *(f"skipped {skip.target}: {skip.why}" for skip in self.skipped),
                *map(str, self.timeline),
            )
        )


R = TypeVar("R")
EXPLAIN = "explain"
"""Under which responses and errors keep what explains them, beside their fields."""


def explained(result: R, explain: Callable[[], Explanation]) -> R:
    """Return a response or an error with what explains how the request came to it, which is asked when it is read.

    It is kept beside the fields: it makes no equal answers unequal, and is not part of what is stored of them.
    """
    vars(result)[EXPLAIN] = explain
    return result


def explanation_of(result: object) -> Explanation | None:
    """Return the course of a request, if its response or error still knows it."""
    explain: Callable[[], Explanation] | None = vars(result).get(EXPLAIN)
    return explain() if explain is not None else None


def utc(seconds: float) -> str:
    """Return a date and time in UTC, for readers."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"
