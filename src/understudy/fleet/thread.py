"""The thread of a store: what blocks is done there, one after another."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")

_Work = tuple[Callable[[], Any], asyncio.AbstractEventLoop, "asyncio.Future[Any]"]


class StoreThread:
    """A thread that is begun when it is needed. A process that ends does not wait for it: a database may hang."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[_Work | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._since: float | None = None

    @property
    def busy(self) -> float:
        """Seconds for which it does what it does now; 0 if that is nothing."""
        since = self._since
        return 0.0 if since is None else time.monotonic() - since

    async def do(self, work: Callable[[], T]) -> T:
        """Return what is returned, or raise what is raised. Work that nothing waits for any more is done all the same,
        in its turn."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="understudy-fleet", daemon=True)
            self._thread.start()
        self._queue.put((work, loop, future))
        return await future

    def end(self) -> None:
        """End the thread after what it has to do."""
        self._queue.put(None)
        self._thread = None

    def _run(self) -> None:
        while (found := self._queue.get()) is not None:
            work, loop, future = found
            result, error = None, None
            self._since = time.monotonic()
            try:
                result = work()
            except BaseException as raised:  # noqa: BLE001 - it is raised where the work was asked for
                error = raised
            self._since = None
            try:
                loop.call_soon_threadsafe(_settle, future, result, error)
            except RuntimeError:  # the loop has ended
                continue


def _settle(future: asyncio.Future[Any], result: object, error: BaseException | None) -> None:
    if future.done():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)
