"""Takes what the event loop hands over, and works on it in a thread. Bounded: a slow back end costs no memory."""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from typing import Any

logger = logging.getLogger("understudy")

MOST = 2_048
"""Requests that wait at most."""
BATCH = 256
"""Requests that are worked on at once."""
GATHERING = 0.5
"""Seconds for which requests are gathered into a batch."""
CLOSING = 3.0
"""Seconds that the end of the process waits for what is left."""


class NotDone(Exception):
    """Work could not be done; the message is safe to show."""


class Pipeline:
    """A queue and the thread that empties it, which starts with the first item: in each process its own."""

    def __init__(self, work: Callable[[list[Any]], None], name: str) -> None:
        """`work` is called with batches, in the thread. What it raises is logged, once until it works again."""
        self._work = work
        self._name = name
        self._items: deque[Any] = deque()
        self._wake = threading.Event()
        self._idle = threading.Event()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._process = 0
        self._closed = False
        self._hurried = False
        self._is_failing = False
        self.dropped = 0
        """Items for which there was no room."""

    def put(self, item: Any) -> None:
        """Hand an item over; it is dropped and counted if too many wait. Never blocks."""
        if self._closed:
            return
        if len(self._items) >= MOST:
            self.dropped += 1
            if self.dropped == 1:
                logger.warning("%s: more than %d requests wait; further ones are dropped", self._name, MOST)
            return
        self._items.append(item)
        self._idle.clear()
        if self._process != os.getpid():
            self._start()
        self._wake.set()

    def flush(self, seconds: float = CLOSING) -> bool:
        """Wait until everything that was handed over has been worked on. Return whether it was, in that time."""
        if not self._items and self._idle.is_set():
            return True
        if self._process != os.getpid():
            return not self._items
        self._hurried = True
        self._wake.set()
        return self._idle.wait(seconds)

    def close(self, seconds: float = CLOSING) -> None:
        """Work on what is left, for so many seconds at most, and end the thread. Harmless once it was closed."""
        if self._closed:
            return
        if not self.flush(seconds):
            logger.warning("%s: what was left at the end was not sent within %g s", self._name, seconds)
        self._closed = True
        self._wake.set()
        if self.dropped:
            logger.warning("%s: %d requests were dropped", self._name, self.dropped)

    def _start(self) -> None:
        with self._starting:
            if self._process == os.getpid():
                return
            self._process = os.getpid()
            self._wake, self._idle = threading.Event(), threading.Event()
            self._thread = threading.Thread(target=self._run, name=f"understudy-{self._name}", daemon=True)
            self._thread.start()
            atexit.register(_close_at_exit, weakref.ref(self))

    def _run(self) -> None:
        while True:
            self._wake.wait()
            if not self._hurried and not self._closed:
                time.sleep(GATHERING)
            self._wake.clear()
            while self._items:
                self._do([self._items.popleft() for _ in range(min(BATCH, len(self._items)))])
            self._hurried = False
            self._idle.set()
            if self._items:  # handed over just before
                self._idle.clear()
                self._wake.set()
            if self._closed:
                return

    def _do(self, batch: list[Any]) -> None:
        try:
            self._work(batch)
        except Exception as error:  # noqa: BLE001 - a back end must not end the thread
            if not self._is_failing:
                why = str(error) if isinstance(error, NotDone) else type(error).__name__
                logger.error("%s failed: %s; this is logged once until it works again", self._name, why)
            self._is_failing = True
        else:
            self._is_failing = False


def _close_at_exit(pipeline: weakref.ref[Pipeline]) -> None:
    found = pipeline()
    if found is not None:
        found.close()
