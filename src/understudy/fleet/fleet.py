"""One process as a member of its fleet: it reports itself every second, sees the others, and obeys orders."""

from __future__ import annotations

import asyncio
import logging
import math
import os
import sys
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Protocol, TypeVar

import msgspec

from understudy.domain.errors import Misuse
from understudy.fleet.ordering import Ordering
from understudy.fleet.orders import Order, OrderKind, ProbeResult
from understudy.fleet.store import FleetStore, FleetUnavailable, History, Member, start_of
from understudy.fleet.thread import StoreThread
from understudy.telemetry.snapshot import Minute, Snapshot

log = logging.getLogger("understudy.gateway")
T = TypeVar("T")

TICK = 1.0
"""Seconds between two reports of a process."""
SILENT = 5.0
"""Seconds without a report after which a process counts as silent."""
FRESH = 0.5
"""Seconds for which what was read of the others is used again."""
PATIENCE = 2.0
"""Seconds that an order waits to be stored; a quarter of it while the store is in trouble, as of the two below."""
LOOKING = 0.8
"""Seconds that a caller waits for what others report now."""
READING = 4.0
"""Seconds that a caller waits for the history of a day."""
UPKEEP = 30
"""Reports between two looks for what is too old."""
JOINING = 1.0
"""Seconds that a start waits for the orders that stand."""
LEAVING = 2.0
"""Seconds that an end waits for the last report to be stored."""


class MemberProcess(Protocol):
    """What a fleet asks of its own process. It is called on the event loop."""

    def snapshot(self) -> Snapshot:
        """Return what the process knows at this moment, with the minutes that are not in the history yet."""
        ...

    def filed(self, before: int) -> None:
        """Note that the minutes before a moment are in the history."""
        ...

    def begin_anew(self) -> None:
        """Count from zero under another name, because the fleet counts what was so far as that of a process that has
        ended."""
        ...

    def has_entry(self, name: str) -> bool:
        """Check whether an entry is configured."""
        ...

    def obey(self, order: Order, stands: Mapping[str, Order]) -> None:
        """Do what an order asks for. `stands`: by entry, the orders that keep it from being asked."""
        ...

    async def probe(self, entry: str) -> ProbeResult:
        """Check whether an entry works, without a billed call."""
        ...


class InstanceTotals(msgspec.Struct, frozen=True):
    """The processes of one gateway on one machine. Summed over both, no total ever falls."""

    live: tuple[Snapshot, ...]
    """Those that serve, this one first."""
    ended: tuple[Snapshot, ...]
    """Those that have ended or are silent: only their totals count."""


