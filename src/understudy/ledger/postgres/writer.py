"""The thread that writes: it takes what has come in since its last transaction, and writes that as the next one.

    begin, record ──> queue ──> BEGIN · rows · sums · lease · COMMIT ──> taken off the queue
                        ^                   │
                        └── what failed ────┴──> spool, if there is one ──> written when the server is back

It has a thread and an event loop of its own, because the loops of its callers end before it, stall, and are several:
its connection must outlive them, and its lease must be renewed whatever they do. Nothing is taken off the queue before
its transaction is committed, or before it is in the spool.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import closing
from typing import TYPE_CHECKING

from understudy.domain.attempts import AttemptStart
from understudy.domain.errors import ConfigError
from understudy.ledger.captures import CapturedDocument
from understudy.ledger.places import AGAIN, PAUSE
from understudy.ledger.postgres import transaction
from understudy.ledger.postgres.connecting import failures, why
from understudy.ledger.postgres.link import Link
from understudy.ledger.postgres.rolling import roll
from understudy.ledger.postgres.upkeep import remove_older
from understudy.ledger.reserving import Reservation
from understudy.ledger.rows import UNFIT
from understudy.ledger.writing import MOST, PAUSES, Item, QueuedWriter, Waiting

if TYPE_CHECKING:
    import asyncpg

    from understudy.ledger.spool import Spool

logger = logging.getLogger("understudy")


class Writer(QueuedWriter):
    """Writes a database for one process; see `QueuedWriter`."""

    def __init__(
        self,
        link: Link,
        owner: int,
        *,
        lease: float,
        clock: Callable[[], float],
        spool: Spool | None = None,
        keep_days: int | None = None,
    ) -> None:
        """`owner`: the number of this writer among all; `lease`: seconds after which its entries are given up if it is
        not heard of; `clock`: seconds, to renew it in time; `keep_days`: entries that began longer ago are removed."""
        super().__init__(clock)
        self._keep_days = keep_days
        self._link = link
        self._lease = lease
        self._spool = spool
        self._owner = owner
        # Besides the server's: a schema that is too new, and asyncio's, where a name is resolved while Python ends.
        self._failures: tuple[type[Exception], ...] = (*failures(), ConfigError, RuntimeError)
        self._until = self._again = 0.0
        self._swept = float("-inf")
        self._rolls = clock() + AGAIN
        self._is_behind = False
        """Whether there are more entries to add to the sums by place than one transaction may."""
        self._tries = 0
        self.opened: Future[None] = Future()
        """Done when the server was reached for the first time, or was not."""
        self.start()

    def reserve(self, reservation: Reservation) -> None:
        """Have a reservation carried out at once: a request waits for it. While the server is away it fails at once."""
        if self.trouble is not None and self._clock() < self._again:
            self._refuse([reservation], self.trouble)
        else:
            super().reserve(reservation)

    # ---- the thread ----

    def _run(self) -> None:
        self._loop = asyncio.new_event_loop()
        try:
            self._reach()
            self._work()
            self._leave()
        finally:
            self._loop.close()

    def _reach(self) -> None:
        """Connect for the first time, so that the caller who opens the ledger learns what is wrong."""
        try:
            self._loop.run_until_complete(self._link.open())
        except Exception as error:  # noqa: BLE001 - it is handed to the caller who opens the ledger
            self._failed(error, ())
            self.opened.set_exception(error)
        else:
            self.opened.set_result(None)

    def _work(self) -> None:
        while not (self._closing and not self._queue):
            batch = self._batch(self._idle(), gathers=self.trouble is None)
            if self._keep(batch):
                self._taken(batch)
                self._roll()
            elif self._closing and self._tries > len(PAUSES):
                return
            else:
                self._hurry.wait(max(0.0, self._again - self._clock()))
                self._wake.set()

    def _roll(self) -> None:
        """Add what has ended to the sums by place, now and then. Reports do without them if that fails."""
        now = self._clock()
        if now < self._rolls or self._closing or self.trouble is not None:
            return
        try:
            self._is_behind = self._loop.run_until_complete(self._link.transact(roll))
        except self._failures as error:
            self._is_behind = False
            logger.debug("sums by place are not added up now: %s", why(error))
        self._rolls = now + (AGAIN if self._is_behind else PAUSE)

    def _idle(self) -> float | None:
        """Return the seconds until something must be done: try again, or renew the lease."""
        now = self._clock()
        if self.trouble is not None:
            return max(0.0, self._again - now)
        lease = max(0.0, self._until - self._lease / 2 - now) if self._open else None
        if self._is_behind:
            behind = max(0.0, self._rolls - now)
            return behind if lease is None else min(lease, behind)
        return lease

    def _keep(self, batch: Sequence[Waiting]) -> bool:
        """Write a batch; while that fails, into the spool. Return whether it is safe."""
        hurried = self._closing or any(isinstance(item, Future) for item in batch)
        if self.trouble is None or hurried or self._clock() >= self._again:
            try:
                self._write([item for item in batch if not isinstance(item, Future)])
            except self._failures as error:
                self._failed(error, batch)
            else:
                if self.trouble is not None:
                    logger.info("the ledger is written again")
                self._tries, self.trouble = 0, None
                return True
        self._refuse(batch, self.trouble or ValueError("it cannot be written"))
        return self._set_aside([item for item in batch if isinstance(item, AttemptStart)])

    def _write(self, items: Sequence[Item]) -> None:
        """Write what is in the spool, and then a batch."""
        if self._spool is not None:
            with closing(self._spool.parts(MOST)) as parts:
                for part in parts:
                    self._transact(part.items, part.owner)
        self._transact(items, self._owner)

    def _transact(self, items: Sequence[Item], owner: int) -> None:
        """Write items in one transaction; one that cannot be stored is logged, and costs no other."""
        import asyncpg

        unfit = (*UNFIT, asyncpg.DataError, asyncpg.NotNullViolationError)
        try:
            self._commit(items, owner)
        except unfit:
            for item in items:
                try:
                    self._commit([item], owner)
                except unfit as error:
                    if isinstance(item, Reservation):
                        item.fail(error)
                    logger.exception("the ledger cannot store an entry: %r", item)

    def _commit(self, items: Sequence[Item], owner: int) -> None:
        now = self._clock()

        captured = [each for each in items if isinstance(each, CapturedDocument)]
        entries = [each for each in items if not isinstance(each, CapturedDocument)]

        async def write(connection: asyncpg.Connection) -> None:
            await transaction.write(connection, owner, entries)
            if captured:
                await transaction.keep(connection, captured)
            if items or self._open:
                await transaction.renew(connection, self._owner, self._lease)

        async def sweep(connection: asyncpg.Connection) -> None:
            await transaction.sweep(connection)
            if self._keep_days is not None:
                await remove_older(connection, self._keep_days)
            if self.capture_days is not None:
                await transaction.forget(connection, self.capture_days)

        self._loop.run_until_complete(self._link.transact(write))
        self._until = now + self._lease
        if now - self._swept > self._lease / 2:
            self._loop.run_until_complete(self._link.transact(sweep))
            self._swept = now

    def _failed(self, error: Exception, batch: Sequence[Waiting]) -> None:
        """Tell those who wait that it failed; everything else is tried again."""
        if self.trouble is None:
            logger.error("the ledger cannot be written, and is tried again: %s", why(error))
        self.trouble = error
        self._again = self._clock() + random.uniform(0.5, 1) * PAUSES[min(self._tries, len(PAUSES) - 1)]
        self._tries += 1
        if self._spool is None:
            self._fail_marks(batch, error)

    def _set_aside(self, items: Sequence[AttemptStart]) -> bool:
        """Put items into the spool, if there is one and it can be written."""
        if self._spool is None:
            return False
        try:
            self._spool.append(items)
        except OSError as error:
            logger.error("the spool of the ledger cannot be written: %s", error)
            return False
        return True

    def _leave(self) -> None:
        """Give the lease back, unless something is under way still, and disconnect."""

        async def leave() -> None:
            if not self._open and self.trouble is None:
                await self._link.transact(lambda connection: transaction.release(connection, self._owner))
            await self._link.close()

        try:
            self._loop.run_until_complete(leave())
        except self._failures as error:
            logger.debug("the ledger was left as it is: %s", error)
            self._link.drop()
        if self._spool is not None:
            self._spool.close()
