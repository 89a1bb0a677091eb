"""The time limits of one attempt: what they measure, and what happens when one is reached.

First-event and idle limits measure how long the provider is waited for. A reader that pauses and an event loop that
was blocked do not count against the provider.
"""

from __future__ import annotations

import asyncio

import msgspec

from understudy.domain.events import CONTENT_EVENTS
from understudy.domain.failures import Failure, FailureKind
from understudy.engine.throughput import Throughput
from understudy.policy.targets import Limits
from understudy.transport.base import Incoming

LATE = 0.02
"""Seconds past its time at which a timer shows that the event loop was blocked."""
SECOND_LOOK = 0.1
"""Seconds in which an event loop that was blocked may read what arrived meanwhile."""


class Watch:
    """One timer per attempt. Progress is noted, not armed: the timer looks at it when it fires, and goes on."""

    __slots__ = (
        "_cancelling",
        "_first",
        "_granted",
        "_handle",
        "_incoming",
        "_limits",
        "_loop",
        "_moved",
        "_paused_at",
        "_since",
        "_speed",
        "_start",
        "_struck",
        "_task",
        "_waiting",
        "streamed",
        "verdict",
    )

    def __init__(
        self,
        limits: Limits,
        *,
        streamed: bool,
        began: float | None = None,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        """`began` is when the attempt was launched: the limits of the whole attempt count from there, or from now.
        `loop`: the running event loop, where it is known."""
        self._loop = loop or asyncio.get_running_loop()
        self._limits = limits
        self.streamed = streamed
        """Whether the provider streams, so that the limits of content apply."""
        self._since = self._paused_at = self._loop.time()
        self._start = self._since if began is None else began
        self._first = True
        self._moved = False
        self._waiting = True
        self._granted = False
        self._incoming: Incoming | None = None
        self._task: asyncio.Task[object] | None = None
        """Waits for a response; it is cancelled when a limit is reached."""
        self._struck = False
        self._handle: asyncio.TimerHandle | None = None
        self._speed: Throughput | None = None
        """Measured from the first content on, where the entry sets a limit."""
        self.verdict: Failure | None = None
        """Why the attempt was ended from here."""

    def elapsed(self) -> float:
        """Return the seconds since the attempt began."""
        return self._loop.time() - self._start

    # ---- what is waited for ----

    def __enter__(self) -> None:
        """Wait for a response within this context: it raises `TimeoutError` when a limit is reached.

        It does what `asyncio.timeout` does, with the timer that the attempt has anyway.
        """
        self._incoming, self._struck = None, False
        task = self._task = asyncio.current_task(self._loop)
        self._cancelling = 0 if task is None else task.cancelling()
        if self._handle is None:
            self._handle = self._loop.call_at(self.due(), self._look)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        task, self._task = self._task, None
        # A cancellation from elsewhere goes on, even if a limit was reached at the same time.
        if self._struck and task is not None and task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def guard(self, incoming: Incoming | None) -> None:
        """Close this response when a limit is reached; `None` clears it."""
        self._incoming = incoming

    def hand_out(self, batch: list[object]) -> None:
        """Note that the reader has a batch: until `resume` the provider is not waited for."""
        self._waiting = False
        if self._limits.slowest is not None:
            self._measure(batch, self._limits.slowest)
        for item in batch:
            if isinstance(item, CONTENT_EVENTS):
                self._moved = True
                if self._first:
                    self._first = False
                    self._arm()  # the idle limit may be shorter than what the timer was armed for
                return
        self._paused_at = self._loop.time()

    def resume(self) -> Failure | None:
        """Note that the reader waits for the provider again; return why the attempt was ended from here, if it was."""
        self._waiting = True
        now = self._loop.time()
        if self._speed is not None:
            self._speed.resume(now)
        if self._moved:
            self._moved = False
            self._since = now
        else:
            self._since += now - self._paused_at
        return self.verdict

    def _measure(self, batch: list[object], least: float) -> None:
        now = self._loop.time()
        if self._speed is None and any(isinstance(item, CONTENT_EVENTS) for item in batch):
            self._speed = Throughput(least, now)
        if self._speed is not None:
            self._speed.count(batch)
            self._speed.pause(now)

    def stop(self) -> None:
        """Watch no longer."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        self._incoming = None

    def interrupt(self, failure: Failure) -> None:
        """End the attempt for another reason than its limits."""
        self._strike(failure)

    # ---- the limits ----

    def due(self) -> float:
        """Return when the next limit is reached unless there is progress."""
        limits = self._limits
        due = self._start + limits.total
        if self.streamed:
            due = min(due, self._since + (limits.first_event if self._first else limits.idle))
        if self._first and limits.yield_by is not None:
            due = min(due, self._start + limits.yield_by)
        return due if self._speed is None else min(due, self._speed.ends)

    def _arm(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = self._loop.call_at(self.due(), self._look)

    def _look(self) -> None:
        now, due = self._loop.time(), self.due()
        if not self._waiting:
            # The reader is elsewhere. Only the limit of the whole attempt holds; the idle limit begins anew with it.
            due = self._start + self._limits.total
            if now < due:
                self._handle = self._loop.call_at(min(due, now + self._limits.idle), self._look)
                return
        elif now < due:
            self._granted = False
            self._handle = self._loop.call_at(due, self._look)
            return
        elif now - due > LATE and not self._granted:
            self._granted = True
            self._handle = self._loop.call_at(now + SECOND_LOOK, self._look)
            return
        self._handle = None
        if self._waiting and self._speed is not None and due >= self._speed.ends:
            slow = self._speed.verdict(now)
            if slow is None:
                self._granted = False
                self._handle = self._loop.call_at(self.due(), self._look)
            else:
                self._strike(slow)
            return
        self._strike(self._verdict(due))

    def _verdict(self, due: float) -> Failure:
        limits = self._limits
        if not self._waiting:
            message = f"the answer was not read to its end within {limits.total:g} s: its reader paused"
            return Failure(kind=FailureKind.DEADLINE, message=message)
        if due >= self._start + limits.total:
            return Failure(kind=FailureKind.TIMEOUT_BODY, message=f"not finished within {limits.total:g} s")
        if not self._first:
            return Failure(kind=FailureKind.STALLED, message=f"no further content for {limits.idle:g} s")
        message = f"no content within {due - self._start:g} s"
        if limits.yield_by is not None and due >= self._start + limits.yield_by:
            message = (
                f"no content within {limits.yield_by:.3g} s; the time left is reserved for the targets not tried yet"
            )
        kind = FailureKind.TIMEOUT_FIRST_EVENT if self.streamed else FailureKind.TIMEOUT_BODY
        return Failure(kind=kind, message=message)

    def _strike(self, failure: Failure) -> None:
        """End the attempt, unless it is ending already."""
        if self.verdict is not None:
            return
        self.verdict = failure
        if self._incoming is not None:
            self._incoming.close()
        elif self._task is not None:
            self._struck = True
            self._task.cancel()


def no_response(watch: Watch, *, sent: bool) -> Failure:
    """Return the failure of an attempt that ended while a response was waited for."""
    verdict = watch.verdict
    if verdict is not None and verdict.kind is FailureKind.CANCELLED:
        return msgspec.structs.replace(verdict, sent=sent)
    message = f"{'no response' if sent else 'the request was not signed'} within {watch.elapsed():.1f} s"
    return Failure(kind=FailureKind.TIMEOUT_HEADERS, message=message, sent=sent)
