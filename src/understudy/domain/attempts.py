"""The account of a request: one record for every attempt, however it ended."""

from __future__ import annotations

import enum
import functools
from collections.abc import Iterable, Mapping

import msgspec

from understudy.domain.failures import Failure
from understudy.domain.money import NOT_BILLED, Cost
from understudy.domain.operation import Operation
from understudy.domain.plain import Plain
from understudy.domain.usage import Usage
from understudy.domain.warnings import Warning  # noqa: A004 - the public name


class Outcome(enum.StrEnum):
    """How an attempt ended. `aborted` means abandoned here: the caller cancelled, or another attempt won."""

    WON = "won"
    FAILED = "failed"
    ABORTED = "aborted"


class CostBasis(enum.StrEnum):
    """How certain the usage of an attempt is: see docs/costs.md."""

    NOT_SENT = "not_sent"
    UNKNOWN = "unknown"
    REFUSED = "refused"
    ESTIMATED = "estimated"
    EXACT = "exact"


class AttemptStart(msgspec.Struct, Plain, frozen=True, kw_only=True):
    """One attempt at one target as it begins: what is known of it before anything is sent.

    A ledger that lasts keeps it then, so that an attempt which a crash cuts off is not forgotten.
    """

    request_id: str
    attempt_id: str
    number: int
    """1 for the first attempt of the request, or of its batch."""
    provider: str
    """Name of the entry."""
    provider_type: str
    model: str | None
    """The requested model."""
    operation: Operation
    started: float
    """Unix seconds."""
    waited: float = 0.0
    """Seconds of back-off before this attempt."""
    key: str | None = None
    """Which key of the entry's pool it used, such as `2 of 3`; `None` for an entry with one key."""
    batch: int | None = None
    """Of an embedding in several batches: the number of the batch, from 1."""
    streamed: bool = False
    """Whether the caller received the answer as it arrived; false for a `generate` that was streamed internally."""
    why: str | None = None
    """Why this target stood where it did in the plan, in a few words: `priority 10`, `named by the call`; for the first
    attempt of a request also which targets ahead of it could not be asked, and why not."""
    route: str | None = None
    """The named route that the call took."""
    task: str | None = None
    """The task that the request was planned for, or that the caller named."""
    session: str | None = None
    """The request's own `session`."""
    labels: Mapping[str, str] = {}
    """The request's own `labels`."""


class AttemptRecord(AttemptStart, frozen=True, kw_only=True):
    """One attempt at one target, once it has ended. Times are seconds; `started` is Unix time, the others are
    durations."""

    outcome: Outcome
    duration: float
    first_event: float | None = None
    """Until the first content, streamed attempts only."""
    answered_model: str | None = None
    dialect: str | None = None
    service_tier: str | None = None
    """The tier at which the provider reports to have answered, such as `flex` or `batch`."""
    failure: Failure | None = None
    next_step: str | None = None
    """What was decided after it, and why, in a few words: `retry in 0.4 s`, `fall back to backup`."""
    usage: Usage = Usage()
    cost: Cost | None = None
    """Zero if nothing was billed, `None` if the amount is unknown."""
    cost_basis: CostBasis = CostBasis.UNKNOWN
    warnings: tuple[Warning, ...] = ()

    def __str__(self) -> str:
        name = f"{self.provider}/{self.model}" if self.model else self.provider
        key = f" (key {self.key})" if self.key else ""
        what = f"{self.failure.kind}: {self.failure.message}" if self.failure else str(self.outcome)
        step = f" → {self.next_step}" if self.next_step else ""
        batch = f"batch {self.batch}: " if self.batch is not None else ""
        return f"{batch}{self.number}. {name}{key} {what} ({self.duration:.2f} s){step}"


def total_cost(attempts: Iterable[AttemptRecord]) -> Cost | None:
    """Return the cost of all attempts together; `None` if the cost of any of them is unknown."""
    costs = [attempt.cost for attempt in attempts]
    return None if None in costs else functools.reduce(Cost.__add__, (cost for cost in costs if cost), NOT_BILLED)
