"""Questions to a ledger in SQL, as far as databases agree on it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

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


class Database(NamedTuple):
    """Where databases differ."""

    mark: str
    """What a numbered placeholder begins with."""
    tagged: str
    """The condition that an entry has a tag; `{}` is its placeholder."""
    text: Callable[[str], str] = str
    """Return a string as the database stores it."""


def without_nul(text: str) -> str:
    """Return a text with a replacement for each NUL character. Tags are compared in this form: PostgreSQL has no text
    with NUL, and SQLite ends a string of JSON at the first one."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}") if "\0" in text else text


def conditions(selection: LedgerSelection, database: Database, before: str | None = None) -> tuple[str, list[Any]]:
    """Return the condition that selects entries, and its values; `before`: only those older than that attempt."""
    where, values = ["1 = 1"], list[Any]()

    def add(condition: str, value: Any) -> None:
        values.append(value)
        where.append(condition.format(f"{database.mark}{len(values)}"))

    if selection.since is not None:
        add("id >= {}", _first_id(selection.since, -_SLACK))
        add("started >= {}", round(selection.since * SECOND))
    if selection.until is not None:
        add("id < {}", _first_id(selection.until, _SLACK))
        add("started < {}", round(selection.until * SECOND))
    for name, value in selection.filters.items():
        if name == "tag":
            add(database.tagged, without_nul(value))
        else:
            add(f"{name} = {{}}", database.text(value))
    if before is not None:
        add("id < {}", id_of(before))
    return " AND ".join(where), values


def parts(selection: LedgerSelection) -> Iterator[tuple[LedgerSelection, bool]]:
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


def _first_id(moment: float, slack: int) -> bytes:
    """Return a bound of the ids of that time: version 7 begins with milliseconds since 1970 (RFC 9562 §5.7)."""
    return max(0, int(moment * 1_000) + slack).to_bytes(6)
