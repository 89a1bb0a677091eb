"""Answers to requests that may be repeated, in the file of the ledger."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from understudy.ledger.holds import LedgerUnavailable
from understudy.ledger.replays import LARGEST, LEASE, LIFETIME, MOST, ROOM, KeptAnswer, Scope, ScopeState
from understudy.ledger.sqlite.opening import File
from understudy.ledger.sqlite.reserve import is_given_up
from understudy.ledger.sqlite.reserve import path_of as reserve_of

_headers = msgspec.json.Decoder(tuple[tuple[str, str], ...])
_OLDEST = "SELECT rowid FROM answers WHERE owner IS NULL ORDER BY until LIMIT ?"
_DROPPED_AT_ONCE = 100


class SqliteReplays:
    """Keeps answers in a file that processes share; see `Replays`."""

    def __init__(
        self,
        path: Path,
        *,
        most: int = MOST,
        room: int = ROOM,
        largest: int = LARGEST,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`most`: how many answers are kept; `room`, `largest`: bytes of all, and of one. `clock`: Unix seconds.

        Open the file, or make it. Raise `ConfigError` if that fails.
        """
        self._file = File(path)
        self._reserve = reserve_of(path)
        self._clock = clock
        self._most = most
        self._room = room
        self.largest = largest

    def close(self) -> None:
        """Close the file, which the next use opens again."""
        self._file.close()

    def begin(self, scope: bytes, request: bytes, owner: int) -> Scope:
        """Return what is known of a request; one that is new is held by `owner` from now on. Raise `LedgerUnavailable`
        also if the disk is full: what room its reserve has left is for the ends of attempts."""
        if is_given_up(self._reserve):
            raise LedgerUnavailable(f"the disk of the ledger {self._file.path} is full")
        now = self._clock()
        with self._file.writing() as connection:
            connection.execute("DELETE FROM answers WHERE until <= ?", (now,))
            query = "SELECT request, owner, status, headers, body FROM answers WHERE scope = ?"
            row = connection.execute(query, (scope,)).fetchone()
            if row is None:
                values = (scope, request, owner, now + LEASE)
                connection.execute("INSERT INTO answers (scope, request, owner, until) VALUES (?, ?, ?, ?)", values)
                return Scope(ScopeState.NEW)
        known, holder, status, headers, body = row
        if known != request:
            return Scope(ScopeState.OTHER)
        if holder is not None:
            return Scope(ScopeState.UNDER_WAY)
        answer = None if status is None else KeptAnswer(status, _headers.decode(headers), body)
        return Scope(ScopeState.ANSWERED, answer)

    def renew(self, owner: int) -> None:
        """Extend the lease of what an owner holds."""
        with self._file.writing() as connection:
            connection.execute("UPDATE answers SET until = ? WHERE owner = ?", (self._clock() + LEASE, owner))

    def keep(self, scope: bytes, owner: int, answer: KeptAnswer | None) -> None:
        """Keep the answer to a request that `owner` holds; `None`: one that is known to be given, and not kept."""
        if answer is not None and (len(answer.body) > self.largest or is_given_up(self._reserve)):
            answer = None
        values: Iterable[object] = (None, None, None, 0)
        if answer is not None:
            headers = msgspec.json.encode(answer.headers).decode()
            values = (answer.status, headers, answer.body, len(answer.body))
        with self._file.writing() as connection:
            connection.execute(
                "UPDATE answers SET owner = NULL, until = ?, status = ?, headers = ?, body = ?, size = ? "
                "WHERE scope = ? AND owner = ?",
                (self._clock() + LIFETIME, *values, scope, owner),
            )
            self._make_room(connection)

    def release(self, scope: bytes, owner: int) -> None:
        """Forget a request that `owner` holds: when it is sent again, it gets another answer."""
        with self._file.writing() as connection:
            connection.execute("DELETE FROM answers WHERE scope = ? AND owner = ?", (scope, owner))

    def _make_room(self, connection: sqlite3.Connection) -> None:
        """Drop the oldest answers as long as there are too many."""
        while True:
            count, size = connection.execute("SELECT COUNT(*), TOTAL(size) FROM answers").fetchone()
            if count <= self._most and size <= self._room:
                return
            surplus = max(1, min(_DROPPED_AT_ONCE, count - self._most))
            if not connection.execute(f"DELETE FROM answers WHERE rowid IN ({_OLDEST})", (surplus,)).rowcount:
                return
