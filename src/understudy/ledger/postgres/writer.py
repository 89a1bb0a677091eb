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
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import closing
from typing import TYPE_CHECKING

from understudy.domain.attempts import AttemptRecord, AttemptStart
from understudy.domain.errors import ConfigError
from understudy.ledger.captures import Backlog, CapturedDocument
from understudy.ledger.postgres import transaction
from understudy.ledger.postgres.connecting import failures, why
from understudy.ledger.postgres.link import Link
from understudy.ledger.reserving import Reservation, deliver

if TYPE_CHECKING:
    import asyncpg

    from understudy.ledger.spool import Spool

logger = logging.getLogger("understudy")

GATHER = 0.01
"""Seconds that the thread waits for more before a transaction that no caller waits for."""
MOST = 500
"""Items of one transaction: other processes wait for its end."""
KEPT = 100_000
"""Items that are kept in memory while they cannot be written."""
_PAUSES = (0.1, 0.5, 2.0, 5.0)
"""Seconds between tries to write, at most."""


Item = AttemptStart | Reservation | CapturedDocument


class Writer:
    """Writes for one process. Its methods may be called by any thread, and none of them blocks but `close`."""

    def __init__(
        self, link: Link, owner: int, *, lease: float, clock: Callable[[], float], spool: Spool | None = None
    ) -> None:
        """`owner`: the number of this writer among all; `lease`: seconds after which its entries are given up if it is
        not heard of; `clock`: seconds, to renew it in time."""
        self.capture_days: int | None = None
        """Prompts and answers of attempts that began longer ago are removed."""
        self._backlog = Backlog()
        self._clock = clock
        self._link = link
        self._lease = lease
        self._spool = spool
        self._owner = owner
        # Besides the server's: a schema that is too new, and asyncio's, where a name is resolved while Python ends.
        self._failures: tuple[type[Exception], ...] = (*failures(), ConfigError, RuntimeError)
        self._queue: deque[Item | Future[None]] = deque()
        self._wake = threading.Event()
        self._hurry = threading.Event()
        self._closing = False
        self._open: set[str] = set()
        """Attempts that have begun and not ended, as far as they are written."""
        self._until = self._again = 0.0
        self._swept = float("-inf")
        self._tries = 0
        self.trouble: Exception | None = None
        """Why nothing can be written at the moment."""
        self.opened: Future[None] = Future()
        """Done when the server was reached for the first time, or was not."""
        self._thread = threading.Thread(target=self._run, name="understudy-ledger", daemon=True)
        self._thread.start()

    def put(self, item: AttemptStart) -> None:
        """Have an item written soon."""
        if self.trouble is not None and len(self._queue) >= KEPT:
            logger.error("the ledger cannot be written, and an entry is lost: %s", item)
            return
        self._queue.append(item)
        self._wake.set()

    def keep(self, captured: CapturedDocument) -> None:
        """Have a prompt and an answer written soon, unless the server is away or too many wait."""
        if self._backlog.takes(len(self._queue), self.trouble):
            self._queue.append(captured)
            self._wake.set()

    def reserve(self, reservation: Reservation) -> None:
        """Have a reservation carried out at once: a request waits for it. While the server is away it fails at once."""
        away = self.trouble if self._clock() < self._again else None
        if self._closing or away is not None:
            reservation.fail(away or ValueError("it was closed"))
            deliver([reservation])
            return
        self._queue.append(reservation)
        self._hurry.set()
        self._wake.set()

    def written(self) -> Future[None]:
        """Return what is done when everything put so far is committed, or in the spool."""
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
        left = sum(not isinstance(item, Future) for item in self._queue.copy())
        if self._thread.is_alive() or left:
            logger.error("the ledger was closed before %d entries could be written: %s", left, self.trouble)

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
            self._wake.wait(self._idle())
            if self._queue and self.trouble is None:
                self._hurry.wait(GATHER)
            self._wake.clear()
            self._hurry.clear()
            # By index: what is iterated over must not grow meanwhile.
            batch = [self._queue[at] for at in range(min(len(self._queue), MOST))]
            if self._keep(batch):
                self._taken(batch)
            elif self._closing and self._tries > len(_PAUSES):
                return
            else:
                self._hurry.wait(max(0.0, self._again - self._clock()))
                self._wake.set()

    def _idle(self) -> float | None:
        """Return the seconds until something must be done: try again, or renew the lease."""
        now = self._clock()
        if self.trouble is not None:
            return max(0.0, self._again - now)
        return max(0.0, self._until - self._lease / 2 - now) if self._open else None

    def _keep(self, batch: Sequence[Item | Future[None]]) -> bool:
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
        self._refuse(batch)
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

        unfit = (ValueError, TypeError, OverflowError, asyncpg.DataError)
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
            if self.capture_days is not None:
                await transaction.forget(connection, self.capture_days)

        self._loop.run_until_complete(self._link.transact(write))
        self._until = now + self._lease
        if now - self._swept > self._lease / 2:
            self._loop.run_until_complete(self._link.transact(sweep))
            self._swept = now

    def _failed(self, error: Exception, batch: Sequence[Item | Future[None]]) -> None:
        """Tell those who wait that it failed; everything else is tried again."""
        if self.trouble is None:
            logger.error("the ledger cannot be written, and is tried again: %s", why(error))
        self.trouble = error
        self._again = self._clock() + random.uniform(0.5, 1) * _PAUSES[min(self._tries, len(_PAUSES) - 1)]
        self._tries += 1
        if self._spool is None:
            for mark in batch:
                if isinstance(mark, Future) and not mark.done():
                    mark.set_exception(error)

    def _refuse(self, batch: Sequence[Item | Future[None]]) -> None:
        """Fail reservations that are not carried out: a spool keeps none of them."""
        refused = [each for each in batch if isinstance(each, Reservation) and not each.is_over]
        for each in refused:
            each.fail(self.trouble or ValueError("it cannot be written"))
        deliver(refused)

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

    def _taken(self, batch: Sequence[Item | Future[None]]) -> None:
        """Take off the queue what is safe, and tell those who wait."""
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
        deliver(reservations)
        if self._queue:
            self._wake.set()

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
