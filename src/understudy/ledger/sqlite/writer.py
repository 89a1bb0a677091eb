"""The thread that writes: it takes what has come in since its last transaction, and writes that as the next one.

    begin, record ──> queue ──> BEGIN IMMEDIATE · rows · sums · lease · COMMIT ──> taken off the queue
                        ^                          │
                        └────── what failed is written again, later ──────┘

Nothing is taken off the queue before its transaction is committed. Under load one transaction holds hundreds of
entries, so a transaction's price is shared.
"""

from __future__ import annotations

import logging
import os
import secrets
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future

from understudy.domain.attempts import AttemptRecord, AttemptStart
from understudy.ledger.captures import Backlog, CapturedDocument
from understudy.ledger.reserving import Reservation, deliver
from understudy.ledger.sqlite.transaction import LEASE, Transaction
from understudy.ledger.sqlite.upkeep import remove_captured, remove_old
from understudy.ledger.sums import DAY

logger = logging.getLogger("understudy")

GATHER = 0.01
"""Seconds that the thread waits for more before a transaction that nobody waits for."""
MOST = 500
"""Items of one transaction: other processes wait for its end."""
RENEWED = LEASE * 0.8
"""Seconds that are left of a lease when it is renewed, at the earliest: not with each transaction."""
KEPT = 100_000
"""Items that are kept while they cannot be written."""
_UNFIT = (ValueError, TypeError, OverflowError, AttributeError, sqlite3.InterfaceError, sqlite3.ProgrammingError)
"""What an item raises that cannot be stored, such as a text with a lone surrogate."""
_PAUSES = (0.1, 0.5, 2.0, 5.0)
"""Seconds between tries to write."""


Item = AttemptStart | Reservation | CapturedDocument


