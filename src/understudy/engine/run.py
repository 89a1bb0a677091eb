"""A request under way: it performs what a `Call` decides, and accounts for every attempt.

read_prompt → plan → Call ⇄ Run ⇄ AttemptStream (dialect × transport) → events → response
                             └→ AttemptRecord → ledger, observers, log
"""

from __future__ import annotations

import asyncio
import contextlib
import weakref
from collections.abc import AsyncGenerator
from functools import partial
from typing import TYPE_CHECKING, Any

from understudy.domain.attempts import Outcome
from understudy.domain.errors import LLMError
from understudy.domain.explanation import explained
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.operation import BILLED, Operation
from understudy.engine.attempt import Attempt
from understudy.engine.attempt_stream import AttemptFailed, internal_failure
from understudy.engine.continuation import failed
from understudy.engine.engine import CLOSING, guarded
from understudy.engine.performing import Performer
from understudy.policy.journal import note
from understudy.policy.signals import Abort, Began, Cancelled, Denied, Ended, Failed, Signal

if TYPE_CHECKING:
    from understudy.engine.observing import Watched


class Run(Performer):
    """One job under way. `events` or `to_end` drives it; `response` or `items` is what it leaves.

    One attempt at a time is read directly: no task, no queue. Attempts that may run beside each other post to an inbox.
    """

    interrupted: Failure | None = None
    """Why the job was ended from outside."""
    why_abandoned = "the caller abandoned the request"
    _ended: asyncio.Event | None = None
    _generator: weakref.ref[AsyncGenerator[list[Any], None]] | None = None
    _is_driven = False
    """Whether `to_end` is under way."""

    async def to_end(self) -> None:
        """Carry the job out, and discard its events. Raises `LLMError`."""
        self._is_driven = True
        try:
            self._start()
            while not self._call.settled:
                if self._posts or not self._attempts:
                    await self._next_message()
                else:
                    (attempt,) = self._attempts.values()
                    try:
                        async for batch in attempt.stream:
                            if attempt.take(batch) is None and attempt.begun:
                                self._begin(attempt)
                            if attempt.stream.is_over:
                                break
                    except Exception as error:  # noqa: BLE001 - what is not the library's becomes a failure
                        await self._break(attempt, error)
                    await self._end(attempt)
                if self._aborted:
                    await self._close_aborted()
                self._ready.clear()
        finally:
            self._is_driven = False
            self._engine.running.discard(self)
            try:
                if not self._call.settled or self._aborted or self._ended is not None:
                    await self._leave()
            finally:
                if self.job.watched is not None:
                    self._report(self.job.watched)

    def events(self) -> AsyncGenerator[list[Any], None]:
        """Carry the job out; streams yield batches of committed events. Raises `LLMError`."""
        generator = self._events()
        # Weak, so that a stream that is let go of is closed at once.
        self._generator = weakref.ref(generator)
        return generator

    async def close(self, failure: Failure) -> None:
        """End the job with a failure, and wait until it has ended. Harmless after the end."""
        generator = self._generator() if self._generator is not None else None
        if generator is None:
            if not self._is_driven:
                return
            is_read = True
        else:
            is_read = generator.ag_running  # type: ignore[attr-defined]  # of every asynchronous generator of Python
        if not self._call.settled:
            self.interrupted = failure
        elif is_read:
            return
        if generator is not None and not is_read:
            self.why_abandoned = failure.message
            await generator.aclose()
            return
        self._ended = self._ended or asyncio.Event()
        for attempt in self._attempts.values():
            attempt.stream.interrupt(failure)
        self._inbox.wake()
        with contextlib.suppress(TimeoutError):  # what does not listen is not waited for
            await asyncio.wait_for(self._ended.wait(), CLOSING)

    @property
    def waits(self) -> bool:
        """Whether no attempt is under way: it waits before the next one."""
        return not self._attempts

    # ---- the loop ----

    async def _events(self) -> AsyncGenerator[list[Any], None]:
        posts = self._posts
        try:
            self._start()
            while not self._call.settled:
                if posts or not self._attempts:
                    await self._next_message()
                else:
                    (attempt,) = self._attempts.values()
                    try:
                        async for batch in attempt.stream:
                            ready = attempt.take(batch)
                            if ready is None and attempt.begun:
                                ready = self._begin(attempt)
                            if ready:
                                yield ready
                    except Exception as error:  # noqa: BLE001 - what is not the library's becomes a failure
                        await self._break(attempt, error)
                    await self._end(attempt)
                if self._aborted:
                    await self._close_aborted()
                if self._ready:
                    ready, self._ready = self._ready, []
                    yield ready
        finally:
            self._engine.running.discard(self)
            try:
                await self._leave()
            finally:
                if self.job.watched is not None:
                    self._report(self.job.watched)

    def _start(self) -> None:
        self._engine.running.add(self)
        now = self._now()
        actions = self._call.start(now)
        self._perform(None, self._general().start(now) if actions is None else actions, now)

    async def _next_message(self) -> None:
        """Wait for the timer, for an end from outside, or for what an attempt posts; and act on it."""
        message = await self._inbox.receive(self._general().timer())
        now = self._now()
        if self.interrupted is not None:
            signal = Cancelled(self.interrupted)
            self._perform(signal, self._decide(signal, now), now)
        elif message is None:
            self._perform(None, self._general().tick(now), now)
        elif (attempt := message.attempt).number in self._attempts:
            if message.error is not None:
                await self._break(attempt, message.error)
            elif message.batch is not None:
                await self._take(attempt, message.batch)
                return
            await self._end(attempt)

    async def _take(self, attempt: Attempt, batch: list[Any]) -> None:
        """Receive what an attempt has posted, and let it read on."""
        try:
            ready = attempt.take(batch)
        except AttemptFailed as error:
            await self._break(attempt, error)
            await self._end(attempt)
            return
        if ready is None and attempt.begun:
            ready = self._begin(attempt)
        self._ready += ready or ()
        self._inbox.read(attempt)

    def _begin(self, attempt: Attempt) -> list[Any]:
        """Report that content has arrived; return the events that this lets the caller have."""
        now, signal = self._now(), Began(attempt.number, attempt.is_full)
        self._perform(signal, self._decide(signal, now), now)
        ready, self._ready = self._ready, []
        return ready

    async def _break(self, attempt: Attempt, error: Exception) -> None:
        """Note why an attempt ended. Raises what is wrong with the request itself, which no other target would mend."""
        if isinstance(error, AttemptFailed):
            attempt.failure, attempt.denied_for_good = error.failure, error.denied_for_good
        elif isinstance(error, LLMError):
            raise explained(error, self.journal.explanation)
        else:
            # A bug, here or in what the user plugged in, must not cost the caller the other targets.
            attempt.failure = internal_failure(error, f"attempt {attempt.id}")
        await guarded(attempt.stream.aclose(), "closing an attempt")

    async def _end(self, attempt: Attempt) -> None:
        """Report how an attempt ended, and write its record."""
        attempt.conclude()
        if self.job.operation in BILLED and (prices := attempt.backend.prices_ready(attempt.launch.target.model)):
            await guarded(prices, "loading prices")
        now, failure = self._now(), attempt.failure
        signal: Signal
        if failure is None:
            self.items, signal = attempt.items, Ended(attempt.number)
        elif self.interrupted is not None:
            signal = Cancelled(self.interrupted)
        elif now >= self._call.deadline:
            self._perform(None, self._general().tick(now), now)
            return
        elif attempt.denied_for_good is not None:
            del self._attempts[attempt.number]
            signal = Denied(attempt.number, failure, attempt.denied_for_good)
        else:
            signal = failed(attempt, failure, self.job)
        actions = self._decide(signal, now)
        if failure is None or type(signal) is Failed:
            self._record(attempt, Outcome.WON if failure is None else Outcome.FAILED, failure)
        self._perform(signal, actions, now)

    # ---- what is left behind ----

    async def _leave(self) -> None:
        """Abandon what is still under way, and tell who waits for the end."""
        try:
            if not self._call.settled:
                self._abandon()
            if self._aborted:
                await self._close_aborted()
        finally:
            if self._ended is not None:
                self._ended.set()

    def _report(self, watched: Watched) -> None:
        """Tell those that follow the request how it ended. A batch is only a part of one."""
        if self.job.operation is Operation.CHAT:
            from understudy.engine.capturing import redacted

            failure = self.interrupted or Failure(kind=FailureKind.CANCELLED, message=self.why_abandoned)
            redact = partial(redacted, self._backends)
            watched.end(self.job, self.records, self.response, redact, interrupted=failure)

    async def _close_aborted(self) -> None:
        aborted, self._aborted = self._aborted, []
        for attempt in aborted:
            if not self._posts:
                await guarded(attempt.stream.aclose(), "closing an attempt")
            else:  # the attempt that goes on does not wait for it
                self._engine.background.start(guarded(self._inbox.let_go(attempt), "closing an attempt"))

    def _abandon(self) -> None:
        """Stop the provider, and account for what ran: the caller no longer waits."""
        signal = Cancelled(Failure(kind=FailureKind.CANCELLED, message=self.why_abandoned))
        actions = self._decide(signal, now := self._now())
        note(self.journal.moments, self._call, signal, actions, now)
        for action in actions:
            if isinstance(action, Abort):
                self._abort(action)
