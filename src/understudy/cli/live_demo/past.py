"""What the ledger of the live demo already holds: sixty days of made-up requests, labelled `data=demo`."""

from __future__ import annotations

import itertools
import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from understudy.cli.live_demo.stage import BY_NAME, PRICED, Entry
from understudy.config.prices import SOURCE
from understudy.domain.attempts import AttemptRecord, CostBasis, Outcome
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.money import NOT_BILLED, Cost, Money
from understudy.domain.operation import Operation
from understudy.domain.usage import Usage
from understudy.ledger.sqlite.opening import open_for_writing
from understudy.ledger.sqlite.transaction import Transaction

DAYS = 60
REQUESTS = 150
"""A day, on working days; a third of them on the others."""
_DAY = 86_400.0
_HABITS = (
    # key, route, targets in order, tags, tokens of a prompt and an answer, weight
    ("search", "cheap", ("fast", "google"), {"app": "web"}, (600, 60), 8),
    ("support", "chat", ("primary", "backup"), {"app": "helpdesk", "tier": "gold"}, (2_500, 350), 5),
    ("agents", "code", ("backup", "primary"), {"agent": "claude-code"}, (24_000, 700), 3),
    ("ci", None, ("lab",), {"job": "nightly-evaluation"}, (900, 200), 1),
)
_CALMEST, _BUSIEST = 3, 15
"""Hours of the day, UTC."""


def fill(path: Path, now: float, chance: random.Random) -> int:
    """Write the past into a new ledger; return the number of its attempts."""
    connection = open_for_writing(path)
    connection.row_factory = sqlite3.Row
    made = records(now, chance)
    count = 0
    try:
        while batch := list(itertools.islice(made, 2_000)):
            connection.execute("BEGIN IMMEDIATE")
            transaction = Transaction(connection, owner=1)
            transaction.write(batch)
            transaction.finish()
            connection.execute("COMMIT")
            count += len(batch)
    finally:
        connection.close()
    return count


def records(now: float, chance: random.Random) -> Iterator[AttemptRecord]:
    """Yield the attempts of the sixty days before today, oldest first. Those of today are real ones: budgets count
    them alone."""
    today = now - now % _DAY
    for day in range(-DAYS, 0):
        midnight = today + day * _DAY
        weekday = int(midnight // _DAY + 4) % 7  # 1970-01-01 was a Thursday; 0 is Sunday
        outage = chance.uniform(8, 18) if chance.random() < 0.15 else None
        amount = REQUESTS if 0 < weekday < 6 else REQUESTS // 3
        for started in sorted(midnight + chance.triangular(_CALMEST, 24, _BUSIEST) * 3_600 for _ in range(amount)):
            hour = (started - midnight) / 3_600
            yield from _request(started, chance, is_down=outage is not None and outage < hour < outage + 1)


def _request(started: float, chance: random.Random, *, is_down: bool) -> Iterator[AttemptRecord]:
    """Yield the attempts of one request: one, or a failed one and its understudy's."""
    (key, route, targets, tags, tokens, _), *_ = chance.choices(_HABITS, weights=[habit[-1] for habit in _HABITS])
    name, session = _id(started, chance), f"demo-{key}-{chance.randrange(40)}"
    labels = {"key": key, "team": key, "data": "demo", **tags}
    for number, target in enumerate(targets, start=1):
        entry, is_last = BY_NAME[target], number == len(targets)
        failed = (is_down and target == "primary") or chance.random() < 0.02
        used = Usage(
            input=int(tokens[0] * chance.lognormvariate(0, 0.4)), output=int(tokens[1] * chance.lognormvariate(0, 0.5))
        )
        yield AttemptRecord(
            request_id=name,
            attempt_id=_id(started + number / 1_000, chance),
            number=number,
            provider=entry.name,
            provider_type=entry.provider,
            model=entry.model,
            answered_model=None if failed else entry.model,
            operation=Operation.CHAT,
            started=started,
            streamed=key == "support",
            why=f"priority {number}",
            route=route,
            session=session,
            labels=labels,
            outcome=Outcome.FAILED if failed else Outcome.WON,
            duration=chance.lognormvariate(-2.5, 0.5) if failed else chance.lognormvariate(0.3, 0.6),
            first_event=None if failed else chance.lognormvariate(-1.0, 0.5),
            failure=_REFUSED if failed else None,
            next_step=None if not failed else "no target is left" if is_last else f"fall back to {targets[number]}",
            usage=Usage() if failed else used,
            cost=NOT_BILLED if failed else _cost(entry, used),
            cost_basis=CostBasis.NOT_SENT if failed else CostBasis.UNKNOWN if entry.name == "lab" else CostBasis.EXACT,
        )
        if not failed:
            return
        started += 0.1


_REFUSED = Failure(kind=FailureKind.CONNECT, message="connection refused", sent=False)


def _cost(entry: Entry, used: Usage) -> Cost | None:
    """Return what an answer cost; `None` if the price is unknown."""
    if entry.price is None:
        return None
    # A dollar for a million tokens is 1,000 nano-dollars for one.
    rates = [round(rate * 1_000) for rate in entry.price]
    amount = (used.input or 0) * rates[0] + (used.output or 0) * rates[1]
    return Cost(amount=Money(amount), source=SOURCE, as_of=PRICED)


def _id(started: float, chance: random.Random) -> str:
    """Return a UUID of version 7 of that time."""
    digits = f"{int(started * 1_000):012x}7{chance.getrandbits(12):03x}8{chance.getrandbits(60):015x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
