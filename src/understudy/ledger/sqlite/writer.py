"""The thread that writes: it takes what has come in since its last transaction, and writes that as the next one.

    begin, record ──> queue ──> BEGIN IMMEDIATE · rows · sums · lease · COMMIT ──> taken off the queue
                        ^                          │
                        └────── what failed is written again, later ──────┘

Nothing is taken off the queue before its transaction is committed, to the file that is at the path then: of one that
was deleted or replaced, what is under way is written to the one in its place. Under load one transaction holds hundreds
of entries, so a transaction's price is shared. When the disk is full the reserve is given up, and the batch written
again.
"""

from __future__ import annotations

import logging
import math
import os
import secrets
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import Future

from understudy.ledger.captures import CapturedDocument
from understudy.ledger.places import AGAIN, PAUSE
from understudy.ledger.reserving import Reservation
from understudy.ledger.rows import UNFIT
from understudy.ledger.sqlite import following
from understudy.ledger.sqlite.reserve import Reserve, lacks_room
from understudy.ledger.sqlite.rolling import roll
from understudy.ledger.sqlite.transaction import LEASE, Transaction
from understudy.ledger.sqlite.upkeep import remove_captured, remove_old
from understudy.ledger.sums import DAY
from understudy.ledger.writing import PAUSES, Item, QueuedWriter, Waiting

logger = logging.getLogger("understudy")

RENEWED = LEASE * 0.8
"""Seconds that are left of a lease when it is renewed, at the earliest: not with each transaction."""
_UNFIT = (*UNFIT, sqlite3.InterfaceError, sqlite3.ProgrammingError, sqlite3.IntegrityError)
"""What an item raises that cannot be stored."""


class Writer(QueuedWriter):
    """Writes a file for one process; see `QueuedWriter`."""

    def __init__(
        self,
        opened: following.OpenedFile,
        reserve: Reserve,
        *,
        keep_days: int | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`opened`, `reserve`: for this writer alone. `keep_days`: entries that began longer ago are removed. `clock`:
        Unix seconds."""
        super().__init__(clock)
        self.distrusts = False
        """Whether the file was found to be damaged, so that nothing new may be spent."""
        self._reserve = reserve
        self._opened = opened
        self._owner = secrets.randbits(62)
        self._until = 0.0
        self._swept = 0.0
        self._rolls = clock() + AGAIN
        self._is_behind = False
        """Whether there are more entries to add to the sums by place than one transaction may."""
        self._keep_days = keep_days
        self._look_for_room()
        self.start()

    def _run(self) -> None:
        tries = 0
        while not (self._closing and not self._queue):
            batch = self._batch(min(following.LOOK, self._idle()), gathers=tries == 0)
            try:
                self._keep(batch)
            except sqlite3.Error as error:
                if lacks_room(error) and self._reserve.give_up():
                    self._wake.set()
                    self._hurry.set()
                    continue
                self._failed(error, batch)
                if self._closing and tries >= len(PAUSES):
                    break
                self._hurry.wait(PAUSES[min(tries, len(PAUSES) - 1)])
                tries += 1
                self._wake.set()
                continue
            tries, self.trouble = 0, None
            self._taken(batch)
            self._roll()
        self._leave()

    def _roll(self) -> None:
        """Add what has ended to the sums by place, now and then. Reports do without them if that fails."""
        now = self._clock()
        if now < self._rolls or self._closing or self.barrier is not None:
            return
        try:
            self._is_behind = roll(self._opened.connection, now)
        except sqlite3.Error as error:
            self._is_behind = False
            logger.debug("sums by place are not added up now: %s", error)
        self._rolls = now + (AGAIN if self._is_behind else PAUSE)

    def _idle(self) -> float:
        """Return the seconds until something is to be done although nothing is to be written: the lease is renewed, or
        room for the reserve is looked for."""
        lease = max(0.0, self._until - LEASE / 2 - self._clock()) if self._open else math.inf
        return lease if self.barrier is None else min(lease, self._reserve.retry)

    def _keep(self, batch: list[Waiting]) -> None:
        """Write a batch to the file that is at the path, to another one if that is there afterwards. Raise
        `sqlite3.Error`."""
        self._follow()
        if batch or self.barrier is not None or not self._idle():
            self._write(batch)
            if self._follow():
                self._write(batch)
            self._opened.save()

    def _follow(self) -> bool:
        """Use another file if the one that is open is not at the path any more; return whether that was so."""
        if not self._opened.follow(self._owner):
            return False
        self._until = self._swept = 0.0
        return True

    def _look_for_room(self) -> None:
        """Allocate the reserve if it is missing and there is room."""
        self.barrier = None if self._reserve.is_held() else OSError("its disk is full")

    def _write(self, batch: list[Waiting]) -> None:
        """Write a batch in one transaction, unless it needs the reserve that others need more. Raise `sqlite3.Error` if
        the file cannot be written."""
        self._look_for_room()
        items: list[Item] = [item for item in batch if not isinstance(item, Future)]
        has_marks = len(items) < len(batch)
        if self.distrusts:
            self._refuse(batch, ValueError("it is damaged"))
        if self.barrier is not None:
            self._refuse(batch, self.barrier)
            items = [item for item in items if not isinstance(item, CapturedDocument)]
        durable = has_marks or any(type(item) is Reservation and item.durable and not item.is_over for item in items)
        if durable:
            self._opened.connection.execute("PRAGMA synchronous = FULL")
        try:
            self._transact(items)
        except _UNFIT:
            for item in items:
                self._write_alone(item)
        finally:
            if durable:
                self._opened.connection.execute("PRAGMA synchronous = NORMAL")

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
        self._opened.connection.execute("BEGIN IMMEDIATE")
        try:
            transaction = Transaction(self._opened.connection, self._owner)
            transaction.write(items)
            if renews := (items or self._open) and self._until - now < RENEWED:
                transaction.renew(os.getpid(), now + LEASE)
            if now - self._swept > LEASE / 2:
                transaction.sweep(now)
                if self._keep_days is not None:
                    remove_old(self._opened.connection, now - self._keep_days * DAY)
                if self.capture_days is not None:
                    remove_captured(self._opened.connection, now - self.capture_days * DAY)
            transaction.finish()
            self._opened.connection.execute("COMMIT")
        except BaseException:
            if self._opened.connection.in_transaction:
                self._opened.connection.execute("ROLLBACK")
            raise
        if renews:
            self._until = now + LEASE
        if now - self._swept > LEASE / 2:
            self._swept = now

    def _failed(self, error: sqlite3.Error, batch: list[Waiting]) -> None:
        """Tell those who wait that it failed; everything else is tried again."""
        if self.trouble is None:
            logger.error("the ledger cannot be written, and is tried again: %s", error)
        self.trouble = error
        self._fail_marks(batch, error)
        self._refuse(batch, error)

    def _leave(self) -> None:
        """Give the lease back, unless something is under way still, and close the file."""
        try:
            if not self._open:
                self._opened.connection.execute("DELETE FROM owners WHERE id = ?", (self._owner,))
            self._opened.connection.execute("PRAGMA optimize")
        except sqlite3.Error as error:
            logger.debug("the ledger was left as it is: %s", error)
        finally:
            self._opened.connection.close()
