"""Laws of the accounts that hold in every suite, whatever a test is about.

Every record that an engine publishes, and every ledger file that a test closes, is looked at when the test is over.
Tests that break a law on purpose, such as one that damages a file, are marked `lawless`, with the reason.
"""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from tests.ledger.money import LAWS as OF_MONEY
from understudy.domain.attempts import AttemptRecord, CostBasis, Outcome
from understudy.engine.engine import Engine
from understudy.ledger.sqlite import upkeep, writer
from understudy.ledger.sqlite.store import SqliteLedger

_DAY = "started / 86400000000"
OF_ENTRIES = {
    "an attempt has one row, in a known state (I1)": """
        SELECT hex(id) FROM entries WHERE state NOT IN ('started', 'succeeded', 'failed', 'aborted', 'unknown')
        UNION ALL SELECT hex(id) FROM entries GROUP BY id HAVING COUNT(*) > 1
    """,
    "what has ended says how its cost is known (I1)": """
        SELECT hex(id) FROM entries WHERE state IN ('succeeded', 'failed', 'aborted')
          AND (cost_basis IS NULL OR duration IS NULL)
    """,
    "what was never sent, or was refused, costs nothing (A0, A2)": """
        SELECT hex(id) FROM entries WHERE cost_basis IN ('not_sent', 'refused') AND cost > 0
    """,
    "a cost has a source (I6)": """
        SELECT hex(id) FROM entries WHERE cost IS NOT NULL AND price_source IS NULL
    """,
    "tokens are whole and not negative": """
        SELECT hex(id) FROM entries WHERE MIN(COALESCE(input, 0), COALESCE(cache_read, 0), COALESCE(cache_write, 0),
            COALESCE(output, 0), COALESCE(reasoning, 0)) < 0 OR typeof(input) NOT IN ('integer', 'null')
            OR typeof(output) NOT IN ('integer', 'null')
    """,
    "one attempt opens a request (I7)": """
        SELECT hex(request) FROM entries GROUP BY request HAVING SUM(opens) > 1
    """,
    "the sums of all are those of the entries": f"""
        SELECT day FROM days AS each WHERE dimension = '' AND (attempts, succeeded, failed, aborted, unknown, cost) <> (
            SELECT COUNT(*), SUM(state = 'succeeded'), SUM(state = 'failed'), SUM(state = 'aborted'),
                SUM(state = 'unknown'), COALESCE(SUM(cost), 0)
            FROM entries WHERE state <> 'started' AND {_DAY} = each.day)
    """,
    "providers and models add up to the sums of all": """
        SELECT each.day FROM days AS each WHERE each.dimension = '' AND (each.attempts, each.cost) <> (
            SELECT SUM(attempts), SUM(cost) FROM days WHERE dimension = 'provider' AND day = each.day)
    """,
}
"""Queries that return what breaks a law."""
LAWS = {**OF_ENTRIES, **OF_MONEY}
_OF_ALL_ENTRIES = (
    "the sums of all are those of the entries",
    "the sums by day are those of the entries",
    "spent is the sum of what attempts were charged (I2)",
    "the overrun is what went beyond the holds (I3)",
)
"""Laws of files from which no entries were removed."""


class Watch:
    """What the present test has published and closed."""

    def __init__(self) -> None:
        self._published: WeakKeyDictionary[Engine, set[str]] = WeakKeyDictionary()
        self._closed: set[Path] = set()
        self._pruned: set[str] = set()
        self._broken: list[str] = []

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Look at all that is published and closed."""
        undo = [
            _replaced(Engine, "publish", self._before(self._publishes)),
            _replaced(SqliteLedger, "close", self._before(self._closes)),
            _replaced(upkeep, "remove_old", self._before(self._prunes)),
            _replaced(writer, "remove_old", self._before(self._prunes)),
        ]
        try:
            yield
        finally:
            for each in undo:
                each()

    @staticmethod
    def _before(look: Callable[..., None]) -> Callable[[Any], Any]:
        def around(original: Any) -> Any:
            @functools.wraps(original)
            def wrapped(*values: Any, **named: Any) -> Any:
                look(*values)
                return original(*values, **named)

            return wrapped

        return around

    def _publishes(self, engine: Engine, record: AttemptRecord, *_: object) -> None:
        published = self._published.setdefault(engine, set())
        if record.attempt_id in published:
            self._broken.append(f"attempt {record.attempt_id} ended twice (I1)")
        published.add(record.attempt_id)
        cost, basis = record.cost, record.cost_basis
        if cost is not None and cost.amount.nano_usd and basis in (CostBasis.NOT_SENT, CostBasis.REFUSED):
            self._broken.append(f"attempt {record.attempt_id} cost {cost} although {basis}")
        if record.outcome is Outcome.WON and basis in (CostBasis.NOT_SENT, CostBasis.REFUSED):
            self._broken.append(f"attempt {record.attempt_id} answered although {basis}")

    def _closes(self, ledger: SqliteLedger) -> None:
        self._closed.add(ledger.path)

    def _prunes(self, connection: sqlite3.Connection, _: float) -> None:
        self._pruned.add(connection.execute("PRAGMA database_list").fetchone()[2])

    def broken(self) -> list[str]:
        """Return which laws were broken since the last time."""
        found = self._broken
        for path in self._closed:
            is_pruned = str(path.resolve()) in self._pruned or str(path) in self._pruned
            try:
                found += [f"{path.name}: {law}" for law in laws_broken(path, is_pruned=is_pruned)]
            except sqlite3.DatabaseError as error:
                found.append(f"{path.name}: it can be read ({error})")
        self._published.clear()
        self._closed, self._pruned, self._broken = set(), set(), []
        return found


def laws_broken(path: Path, *, is_pruned: bool = False) -> list[str]:
    """Return the laws that a file breaks; none if it is gone, or no ledger of the newest schema."""
    if not path.is_file():
        return []
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if not {"entries", "days", "holds", "balances"} <= tables:
            return []
        connection.execute("BEGIN")
        left_out = _OF_ALL_ENTRIES if is_pruned else ()
        return [law for law, query in LAWS.items() if law not in left_out and connection.execute(query).fetchone()]


def _replaced(owner: Any, name: str, around: Callable[[Any], Any]) -> Callable[[], None]:
    original = getattr(owner, name)
    setattr(owner, name, around(original))
    return functools.partial(setattr, owner, name, original)
