"""Questions to a ledger in SQL, as far as databases agree on it."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from msgspec.structs import replace

from understudy.ledger.entries import EntryState
from understudy.ledger.rows import SECOND, id_of
from understudy.ledger.selection import LedgerSelection
from understudy.ledger.sums import DAY, FIELDS, UsageSums

_CACHED = ("cache_read", "cache_read_audio")
_PROMPT = ("input", *_CACHED, "cache_write", "cache_write_1h", "audio_input")
_ANSWER = ("output", "reasoning", "audio_output")
_SLACK = 3_600 * 1_000
"""Milliseconds by which an id may be older than the beginning of its entry."""


def _total(names: tuple[str, ...]) -> str:
    return " + ".join(f"COALESCE({name}, 0)" for name in names)


def _where(condition: str, value: str = "1") -> str:
    return f"CASE WHEN {condition} THEN {value} ELSE 0 END"


_ADDED = {
    "requests": _where("opens"),
    "attempts": "1",
    "succeeded": _where("state = 'succeeded'"),
    "failed": _where("state = 'failed'"),
    "aborted": _where("state = 'aborted'"),
    "unknown": _where("state = 'unknown'"),
    "input": _total(_PROMPT),
    "cached": _total(_CACHED),
    "output": _total(_ANSWER),
    "uncounted": _where(f"state = 'succeeded' AND COALESCE({', '.join((*_PROMPT, *_ANSWER))}) IS NULL"),
    "cost": "COALESCE(cost, 0)",
    "unpriced": _where("cost IS NULL AND COALESCE(cost_basis, 'unknown') NOT IN ('not_sent', 'refused')"),
    "duration": _where("state = 'succeeded'", "duration"),
    "first_event": _where("state = 'succeeded'", "COALESCE(first_event, 0)"),
    "streams": _where("state = 'succeeded' AND first_event IS NOT NULL"),
}
SUMS = ", ".join(f"SUM({_ADDED[name]})" for name in FIELDS)
"""The sums of `UsageSums`, of entries."""
KEPT = ", ".join(f"SUM({name})" for name in FIELDS)
"""The sums of `UsageSums`, of days."""
ALL = LedgerSelection()
_BY_DAYS = ("tag", "route", "task", "class", "agent", "model", "provider")
"""What no index finds entries by, likely the rarest first: sums are kept of each, so the days on which there are any
are known, and pages of a log need not read all others."""
_OTHER = "EXISTS (SELECT 1 FROM entries AS other WHERE other.request = entries.request AND {})"
_IS_ANSWERED = _OTHER.format("other.state = 'succeeded'")
_DECIDES = "NOT " + _OTHER.format("(other.state = 'succeeded' OR other.id > entries.id)")
"""None of its request succeeded, and it is the last one."""
_LOST = ", ".join(f"'{each}'" for each in (EntryState.FAILED, EntryState.ABORTED, EntryState.UNKNOWN))
LOST = f"state IN ({_LOST})"
"""The condition of the index that finds what did not succeed."""


def _in_state(state: str) -> str:
    """Return the condition that an entry is in a state, written so that an index of this state is found."""
    return f"state = '{state}'" + (f" AND {LOST}" if f"'{state}'" in _LOST else "")


_KNOWN = {
    **{("state", each.value): _in_state(each) for each in EntryState},
    **{("outcome", each.value): f"{_in_state(each)} AND {_DECIDES}" for each in EntryState},
    ("outcome", "answered"): _in_state(EntryState.SUCCEEDED),
    ("outcome", "recovered"): f"{_in_state(EntryState.FAILED)} AND {_IS_ANSWERED}",
}
"""Conditions without values: an index of some states serves only those who name them."""
_PLAIN_END = re.compile(r"[\w .,:;/+@-]+\Z", re.ASCII)
"""The end of a tag, as far as it stands in the value alone and in JSON as it is."""
_ODD = -1
"""Stands for the day of entries whose ids, not of version 7, do not tell when they began."""
_DAYS_OF = (
    "SELECT day FROM days WHERE dimension = {0}1 AND value = {0}2 "
    "UNION SELECT started / 86400000000 FROM entries WHERE state = 'started' "
    "UNION SELECT -1 FROM entries WHERE id < {0}3"
)


class Database(NamedTuple):
    """Where databases differ."""

    mark: str
    """What a numbered placeholder begins with."""
    tagged: str
    """The condition that an entry has a tag; `{}` is its placeholder."""
    text: Callable[[str], str] = str
    """Return a string as the database stores it."""
    may_be_tagged: str | None = None
    """A condition that is quicker to check, and true of all entries with a tag that ends with the text `{}`."""
    least: str = "MIN(id)"
    """The least id of some rows."""
    by_tag: str = "{}"
    """The table `{}` with a row for each tag of its rows, in the column `tag`."""
    date: str = "{}"
    """A day, counted from 1970, as a date."""
    indexed: str = "entries"
    """The entries, to be found by the index `{}`, if it is better to say so than to have the database guess."""


def without_nul(text: str) -> str:
    """Return a text with a replacement for each NUL character. Tags are compared in this form: PostgreSQL has no text
    with NUL, and SQLite ends a string of JSON at the first one."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}") if "\0" in text else text


