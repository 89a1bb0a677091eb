"""An event loop with virtual time: its clock jumps to the next timer as soon as nothing else is left to do.

An hour of waiting takes no time, and what happens does not depend on the machine. Code that runs on it must not use
threads: their results would arrive at a moment that depends on the machine. With `is_busy`, time stands still for those
that it reports.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from contextvars import Context
from math import inf, nextafter
from typing import Any, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

POLL = 0.05
"""Real seconds between two looks at threads at work; a result wakes the loop at once."""
_RESOLUTION = 1e-9
"""Seconds: asyncio runs the timers that are due before `time()` and this, which is the resolution of its own clock."""


class _JumpingSelector(selectors.DefaultSelector):
    """Moves the clock instead of waiting."""

    now = 0.0
    is_busy: Callable[[], bool] | None = None
    was_busy = False

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        # One file is the loop's own, which wakes it up from other threads. Only if there are more is the system asked.
        ready = super().select(0) if timeout is None or len(self.get_map()) > 1 else []
        if not ready:
            if self.is_busy is not None:
                was_busy, self.was_busy = self.was_busy, self.is_busy()
                if timeout == 0:  # something is to be done at once: no time passes, and a look at threads can wait
                    self.was_busy |= was_busy
                elif self.was_busy or was_busy:  # what has just been finished is handed over in a moment
                    return super().select(POLL)
            if timeout is None:
                raise RuntimeError("nothing is left that could ever happen")
            self.now += timeout
            if self.now + _RESOLUTION == self.now:
                # After half a year, the loop would wait for ever for a timer that is due now.
                self.now = nextafter(self.now, inf)
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop that begins at the time 0."""

    def __init__(self, *, is_busy: Callable[[], bool] | None = None) -> None:
        """`is_busy` returns whether a thread is at work whose result the loop waits for: then no time passes."""
        self._jumping = _JumpingSelector()
        self._jumping.is_busy = is_busy
        super().__init__(self._jumping)

    def time(self) -> float:
        """Return the virtual seconds since the loop was made."""
        return self._jumping.now

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Call something at a time, and never before it: asyncio runs timers a little early, and who then looks at the
        clock and waits again would wait for ever, because no time passes while anything is left to do."""
        return super().call_at(when, self._call, when, callback, args, context=context)

    def _call(self, when: float, callback: Callable[[*Ts], object], args: tuple[*Ts]) -> None:
        self._jumping.now = max(self._jumping.now, when)
        callback(*args)

    def advance(self, seconds: float) -> None:
        """Let time pass, as while the loop is blocked."""
        self._jumping.now += seconds

    def handed_over(self) -> None:
        """Note that what a thread did has arrived: unless another one is at work, time need not wait for it."""
        self._jumping.was_busy = False


def run(work: Coroutine[Any, Any, T]) -> tuple[T, float]:
    """Run a coroutine on a new loop; return its result, and the virtual seconds it took."""
    loop = VirtualTimeLoop()
    try:
        return loop.run_until_complete(work), loop.time()
    finally:
        loop.close()