class Writer:
    """Writes for one process. Its methods may be called by any thread, and none of them blocks but `close`."""

    def __init__(
        self, connection: sqlite3.Connection, *, keep_days: int | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        """`keep_days`: entries that began longer ago are removed. `clock`: Unix seconds."""
        self.capture_days: int | None = None
        """Prompts and answers of attempts that began longer ago are removed."""
        self._backlog = Backlog()
        connection.row_factory = sqlite3.Row
        self._connection = connection
        self._clock = clock
        self._owner = secrets.randbits(62)
        self._queue: deque[Item | Future[None]] = deque()
        self._wake = threading.Event()
        self._hurry = threading.Event()
        self._closing = False
        self._open: set[str] = set()
        """Attempts that have begun and not ended, as far as they are written."""
        self._until = 0.0
        self._swept = 0.0
        self._keep_days = keep_days
        self.trouble: sqlite3.Error | None = None
        """Why nothing can be written at the moment."""
        self._thread = threading.Thread(target=self._run, name="understudy-ledger", daemon=True)
        self._thread.start()

    def put(self, item: AttemptStart) -> None:
        """Have an item written soon."""
        if self.trouble is not None and len(self._queue) >= KEPT:
            logger.error("the ledger cannot be written, and an entry is lost: %s", item)
            return
        self._queue.append(item)
        if not self._wake.is_set():  # a lock and a list of waiters less for each entry of a batch
            self._wake.set()

    def keep(self, captured: CapturedDocument) -> None:
        """Have a prompt and an answer written soon, unless the file cannot be written or too many wait."""
        if self._backlog.takes(len(self._queue), self.trouble):
            self._queue.append(captured)
            self._wake.set()

    def reserve(self, reservation: Reservation) -> None:
        """Have a reservation carried out at once: a request waits for it."""
        if self._closing:
            reservation.fail(ValueError("it was closed"))
            deliver([reservation])
            return
        self._queue.append(reservation)
        self._hurry.set()
        self._wake.set()

    def written(self) -> Future[None]:
        """Return what is done when everything put so far is written and would survive a power cut."""
        mark: Future[None] = Future()
        self._queue.append(mark)
        self._hurry.set()
        self._wake.set()
        return mark

    def close(self, seconds: float) -> None:
        """Write what is left, for as long at most, and end the thread."""
        self._closing = True
        self._hurry.set()
        self._wake.set()
        self._thread.join(seconds)
        if left := sum(not isinstance(item, Future) for item in tuple(self._queue)):
            logger.error("the ledger was closed before %d entries could be written: %s", left, self.trouble)

    def _run(self) -> None:
        tries = 0
        while not (self._closing and not self._queue):
            self._wake.wait(self._idle())
            if self._queue and tries == 0:
                self._hurry.wait(GATHER)
            self._wake.clear()
            self._hurry.clear()
            # By index: what is iterated over must not grow meanwhile.
            batch = [self._queue[at] for at in range(min(len(self._queue), MOST))]
            try:
                self._write(batch)
            except sqlite3.Error as error:
                self._failed(error, batch)
                if self._closing and tries >= len(_PAUSES):
                    break
                self._hurry.wait(_PAUSES[min(tries, len(_PAUSES) - 1)])
                tries += 1
                self._wake.set()
                continue
            tries, self.trouble = 0, None
            self._taken(batch)
        self._leave()

    def _idle(self) -> float | None:
        """Return the seconds until the lease must be renewed: never while nothing is under way."""
        return max(0.0, self._until - LEASE / 2 - self._clock()) if self._open else None

    def _write(self, batch: list[Item | Future[None]]) -> None:
        """Write a batch in one transaction. Raise `sqlite3.Error` if the file cannot be written."""
        items = [item for item in batch if not isinstance(item, Future)]
        durable = len(items) < len(batch) or any(type(item) is Reservation and item.durable for item in items)
        if durable:
            self._connection.execute("PRAGMA synchronous = FULL")
        try:
            self._transact(items)
        except _UNFIT:
            for item in items:
                self._write_alone(item)
        finally:
            if durable:
                self._connection.execute("PRAGMA synchronous = NORMAL")

    def _write_alone(self, item: Item) -> None:
        """Write an item of a batch that holds one which cannot be stored. That one is logged and left out."""
        try:
            self._transact([item])
        except _UNFIT as error:
            if isinstance(item, Reservation):
                item.fail(error)
            logger.exception("the ledger cannot store an entry: %r", item)

    def _transact(self, items: list[Item]) -> None:
        now = self._clock()
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            transaction = Transaction(self._connection, self._owner)
            transaction.write(items)
            if renews := (items or self._open) and self._until - now < RENEWED:
                transaction.renew(os.getpid(), now + LEASE)
            if now - self._swept > LEASE / 2:
                transaction.sweep(now)
                if self._keep_days is not None:
                    remove_old(self._connection, now - self._keep_days * DAY)
                if self.capture_days is not None:
                    remove_captured(self._connection, now - self.capture_days * DAY)
            transaction.finish()
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        if renews:
            self._until = now + LEASE
        if now - self._swept > LEASE / 2:
            self._swept = now

    def _taken(self, batch: list[Item | Future[None]]) -> None:
        """Take off the queue what was written, and tell those who wait."""
        reservations: list[Reservation] = []
        for item in batch:
            self._queue.popleft()
            match item:
                case AttemptRecord():
                    self._open.discard(item.attempt_id)
                case AttemptStart():
                    self._open.add(item.attempt_id)
                case Reservation():
                    reservations.append(item)
                    if item.is_granted:
                        self._open.add(item.start.attempt_id)
                case Future() if not item.done():
                    item.set_result(None)
        if reservations:
            deliver(reservations)
        if self._queue:
            self._wake.set()

    def _failed(self, error: sqlite3.Error, batch: list[Item | Future[None]]) -> None:
        """Tell those who wait that it failed; everything else is tried again."""
        if self.trouble is None:
            logger.error("the ledger cannot be written, and is tried again: %s", error)
        self.trouble = error
        for mark in batch:
            if isinstance(mark, Future) and not mark.done():
                mark.set_exception(error)
        failed = [each for each in batch if isinstance(each, Reservation) and not each.is_over]
        for each in failed:
            each.fail(error)
        deliver(failed)

    def _leave(self) -> None:
        """Give the lease back, unless something is under way still, and close the file."""
        try:
            if not self._open:
                self._connection.execute("DELETE FROM owners WHERE id = ?", (self._owner,))
            self._connection.execute("PRAGMA optimize")
        except sqlite3.Error as error:
            logger.debug("the ledger was left as it is: %s", error)
        finally:
            self._connection.close()
