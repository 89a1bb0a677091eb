"""The thread that speaks to the server, and what is decided without it while it is away.

    reserve ──> queue ──> one pipeline of scripts ──> granted or short
       │                        │
       └── no answer in time, or the server is away ──> this process's own share of the limits

`OwnShare` knows all that this process holds and has spent. What is not known to have reached the server is therefore
never sent again one by one: the process joins again and states all of it.
"""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from understudy.domain.attempts import AttemptRecord, AttemptStart
from understudy.ledger.accounts import BalanceKey
from understudy.ledger.holds import Claim, Shortage
from understudy.ledger.reserving import deliver
from understudy.ledger.valkey.commands import PREFIX, Command, Commands
from understudy.ledger.valkey.link import Link, LinkFailed, Reply, place_of
from understudy.ledger.valkey.own import OwnShare
from understudy.ledger.valkey.steps import Forcing, Reading, Releasing, Reserving, Settling, Step

logger = logging.getLogger("understudy")

PATIENCE = 0.05
"""Seconds that a request waits for the server, and the thread for an answer of it."""
LEASE = 30.0
"""Seconds after which the slots of a process are free that is not heard of."""
MOST = 200
"""Steps of one pipeline."""
_PAUSES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Seconds between tries to reach the server."""
_GONE = -1
_GRANTED = 1


class Limiter:
    """Keeps the limits of one process in a server that others share. Its methods may be called by any thread."""

    def __init__(
        self,
        url: str,
        *,
        processes: int = 1,
        prefix: str = PREFIX,
        patience: float = PATIENCE,
        lease: float = LEASE,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.place = place_of(url)
        self.processes = processes
        """How many share the limits: as given, until the server has told how many there are."""
        self.trouble: str | None = None
        """Why the server does not keep the limits at the moment."""
        self.ahead = 0.0
        """Seconds by which the server's clock is ahead."""
        self.tried = threading.Event()
        """Set once the server was reached, or was not."""
        self._patience = patience
        self._lease = lease
        self._clock = clock
        self._link = Link(url, patience)
        self._commands = Commands(prefix, secrets.token_hex(8), lease)
        self._lock = threading.Lock()
        self._own = OwnShare()
        self._waiting: dict[str, Reserving] = {}
        self._is_kept = True
        """Whether the server keeps the limits, as far as is known: steps are queued for it."""
        self._queue: deque[Step] = deque()
        self._sent: list[Step] = []
        self._wake = threading.Event()
        self._closing = False
        self._renews = 0.0
        self._until = 0.0
        self._retries = 0.0
        self._tries = 0
        self._thread = threading.Thread(target=self._run, name="understudy-limits", daemon=True)
        self._thread.start()

    # ---- what requests ask ----

    async def reserve(self, start: AttemptStart, claims: Sequence[Claim], left: list[int]) -> Shortage | None:
        """Hold all claims of an attempt, or do nothing and return why. `left`: as for `Holds.reserve`."""
        name = start.attempt_id
        with self._lock:
            if self._own.held(name) is not None:
                return None
            self._own.touch(claims)
            if not self._is_kept:
                return self._own.take(name, claims, self.processes, self.why_alone(), left)
            self._waiting[name] = waiting = Reserving(start, claims)
            self._queue.append(waiting)
        self._wake.set()
        timer = waiting.loop.call_later(self._patience, self._decide_late, waiting)
        try:
            shortage = await waiting.future
            left.extend(waiting.left)
        except asyncio.CancelledError:
            self.release(name)
            raise
        finally:
            timer.cancel()
            with self._lock:
                self._waiting.pop(name, None)
        return shortage

    def release(self, attempt_id: str) -> None:
        """Give back what an attempt holds, or is about to hold."""
        with self._lock:
            if (waiting := self._waiting.get(attempt_id)) is not None:
                waiting.is_over = True
            held = self._own.release(attempt_id)
            if held is None or not self._is_kept:
                return
            self._queue.append(Releasing(attempt_id, held.claims))
        self._wake.set()

    def record(self, attempt: AttemptRecord) -> None:
        """Settle what an attempt has held, by what it has used."""
        with self._lock:
            if (waiting := self._waiting.get(attempt.attempt_id)) is not None:
                waiting.is_over = True
            settled = self._own.settle(attempt)
            if settled is None or not self._is_kept:
                return
            held, charges = settled
            self._queue.append(Settling(attempt.attempt_id, held.claims, charges))
        self._wake.set()

    def was_alone(self, attempt_id: str) -> bool:
        """Check whether this process has granted an attempt by itself."""
        with self._lock:
            held = self._own.held(attempt_id)
        return held is not None and held.alone

    def read(self, keys: Sequence[BalanceKey]) -> list[tuple[int, int]]:
        """Return what is spent and reserved of balances: of this process alone while the server is away. Blocks."""
        reading = Reading(keys)
        with self._lock:
            if self._is_kept:
                self._queue.append(reading)
            else:
                reading.answer.set_result(None)
        self._wake.set()
        found = reading.answer.result()
        if found is not None:
            return list(zip(found[::2], found[1::2], strict=True))
        with self._lock:
            return [self._own.spent_and_reserved(key) for key in keys]

    def now(self) -> float:
        """Return the time of the server in Unix seconds, as far as it is known."""
        return self._clock() + self.ahead

    def close(self, seconds: float) -> None:
        """Send what is left, for as long at most, and end the thread."""
        self._closing = True
        self._wake.set()
        self._thread.join(seconds)

    def _decide_late(self, waiting: Reserving) -> None:
        """Decide about an attempt whose answer does not come in time."""
        with self._lock:
            if waiting.is_over or waiting.future.done():
                return
            self._decide_alone(waiting)
        waiting.future.set_result(waiting.shortage)

    def _decide_alone(self, waiting: Reserving) -> None:
        waiting.is_over = True
        name, left = waiting.start.attempt_id, waiting.left
        shortage = self._own.take(name, waiting.claims, self.processes, self.why_alone(), left)
        waiting.shortage, waiting.granted_alone = shortage, shortage is None

    def why_alone(self) -> str:
        """Return why this process decides by itself, for callers, who need not know where the server is."""
        return (
            "the server that keeps the limits is away or slow, so each of "
            f"{self.processes} {'process' if self.processes == 1 else 'processes'} keeps its share of them"
        )

    # ---- the thread ----

    def _run(self) -> None:
        while not (self._closing and (not self._queue or not self._is_kept)):
            self._wake.wait(self._pause())
            self._wake.clear()
            try:
                self._turn()
            except LinkFailed as error:
                self._lose(str(error))
            except Exception as error:
                logger.exception("the limits cannot be kept at %s", self.place)
                self._lose(f"{type(error).__name__}: {error}")
            self.tried.set()
        self._leave()

    def _pause(self) -> float:
        """Return the seconds until there is something to do."""
        return max(0.0, (self._renews if self._is_kept else self._retries) - time.monotonic())

    def _turn(self) -> None:
        now = time.monotonic()
        if not self._is_kept and now < self._retries:
            return
        if not self._is_kept or now >= self._until:
            self._link.connect()
            self._join()
        elif now >= self._renews:
            self._renew()
        with self._lock:
            self._sent = [self._queue.popleft() for _ in range(min(len(self._queue), MOST))]
        if self._sent:
            self._exchange(self._sent)
        if self._queue:
            self._wake.set()

    def _join(self) -> None:
        """State all that this process holds and has spent."""
        with self._lock:
            self._commands.session += 1
            command = self._commands.join(self._own.state())
            self._is_kept = True  # what comes from now on is not in that state, and is queued
        begins = time.monotonic()
        (reply,) = self._send([command])
        if reply[0] == _GONE:
            raise LinkFailed("refuses this process")
        self._leased(begins, reply)
        if self.trouble is not None:
            logger.warning("%s keeps the limits again", self.place)
        self.trouble, self._tries = None, 0

    def _renew(self) -> None:
        with self._lock:
            command = self._commands.renew(self._own.under_way())
        begins = time.monotonic()
        (reply,) = self._send([command])
        if reply[0] == _GONE:
            self._join()
        else:
            self._leased(begins, reply)

    def _leased(self, begins: float, reply: Reply) -> None:
        self._until, self._renews = begins + self._lease, begins + self._lease / 3
        self.processes = max(1, reply[3])

    def _exchange(self, steps: list[Step]) -> None:
        """Send steps, and act on their replies."""
        replies = self._send([each.command(self._commands) for each in steps])
        if any(reply[0] == _GONE for reply in replies):
            self._join()
            replies = self._send([each.command(self._commands) for each in steps])
            if any(reply[0] == _GONE for reply in replies):
                raise LinkFailed("has lost its data")
        ready: list[Reserving] = []
        with self._lock:
            self._sent = []
            for step, reply in zip(reversed(steps), reversed(replies), strict=True):
                if isinstance(step, Reading):
                    step.answer.set_result(reply[3:])
                elif isinstance(step, Reserving) and self._decided(step, reply):
                    ready.append(step)
        deliver(ready)

    def _decided(self, waiting: Reserving, reply: Reply) -> bool:
        """Act on the answer to a reservation; return whether somebody waits for it."""
        name, claims = waiting.start.attempt_id, waiting.claims
        if not waiting.is_over:
            waiting.is_over = True
            if reply[0] == _GRANTED:
                self._own.hold(name, claims)
                waiting.left = reply[3:]
            else:
                waiting.shortage = Shortage(claim=claims[reply[3]], spent=reply[4], reserved=reply[5])
            return True
        # It came too late: the server learns what was decided without it, before it learns of what followed.
        if reply[0] == _GRANTED and not waiting.granted_alone:
            self._queue.appendleft(Releasing(name, claims))
        elif reply[0] != _GRANTED and waiting.granted_alone:
            self._queue.appendleft(Forcing(name, claims))
        return False

    def _send(self, commands: list[Command]) -> list[Reply]:
        begins = self._clock()
        replies = self._link.run(commands)
        ends, seconds, micros = self._clock(), int(replies[-1][1]), int(replies[-1][2])
        # The server read its clock between these two moments.
        moment = seconds + micros / 1_000_000
        self.ahead = min(max(self.ahead, moment - ends), moment - begins)
        return replies

    def _lose(self, trouble: str) -> None:
        """Decide without the server from now on, about those who wait first."""
        self._link.drop()
        with self._lock:
            first, self.trouble, self._is_kept = self.trouble is None, trouble, False
            steps = [*self._sent, *self._queue]
            self._sent = []
            self._queue.clear()
            ready = [each for each in steps if isinstance(each, Reserving) and not each.is_over]
            for each in ready:
                self._decide_alone(each)
        for step in steps:
            if isinstance(step, Reading):
                step.answer.set_result(None)
        deliver(ready)
        self._retries = time.monotonic() + _PAUSES[min(self._tries, len(_PAUSES) - 1)] * random.uniform(0.5, 1)
        self._tries += 1
        if first:
            logger.warning(
                "%s does not keep the limits (%s): until it does, this process keeps its share of them, one of %d",
                self.place,
                trouble,
                self.processes,
            )

    def _leave(self) -> None:
        """End the lease, unless something is under way still, and disconnect."""
        try:
            if self._is_kept and self._commands.session:
                self._link.run([self._commands.leave()])
        except LinkFailed as error:
            logger.debug("the limits at %s were left as they are: %s", self.place, error)
        self._tries, self.trouble = 0, self.trouble or "it was closed"
        self._lose(self.trouble)
