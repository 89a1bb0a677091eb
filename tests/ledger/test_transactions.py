"""Many items in one transaction of a file change what they change one by one, and what a plain model says."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ledger.made import NOON, ended, records, start, uuid_of
from understudy.domain.attempts import AttemptRecord, AttemptStart, CostBasis, Outcome
from understudy.domain.money import Cost, Money
from understudy.domain.usage import Usage
from understudy.ledger.entries import kept
from understudy.ledger.holds import Claim
from understudy.ledger.reserving import Reservation
from understudy.ledger.rows import COLUMNS, ending_of, id_of, row_of, row_of_start
from understudy.ledger.sqlite.following import OpenedFile
from understudy.ledger.sqlite.migrations import migrate
from understudy.ledger.sqlite.transaction import Transaction
from understudy.ledger.sums import FIELDS

OWNER, OTHER = 1, 2
Item = AttemptStart | Reservation
GIVEN_UP: list[Item] = []
"""In place of a batch: the lease of whoever wrote what is under way is over."""


def claims(amount: int) -> list[Claim]:
    return [Claim(budget="team", subject="", amount=amount, ceiling=None, if_unknown=amount)]


@contextmanager
def empty() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection)
    connection.row_factory = sqlite3.Row
    yield connection
    connection.close()


def write(connection: sqlite3.Connection, owner: int, items: Sequence[Item]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    transaction = Transaction(connection, owner)
    transaction.write(items)
    if items is GIVEN_UP:
        transaction.sweep(NOON)
    transaction.finish()
    connection.execute("COMMIT")


def written(batches: Sequence[tuple[int, list[Item]]]) -> dict[str, list[str]]:
    """Return the tables after some batches, each with its owner."""
    with empty() as connection:
        for owner, items in batches:
            write(connection, owner, items)
        # A balance that comes to nothing within one transaction is not written.
        tables = ("entries", "days", "holds", "balances WHERE (spent, reserved, overrun) <> (0, 0, 0)")
        return {
            name: sorted(repr(tuple(row)) for row in connection.execute(f"SELECT * FROM {name}")) for name in tables
        }


def one_by_one(batches: Sequence[tuple[int, list[Item]]]) -> list[tuple[int, list[Item]]]:
    return [(owner, part) for owner, items in batches for part in ([[each] for each in items] or [GIVEN_UP])]


def entries_of(batches: Sequence[tuple[int, list[Item]]]) -> list[dict[str, Any]]:
    """Return the rows of the entries as a model has them that knows no SQL."""
    rows: dict[bytes, dict[str, Any]] = {}
    for owner, items in batches:
        for item in items:
            given = item.start if isinstance(item, Reservation) else item
            key, request = id_of(given.attempt_id), id_of(given.request_id)
            opens = all(row["request"] != request for row in rows.values())
            if isinstance(given, AttemptRecord):
                row = dict(zip(COLUMNS, row_of(kept(given), owner, opens=opens), strict=True))
                if key in rows and rows[key]["state"] in ("started", "unknown"):
                    names = ("state", *COLUMNS[-len(ending_of(given)) :])
                    rows[key] |= {name: row[name] for name in names}
                rows.setdefault(key, row)
            else:
                rows.setdefault(key, dict(zip(COLUMNS, row_of_start(given, owner, opens=opens), strict=True)))
        if items is GIVEN_UP:
            for row in rows.values():
                row["state"] = "unknown" if row["state"] == "started" else row["state"]
    return list(rows.values())


def sums_of(rows: Sequence[dict[str, Any]], tags: dict[bytes, list[str]]) -> dict[tuple[int, str, str], list[int]]:
    """Return the sums of entries, added up from their columns."""
    added: dict[tuple[int, str, str], Counter[str]] = {}
    for row in rows:
        if row["state"] == "started":
            continue
        known = {name: row[name] or 0 for name in COLUMNS if isinstance(row[name], int | None)}
        won, unknown = row["state"] == "succeeded", row["state"] == "unknown"
        counted = any(row[name] is not None for name in COLUMNS[COLUMNS.index("input") : COLUMNS.index("cost")])
        read, wrote = known["cache_read"] + known["cache_read_audio"], known["cache_write"] + known["cache_write_1h"]
        numbers = {
            "requests": row["opens"],
            "attempts": 1,
            row["state"]: 1,
            "input": known["input"] + known["audio_input"] + read + wrote,
            "cached": read,
            "output": known["output"] + known["reasoning"] + known["audio_output"],
            "uncounted": won and not counted,
            "cost": known["cost"],
            "unpriced": row["cost"] is None and row["cost_basis"] not in ("not_sent", "refused"),
            "duration": won and known["duration"],
            "first_event": won and known["first_event"],
            "streams": won and row["first_event"] is not None,
        }
        assert unknown <= (row["cost"] is None)
        of = [(name, row[name]) for name in ("provider", "model", "key", "agent", "class", "session", "route", "task")]
        for dimension, value in [("", ""), *of, *(("tag", tag) for tag in tags[row["id"]])]:
            if value is not None:
                key = row["started"] // 86_400_000_000, dimension, value
                added.setdefault(key, Counter()).update({name: int(number) for name, number in numbers.items()})
    return {key: [numbers[name] for name in FIELDS] for key, numbers in added.items()}


def check(batches: Sequence[tuple[int, list[Item]]]) -> None:
    found = written(batches)
    assert found == written(one_by_one(batches))
    expected = entries_of(batches)
    items = [item.start if isinstance(item, Reservation) else item for _, items in batches for item in items]
    tags = {
        id_of(item.attempt_id): [
            f"{name}={value}".replace("\0", "\N{REPLACEMENT CHARACTER}")
            for name, value in item.labels.items()
            if name not in ("key", "client", "request_class")
        ]
        for item in items
    }
    with empty() as connection:
        for row in expected:
            marks = ", ".join("?" * len(COLUMNS))
            connection.execute(f"INSERT INTO entries ({', '.join(COLUMNS)}) VALUES ({marks})", list(row.values()))
        for key, numbers in sums_of(expected, tags).items():
            connection.execute(f"INSERT INTO days VALUES ({', '.join('?' * (3 + len(FIELDS)))})", (*key, *numbers))
        for table in ("entries", "days"):
            assert found[table] == sorted(repr(tuple(row)) for row in connection.execute(f"SELECT * FROM {table}"))


def reservation(begun: AttemptStart, amount: int) -> Reservation:
    async def made() -> Reservation:
        return Reservation(begun, claims(amount), durable=False)

    return asyncio.run(made())


def beginning_of(record: AttemptRecord) -> AttemptStart:
    return AttemptStart(**{name: getattr(record, name) for name in AttemptStart.__struct_fields__})


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[int, list[Item]]]:
    """Batches of two writers: attempts begin, hold something, and end several times in any order, or are given up; a
    batch whose commit was not confirmed is written again."""
    ids = st.integers(1, 6).map(uuid_of) | st.sampled_from(["an id", "", "a\0b"])
    labels = st.dictionaries(st.sampled_from(["key", "client", "team", "a\0"]), st.sampled_from(["x", "a\0b", "a�b"]))
    attempts: dict[str, list[AttemptRecord]] = {}
    for record in draw(st.lists(records, min_size=1, max_size=8)):
        attempt = draw(ids)
        known = attempts.setdefault(attempt, [])
        common = {name: getattr(known[0] if known else record, name) for name in AttemptStart.__struct_fields__}
        if not known:
            common |= {"attempt_id": attempt, "request_id": draw(ids), "labels": draw(labels)}
        end = {name: getattr(record, name) for name in record.__struct_fields__ if name not in common}
        known.append(AttemptRecord(**common, **end))
    events: list[Item] = []
    for ends in attempts.values():
        begun = beginning_of(ends[0])
        events += [begun] * draw(st.integers(0, 2))
        events += [reservation(begun, draw(st.integers(0, 50)))] * draw(st.integers(0, 1))
        events += ends
    events = draw(st.permutations(events))
    batches: list[tuple[int, list[Item]]] = []
    while events:
        size = draw(st.integers(1, len(events)))
        batches.append((draw(st.sampled_from([OWNER, OTHER])), events[:size]))
        events = events[size:]
        match draw(st.sampled_from(["go on", "go on", "given up", "again"])):
            case "given up":
                batches.append((OWNER, GIVEN_UP))
            case "again":
                batches.append(batches[-1])
            case _:
                pass
    return batches


@given(histories())
def test_a_batch_changes_what_its_items_change(batches: list[tuple[int, list[Item]]]) -> None:
    check(batches)


@pytest.mark.parametrize("attempts", [1, 2, 31, 32, 33, 63, 100, 260])
def test_batches_of_any_length(attempts: int) -> None:
    """Many attempts begin in one transaction; some end in it, and some in the next."""
    chance = random.Random(attempts)
    begun = [
        start(
            seed,
            request=seed // 2,
            started=NOON + seed,
            session=chance.choice([None, f"s{seed % 7}"]),
            route=chance.choice([None, "fast"]),
            labels=chance.choice([{}, {"key": "a"}, {"team": "b\0"}]),
            streamed=chance.random() < 0.5,
        )
        for seed in range(1, attempts + 1)
    ]
    ends = [
        ended(
            each,
            chance.choice(list(Outcome)),
            first_event=chance.choice([None, 0.25]),
            usage=chance.choice([Usage(), Usage(input=2**53, output=2**53), Usage(cache_read=5)]),
            cost=chance.choice([None, Cost(amount=Money(2**70), source="x"), Cost(amount=Money(7), source="y")]),
            cost_basis=chance.choice(list(CostBasis)),
        )
        for each in begun
    ]
    half = attempts // 2
    check([(OWNER, [*begun, *ends[:half]]), (OWNER, [*ends]), (OTHER, [*ends[half:], *begun])])


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs the list of open files that Linux has")
def test_a_large_transaction_makes_no_temporary_file(tmp_path: Path) -> None:
    opened = OpenedFile(tmp_path / "ledger.db", lambda: None)
    files: set[str] = set()
    with closing(opened.connection):
        for first in (0, 1_000):  # the second transaction changes pages that are there already
            begun = [start(seed, session=f"session {seed * 7919 % 1_000}") for seed in range(first, first + 1_000)]
            opened.connection.execute("BEGIN IMMEDIATE")
            transaction = Transaction(opened.connection, OWNER)
            transaction.write([*begun, *map(ended, begun[:500])])
            transaction.finish()
            files |= {str(each.readlink()) for each in Path("/proc/self/fd").iterdir() if each.is_symlink()}
            opened.connection.execute("COMMIT")
    assert any("ledger.db-wal" in each for each in files)
    assert not [each for each in files if "etilqs_" in each]  # as SQLite names them
