"""Where calling threads find the loop: started at the first call, left behind at a fork, wound up at exit.

Knows nothing of asyncio, which is loaded with the loop at the first call.
"""

from __future__ import annotations

import atexit

# Not used here: both have locks that they take before a fork. Loaded first, they do so after the loop has come to rest.
import concurrent.futures.thread  # noqa: F401  # pyright: ignore[reportUnusedImport]
import logging  # noqa: F401  # pyright: ignore[reportUnusedImport]
import os
import threading
from typing import TYPE_CHECKING, Any

from understudy.domain.errors import Misuse

if TYPE_CHECKING:
    from understudy.blocking.loop import LoopThread


FORK_GRACE = 5.0
"""Seconds that a fork waits for the loop to come to rest; it takes that long only if the loop waits for the forker."""


class Bridge:
    """The process's loop thread, or none yet."""

    def __init__(self) -> None:
        self.thread: LoopThread | None = None
        self._starting = threading.Lock()
        self._over = False
        self._waited = False
        self._left_behind: list[Any] = []

    def loop_thread(self) -> LoopThread:
        """Return the loop thread, started if need be. Raises `Misuse` when the interpreter is ending."""
        thread = self.thread
        if thread is not None:
            return thread
        with self._starting:
            if self._over:
                raise Misuse("the interpreter is ending: no more calls can be made")
            if self.thread is None:
                from understudy.blocking.loop import LoopThread

                self.thread = LoopThread()
            return self.thread

    def release(self, provider: Any) -> None:
        """Close the connections of a provider that nobody uses any more. Returns at once, from any thread."""
        thread = self.thread
        if thread is not None:
            thread.release(provider)

    def before_fork(self) -> None:
        """Bring the loop to rest, so that the child inherits nothing half done, locks of imports above all."""
        self._waited = self._starting.acquire(timeout=FORK_GRACE)
        if self.thread is not None:
            self.thread.pause(FORK_GRACE)

    def after_fork(self) -> None:
        """In the parent: go on."""
        if self.thread is not None:
            self.thread.go_on()
        if self._waited:
            self._starting.release()

    def forked(self) -> None:
        """In a forked child: forget the loop, whose thread stayed in the parent, and let go of its connections.

        It is kept, because what its objects do when they are freed is meant for a loop that runs.
        """
        thread, self.thread = self.thread, None
        self._starting = threading.Lock()
        if thread is not None:
            self._left_behind.append(thread)
            thread.disown()

    def wind_up(self) -> None:
        """At the interpreter's exit: cancel what still runs, close all connections, and stop."""
        with self._starting:
            self._over = True
            thread, self.thread = self.thread, None
        if thread is not None:
            thread.stop()


BRIDGE = Bridge()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=BRIDGE.before_fork, after_in_parent=BRIDGE.after_fork, after_in_child=BRIDGE.forked)
# Early, so that the loop outlives the exit handlers of users, which run in reverse order.
atexit.register(BRIDGE.wind_up)
