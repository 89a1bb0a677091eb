"""What a file of entries answers: sums by day or by what they belong to, and entries one by one.

UsageSums of whole days are kept ready (`days`), so a question about a year reads a year's days and no entries. Only the
part of a day in which a span begins or ends, and what is filtered, is added up from entries.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from understudy.ledger.entries import LedgerEntry
from understudy.ledger.rows import SECOND, entry_of, id_of, text_of
from understudy.ledger.selection import By, LedgerSelection
from understudy.ledger.sqlite.opening import open_for_reading
from understudy.ledger.sums import DAY, FIELDS, UsageSums

_PROMPT = ("input", "cache_read", "cache_write", "cache_write_1h", "audio_input")
_ANSWER = ("output", "reasoning", "audio_output")


def _sum(names: tuple[str, ...]) -> str:
    return " + ".join(f"COALESCE({name}, 0)" for name in names)


_ADDED = {
    "requests": "opens",
    "attempts": "1",
    "succeeded": "state = 'succeeded'",
    "failed": "state = 'failed'",
    "aborted": "state = 'aborted'",
    "unknown": "state = 'unknown'",
    "input": _sum(_PROMPT),
    "cached": _sum(("cache_read",)),
    "output": _sum(_ANSWER),
    "uncounted": f"state = 'succeeded' AND COALESCE({', '.join((*_PROMPT, *_ANSWER))}) IS NULL",
    "cost": "COALESCE(cost, 0)",
    "unpriced": "cost IS NULL AND COALESCE(cost_basis, 'unknown') NOT IN ('not_sent', 'refused')",
    "duration": "CASE WHEN state = 'succeeded' THEN duration ELSE 0 END",
    "first_event": "CASE WHEN state = 'succeeded' THEN COALESCE(first_event, 0) ELSE 0 END",
    "streams": "state = 'succeeded' AND first_event IS NOT NULL",
}
"""The sums of `UsageSums`, of entries."""
_SUMS = ", ".join(f"SUM({_ADDED[name]})" for name in FIELDS)
_KEPT = ", ".join(f"SUM({name})" for name in FIELDS)
_TAG = "each.key || '=' || each.value"
ALL = LedgerSelection()
_SLACK = 3_600 * 1_000
"""Milliseconds by which an id may be older than the beginning of its entry."""


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
        found: dict[str, UsageSums] = {}
        with _snapshot(self._connection):
            for part, whole_days in _parts(selection):
                rows = self._of_days(by, part) if whole_days else self._of_entries(by, part)
                for value, *sums in rows:
                    known = found.get(value)
                    found[value] = UsageSums(*sums) if known is None else known + UsageSums(*sums)
        return found

    def entries(
        self, selection: LedgerSelection = ALL, *, before: str | None = None, limit: int = 50
    ) -> list[LedgerEntry]:
        """Return the newest selected entries, the newest first; `before`: only those older than that attempt."""
        where, values = _where(selection)
        if before is not None:
            where, values = [*where, "id < ?"], [*values, id_of(before)]
        query = f"SELECT * FROM entries WHERE {' AND '.join(where)} ORDER BY id DESC LIMIT ?"
        return [entry_of(row) for row in self._connection.execute(query, (*values, limit))]

    def requests(
        self, selection: LedgerSelection = ALL, *, before: str | None = None, limit: int = 50
    ) -> list[list[LedgerEntry]]:
        """Return the newest requests of which an attempt is selected, each with all its attempts in order.

        `before`: only requests whose selected attempts are older than that attempt.
        """
        where, values = _where(selection)
        if before is not None:
            where, values = [*where, "id < ?"], [*values, id_of(before)]
        query = f"SELECT request FROM entries WHERE {' AND '.join(where)} ORDER BY id DESC"
        found: dict[bytes, None] = {}
        with _snapshot(self._connection):
            for (request,) in self._connection.execute(query, values):
                found[request] = None
                if len(found) == limit:
                    break
            return [self._attempts(request) for request in found]

    def request(self, request_id: str) -> list[LedgerEntry]:
        """Return the attempts of one request, in order."""
        return self._attempts(id_of(request_id))

    def ids(self, prefix: str) -> list[str]:
        """Return the ids of requests that begin so, the newest two at most."""
        digits = prefix.replace("-", "").lower()
        low, high = bytes.fromhex(digits.ljust(32, "0")), bytes.fromhex(digits.ljust(32, "f"))
        query = "SELECT DISTINCT request FROM entries WHERE request BETWEEN ? AND ? ORDER BY request DESC LIMIT 2"
        return [text_of(request) for (request,) in self._connection.execute(query, (low, high))]

    def _attempts(self, request: bytes) -> list[LedgerEntry]:
        query = "SELECT * FROM entries WHERE request = ? ORDER BY id"
        return [entry_of(row) for row in self._connection.execute(query, (request,))]

    def _of_days(self, by: By, selection: LedgerSelection) -> Iterator[Sequence[Any]]:
        value, dimension = ("date(day * 86400, 'unixepoch')", "") if by == "day" else ("value", str(by))
        first = 0 if selection.since is None else int(selection.since // DAY)
        last = 2**40 if selection.until is None else int(selection.until // DAY)
        query = f"SELECT {value}, {_KEPT} FROM days WHERE dimension = ? AND day >= ? AND day < ? GROUP BY 1"
        return self._connection.execute(query, (dimension, first, last))

    def _of_entries(self, by: By, selection: LedgerSelection) -> Iterator[Sequence[Any]]:
        where, values = _where(selection)
        value, source = str(by), "entries"
        if by == "day":
            value = f"date(started / {SECOND}, 'unixepoch')"
        elif by == "tag":
            source = f"(SELECT entries.*, {_TAG} AS tag FROM entries, json_each(tags) AS each)"
        where += ["state <> 'started'", f"{value} IS NOT NULL"]
        query = f"SELECT {value}, {_SUMS} FROM {source} WHERE {' AND '.join(where)} GROUP BY 1"
        return self._connection.execute(query, values)


class _snapshot:  # noqa: N801 - used as a function
    """Has several queries see the same state of the file."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.execute("BEGIN")

    def __exit__(self, *_: object) -> None:
        self._connection.execute("COMMIT")


