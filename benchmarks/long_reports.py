"""What reports cost at a long ledger: each page of the console and each filter, of a file with many requests.

python -m benchmarks.long_reports [--rows N] [--days N] [--file PATH] [--url URL]

The attempts are of 300 keys, 12 models of 4 entries, sessions of coding agents, routes and tags. One in thirty fails,
and then another target answers. One value of each filter is rare, and one does not occur. A file that is given is
filled if it does not exist, and kept. `--url`: of a PostgreSQL, to which the file is copied if it is empty. The ledger
is open, as the console has it. Stated are the median of five reports and the longest one, which is often the first.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from msgspec.structs import replace

from benchmarks.long_ledger import AGAIN, BATCH, COPIES, fill
from understudy.domain.attempts import AttemptRecord, CostBasis, Outcome
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.money import Cost, Money
from understudy.domain.operation import Operation
from understudy.domain.usage import Usage
from understudy.ledger import LedgerQueries
from understudy.ledger.places import PLACE
from understudy.ledger.postgres.connecting import connect
from understudy.ledger.postgres.reading import PostgresReader
from understudy.ledger.postgres.schema import migrate
from understudy.ledger.rows import COLUMNS
from understudy.ledger.selection import By, LedgerSelection
from understudy.ledger.sqlite.opening import open_for_reading, open_for_writing
from understudy.ledger.sqlite.reading import LedgerReader
from understudy.ledger.sqlite.rolling import roll
from understudy.ledger.sums import FIELDS
from understudy.reports.history import history_of_ledger
from understudy.reports.money import report_money
from understudy.reports.requests import list_requests
from understudy.reports.sessions import list_sessions, report_session
from understudy.reports.waterfall import report_detail

BEGAN = 1_770_000_000
"""Unix seconds of the first attempt."""
KEYS, MODELS, ANSWERS = 300, 12, 20
"""Of each session, about as many answers."""
RARE, ABSENT = "rare", "absent"
_TABLES = {
    "entries": COLUMNS,
    "days": ("day", "dimension", "value", *FIELDS),
    "places": ("day", "place", *PLACE, *FIELDS),
    "rolled": ("until",),
}
"""What is copied."""
_KINDS = (FailureKind.RATE_LIMITED, FailureKind.OVERLOADED, FailureKind.SERVER_ERROR, FailureKind.TIMEOUT_HEADERS)
_COST = Cost(amount=Money(1_234_567), source="published", as_of="2026-11-01")


def records(rows: int, days: float) -> Iterator[AttemptRecord]:
    """Yield what such a ledger is made of, the same in each run."""
    chance = random.Random(1)
    number = 0
    while number < rows:
        started, is_rare = BEGAN + days * 86_400 * number / rows, number % 50_000 == 777
        request, fields = _id(started, number), _place(chance, number, is_rare)
        tries = 2 if chance.random() < 0.03 else 1
        model = chance.randrange(MODELS)
        for place in range(1, tries + 1):
            failed = place < tries or chance.random() < 0.005
            kind = FailureKind.CONTENT_FILTER if is_rare else chance.choice(_KINDS)
            yield _attempt(
                request, _id(started, number, place), place, model + place, started, failed=failed or is_rare,
                **fields, kind=kind, is_rare=is_rare, streamed=chance.random() < 0.7,
            )  # fmt: skip
            number += 1
            started += 1.5


def _place(chance: random.Random, number: int, is_rare: bool) -> dict[str, Any]:
    session = max(0, number // ANSWERS - chance.randrange(40))
    labels = {
        "key": RARE if is_rare else f"key-{session % KEYS}",
        "client": RARE if is_rare else ("claude-code", "codex", "unknown")[session % 3],
        "request_class": "main" if chance.random() < 0.8 else "subagent",
        "team": RARE if is_rare else f"team-{session % 8}",
        "env": "production" if session % 5 else "test",
    }
    route = RARE if is_rare else (None, "chat", "code", "cheap")[session % 4]
    return {"route": route, "session": RARE if is_rare else f"session-{session}", "labels": labels}


def _attempt(
    request: str, attempt: str, number: int, model: int, started: float, *, failed: bool, kind: FailureKind,
    is_rare: bool, streamed: bool, **place: Any,
) -> AttemptRecord:  # fmt: skip
    model %= MODELS
    failure = Failure(kind=kind, message="the provider is overloaded", status=503) if failed else None
    return AttemptRecord(
        request_id=request, attempt_id=attempt, number=number, provider=RARE if is_rare else f"entry-{model % 4}",
        provider_type="openai", model=RARE if is_rare else f"model-{model}", operation=Operation.CHAT, started=started,
        streamed=streamed, outcome=Outcome.FAILED if failed else Outcome.WON, duration=2.5, failure=failure,
        first_event=0.4 if streamed else None, next_step="fall back to the next" if failed else None,
        usage=Usage() if failed else Usage(input=1_200, cache_read=9_000, output=340),
        cost=None if failed else _COST, cost_basis=CostBasis.UNKNOWN if failed else CostBasis.EXACT, **place,
    )  # fmt: skip


def _id(started: float, number: int, attempt: int = 0) -> str:
    """Return a UUID of version 7 that is the same in each run."""
    digits = f"{int(started * 1_000):012x}7{attempt:03x}8{number:015x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


Ask = Callable[[LedgerQueries], Any]
_VALUES = {
    "key": ("key-7", RARE, ABSENT),
    "session": ("session-900", RARE, ABSENT),
    "provider": ("entry-1", RARE, ABSENT),
    "model": ("model-3", RARE, ABSENT),
    "route": ("code", RARE, ABSENT),
    "agent": ("codex", RARE, ABSENT),
    "tag": ("team=team-3", f"team={RARE}", f"team={ABSENT}"),
}
"""A frequent value of each filter, a rare one and one that does not occur."""
_ENDS: tuple[dict[str, str], ...] = ({}, {"outcome": "failed"}, {"outcome": "unknown"}, {"failure": "content_filter"})
_BY: tuple[By, ...] = ("model", "key", "session", "route", "agent", "tag")


def questions(now: float) -> Iterator[tuple[str, Ask]]:
    """Yield what is asked, and how."""

    def selected(name: str, value: str) -> LedgerSelection:
        return replace(LedgerSelection(), **{name: value})

    def page(**words: Any) -> Ask:
        return partial(list_requests, selection=LedgerSelection(**words))

    def money(by: By, **more: Any) -> Ask:
        return partial(report_money, now=now, by=by, **more)

    for outcome in ("answered", "recovered", "failed", "aborted", "unknown", "started"):
        yield f"requests, outcome={outcome}", page(outcome=outcome)
    for failure in ("rate_limited", "content_filter", "dns"):
        yield f"requests, failure={failure}", page(failure=failure)
    for name, values in _VALUES.items():
        for value in values:
            for end in _ENDS:
                words = {name: value, **end}
                yield "requests, " + ", ".join(map("=".join, words.items())), page(**words)
    yield "requests", page()
    yield "requests, the twentieth page", _twentieth
    yield "one request", lambda queries: report_detail(queries.requests(limit=1)[0])
    for by in _BY:
        yield f"money by {by}", money(by)
    yield "money by values of a tag", money("tag", tag="team")
    for name, value in (*((name, values[0]) for name, values in _VALUES.items()), ("tag", "env=production")):
        for by in _BY:
            yield f"money by {by}, {name}={value}", money(by, selection=selected(name, value))
    yield "sessions", list_sessions
    for name in ("key", "agent"):
        for value in _VALUES[name]:
            yield f"sessions, {name}={value}", partial(list_sessions, selection=selected(name, value))
    yield "one session", lambda queries: report_session(queries, "session-900")
    for hours in (1, 24):
        yield f"history of {hours} h", partial(history_of_ledger, now=now, seconds=hours * 3_600)


def _twentieth(queries: LedgerQueries) -> None:
    before = None
    for _ in range(20):
        before = list_requests(queries, before=before).next


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.long_reports", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--days", type=float, default=60)
    parser.add_argument("--file", type=Path)
    parser.add_argument("--url")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = given.file or Path(folder) / "ledger.db"
        if not path.exists():
            took = fill(path, records(given.rows // COPIES, given.days))
            print(f"{given.rows:,} attempts of {given.days:g} days written in {took:,.0f} s")
            _roll(path)
        if given.url:
            asyncio.run(_copied(path, given.url))
        with PostgresReader(given.url) if given.url else LedgerReader(path) as reader:
            for name, ask in questions(BEGAN + given.days * 86_400 - 60):
                times = [_measure(reader, ask) for _ in range(AGAIN)]
                print(f"{name:<60}{median(times):>9,.1f} ms{max(times):>9,.1f} ms", flush=True)


async def _copied(path: Path, url: str) -> None:
    """Copy the entries and the sums of a file to an empty database."""
    connection = await connect(url)
    await migrate(connection)
    if await connection.fetchval("SELECT 1 FROM days LIMIT 1") is None:
        file = open_for_reading(path)
        await connection.execute("DELETE FROM rolled")
        for table, names in _TABLES.items():
            rows = file.execute(f"SELECT {', '.join(names)} FROM {table}")
            columns = (*names, "tagged") if "tags" in names else names
            while some := [_stored(dict(row), columns) for row in rows.fetchmany(BATCH)]:
                await connection.copy_records_to_table(table, records=some, columns=columns)
        file.close()
        await connection.execute("ANALYZE")
    await connection.close()


def _roll(path: Path) -> None:
    """Add the entries to the sums by place, as the ledger's thread does beside."""
    connection, began, transactions = open_for_writing(path), time.process_time(), 1
    while roll(connection, time.time() + 400 * 86_400):
        transactions += 1
    connection.close()
    took = (time.process_time() - began) * 1_000
    print(f"added to the sums by place in {transactions:,} transactions, {took / transactions:,.1f} ms CPU each")


def _stored(row: dict[str, Any], columns: Sequence[str]) -> tuple[Any, ...]:
    """Return a row as PostgreSQL has it."""
    row |= {name: bool(row[name]) for name in ("opens", "streamed") if name in row}
    if "tagged" in columns:
        row["tagged"] = [f"{name}={value}" for name, value in json.loads(row["tags"] or "{}").items()]
    return tuple(row[name] for name in columns)


def _measure(queries: LedgerQueries, ask: Ask) -> float:
    """Return the milliseconds of one report."""
    began = time.monotonic()
    ask(queries)
    return (time.monotonic() - began) * 1_000


if __name__ == "__main__":
    main()
