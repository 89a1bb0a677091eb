"""Where calling threads find the loop: started at the first call, abandoned in a forked child, shut down at exit.

Does not import asyncio, which is loaded with the loop at the first call.
"""

from __future__ import annotations

import atexit

# Not used here: both acquire locks before a fork. Imported first, they do so after the loop has been paused.
import concurrent.futures.thread  # noqa: F401  # pyright: ignore[reportUnusedImport]
import logging  # noqa: F401  # pyright: ignore[reportUnusedImport]
import os
import threading
from typing import TYPE_CHECKING, Any

from understudy.blocking.daemons import hold_daemon_thread
from understudy.domain.errors import Misuse

if TYPE_CHECKING:
    from understudy.blocking.loop import LoopThread


FORK_GRACE = 5.0
"""Seconds that a fork waits for the loop to pause; only a loop that waits for the forking thread takes that long."""


class Bridge:
    """The process's loop thread, if it was started."""

    def __init__(self) -> None:
        self.thread: LoopThread | None = None
        self._starting = threading.Lock()
        self._over = False
        self._waited = False
        self._inherited: list[Any] = []

    def loop_thread(self) -> LoopThread:
        """Return the loop thread, started if necessary. Raise `Misuse` when the interpreter is shutting down."""
        thread = self.thread
        if thread is not None:
            return thread
        with self._starting:
            if not self._over:
                if self.thread is None:
                    from understudy.blocking.loop import LoopThread

                    self.thread = LoopThread()
                return self.thread
        hold_daemon_thread()
        raise Misuse("the interpreter is shutting down: no more calls can be made")

    def release(self, provider: Any) -> None:
        """Close the connections of a provider that is no longer used. Returns at once, from any thread."""
        thread = self.thread
        if thread is not None:
            thread.release(provider)

    def before_fork(self) -> None:
        """Pause the loop, so that the child inherits no unfinished state, such as import locks."""
        self._waited = self._starting.acquire(timeout=FORK_GRACE)
        if self.thread is not None:
            self.thread.pause(FORK_GRACE)

    def after_fork_in_parent(self) -> None:
        """In the parent: resume the loop."""
        if self.thread is not None:
            self.thread.resume()
        if self._waited:
            self._starting.release()

    def after_fork_in_child(self) -> None:
        """In a forked child: abandon the loop, whose thread stayed in the parent, and release its connections.

        A reference to it is kept, because the finalizers of its objects require a running loop.
        """
        thread, self.thread = self.thread, None
        self._starting = threading.Lock()
        if thread is not None:
            self._inherited.append(thread)
            thread.disown()

    def shut_down(self) -> None:
        """At the interpreter's exit: cancel running calls, close all connections, and stop."""
        with self._starting:
            self._over = True
            thread, self.thread = self.thread, None
        if thread is not None:
            thread.stop()


BRIDGE = Bridge()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=BRIDGE.before_fork,
        after_in_parent=BRIDGE.after_fork_in_parent,
        after_in_child=BRIDGE.after_fork_in_child,
    )
# Registered early, so that the loop outlives the exit handlers of users, which run in reverse order.
atexit.register(BRIDGE.shut_down)
