"""Runs what a command awaits, so that Ctrl-C always ends it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

T = TypeVar("T")


def run_async(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end on an event loop of its own, as `asyncio.run` does, and return its result.

    Ctrl-C cancels it, and `KeyboardInterrupt` is raised once it has ended; a second Ctrl-C raises it at once.
    """

    async def main() -> T:
        with woken_by_signals():
            return await work

    return asyncio.run(main())


@contextlib.contextmanager
def woken_by_signals() -> Iterator[None]:
    """On a running loop: a signal wakes it, whenever it arrives.

    A handler written in Python runs only when the main thread executes Python again. A signal that arrives just before
    the loop starts to wait for its sockets does not end that wait, and Ctrl-C would have no effect until something else
    happens. `signal.set_wakeup_fd` closes this gap: the system's handler writes to a socket that the loop watches.
    """
    loop = asyncio.get_running_loop()
    reading, writing = socket.socketpair()
    with reading, writing:
        reading.setblocking(False)
        writing.setblocking(False)
        try:
            loop.add_reader(reading, reading.recv, 4096)
        except NotImplementedError:  # Windows: asyncio's loop there does the same by itself
            yield
            return
        before = signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(before)
            loop.remove_reader(reading)
