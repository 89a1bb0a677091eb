"""Watches a simulation from outside the engine, and notes what must never happen.

It sees what a provider and a caller see: attempts that are opened, records that are written, and how each request ends.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from understudy.domain.attempts import AttemptRecord, Outcome
from understudy.policy.health import Health
from understudy.policy.signals import Rules
from understudy.policy.targets import Target

LATE = 1e-6
"""Seconds by which times that are computed in two ways may differ."""
MOST_NOTED = 20
"""Violations that are described; the others are only counted."""


class Exchange(msgspec.Struct):
    """One request as seen from outside."""

    number: str
    start: float
    tokens: int
    """Of its prompt."""
    rules: Rules | None = None
    """Known from its first attempt on."""
    open: dict[str, str] = msgspec.field(default_factory=dict)
    """The attempts under way: their ids, and the targets."""
    tries: dict[str, int] = msgspec.field(default_factory=dict)
    """Attempts by target."""
    records: int = 0
    failed: int = 0
    won: int = 0
    committed: bool = False
    """The caller of a stream has received content."""
    settled: bool = False


class Invariants:
    """The violations of one simulation."""

    def __init__(self) -> None:
        self.count = 0
        self.noted: list[str] = []

    def violated(self, exchange: Exchange | None, now: float, what: str) -> None:
        """Note a violation."""
        self.count += 1
        if len(self.noted) < MOST_NOTED:
            who = f"request {exchange.number}" if exchange is not None else "the simulation"
            self.noted.append(f"{who} at {now:.6f} s: {what}")

    def launched(self, exchange: Exchange, target: Target, rules: Rules, attempt_id: str, now: float) -> None:
        """Check an attempt as it is opened."""
        exchange.rules = rules
        if exchange.settled:
            self.violated(exchange, now, f"an attempt at {target.label} was launched after the end")
        if exchange.committed and rules.on_midstream_error in ("surface", "hold"):
            self.violated(exchange, now, f"an attempt at {target.label} was launched after the commit")
        if now >= exchange.start + rules.deadline:
            self.violated(exchange, now, f"an attempt at {target.label} was launched after the deadline")
        if len(exchange.open) > rules.hedges:
            self.violated(exchange, now, f"an attempt at {target.label} was launched beside another")
        if attempt_id in exchange.open:
            self.violated(exchange, now, f"the attempt id {attempt_id} was used twice")
        exchange.open[attempt_id] = target.label
        tries = exchange.tries[target.label] = exchange.tries.get(target.label, 0) + 1
        if tries > rules.max_tries:
            self.violated(exchange, now, f"{target.label} was tried {tries} times, more than {rules.max_tries}")

    def recorded(self, exchange: Exchange, record: AttemptRecord, now: float) -> None:
        """Check the record of an attempt."""
        if exchange.open.pop(record.attempt_id, None) is None:
            self.violated(exchange, now, f"a record of {record.attempt_id}, which is not under way")
        exchange.records += 1
        if record.outcome is Outcome.WON:
            exchange.won += 1
        elif record.outcome is Outcome.FAILED:
            exchange.failed += 1
        if exchange.settled:
            self.violated(exchange, now, f"a record of {record.attempt_id} after the end")
        if record.duration < 0 or (record.cost is not None and record.cost.amount.nano_usd < 0):
            self.violated(exchange, now, f"the record of {record.attempt_id} has a negative duration or cost")

    def settled(self, exchange: Exchange, now: float, *, answered: bool, targets: int) -> None:
        """Check a request as it ends for its caller."""
        if exchange.settled:
            self.violated(exchange, now, "it ended twice")
        exchange.settled = True
        if exchange.open:
            self.violated(exchange, now, f"it ended while {', '.join(exchange.open.values())} was under way")
        if exchange.won != answered:
            self.violated(exchange, now, f"{exchange.won} attempts won, and it was answered: {answered}")
        rules = exchange.rules
        if rules is None:
            return
        most = rules.max_attempts or max(5, targets)
        if sum(exchange.tries.values()) > most:
            self.violated(exchange, now, f"{sum(exchange.tries.values())} attempts, more than {most}")
        if now > exchange.start + rules.deadline + LATE:
            self.violated(exchange, now, f"it ended {now - exchange.start - rules.deadline:.6f} s after the deadline")

    def ended(self, health: Health, targets: Mapping[str, Target], now: float) -> None:
        """Check what the engine holds when no request is left."""
        for name, target in targets.items():
            if in_flight := health.facts(target, now).in_flight:
                self.violated(None, now, f"{in_flight} permits of {name} were not returned")
