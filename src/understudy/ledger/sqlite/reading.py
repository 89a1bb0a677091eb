"""What a file of entries answers: sums by day or by what they belong to, and entries one by one.

UsageSums of whole days are kept ready (`days`), so a question about a year reads a year's days and no entries. Only the
part of a day in which a span begins or ends, and what is filtered, is added up from entries.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from understudy.ledger import daily, questions
from understudy.ledger.accounts import Account, BalanceKey
from understudy.ledger.captures import CapturedTexts, captured_of
from understudy.ledger.entries import LedgerEntry
from understudy.ledger.holds import Balance, Unit
from understudy.ledger.pages import Answer, DailyUsage, Ending, RequestPage, SessionPage, SessionSums
from understudy.ledger.questions import Asking
from understudy.ledger.rows import entry_of, id_of, text_of
from understudy.ledger.selection import By, LedgerSelection
from understudy.ledger.sql import ALL, Database
from understudy.ledger.sqlite.opening import open_for_reading
from understudy.ledger.sums import UsageSums

T = TypeVar("T")

_BACKSLASH, _APART = "char(92, 92)", "char(1)"
_TAGS = (
    f"json_each(replace(replace(replace(tags, {_BACKSLASH}, {_APART}), char(92) || 'u0000', char(65533)), "
    f"{_APART}, {_BACKSLASH}))"
)
"""The tags of an entry with a replacement for each NUL, at which `json_each` would end a string. Meanwhile a character
that JSON always escapes stands for escaped backslashes: what follows one of those is not an escape."""
_TAG = "each.key || '=' || each.value"
_SQLITE = Database(
    "?",
    f"EXISTS (SELECT 1 FROM {_TAGS} AS each WHERE {_TAG} = {{}})",
    may_be_tagged="instr(tags, {}) > 0",
    by_tag=f"(SELECT {{0}}.*, {_TAG} AS tag FROM {{0}}, {_TAGS} AS each) AS {{0}}",
    date="date({} * 86400, 'unixepoch')",
    indexed="entries INDEXED BY {}",
)
_BALANCES = "SELECT budget, subject, unit, start, spent, reserved, overrun FROM balances"
_LARGEST = (
    f"{_BALANCES} INDEXED BY balances_of_period WHERE budget = ? AND unit = 'money' AND start = ? "
    "ORDER BY spent + reserved DESC, subject LIMIT ?"
)
_OF_KEY = "budget = ? AND subject = ? AND unit = ? AND start = ?"


class LedgerReader:
    """Reads a file that others may be writing at the time. Its methods block."""

    def __init__(self, path: Path) -> None:
        """Raise `ConfigError` if there is no such file, or if it is not a ledger."""
        self._connection = open_for_reading(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def usage(self, by: By, selection: LedgerSelection = ALL) -> dict[str, UsageSums]:
        """Return the sums of the selected entries that have ended, by day (`2026-11-29`) or by what they belong to.

        Entries without a value, such as those of no session, are not among the sums by it.
        """
        with _snapshot(self._connection):
            return self._ask(daily.usage(by, selection, _SQLITE))

    def balances(self, keys: Sequence[tuple[str, str, Unit, int]]) -> list[Balance]:
        """Return balances by `(budget, subject, unit, start)`; empty ones for those that nothing was claimed of."""
        found: list[Balance] = []
        with _snapshot(self._connection):
            for budget, subject, unit, start in keys:
                key = BalanceKey(budget, subject, unit.value, start)
                row = self._connection.execute(f"{_BALANCES} WHERE {_OF_KEY}", key).fetchone()
                found.append(Account(*(row[4:] if row is not None else ())).balance(key))
        return found

    def all_balances(self) -> list[Balance]:
        """Return all balances of which something was ever claimed, those of limits included."""
        if not self._has_balances():
            return []
        return _balances(self._connection.execute(f"{_BALANCES} ORDER BY budget, subject, unit, start"))

    def largest_balances(self, periods: Sequence[tuple[str, int]], limit: int) -> list[Balance]:
        """Return, of each budget and the start of one of its periods, the balances of which the most is taken."""
        if not self._has_balances():
            return []
        with _snapshot(self._connection):
            asked = (self._connection.execute(_LARGEST, (*period, limit)) for period in periods)
            return [balance for rows in asked for balance in _balances(rows)]

    def _has_balances(self) -> bool:
        """Check whether there may be balances: a file that an earlier version wrote has none."""
        known = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'balances'"
        return self._connection.execute(known).fetchone() is not None

    def entries(
        self, selection: LedgerSelection = ALL, *, before: str | None = None, limit: int = 50
    ) -> list[LedgerEntry]:
        """Return the newest selected entries, the newest first; `before`: only those older than that attempt."""
        with _snapshot(self._connection):
            return self._ask(questions.entries(selection, _SQLITE, before, limit))

    def requests(
        self, selection: LedgerSelection = ALL, *, before: str | None = None, limit: int = 50
    ) -> list[list[LedgerEntry]]:
        """Return the newest requests of which an attempt is selected, each with all its attempts in order.

        `before`: only requests whose selected attempts are older than that attempt.
        """
        found: list[list[LedgerEntry]] = []
        while len(found) < limit:
            page = self.request_page(selection, before=before, limit=limit - len(found))
            found += page.requests
            if (before := page.next) is None:
                break
        return found

    def request_page(
        self, selection: LedgerSelection = ALL, *, before: str | None = None, limit: int = 50
    ) -> RequestPage:
        """Return the same, and where the next page begins."""
        with _snapshot(self._connection):
            return self._ask(questions.request_page(selection, _SQLITE, before, limit))

    def session_page(
        self, selection: LedgerSelection = ALL, *, before: str | None = None, limit: int = 50
    ) -> SessionPage:
        """Return the sessions of which an attempt is selected, those with the newest one first."""
        with _snapshot(self._connection):
            return self._ask(questions.session_page(selection, _SQLITE, before, limit))

    def session_sums(self, sessions: Sequence[str]) -> dict[str, SessionSums]:
        """Return what sessions came to; those that are unknown are not among them."""
        with _snapshot(self._connection):
            return self._ask(questions.session_sums(sessions, _SQLITE))

    def answers(self, sessions: Sequence[str], limit: int = 2_000) -> dict[str, list[Answer]]:
        """Return the newest successful attempts of each session, the oldest of them first."""
        return self._ask(questions.answers(sessions, _SQLITE, limit))

    def endings(self, selection: LedgerSelection = ALL, limit: int = 30_000) -> list[Ending]:
        """Return how the newest selected attempts ended, the newest first."""
        with _snapshot(self._connection):
            return self._ask(questions.endings(selection, _SQLITE, limit))

    def daily(self, by: By, selection: LedgerSelection = ALL, *, limit: int = 8, prefix: str = "") -> DailyUsage:
        """Return the sums of each whole day in a span, by what they belong to.

        `limit`: of the dearest values. `prefix`: only values that begin so, such as `team=` of tags.
        """
        with _snapshot(self._connection):
            asking = daily.of_filters if selection.filters else daily.of_days
            return self._ask(asking(by, selection, _SQLITE, limit, prefix))

    def request(self, request_id: str) -> list[LedgerEntry]:
        """Return the attempts of one request, in order."""
        return self._attempts(id_of(request_id))

    def ids(self, prefix: str, limit: int = 2) -> list[str]:
        """Return the newest ids of requests that begin so, at most `limit` of them."""
        digits = prefix.replace("-", "").lower()
        low, high = bytes.fromhex(digits.ljust(32, "0")), bytes.fromhex(digits.ljust(32, "f"))
        query = "SELECT DISTINCT request FROM entries WHERE request BETWEEN ? AND ? ORDER BY request DESC LIMIT ?"
        return [text_of(request) for (request,) in self._connection.execute(query, (low, high, limit))]

    def captured(self, attempt_ids: Sequence[str]) -> dict[str, CapturedTexts]:
        """Return the prompts and answers of attempts, as far as they were kept."""
        query = "SELECT document FROM captured WHERE attempt = ?"
        found: dict[str, CapturedTexts] = {}
        for each in attempt_ids:
            row = self._connection.execute(query, (id_of(each),)).fetchone()
            if row is not None:
                found[each] = captured_of(row["document"])
        return found

    def _ask(self, asking: Asking[T]) -> T:
        """Answer questions one after another."""
        try:
            query, values = next(asking)
            while True:
                query, values = asking.send(self._connection.execute(query, values).fetchall())
        except StopIteration as end:
            answer: T = end.value
            return answer

    def _attempts(self, request: bytes) -> list[LedgerEntry]:
        query = "SELECT * FROM entries WHERE request = ? ORDER BY id"
        return [entry_of(row) for row in self._connection.execute(query, (request,))]


def _balances(rows: Iterable[tuple[Any, ...]]) -> list[Balance]:
    return [Account(*row[4:]).balance(BalanceKey(*row[:4])) for row in rows]


def read_balances(path: Path, keys: Sequence[tuple[str, str, Unit, int]]) -> list[Balance]:
    """Return balances of a file."""
    with LedgerReader(path) as reader:
        return reader.balances(keys)


class _snapshot:  # noqa: N801 - used as a function
    """Has several queries see the same state of the file."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.execute("BEGIN")

    def __exit__(self, *_: object) -> None:
        self._connection.execute("COMMIT")
