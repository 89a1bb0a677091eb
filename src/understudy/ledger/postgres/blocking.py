"""A connection for callers that wait: it has an event loop in a thread of its own, so that they may be on any loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from understudy.ledger.holds import LedgerUnavailable
from understudy.ledger.postgres.connecting import driver, failures, place_of, why
from understudy.ledger.postgres.link import Link

if TYPE_CHECKING:
    import asyncpg

T = TypeVar("T")


class LoopThread:
    """An event loop in a thread of its own."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()

    def wait_for(self, work: Awaitable[T]) -> T:
        """Return the result of what is awaited there."""

        async def waited() -> T:
            return await work

        return asyncio.run_coroutine_threadsafe(waited(), self._loop).result()

    def end(self) -> None:
        """End the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class BlockingLink:
    """A connection that is made at its first use. Its methods block; threads that use it take turns."""

    def __init__(self, url: str, name: str) -> None:
        """`name`: that of the thread. Raise `ConfigError` if the driver is missing."""
        driver()
        self._url = url
        self._name = name
        self._lock = threading.Lock()
        self._link = Link(url)
        self._thread: LoopThread | None = None

    def transact(self, action: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
        """Commit an action, and return its result; see `Link.transact`.

        Raise `LedgerUnavailable` if the server is away, and `ConfigError` if the URL cannot be used.
        """
        with self._lock:
            if self._thread is None:
                self._thread = LoopThread(self._name)
            try:
                return self._thread.wait_for(self._link.transact(action))
            except failures() as error:
                raise LedgerUnavailable(f"the ledger at {place_of(self._url)} cannot be used: {why(error)}") from error

    def close(self) -> None:
        """Disconnect, until the next use."""
        with self._lock:
            if self._thread is not None:
                self._thread.wait_for(self._link.close())
                self._thread.end()
                self._thread = None
