"""Questions for the sums of each day of a span, by what they belong to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from understudy.ledger.pages import DailyUsage
from understudy.ledger.places import added_up, dated, of_entries
from understudy.ledger.questions import Asking, Question, date_of, marks
from understudy.ledger.selection import By, LedgerSelection
from understudy.ledger.sql import KEPT, Database, add_up, days, parts
from understudy.ledger.sums import UsageSums

_DEAREST = "SUM(cost) DESC, SUM(input + output) DESC, value"
_NOTHING = UsageSums()


def usage(by: By, selection: LedgerSelection, database: Database) -> Asking[dict[str, UsageSums]]:
    """Ask for the sums of selected entries, by day or by what they belong to; those without a value are left out."""
    found: dict[str, UsageSums] = {}
    for part, is_whole in parts(selection):
        if is_whole and selection.filters:
            add_up(found, dated((yield from added_up(by, part, database)), by))
        else:
            rows = yield _kept(by, part, database) if is_whole else of_entries(by, part, database)
            add_up(found, map(tuple, rows))
    return found


def _kept(by: By, selection: LedgerSelection, database: Database) -> Question:
    """Return the question for the sums of whole days by what they belong to, as they are kept."""
    value, dimension = (database.date.format("day"), "") if by == "day" else ("value", str(by))
    where = " AND ".join(f"{one} {database.mark}{at}" for at, one in enumerate(("dimension =", "day >=", "day <"), 1))
    return f"SELECT {value}, {KEPT} FROM days WHERE {where} GROUP BY 1", [dimension, *days(selection)]


def of_days(by: By, selection: LedgerSelection, database: Database, limit: int, prefix: str) -> Asking[DailyUsage]:
    """Ask for the sums of whole days, as they are kept. `limit`: of values. `prefix`: what the values begin with that
    are meant."""
    mark, span = database.mark, list(days(selection))
    where = f"dimension = {mark}1 AND day >= {mark}2 AND day < {mark}3"
    per_day = f"SELECT day, {KEPT} FROM days WHERE {where} GROUP BY day"
    total = yield per_day, ["", *span]
    asked: list[Any] = [str(by), *span]
    if prefix:
        where += f" AND substr(value, 1, {len(prefix):d}) = {mark}4"
        asked.append(database.text(prefix))
    valued = yield f"SELECT day, {KEPT} FROM days WHERE {where} GROUP BY day", asked
    query = f"SELECT value, {KEPT} FROM days WHERE {where} GROUP BY value ORDER BY {_DEAREST} LIMIT {limit:d}"
    values = yield query, asked
    names, seen = [row[0] for row in values], [str(row[0]) for row in valued]
    parts: Sequence[Any] = ()
    if names:  # day by day: a span of days would be read whole
        where = f"dimension = {mark}1 AND day IN ({', '.join(seen)}) AND value IN ({marks(database, len(names), 2)})"
        parts = yield f"SELECT day, value, {KEPT} FROM days WHERE {where} GROUP BY day, value", [str(by), *names]
    return DailyUsage(
        days={date_of(row[0]): _sums(row[1:]) for row in total},
        valued={date_of(row[0]): _sums(row[1:]) for row in valued},
        values={row[0]: _sums(row[1:]) for row in values},
        parts={(date_of(row[0]), row[1]): _sums(row[2:]) for row in parts},
    )


def of_filters(by: By, selection: LedgerSelection, database: Database, limit: int, prefix: str) -> Asking[DailyUsage]:
    """Ask for the same of what is filtered."""
    rows = yield from added_up(by, selection, database)
    total: dict[str, UsageSums] | None = {} if by == "tag" else None
    if total is not None:  # those of tags overlap, and are not of all
        add_up(total, dated((yield from added_up("day", selection, database)), "day"))
    return of_parts([(date_of(day), *row) for day, *row in rows], limit, prefix, total)


def of_parts(rows: Iterable[Sequence[Any]], limit: int, prefix: str, total: dict[str, UsageSums] | None) -> DailyUsage:
    """Return the same of rows with sums of a day and value, of which there may be several; what has none is under
    `None`. `total`: of everything, by day; unset, it is what the rows come to."""
    parts, added = dict[tuple[str, str], UsageSums](), defaultdict[str, UsageSums](UsageSums)
    for day, value, *some in rows:
        sums = _sums(some)
        added[day] += sums
        if value is not None and value.startswith(prefix):
            parts[day, value] = parts.get((day, value), _NOTHING) + sums
    valued, values = defaultdict[str, UsageSums](UsageSums), defaultdict[str, UsageSums](UsageSums)
    for (day, value), sums in parts.items():
        valued[day] += sums
        values[value] += sums
    dearest = sorted(values, key=lambda each: (-values[each].cost, -values[each].input - values[each].output, each))
    shown = dict.fromkeys(dearest[:limit])
    return DailyUsage(
        days=dict(added) if total is None else total,
        valued=dict(valued),
        values={value: values[value] for value in shown},
        parts={place: sums for place, sums in parts.items() if place[1] in shown},
    )


def _sums(row: Iterable[Any]) -> UsageSums:
    return UsageSums(*map(int, row))
