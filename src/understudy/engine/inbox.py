"""What a run waits for while it cannot simply read: its timer, or the attempts that run beside each other."""

from __future__ import annotations

import asyncio
from collections import deque
from functools import partial
from typing import Any

import msgspec

from understudy.domain.failures import Failure, FailureKind
from understudy.engine.attempt import Attempt
from understudy.engine.attempt_stream import AttemptFailed

CLOSING = 1.0
"""Seconds in which an attempt that lost must end; then it is closed all the same."""

_CANCELLED = Failure(kind=FailureKind.LOCAL, message="the provider cancelled its own answer")


class Message(msgspec.Struct, frozen=True):
    """What became of an attempt: its next batch, its failure, or (both unset) its clean end."""

    attempt: Attempt
    batch: list[Any] | None = None
    error: Exception | None = None


class Inbox:
    """Attempts post here, one batch at a time: none reads on before the run has taken its latest batch."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._messages: deque[Message] = deque()
        self._reading: dict[int, asyncio.Task[list[Any] | None]] = {}
        self._waiter: asyncio.Future[None] | None = None

    def read(self, attempt: Attempt) -> None:
        """Read the next batch of an attempt; what comes of it is posted."""
        task = self._reading[attempt.number] = self._loop.create_task(_next_batch(attempt))
        task.add_done_callback(partial(self._post, attempt))

    def _post(self, attempt: Attempt, task: asyncio.Task[list[Any] | None]) -> None:
        error = AttemptFailed(_CANCELLED) if task.cancelled() else task.exception()
        if self._reading.pop(attempt.number, None) is None:
            return  # the attempt was let go
        if error is not None and not isinstance(error, Exception):
            raise error
        self._messages.append(Message(attempt, None if error else task.result(), error))
        self.wake()

    def wake(self) -> None:
        """End the waiting, as the timer does."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def receive(self, due: float | None) -> Message | None:
        """Wait for the next message; return `None` when the loop's clock has reached `due`, or after `wake`."""
        if not self._messages:
            waiter = self._waiter = self._loop.create_future()
            timer = self._loop.call_at(due, self.wake) if due is not None else None
            try:
                await waiter
            finally:
                self._waiter = None
                if timer is not None:
                    timer.cancel()
        return self._messages.popleft() if self._messages else None

    async def let_go(self, attempt: Attempt) -> None:
        """Stop reading an attempt, and close its connection. Its messages are dropped."""
        task = self._reading.pop(attempt.number, None)
        if task is not None and not task.done():
            task.cancel()
            await asyncio.wait((task,), timeout=CLOSING)
        self._messages = deque(message for message in self._messages if message.attempt is not attempt)
        await attempt.stream.aclose()


async def _next_batch(attempt: Attempt) -> list[Any] | None:
    try:
        return await anext(attempt.stream)
    except StopAsyncIteration:
        return None