class Fleet:
    """The processes that share a store, as one of them sees them."""

    def __init__(
        self, process: MemberProcess, store: FleetStore, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`clock`: seconds, from any moment."""
        self._process = process
        self._clock = clock
        self._store = store
        self._thread = StoreThread()
        self._seen: list[Member] = []
        self._seen_at = -math.inf
        self._ordering = Ordering(store, self._in_thread, process.obey)
        self._giving: set[asyncio.Task[Order]] = set()
        self._reported = False
        self._ticks = 0
        self.trouble: str | None = None
        """Why the store cannot be used now: then only this process is known."""

    # ---- what is known ----

    def snapshot(self) -> Snapshot:
        """Return what this process knows at this moment."""
        return msgspec.structs.replace(self._process.snapshot(), obeyed=self._ordering.obeyed)

    async def snapshots(self) -> list[Snapshot]:
        """Return what each process knows, this one first; those that have ended or are silent are left out."""
        own = self.snapshot()
        return [own, *(each.snapshot for each in await self.others() if not each.ended and each.age <= SILENT)]

    async def members(self) -> list[Member]:
        """Return all processes, this one first, also those that have ended or are silent."""
        return [Member(snapshot=self.snapshot(), age=0.0), *await self.others()]

    async def others(self) -> list[Member]:
        """Return all other processes as they were last heard of, also those that have ended or are silent. While the
        store cannot be used, they are as they were read last."""
        if self._clock() - self._seen_at >= FRESH:
            try:
                async with self._patience(LOOKING):
                    self._see(await self._in_thread(self._store.members))
            except FleetUnavailable as error:
                self._note(error)
        passed = self._clock() - self._seen_at
        own = self._process.snapshot().worker
        return [
            msgspec.structs.replace(each, age=each.age + passed) for each in self._seen if each.snapshot.worker != own
        ]

    async def instance_totals(self) -> InstanceTotals:
        """Return the processes of this gateway on this machine, whichever of them is asked.

        No total falls from one answer to the next: this process stores first what it states, and states no more than it
        stored. Raise `FleetUnavailable` if what others report is unknown.
        """
        own = await self._report()
        self._see(await self._in_thread(self._store.members))
        same = [each for each in await self.others() if each.snapshot.instance == own.instance]
        live = tuple(each.snapshot for each in same if not each.ended and each.age <= SILENT)
        ended = tuple(each.snapshot for each in same if each.ended or each.age > SILENT)
        return InstanceTotals((own, *live), ended)

    async def minutes(self, since: float, until: float) -> list[Minute]:
        """Return what the attempts of all processes came to by minute and target; see `history`."""
        return list((await self.history(since, until)).minutes)

    async def history(self, since: float, until: float, *, patience: float | None = None) -> History:
        """Return what happened in all processes in the minutes that begin in a span of Unix time. The history is kept
        for 24 hours. `patience`: seconds to wait at most; unset, 4. Raise `FleetUnavailable`."""
        async with self._patience(READING if patience is None else patience):
            await self._report()
            return await self._in_thread(lambda: self._store.history(since, until))

    # ---- orders ----

    async def order(self, kind: OrderKind, entry: str, by: str) -> Order:
        """Order something of an entry: at once here, within seconds everywhere. `by`: the operator's name.

        Return once it is stored, a probe with what it found. While it cannot be stored, this process obeys it all the
        same, it has no number, and the others follow as soon as it can be. Raise `Misuse` for an unknown entry.
        """
        if not self._process.has_entry(entry):
            raise Misuse(f"no entry is called {entry!r}")
        asked = Order(kind=kind, entry=entry, by=by, at=time.time())
        if kind is OrderKind.PROBE:
            asked = msgspec.structs.replace(asked, probe=await self._process.probe(entry))
        giving = asyncio.create_task(self._ordering.give(asked))
        self._giving.add(giving)
        giving.add_done_callback(self._given)
        try:
            async with self._patience(PATIENCE):
                return await asyncio.shield(giving)
        except FleetUnavailable as error:
            self._note(error)
            self._ordering.obey_alone(asked)
            return asked

    def _given(self, giving: asyncio.Task[Order]) -> None:
        """Forget an order that is stored, or that waits to be."""
        self._giving.discard(giving)
        error = None if giving.cancelled() else giving.exception()
        if error is not None and not isinstance(error, FleetUnavailable):
            log.error("an order could not be stored", exc_info=error)

    async def orders(self) -> list[Order]:
        """Return the latest orders, the oldest first. Raise `FleetUnavailable`."""
        async with self._patience(PATIENCE):
            return await self._in_thread(self._store.orders)

    @property
    def standing(self) -> Mapping[str, Order]:
        """By entry, the order that keeps it from being asked, as far as this process knows."""
        return self._ordering.standing

    # ---- living ----

    async def join(self) -> None:
        """Learn which orders stand, before requests are served. A store that does not answer soon is not waited for."""
        try:
            async with asyncio.timeout(JOINING):
                await self._ordering.follow()
        except (FleetUnavailable, TimeoutError) as error:
            self._note(error)

    async def run(self) -> None:
        """Report every second, and obey, until cancelled."""
        while True:
            await self.step()
            await asyncio.sleep(TICK)

    async def step(self) -> None:
        """Report once, and obey what was ordered. What fails is logged, once until it works again."""
        try:
            await self._report()
            await self._ordering.share()
            await self._ordering.follow()
            if self._ticks % UPKEEP == 0:
                instance = self._process.snapshot().instance
                await self._in_thread(lambda: self._keep_up(instance))
            self._ticks += 1
        except FleetUnavailable as error:
            self._note(error)
        except Exception:
            log.exception("what the processes of the gateway share could not be brought up to date")

    async def leave(self) -> None:
        """Report for the last time. A store that does not answer is not waited for long."""
        try:
            async with asyncio.timeout(LEAVING):
                if self._reported:
                    await self._report(ended=True)
                await self._in_thread(self._store.close)
        except (FleetUnavailable, TimeoutError) as error:
            self._note(error)
        self._thread.end()
        if self._ordering.unstored:
            log.error("%d orders were obeyed by this process only, and could not be stored", self._ordering.unstored)

    # ---- steps ----

    async def _report(self, *, ended: bool = False) -> Snapshot:
        """Store what this process knows, and return it. Raise `FleetUnavailable`."""
        snapshot = self.snapshot()
        if not await self._in_thread(lambda: self._store.put(snapshot, ended=ended)):
            log.warning("this process was silent for so long that what it counts begins anew")
            self._process.begin_anew()
            return await self._report(ended=ended)
        self._reported = True
        self._process.filed(start_of(snapshot.at))
        if self.trouble is not None:
            log.info("the processes of the gateway share again what they know")
            self.trouble = None
        return snapshot

    def _keep_up(self, instance: str) -> None:
        """Note which processes of this instance were killed, and remove what is too old. Block."""
        same = [each.snapshot for each in self._store.members() if not each.ended and each.age > SILENT]
        dead = [each.worker for each in same if each.instance == instance and not _is_alive(each.pid)]
        if dead:
            self._store.end(dead)
        self._store.sweep()

    @asynccontextmanager
    async def _patience(self, most: float) -> AsyncGenerator[None]:
        """Wait no longer than a page may take, and not at all if the store has not answered for so long. Raise
        `FleetUnavailable` then."""
        most = most if self.trouble is None else most / 4
        try:
            async with asyncio.timeout(max(0.0, most - self._thread.busy)):
                yield
        except TimeoutError as error:
            self._note(error)
            raise FleetUnavailable("no answer in time") from error

    @property
    def is_away(self) -> bool:
        """Whether the store, which is where the ledger is, fails or does not answer at the moment."""
        return self.trouble is not None or self._thread.busy > PATIENCE

    def _see(self, members: list[Member]) -> None:
        self._seen, self._seen_at = members, self._clock()

    def _note(self, error: BaseException) -> None:
        why = str(error) or "no answer in time"
        if self.trouble is None:
            log.error("the processes of the gateway cannot share what they know: %s", why)
        self.trouble = why

    async def _in_thread(self, work: Callable[[], T]) -> T:
        """Do what may block in the thread of the store, one after another."""
        if self._store.is_instant:
            return work()
        return await self._thread.do(work)


def _is_alive(pid: int) -> bool:
    """Check whether a process of this machine runs."""
    if sys.platform == "win32":  # there, the signal 0 would end it, and one process serves alone
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
