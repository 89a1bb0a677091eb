"""Sums of each day by place: by all that attempts belong to but their session, so that what is filtered by that need
not be added up from entries.

Entries are added here some time after they ended, many at once, in the order of their ids: those before a mark are in,
and the others are added up when they are asked for. What comes late, such as the entry of a machine that was cut off,
is not in these sums. It is in those of all, which every entry adds to as it ends; so a day whose sums differ from those
is added up from its entries, as if it had no sums by place. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

import msgspec

from understudy.ledger.questions import Asking, date_of
from understudy.ledger.rows import SECOND
from understudy.ledger.selection import By, LedgerSelection
from understudy.ledger.sql import KEPT, SUMS, Database, add_up, conditions, days, days_of, filters_of, spans
from understudy.ledger.sums import DAY, FIELDS, UsageSums

PLACE = ("provider", "model", "key", "agent", "class", "route", "task", "tags")
"""What a place is made of."""
DIMENSION = "place"
"""What the sums of all places are kept by, beside those of all entries."""
AT_ONCE = 1_000
"""Entries that one transaction adds: their sums fit into 64 bits, and others wait for its end."""
SETTLED = 60.0
"""Seconds from the beginning of an attempt until it is added, at the earliest: others that began before may come."""
PAUSE = 60.0
"""Seconds between two looks whether there are entries to add: the more there are, the less each costs."""
AGAIN = 1.0
"""Seconds until the next look after one that added as many as one transaction may."""
_RECENT = 100_000
"""Entries that are not in the sums by place yet, up to which these are used: to add up more takes too long."""
_ROLLED = frozenset(("provider", "model", "key", "agent", "class", "route", "task", "tag"))
"""What sums by place are filtered by, and split by."""
_OF_DAY = f"started / {SECOND * DAY}"

Row = tuple[Any, ...]
"""A day, a value and its sums."""


# ---- adding ----


def gathered(database: Database, more: Sequence[str] = ()) -> str:
    """Return the question for the sums of entries from one id on and before another, by day and place. `more`: columns
    that a database has beside."""
    names = ", ".join((*PLACE, *more))
    return (
        f"SELECT {_OF_DAY} AS day, {names}, {SUMS} FROM entries "
        f"WHERE id >= {database.mark}1 AND id < {database.mark}2 AND state <> 'started' GROUP BY 1, {names}"
    )


def placed(rows: Iterable[Sequence[Any]]) -> list[Row]:
    """Return rows of `gathered`, each with the id of its place behind the day, sorted by both."""
    found: dict[tuple[int, bytes], Row] = {}
    for day, *place in rows:
        name = msgspec.json.encode(place[: len(PLACE)])
        key = day, blake2b(name, digest_size=16).digest()
        found[key] = (*key, *place)
    return [found[key] for key in sorted(found)]


def total(rows: Iterable[Sequence[Any]]) -> list[Row]:
    """Return rows of `days` with the sums of each day, of rows that end with sums."""
    found: dict[int, list[int]] = {}
    for row in rows:
        sums = found.setdefault(row[0], [0] * len(FIELDS))
        found[row[0]] = [one + int(other) for one, other in zip(sums, row[-len(FIELDS) :], strict=True)]
    return [(day, DIMENSION, "", *sums) for day, sums in sorted(found.items())]


def settled(now: float, least: bytes | None) -> bytes:
    """Return the id before which entries are added. `least`: that of the oldest one that has not ended."""
    bound = max(0, int((now - SETTLED) * 1_000)).to_bytes(6)
    return bound if least is None else min(bound, least)


# ---- asking ----


class _Known(NamedTuple):
    """Which days the sums by place are whole of, together with the entries from an id on."""

    days: list[int]
    since: bytes


def added_up(by: By, selection: LedgerSelection, database: Database) -> Asking[list[Row]]:
    """Ask for the sums of selected entries of whole days, by day and value; what has none is under `None`. The value of
    a day is empty."""
    name, value = next(iter(selection.filters.items()))
    if len(selection.filters) == 1 and (by == "day" or by == name != "tag") and _is_kept(name, value):
        return (yield from _of_filter(by, name, value, selection, database))
    if not _ROLLED.issuperset(selection.filters) or by not in {*_ROLLED, "day"}:
        return (yield from _of_all_entries(by, selection, database))
    known = yield from _known(selection, database)
    found: list[Row] = []
    for span in spans(selection, known.days):
        found += map(tuple, (yield _of_places(by, span, database)))
        found += map(tuple, (yield of_entries(by, span, database, f"{_OF_DAY}, ", since=known.since)))
    first, last = days(selection)
    others = yield f"SELECT day FROM days WHERE dimension = '' AND day >= {first:d} AND day < {last:d}", []
    for span in spans(selection, {row[0] for row in others} - {*known.days}):
        found += map(tuple, (yield of_entries(by, span, database, f"{_OF_DAY}, ")))
    return found


def _of_all_entries(by: By, selection: LedgerSelection, database: Database) -> Asking[list[Row]]:
    """Ask for the sums as entries add up to them, of those days on which there are any."""
    question, found = days_of(selection, database), list[Row]()
    chosen = [selection] if question is None else spans(selection, [row[0] for row in (yield question)])
    for span in chosen:
        found += map(tuple, (yield of_entries(by, span, database, f"{_OF_DAY}, ")))
    return found


def _is_kept(name: str, value: str) -> bool:
    """Check whether the sums of a value are those of the entries with it: one may have two tags that read alike."""
    if name == "tag":
        return value.count("=") == 1 and "\0" not in value and "\N{REPLACEMENT CHARACTER}" not in value
    return name in _ROLLED or name == "session"


def _of_filter(by: By, name: str, value: str, selection: LedgerSelection, database: Database) -> Asking[list[Row]]:
    """Ask for the sums of a value as they are kept."""
    first, last = days(selection)
    mark, kept = database.mark, database.text(value)
    where = f"dimension = {mark}1 AND day >= {first:d} AND day < {last:d} AND value = {mark}2"
    rows = yield f"SELECT day, {KEPT} FROM days WHERE {where} GROUP BY day", [name, kept]
    return [(day, "" if by == "day" else kept, *sums) for day, *sums in rows]


def _known(selection: LedgerSelection, database: Database) -> Asking[_Known]:
    """Ask which days have sums by place."""
    rolled = yield "SELECT until FROM rolled", []
    since = rolled[0][0] if rolled else b""
    first, last = days(selection)
    within = f"day >= {first:d} AND day < {last:d}"
    of_all = yield f"SELECT day, {KEPT} FROM days WHERE dimension = '' AND {within} GROUP BY day", []
    placed_ = yield f"SELECT day, {KEPT} FROM days WHERE dimension = '{DIMENSION}' AND {within} GROUP BY day", []
    recent = f"SELECT 1 FROM entries WHERE id >= {database.mark}1 LIMIT {_RECENT + 1:d}"
    ((count,),) = yield f"SELECT COUNT(*) FROM ({recent}) AS recent", [since]
    added = list(placed_)
    if count <= _RECENT:
        span = LedgerSelection(since=selection.since, until=selection.until)
        where, values = conditions(span, database, floor=since)
        added += yield f"SELECT {_OF_DAY}, {SUMS} FROM entries WHERE {where} AND state <> 'started' GROUP BY 1", values
    found: dict[str, UsageSums] = {}
    add_up(found, added)
    return _Known([day for day, *sums in of_all if found.get(day) == UsageSums(*map(int, sums))], since)


def _of_places(by: By, span: LedgerSelection, database: Database) -> tuple[str, list[Any]]:
    where, values = filters_of(span, database)
    first, last = days(span)
    value, source = _source(by, "places", database)
    query = f"SELECT day, {value}, {KEPT} FROM {source} WHERE {where} AND day >= {first:d} AND day < {last:d}"
    return f"{query} GROUP BY 1, 2", values


def of_entries(
    by: By, selection: LedgerSelection, database: Database, day: str = "", *, since: bytes | None = None
) -> tuple[str, list[Any]]:
    """Return the question for the sums of entries that have ended. `day`: what they are grouped by first; then those of
    no value are there, too. `since`: only entries from this id on."""
    where, values = conditions(selection, database, floor=since)
    value, source = _source(by, "entries", database)
    if by == "day" and not day:
        value = database.date.format(f"({_OF_DAY})")
    where += " AND state <> 'started'" + ("" if day else f" AND {value} IS NOT NULL")
    return f"SELECT {day}{value}, {SUMS} FROM {source} WHERE {where} GROUP BY 1{', 2' if day else ''}", values


def _source(by: By, table: str, database: Database) -> tuple[str, str]:
    """Return what a table is split by, and the table for that."""
    if by == "day":
        return "''", table
    return ("tag", database.by_tag.format(table)) if by == "tag" else (str(by), table)


def dated(rows: Iterable[Row], by: By) -> list[Row]:
    """Return rows of a value and its sums, of rows of `added_up`."""
    if by == "day":
        return [(date_of(day), *sums) for day, _, *sums in rows]
    return [tuple(row[1:]) for row in rows if row[1] is not None]
