"""What reports ask a ledger, as generators: each yields questions in SQL and is sent their rows.

So one text serves every database, whether it is asked in this thread or over a connection."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from datetime import date, timedelta
from typing import Any, TypeVar

from understudy.ledger.bases import Base, bases_of
from understudy.ledger.entries import EntryState, LedgerEntry
from understudy.ledger.pages import FETCHED, LOOKED_AT, Answer, Ending, RequestPage, SessionPage, SessionSums
from understudy.ledger.rows import SECOND, entry_of, id_of, text_of
from understudy.ledger.selection import LedgerSelection
from understudy.ledger.sql import KEPT, Database, conditions, days_of, spans
from understudy.ledger.sums import UsageSums, day_of

T = TypeVar("T")

Question = tuple[str, Sequence[Any]]
"""A query and its values."""
Asking = Generator[Question, Sequence[Any], T]
"""Yields questions, is sent the rows of each, and returns what they come to."""

EPOCH = date(1970, 1, 1)
_MOST = 4_096
"""Rows that are fetched at once, at most."""
_SEEK = 4
"""To look at an entry by an index takes as long as to look at so many one after another."""
_FEW = 5_000
"""Entries up to which the first of two indexes is used; and those that are looked at first."""
_AT_ONCE = 100
"""Values of one question, at most."""


class Newest:
    """Goes through selected entries, the newest first, some rows at a time."""

    def __init__(
        self, columns: str, selection: LedgerSelection, database: Database, before: str | None, most: int | None = None
    ) -> None:
        """`columns`: what is wanted besides the id. `before`: only entries older than that attempt. `most`: entries
        that are looked at where an index finds more than are selected; unset, as many as it takes."""
        self.stopped: str | None = None
        """The attempt at which it stopped looking, because `most` were looked at."""
        self._columns, self._selection, self._database = columns, selection, database
        self._before, self._left, self._step = before, most, _FEW
        self._base = Base(None, {}, is_all=True)
        self._spans: list[LedgerSelection] | None = None
        self._floor: bytes | None = None
        self._is_measured = False

    def more(self, count: int) -> Asking[Sequence[Any]]:
        """Return the next rows, at most `count`; none at the end."""
        if self._spans is None:
            self._base = yield from self._best()
            self._spans = yield from self._all_spans()
        while self._spans:
            if not self._is_measured:
                yield from self._measure(self._spans[0])
            rows = yield self._question(self._spans[0], count)
            if rows:
                self._before = text_of(rows[-1][0])
            if len(rows) < count:
                self._go_on()
            if rows:
                return rows
        return ()

    def _best(self) -> Asking[Base]:
        """Return by which index entries are found."""
        base, *others = bases_of(self._selection)
        if self._left is not None and base.by is not None:
            self._left //= _SEEK
        if others:
            count, _ = yield from self._looked_at(base, self._selection, _FEW)
            return base if count < _FEW else others[0]
        return base

    def _all_spans(self) -> Asking[list[LedgerSelection]]:
        """Return the selection as the spans in which there are entries."""
        question = days_of(self._selection, self._database)
        return [self._selection] if question is None else spans(self._selection, [row[0] for row in (yield question)])

    def _measure(self, span: LedgerSelection) -> Asking[None]:
        """Find how far to look in a span."""
        self._is_measured = True
        if self._left is not None and not self._base.is_all:
            size = min(self._step, self._left)
            count, least = yield from self._looked_at(self._base, span, size)
            self._floor = least if count == size else None
            self._left -= count
            self._step *= 5

    def _looked_at(self, base: Base, span: LedgerSelection, most: int) -> Asking[tuple[int, bytes]]:
        """Ask how many entries a base finds in a span, up to `most`, and for the id of the last one."""
        where, values = conditions(base.of(span), self._database, self._before)
        ids = f"SELECT id FROM {self._source(base)} WHERE {where} ORDER BY id DESC LIMIT {most:d}"
        ((count, least),) = yield f"SELECT COUNT(*), {self._database.least} FROM ({ids}) AS looked_at", values
        return count, least

    def _question(self, span: LedgerSelection, count: int) -> Question:
        where, values = conditions(span, self._database, self._before, self._floor)
        source = self._source(self._base)
        return f"SELECT id, {self._columns} FROM {source} WHERE {where} ORDER BY id DESC LIMIT {count:d}", values

    def _go_on(self) -> None:
        """Go on to what is to be looked at next."""
        self._is_measured = False
        if self._spans is None:
            return
        if self._floor is None:
            self._spans.pop(0)
        elif not self._left:
            self.stopped, self._spans = text_of(self._floor), []
        else:
            self._before, self._floor = text_of(self._floor), None

    def _source(self, base: Base) -> str:
        return "entries" if base.by is None else self._database.indexed.format(base.by)


def entries(
    selection: LedgerSelection, database: Database, before: str | None, limit: int
) -> Asking[list[LedgerEntry]]:
    """Ask for the newest entries."""
    scan, found = Newest("*", selection, database, before), list[LedgerEntry]()
    while len(found) < limit and (rows := (yield from scan.more(limit - len(found)))):
        found += map(entry_of, rows)
    return found


def request_page(selection: LedgerSelection, database: Database, before: str | None, limit: int) -> Asking[RequestPage]:
    """Ask for a page of requests."""
    found, next_ = yield from _distinct("request", selection, database, before, limit, LOOKED_AT)
    attempts: dict[bytes, list[LedgerEntry]] = {request: [] for request in found}
    for some in _pieces(found):
        rows = yield f"SELECT * FROM entries WHERE request IN ({marks(database, len(some))}) ORDER BY id", some
        for row in rows:
            attempts[row["request"]].append(entry_of(row))
    return RequestPage(list(attempts.values()), next_)


def session_page(selection: LedgerSelection, database: Database, before: str | None, limit: int) -> Asking[SessionPage]:
    """Ask for a page of sessions."""
    return SessionPage(*(yield from _distinct("session", selection, database, before, limit, FETCHED)))


def _distinct(
    column: str, selection: LedgerSelection, database: Database, before: str | None, limit: int, most: int
) -> Asking[tuple[list[Any], str | None]]:
    """Ask for the values of a column by their newest entries, and for the attempt before which the next page begins.

    Those with a selected entry that is not before `before` are on an earlier page. `most`: entries that are looked at,
    or fetched.
    """
    scan = Newest(column, selection, database, before, most)
    found, known, fetched, size = dict[Any, str](), set[Any]([None]), 0, limit + 1
    rows: Sequence[Any] = ()
    while fetched < most and (rows := (yield from scan.more(size))):
        for id_, value in rows:
            if value in known:
                continue
            known.add(value)
            if before is not None and (yield from _is_earlier(column, value, selection, database, before)):
                continue
            if len(found) == limit:
                return list(found), found[next(reversed(found))]
            found[value] = text_of(id_)
        fetched += len(rows)
        size = min(size * 4, _MOST)
    return list(found), text_of(rows[-1][0]) if rows else scan.stopped


def _is_earlier(column: str, value: Any, selection: LedgerSelection, database: Database, before: str) -> Asking[bool]:
    """Ask whether a value has a selected entry that is not before that attempt."""
    where, values = conditions(selection, database)
    mark, count = database.mark, len(values)
    source = database.indexed.format(f"entries_of_{column}")
    query = f"SELECT 1 FROM {source} WHERE {where} AND {column} = {mark}{count + 1} AND id >= {mark}{count + 2} LIMIT 1"
    return bool((yield query, [*values, value, id_of(before)]))


def answers(sessions: Sequence[str], database: Database, limit: int) -> Asking[dict[str, list[Answer]]]:
    """Ask for the newest answers of each session, the oldest of them first."""
    columns = "id, request, provider, model, class, started, duration"
    chosen = f"AND state = '{EntryState.SUCCEEDED}' ORDER BY id DESC LIMIT {limit:d}"
    found: dict[str, list[Answer]] = {session: [] for session in sessions}
    place: int
    for row in sorted((yield from _of_sessions(columns, sessions, database, chosen))):
        place, _, request, provider, model, kind, started, duration = row
        answer = Answer(text_of(request), provider, model, kind, started / SECOND, duration / SECOND)
        found[sessions[place]].append(answer)
    return found


def endings(selection: LedgerSelection, database: Database, limit: int) -> Asking[list[Ending]]:
    """Ask how the newest attempts ended, the newest first."""
    columns = "provider, model, state, failure, started, duration, first_event, cost, cost_basis"
    scan, found = Newest(columns, selection, database, None), list[Ending]()
    while len(found) < limit and (rows := (yield from scan.more(limit - len(found)))):
        found += map(_ending_of, rows)
    return found


def _ending_of(row: Sequence[Any]) -> Ending:
    _, provider, model, state, failure, started, duration, first_event, cost, basis = row
    return Ending(
        provider, model, state, failure, started / SECOND, _seconds(duration), _seconds(first_event), cost, basis
    )


def session_sums(sessions: Sequence[str], database: Database) -> Asking[dict[str, SessionSums]]:
    """Ask what sessions came to; those that are unknown are not in the answer."""
    columns, ends = "started, agent, key", list[dict[int, Any]]()
    for order in ("ASC", "DESC"):
        rows = yield from _of_sessions(columns, sessions, database, f"ORDER BY id {order} LIMIT 1")
        ends.append({row[0]: row[1:] for row in rows})
    oldest, newest = ends
    if not oldest:
        return {}
    first, last = min(each[0] for each in oldest.values()), max(each[0] for each in newest.values())
    # One by one: the day comes before the value in the table, so a span of days would be read whole.
    days = ", ".join(map(str, range(day_of(first / SECOND), day_of(last / SECOND) + 1)))
    sums = dict[str, UsageSums]()
    for some in _pieces(sessions):
        where = f"dimension = 'session' AND day IN ({days}) AND value IN ({marks(database, len(some))})"
        kept = yield f"SELECT value, {KEPT} FROM days WHERE {where} GROUP BY value", list(map(database.text, some))
        sums |= {row[0]: UsageSums(*map(int, row[1:])) for row in kept}
    found: dict[str, SessionSums] = {}
    for place, (began, *_) in oldest.items():
        session, (latest, agent, key) = sessions[place], newest[place]
        known = sums.get(database.text(session), UsageSums())
        found[session] = SessionSums(session, agent, key, began / SECOND, latest / SECOND, known)
    return found


def _of_sessions(columns: str, sessions: Sequence[str], database: Database, chosen: str) -> Asking[list[Any]]:
    """Ask for some entries of each session, in one question for many; each row begins with the place of its session.
    `chosen`: which ones, in SQL."""
    found: list[Any] = []
    for at, some in enumerate(_pieces(sessions)):
        parts = (
            f"SELECT * FROM (SELECT {at * _AT_ONCE + number} AS place, {columns} FROM entries "
            f"WHERE session = {database.mark}{number + 1} {chosen}) AS each_{number}"
            for number in range(len(some))
        )
        rows = yield " UNION ALL ".join(parts), list(map(database.text, some))
        found += map(tuple, rows)
    return found


def _pieces(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """Split values into those of one question."""
    return (values[at : at + _AT_ONCE] for at in range(0, len(values), _AT_ONCE))


def marks(database: Database, count: int, first: int = 1) -> str:
    """Return placeholders for a list of values."""
    return ", ".join(f"{database.mark}{number}" for number in range(first, first + count))


def date_of(day: int) -> str:
    """Return a day as it is written: `2026-11-29`."""
    return (EPOCH + timedelta(days=day)).isoformat()


def _seconds(microseconds: int | None) -> float | None:
    return None if microseconds is None else microseconds / SECOND
