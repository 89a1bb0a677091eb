"""The queue of a ledger's writer, and those who wait for what is in it: the same for a file and for a database.

    begin, record, reserve ──> queue ──> a batch, which the store writes ──> taken off the queue

Nothing is taken off the queue before the store has it safe. How a batch is written, and what is done when that fails,
is each store's own.
"""

from __future__ import annotations

import logging
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future

from understudy.domain.attempts import AttemptRecord, AttemptStart
from understudy.ledger.captures import Backlog, CapturedDocument
from understudy.ledger.reserving import Reservation, deliver

logger = logging.getLogger("understudy")

GATHER = 0.01
"""Seconds that the thread waits for more before a transaction that no caller waits for."""
BUSY = 32
"""Items of a transaction from which the next one is waited for longer: each has a price, whatever it holds."""
GATHER_BUSY = 0.025
"""So many seconds."""
MOST = 500
"""Items of one transaction: other processes wait for its end."""
KEPT = 100_000
"""Items that are kept in memory while they cannot be written."""
PAUSES = (0.1, 0.5, 2.0, 5.0)
"""Seconds between tries to write, at most."""

Item = AttemptStart | Reservation | CapturedDocument
Waiting = Item | Future[None]
"""What is in the queue: a future is done once everything before it is safe."""


class QueuedWriter(ABC):
    """Writes for one process, in a thread of its own. The public methods may be called by any thread, and none of them
    blocks but `close`."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock`: seconds, for leases. `start` starts the thread."""
        self.capture_days: int | None = None
        """Prompts and answers of attempts that began longer ago are removed."""
        self.trouble: Exception | None = None
        """Why nothing can be written at the moment."""
        self.barrier: Exception | None = None
        """Why nothing new may be spent at the moment, although entries are written."""
        self._clock = clock
        self._backlog = Backlog()
        self._queue: deque[Waiting] = deque()
        self._wake = threading.Event()
        self._hurry = threading.Event()
        self._closing = False
        self._latest = 0
        """Items of the last transaction."""
        self._open: set[str] = set()
        """Attempts that have begun and not ended, as far as they are written."""
        self._thread = threading.Thread(target=self._run, name="understudy-ledger", daemon=True)

    @abstractmethod
    def _run(self) -> None:
        """Write, in the thread, until the writer is closed and the queue is empty, or cannot be written."""

    def start(self) -> None:
        """Start the thread."""
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
        """Have a prompt and an answer written soon, unless nothing can be written or too many wait."""
        if self._backlog.takes(len(self._queue), self.trouble or self.barrier):
            self._queue.append(captured)
            self._wake.set()

    def reserve(self, reservation: Reservation) -> None:
        """Have a reservation carried out at once: a request waits for it."""
        if self._closing:
            reservation.fail(ValueError("it was closed"))
            deliver([reservation])
            return
        self._append(reservation)

    def written(self) -> Future[None]:
        """Return what is done when everything put so far is safe, and would survive a power cut."""
        mark: Future[None] = Future()
        self._append(mark)
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

    def _append(self, item: Waiting) -> None:
        """Add what somebody waits for."""
        self._queue.append(item)
        self._hurry.set()
        self._wake.set()

    def _batch(self, seconds: float | None, *, gathers: bool) -> list[Waiting]:
        """Wait for something to write, so long at most, and return the first of it, which stays in the queue.

        `gathers`: wait a moment more for what comes with it, unless somebody waits.
        """
        self._wake.wait(seconds)
        if self._queue and gathers:
            self._hurry.wait(GATHER_BUSY if self._latest >= BUSY else GATHER)
        self._wake.clear()
        self._hurry.clear()
        # By index: what is iterated over must not grow meanwhile.
        batch = [self._queue[at] for at in range(min(len(self._queue), MOST))]
        self._latest = len(batch)
        return batch

    def _taken(self, batch: Sequence[Waiting]) -> None:
        """Take off the queue what is safe, and tell those who wait."""
        reservations: list[Reservation] = []
        for item in batch:
            self._queue.popleft()
            if isinstance(item, AttemptRecord):  # each check costs, so the most frequent comes first
                self._open.discard(item.attempt_id)
            elif isinstance(item, AttemptStart):
                self._open.add(item.attempt_id)
            elif isinstance(item, Reservation):
                reservations.append(item)
                if item.is_granted:
                    self._open.add(item.start.attempt_id)
            elif isinstance(item, Future) and not item.done():
                item.set_result(None)
        if reservations:
            deliver(reservations)
        if self._queue:
            self._wake.set()

    @staticmethod
    def _fail_marks(batch: Sequence[Waiting], error: Exception) -> None:
        """Tell those who wait for the queue that it cannot be written; it is tried again all the same."""
        for mark in batch:
            if isinstance(mark, Future) and not mark.done():
                mark.set_exception(error)

    @staticmethod
    def _refuse(batch: Sequence[Waiting], error: Exception) -> None:
        """Fail reservations that are not carried out: nothing may be spent without them."""
        refused = [each for each in batch if isinstance(each, Reservation) and not each.is_over]
        for each in refused:
            each.fail(error)
        deliver(refused)
