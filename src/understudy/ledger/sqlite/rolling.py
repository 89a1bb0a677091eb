"""Adds entries that have ended to the sums by place, some at a time, in transactions of their own."""

from __future__ import annotations

import sqlite3
from itertools import chain
from typing import Any

from understudy.ledger.places import AT_ONCE, PLACE, gathered, placed, settled, total
from understudy.ledger.sql import Database
from understudy.ledger.sqlite import statements
from understudy.ledger.sqlite.statements import pieces
from understudy.ledger.sums import FIELDS

_GATHERED = gathered(Database("?", ""))
_COLUMNS = ("day", "place", *PLACE, *FIELDS)
_ADD = (
    f"INSERT INTO places ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))}) "
    f"ON CONFLICT DO UPDATE SET {', '.join(f'{name} = {name} + excluded.{name}' for name in FIELDS)}"
)
_NEXT = f"SELECT id FROM entries WHERE id >= ? AND id < ? ORDER BY id LIMIT 1 OFFSET {AT_ONCE}"


def roll(connection: sqlite3.Connection, now: float) -> bool:
    """Add entries that began before that time (Unix seconds) and have ended, as many as one transaction may; return
    whether there are more. Raise `sqlite3.Error`, with nothing added."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        is_more = _roll(connection, now)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return is_more


def _roll(connection: sqlite3.Connection, now: float) -> bool:
    def one(query: str, *values: Any) -> Any:
        row = connection.execute(query, values).fetchone()
        return None if row is None else row[0]

    since = one("SELECT until FROM rolled")
    limit = settled(now, one("SELECT MIN(id) FROM entries INDEXED BY open_entries WHERE state = 'started'"))
    more = one(_NEXT, since, limit)
    until = limit if more is None else more
    rows = placed(map(tuple, connection.execute(_GATHERED, (since, until))))
    if rows:
        connection.executemany(_ADD, rows)
        for some in pieces(total(rows)):
            connection.execute(statements.add(len(some)), list(chain.from_iterable(some)))
        connection.execute("UPDATE rolled SET until = ?", (until,))
    return more is not None