def conditions(
    selection: LedgerSelection, database: Database, before: str | None = None, floor: bytes | None = None
) -> tuple[str, list[Any]]:
    """Return the condition that selects entries, and its values; `before`: only those older than that attempt; `floor`:
    only those with this id or a later one."""
    where, values = ["1 = 1"], list[Any]()

    def add(condition: str, value: Any) -> None:
        values.append(value)
        where.append(condition.format(f"{database.mark}{len(values)}"))

    # Of several bounds of one side SQLite would use the first only.
    if lows := [each for each in (_bound(selection.since, -_SLACK), floor) if each is not None]:
        add("id >= {}", max(lows))
    if highs := [each for each in (_bound(selection.until, _SLACK), id_of(before) if before else None) if each]:
        add("id < {}", min(highs))
    if selection.since is not None:
        add("started >= {}", round(selection.since * SECOND))
    if selection.until is not None:
        add("started < {}", round(selection.until * SECOND))
    _filter(selection, database, where, add)
    return " AND ".join(where), values


def filters_of(selection: LedgerSelection, database: Database) -> tuple[str, list[Any]]:
    """Return the same without the span of time."""
    where, values = ["1 = 1"], list[Any]()

    def add(condition: str, value: Any) -> None:
        values.append(value)
        where.append(condition.format(f"{database.mark}{len(values)}"))

    _filter(selection, database, where, add)
    return " AND ".join(where), values


def _filter(selection: LedgerSelection, database: Database, where: list[str], add: Callable[[str, Any], None]) -> None:
    """Add the conditions of the filters."""
    for name, value in selection.filters.items():
        if (known := _KNOWN.get((name, value))) is not None:
            where.append(known)
        elif name == "outcome":
            where.append("1 = 0")
        elif name == "tag":
            if database.may_be_tagged is not None and (end := _PLAIN_END.search(value)) is not None:
                add(database.may_be_tagged, end[0])
            add(database.tagged, without_nul(value))
        else:
            add(f"{name} = {{}}", database.text(value))


def days_of(selection: LedgerSelection, database: Database) -> tuple[str, list[Any]] | None:
    """Return the question on which days there are selected entries, to be followed by `spans`; `None` where an index
    finds them, or nothing but time selects them. What is under way is in no sum yet, so its days are among them."""
    filters = selection.filters
    name = next((name for name in _BY_DAYS if name in filters), None)
    if name is None or "session" in filters or "key" in filters:
        return None
    value = without_nul(filters[name]) if name == "tag" else database.text(filters[name])
    return _DAYS_OF.format(database.mark), [name, value, b"\x01"]


def spans(selection: LedgerSelection, days: Iterable[int]) -> list[LedgerSelection]:
    """Return a selection as its spans of consecutive days, the newest first. Ids may be older than the beginnings of
    their entries by less than a day, so entries of different spans are never in another order."""
    found = sorted(set(days), reverse=True)
    if _ODD in found:
        return [selection]
    ends = [day for at, day in enumerate(found) if at == 0 or found[at - 1] != day + 1]
    begins = [day for at, day in enumerate(found) if at == len(found) - 1 or found[at + 1] != day - 1]
    since = selection.since if selection.since is not None else 0.0
    until = selection.until if selection.until is not None else math.inf
    limits = ((max(since, first * DAY), min(until, (last + 1) * DAY)) for first, last in zip(begins, ends, strict=True))
    return [replace(selection, since=first, until=last) for first, last in limits if first < last]


def parts(selection: LedgerSelection) -> Iterator[tuple[LedgerSelection, bool]]:
    """Split a selection into whole days, whose sums are kept, and the rest."""
    since, until = selection.since, selection.until
    first = None if since is None else -(-since // DAY) * DAY
    last = None if until is None else until // DAY * DAY
    if first is not None and last is not None and first > last:
        yield selection, False
        return
    yield replace(selection, since=first, until=last), True
    if since is not None and since != first:
        yield replace(selection, since=since, until=first), False
    if until is not None and until != last:
        yield replace(selection, since=last, until=until), False


def days(selection: LedgerSelection) -> tuple[int, int]:
    """Return the first day of a selection of whole days, and the one after the last."""
    first = 0 if selection.since is None else int(selection.since // DAY)
    last = 2**31 - 1 if selection.until is None else int(selection.until // DAY)
    return first, last


def add_up(found: dict[str, UsageSums], rows: Iterable[Sequence[Any]]) -> None:
    """Add rows of a value and its sums to what was found so far."""
    for value, *sums in rows:
        added, known = UsageSums(*map(int, sums)), found.get(value)
        found[value] = added if known is None else known + added


def checks(mark: str) -> tuple[str, str]:
    """Return the questions for the sums of each day from one on: as its entries add up, and as they are kept."""
    return (
        f"SELECT started / 86400000000, {SUMS} FROM entries "
        f"WHERE state <> 'started' AND started / 86400000000 >= {mark}1 GROUP BY 1",
        f"SELECT day, {KEPT} FROM days WHERE dimension = '' AND day >= {mark}1 GROUP BY 1",
    )


def differences(counted: Iterable[Sequence[Any]], kept: Iterable[Sequence[Any]]) -> list[str]:
    """Return in words on which days the answers to `checks` differ."""
    of_entries = {day: tuple(map(int, sums)) for day, *sums in counted}
    of_days = {day: tuple(map(int, sums)) for day, *sums in kept}
    found: list[str] = []
    for day in sorted(of_entries.keys() | of_days.keys()):
        ours, theirs = of_entries.get(day), of_days.get(day)
        if ours != theirs:
            names = [name for at, name in enumerate(FIELDS) if not ours or not theirs or ours[at] != theirs[at]]
            date = time.strftime("%Y-%m-%d", time.gmtime(day * DAY))
            found.append(f"the sums of {date} differ from its entries: {', '.join(names)}")
    return found


def _bound(moment: float | None, slack: int) -> bytes | None:
    """Return a bound of the ids of that time: version 7 begins with milliseconds since 1970 (RFC 9562 §5.7)."""
    if moment is None:
        return None
    return max(0, int(moment * 1_000) + slack).to_bytes(6)
