"""What a long ledger costs to read: sums and pages of the log, of a file with many entries.

python -m benchmarks.long_ledger [--rows N] [--file PATH]

The entries are of 90 days, 300 keys, 12 models of 4 providers and 100,000 sessions; one key and one session are rare. A
file that is given is filled if it is empty, and kept. Times are of a reader that opens the file, as a command does; the
first reading of each may come from the disk, so the median of five is stated.
"""

from __future__ import annotations

import argparse
import itertools
import random
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

from understudy.domain.attempts import AttemptRecord, CostBasis, Outcome
from understudy.domain.money import Cost, Money
from understudy.domain.operation import Operation
from understudy.domain.usage import Usage
from understudy.ledger.rows import COLUMNS
from understudy.ledger.selection import By, LedgerSelection
from understudy.ledger.sqlite.opening import open_for_writing
from understudy.ledger.sqlite.reading import LedgerReader
from understudy.ledger.sqlite.transaction import Transaction
from understudy.ledger.sums import FIELDS

DAYS, KEYS, SESSIONS, MODELS = 90, 300, 100_000, 12
BEGAN = 1_770_000_000
"""Unix seconds of the first entry."""
BATCH = 20_000
"""Entries of one transaction."""
COPIES = 10
RARE = "rare"
AGAIN = 5


def fill(path: Path, made: Iterator[AttemptRecord]) -> float:
    """Write entries as the ledger's thread does, in large transactions, and copy them, so that there are `COPIES` of
    each; return the seconds it took."""
    began, connection = time.monotonic(), open_for_writing(path)
    connection.row_factory = sqlite3.Row
    while batch := list(itertools.islice(made, BATCH)):
        connection.execute("BEGIN IMMEDIATE")
        transaction = Transaction(connection, owner=1)
        transaction.write(batch)
        transaction.finish()
        connection.execute("COMMIT")
    _copy(connection)
    connection.close()
    return time.monotonic() - began


def _copy(connection: sqlite3.Connection) -> None:
    """Write every entry again under other ids of the same milliseconds."""
    connection.create_function("other", 2, lambda id_, copy: id_[:8] + bytes((0x80 + copy,)) + id_[9:])
    columns = ", ".join(COLUMNS[2:])
    for copy in range(1, COPIES):
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(
            f"INSERT INTO entries (id, request, {columns}) SELECT other(id, {copy}), other(request, {copy}), {columns} "
            "FROM entries WHERE substr(id, 9, 1) = x'80'"
        )
        connection.execute("COMMIT")
    connection.execute(f"UPDATE days SET {', '.join(f'{name} = {name} * {COPIES}' for name in FIELDS)}")


def records(rows: int, *, first: int = 0) -> Iterator[AttemptRecord]:
    """Yield what such a ledger is made of, the same in each run; `first`: the number of the first one."""
    chance = random.Random(1)
    cost = Cost(amount=Money(1_234_567), source="published", as_of="2026-11-01")
    for number in range(first, first + rows):
        started = BEGAN + DAYS * 86_400 * number / (first + rows)
        model, is_rare = chance.randrange(MODELS), number % 100_000 == 77
        won = chance.random() < 0.97
        name = _id(started, number)
        yield AttemptRecord(
            request_id=name, attempt_id=_id(started, number, attempt=True), number=1, provider=f"provider-{model % 4}",
            provider_type="openai", model=f"model-{model}", operation=Operation.CHAT, started=started,
            session=RARE if is_rare else f"session-{chance.randrange(SESSIONS)}",
            labels={"key": RARE if is_rare else f"key-{chance.randrange(KEYS)}", "team": RARE if is_rare else "blue"},
            outcome=Outcome.WON if won else Outcome.FAILED, duration=2.5, cost_basis=CostBasis.EXACT,
            usage=Usage(input=1_200, cache_read=9_000, output=340) if won else Usage(), cost=cost if won else None,
        )  # fmt: skip


def _id(started: float, number: int, *, attempt: bool = False) -> str:
    """Return a UUID of version 7 that is the same in each run."""
    digits = f"{int(started * 1_000):012x}7{attempt:03x}8{number:015x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def questions(until: float) -> Iterator[tuple[str, Callable[[LedgerReader], Any]]]:
    """Yield what is asked, and how."""

    def usage(by: By, **selected: Any) -> Callable[[LedgerReader], Any]:
        return lambda reader: reader.usage(by, LedgerSelection(**selected))

    def page(**selected: Any) -> Callable[[LedgerReader], Any]:
        return lambda reader: reader.requests(LedgerSelection(**selected), limit=50)

    week = until - 7 * 86_400 - 3_600
    yield "usage --by day", usage("day")
    yield "usage --by day --since 7d", usage("day", since=week)
    yield "usage --by model --since 30d", usage("model", since=until - 30 * 86_400 - 3_600)
    yield "usage --by session --since 7d", usage("session", since=week)
    yield "usage --by day --key", usage("day", key="key-7", since=week)
    yield "log", page()
    yield "log --state failed", page(state="failed")
    for name, value in (("key", "key-7"), ("session", "session-7"), ("model", "model-7"), ("tag", "team=blue")):
        yield f"log --{name}", page(**{name: value})
    for name in ("key", "session", "model"):
        yield f"log --{name}, rare", page(**{name: RARE})
    yield "log --tag, rare", page(tag=f"team={RARE}")


def measure(path: Path, ask: Callable[[LedgerReader], Any]) -> float:
    """Return the milliseconds of one question to a file."""
    began = time.monotonic()
    with LedgerReader(path) as reader:
        ask(reader)
    return (time.monotonic() - began) * 1_000


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.long_ledger", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--file", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = given.file or Path(folder) / "ledger.db"
        if not path.exists():
            took = fill(path, records(given.rows // COPIES))
            print(
                f"{given.rows:,} entries written in {took:,.0f} s, {path.stat().st_size / given.rows:,.0f} bytes each"
            )
        for name, ask in questions(BEGAN + DAYS * 86_400):
            print(f"{name:<32}{median(measure(path, ask) for _ in range(AGAIN)):>10,.1f} ms", flush=True)


if __name__ == "__main__":
    main()
