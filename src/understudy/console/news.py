"""What happens, for all who watch: one look a second serves every connection of a process, and none looks by itself.

What happens now is sent every second; requests as they end and orders as they are given, each once. Whoever comes back
gets what was missed, as far as it is remembered.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, Callable, Collection
from contextlib import suppress
from typing import TYPE_CHECKING, Literal

import msgspec

from understudy.console.http import ConsoleError, json_of
from understudy.domain.bounded import BoundedDict
from understudy.fleet.store import FleetUnavailable
from understudy.reports.now import read_now
from understudy.reports.requests import list_requests

if TYPE_CHECKING:
    from understudy.console.readers import Readers
    from understudy.fleet.fleet import Fleet

log = logging.getLogger("understudy.gateway")

Kind = Literal["now", "request", "order"]

TICK = 1.0
"""Seconds between two looks."""
MOST = 100
"""Connections of a process."""
WAITING = 1_000
"""Events that wait for a connection whose caller reads slowly; then it is ended."""
REMEMBERED = 500
"""Events for those that come back."""
PAGE = 200
"""Requests that are read at once. Of more in a second the rest is left out, and the event `gap` says so."""
QUIET = 15
"""Ticks without an event after which a comment keeps a connection open."""
RETRY = b"retry: 2000\n\n"


class News(msgspec.Struct, frozen=True):
    """One event, as it is sent."""

    kind: str
    data: bytes
    id: str = ""
    """By which whoever comes back says what was seen last; empty for what is not sent twice."""

    def encoded(self) -> bytes:
        """Return the event in the form of the HTML standard, §9.2. JSON has no line breaks."""
        name = b"id: %b\n" % self.id.encode() if self.id else b""
        return b"%bevent: %b\ndata: %b\n\n" % (name, self.kind.encode(), self.data)


class Newsroom:
    """Looks for what is new while anyone watches, and hands it to all."""

    def __init__(self, readers: Readers, fleet: Callable[[], Fleet], ending: asyncio.Event) -> None:
        """`ending` is set once the gateway stops."""
        self._readers = readers
        self._fleet = fleet
        self._ending = ending
        self._watchers: dict[asyncio.Queue[News | None], Collection[str]] = {}
        self._looking: asyncio.Task[None] | None = None
        self._recent: deque[News] = deque(maxlen=REMEMBERED)
        self._announced: BoundedDict[str, bool] = BoundedDict(20 * PAGE)
        self._order = -1
        self._begun = False
        self._counts: object = None
        self._looks = 0
        self._in_trouble = False

    def watch(self, kinds: Collection[Kind], last: str | None = None) -> AsyncGenerator[bytes]:
        """Return events as they come, until the gateway stops or the caller reads too slowly. `last`: the id of the
        event that was seen last. Raise `ConsoleError` if too many watch."""
        if len(self._watchers) >= MOST:
            message = f"{MOST} connections watch already: close one, or ask another worker"
            raise ConsoleError(503, "too_many_watchers", message, headers=(("retry-after", "5"),))
        return self._watched((*kinds, "gap") if "request" in kinds else kinds, last)

    @property
    def watchers(self) -> int:
        """How many connections watch."""
        return len(self._watchers)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is looked at, because no one watches."""
        return self._looking is None or self._looking.done()

    async def _watched(self, kinds: Collection[str], last: str | None) -> AsyncGenerator[bytes]:
        """Yield events. Only what is iterated watches: a caller who leaves before that is not waited for."""
        queue: asyncio.Queue[News | None] = asyncio.Queue(WAITING)
        for each in self._missed(last):
            if each.kind in kinds:
                queue.put_nowait(each)
        self._watchers[queue] = kinds
        try:
            if self.is_idle:
                if last is None:  # what happened while no one watched is news to those only who were here before
                    self._begun, self._order = False, -1
                self._looking = asyncio.get_running_loop().create_task(self._look())
            yield RETRY
            while True:
                try:
                    async with asyncio.timeout(QUIET * TICK):
                        news = await queue.get()
                except TimeoutError:
                    yield b": nothing new\n\n"
                    continue
                if news is None:
                    return
                yield news.encoded()
        finally:
            self._watchers.pop(queue, None)

    def _missed(self, last: str | None) -> list[News]:
        """Return what came after an event, as far as it is remembered; nothing if that is unknown."""
        recent = list(self._recent)
        at = next((at for at, each in enumerate(recent) if each.id == last), None) if last else None
        return [] if at is None else recent[at + 1 :]

    async def _look(self) -> None:
        """Look every second while anyone watches."""
        while self._watchers and not self._ending.is_set():
            try:
                await self._look_once()
                self._in_trouble = False
            except Exception as error:  # noqa: BLE001 - whatever fails now may work in a second
                if not self._in_trouble:
                    log.warning("what is new could not be read: %s: %s", type(error).__name__, error)
                self._in_trouble = True
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), TICK)
        for queue in self._watchers:
            _end(queue)

    async def _look_once(self) -> None:
        wanted = {kind for kinds in self._watchers.values() for kind in kinds}
        report = await read_now(self._fleet())
        if "now" in wanted:
            self._hand_out(News("now", json_of(report)))
        if "order" in wanted:
            with suppress(FleetUnavailable):
                await self._look_for_orders()
        if "request" in wanted and not self._fleet().is_away:
            # Entries gather for a moment before they are in the ledger, so one more look follows the last change.
            counts = (report.under_way, report.in_flight, report.lately)
            self._looks = 3 if counts != self._counts or not self._begun else self._looks - 1
            self._counts = counts
            if self._looks > 0:
                await self._look_for_requests()

    async def _look_for_orders(self) -> None:
        orders = await self._fleet().orders()
        newest = max((each.number for each in orders), default=0)
        if self._order >= 0:
            for each in orders:
                if each.number > self._order:
                    self._hand_out(News("order", json_of(each), f"order-{each.number}"))
        self._order = newest

    async def _look_for_requests(self) -> None:
        found = (await self._readers.ask(lambda queries: list_requests(queries, limit=PAGE))).requests
        ended = [each for each in reversed(found) if each.outcome != "started"]
        if self._begun and len(found) == PAGE and not any(each.id in self._announced for each in found):
            self._hand_out(News("gap", b"{}"))
        for each in ended:
            if each.id not in self._announced:
                self._announced[each.id] = True
                if self._begun:
                    self._hand_out(News("request", json_of(each), f"request-{each.id}"))
        self._begun = True

    def _hand_out(self, news: News) -> None:
        if news.id:
            self._recent.append(news)
        for queue, kinds in self._watchers.items():
            if news.kind not in kinds:
                continue
            try:
                queue.put_nowait(news)
            except asyncio.QueueFull:
                _end(queue)


def _end(queue: asyncio.Queue[News | None]) -> None:
    """End a connection after what waits for it; if too much does, at once."""
    while True:
        try:
            queue.put_nowait(None)
            return
        except asyncio.QueueFull:
            queue.get_nowait()
