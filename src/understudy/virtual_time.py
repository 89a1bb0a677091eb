"""An event loop with virtual time: its clock jumps to the next timer as soon as nothing else is left to do.

An hour of waiting takes no time, and what happens does not depend on the machine. Code that runs on it must not use
threads: their results would arrive at a moment that depends on the machine.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from math import inf, nextafter
from typing import Any, TypeVar

T = TypeVar("T")

_RESOLUTION = 1e-9
"""Seconds: asyncio runs the timers that are due before `time()` and this, which is the resolution of its own clock."""


class _JumpingSelector(selectors.DefaultSelector):
    """Moves the clock instead of waiting."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        # One file is the loop's own, which wakes it up from other threads. Only if there are more is the system asked.
        ready = super().select(0) if timeout is None or len(self.get_map()) > 1 else []
        if not ready:
            if timeout is None:
                raise RuntimeError("nothing is left that could ever happen")
            self.now += timeout
            if self.now + _RESOLUTION == self.now:
                # After half a year, the loop would wait for ever for a timer that is due now.
                self.now = nextafter(self.now, inf)
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop that begins at the time 0."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Return the virtual seconds since the loop was made."""
        return self._jumping.now

    def advance(self, seconds: float) -> None:
        """Let time pass, as while the loop is blocked."""
        self._jumping.now += seconds


def run(work: Coroutine[Any, Any, T]) -> tuple[T, float]:
    """Run a coroutine on a new loop; return its result, and the virtual seconds it took."""
    loop = VirtualTimeLoop()
    try:
        return loop.run_until_complete(work), loop.time()
    finally:
        loop.close()
