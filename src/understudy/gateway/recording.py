"""What is noted of a request while it is served, and the record that is made of it at its end."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from understudy.domain.attempts import AttemptRecord, Outcome, total_cost
from understudy.domain.failures import Failure
from understudy.domain.money import dollars
from understudy.domain.warnings import Warning  # noqa: A004 - the public name
from understudy.gateway import replies
from understudy.gateway.access_log import AccessRecord
from understudy.gateway.clients import Client

if TYPE_CHECKING:
    from understudy.engine.run import Run
    from understudy.gateway.connection import Connection
    from understudy.gateway.crossing import Crossing
    from understudy.gateway.sessions import Session

SHUTDOWN = "server_shutdown"
"""The code of the error that ends a request because the gateway stops."""


class Notes(msgspec.Struct, eq=False):
    """What is known of one request so far."""

    id: str
    caller_id: str | None
    since: float
    """When it arrived, in seconds since 1970."""
    began: float
    """The same by the monotonic clock."""
    key: str | None = None
    """The name of the caller's key."""
    operator: str | None = None
    """The name of the admin key of a request to the console."""
    asked: str | None = None
    """The model that the request names."""
    session: str | None = None
    client: str | None = None
    request_class: str | None = None
    run: Run | None = None
    ended: Sequence[AttemptRecord] = ()
    """The attempts of a request that has no run of its own, or failed."""
    failure: Failure | None = None
    """What the caller was told instead of an answer, or within it."""
    first: float | None = None
    """When a streamed answer began."""
    crossing: Crossing | None = None
    """The request as it was sent on, which knows what had to be left out of it."""
    refused: int = 0
    """The status with which the server itself refused the request while its body arrived."""
    answered: bool = False
    """Whether the last byte of an answer was handed to the server."""

    @classmethod
    def on(cls, connection: Connection) -> Notes:
        """Return the notes on a request that has just arrived."""
        return cls(connection.request_id, connection.caller_id, time.time(), time.monotonic())

    def of(self, session: Session) -> None:
        """Note which conversation the request belongs to, and what it is for."""
        self.session, self.request_class = session.id, session.request_class
        self.client = None if session.client is Client.UNKNOWN else str(session.client)

    def begin(self) -> None:
        """Note that a streamed answer begins."""
        self.first = time.monotonic()

    def attempts(self) -> Sequence[AttemptRecord]:
        """Return the attempts that have ended."""
        return self.run.records if self.run is not None else self.ended

    def outcome(self, status: int) -> str:
        """Return how it ended, as `AccessRecord.outcome` states it."""
        if self.refused:
            return "refused"
        if self.failure is None:
            return _outcome_of(status) if self.answered else "client_left"
        if self.failure.code == SHUTDOWN:
            return "shutdown"
        if self.first is not None:
            return "interrupted"
        return "failed" if self.attempts() else "refused"

    def record(self, method: str, route: str | None, status: int, outcome: str) -> AccessRecord:
        """Return the record of the request, which ends now with an `outcome`."""
        now, attempts = time.monotonic(), self.attempts()
        last: AttemptRecord | None
        warnings: Sequence[Warning]
        if len(attempts) == 1:  # as most requests have
            last = attempts[0]
            cost, warnings = last.cost, last.warnings
            read, written = last.usage.input_total, last.usage.output_total
        else:
            last, cost = _last_of(attempts), total_cost(attempts) if attempts else None
            warnings = [each for attempt in attempts for each in attempt.warnings]
            read = _sum([each.usage.input_total for each in attempts])
            written = _sum([each.usage.output_total for each in attempts])
        if self.crossing is not None and self.crossing.warnings:
            warnings = (*self.crossing.warnings, *warnings)
        return AccessRecord(
            time=self.since,
            id=self.id,
            caller_id=self.caller_id,
            method=method,
            route=route,
            key=self.key,
            operator=self.operator,
            status=status or self.refused,
            outcome=outcome,
            ms=_ms(now - self.began),
            first_ms=None if self.first is None else _ms(self.first - self.began),
            model_asked=self.asked,
            provider=last.provider if last else None,
            model=(last.answered_model or last.model) if last else None,
            attempts=len(attempts),
            input_tokens=read,
            output_tokens=written,
            cost_usd=None if cost is None else dollars(cost.amount.nano_usd),
            session=self.session,
            client=self.client,
            request_class=self.request_class,
            warnings=_listed(warnings) if warnings else (),
        )


def _last_of(attempts: Sequence[AttemptRecord]) -> AttemptRecord | None:
    """Return the attempt that answered, else the last one."""
    return next((each for each in attempts if each.outcome is Outcome.WON), attempts[-1] if attempts else None)


def _outcome_of(status: int) -> str:
    return "answered" if status < 400 else "refused"


def _listed(warnings: Sequence[Warning]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(replies.worded(each) for each in warnings))


def _ms(seconds: float) -> float:
    return round(seconds * 10_000) / 10


def _sum(counts: Sequence[int | None]) -> int | None:
    """Return the sum of what is known; `None` if nothing is."""
    known = [count for count in counts if count is not None]
    return sum(known) if known else None