def _parts(selection: LedgerSelection) -> Iterator[tuple[LedgerSelection, bool]]:
    """Split a selection into whole days, whose sums are kept, and the rest."""
    if selection.filters:
        yield selection, False
        return
    since, until = selection.since, selection.until
    first = None if since is None else -(-since // DAY) * DAY
    last = None if until is None else until // DAY * DAY
    if first is not None and last is not None and first > last:
        yield selection, False
        return
    yield LedgerSelection(since=first, until=last), True
    if since is not None and since != first:
        yield LedgerSelection(since=since, until=first), False
    if until is not None and until != last:
        yield LedgerSelection(since=last, until=until), False


def _where(selection: LedgerSelection) -> tuple[list[str], list[Any]]:
    """Return the conditions that select entries, and their values."""
    where, values = ["1"], list[Any]()
    if selection.since is not None:
        where += ["id >= ?", "started >= ?"]
        values += [_first_id(selection.since), round(selection.since * SECOND)]
    if selection.until is not None:
        where += ["id < ?", "started < ?"]
        values += [_first_id(selection.until, _SLACK), round(selection.until * SECOND)]
    for name, value in selection.filters.items():
        if name == "tag":
            where.append(f"EXISTS (SELECT 1 FROM json_each(tags) AS each WHERE {_TAG} = ?)")
        else:
            where.append(f"{name} = ?")
        values.append(value)
    return where, values


def _first_id(moment: float, slack: int = -_SLACK) -> bytes:
    """Return a bound of the ids of that time: version 7 begins with milliseconds since 1970 (RFC 9562 §5.7)."""
    return max(0, int(moment * 1_000) + slack).to_bytes(6)
