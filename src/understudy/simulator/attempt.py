"""An attempt at a modelled provider: it waits on virtual time, under the limits that a real attempt has."""

from __future__ import annotations

import asyncio
from math import inf
from typing import Any, Self

from understudy.domain.failures import Failure, FailureKind
from understudy.domain.messages import Message
from understudy.domain.money import Cost
from understudy.domain.quotas import ReadQuotas
from understudy.domain.wire_answer import WireAnswer
from understudy.engine.attempt_stream import AttemptFailed
from understudy.policy.targets import Limits
from understudy.simulator.modelled import Fate, ModelledTarget


class SimulatedAttempt:
    """One attempt. Its whole fate is known when it begins, so each step is a single wait: for what happens next, or for
    the first limit, whichever comes first."""

    dialect: str | None = None
    server: str | None = None
    account: str | None = None
    translated = False
    raw: bytes | None = None
    message: Message | None = None
    cost: Cost | None = None
    wire_answer: WireAnswer | None = None
    is_over = False
    quotas: ReadQuotas | None = None

    __slots__ = (
        "_fate",
        "_interrupted",
        "_limits",
        "_loop",
        "_start",
        "_step",
        "_target",
        "_tokens",
        "_waiter",
        "answered",
        "streamed",
    )

    def __init__(self, target: ModelledTarget, tokens: int, limits: Limits, *, streamed: bool) -> None:
        self._target = target
        self._tokens = tokens
        self._limits = limits
        self.streamed = streamed
        self._loop = asyncio.get_running_loop()
        self._start = 0.0
        self._fate: Fate | None = None
        self._step = 0
        self._waiter: asyncio.Future[None] | None = None
        self._interrupted: Failure | None = None
        self.answered = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> list[Any]:
        """Return the next batch; see `AttemptStream`."""
        try:
            return await self._next()
        except BaseException:
            await self.aclose()
            raise

    async def _next(self) -> list[Any]:
        fate = self._fate
        if fate is None:
            fate = self._begin()
        steps, at = fate.steps, self._step
        if at < len(steps):
            when, what = steps[at]
        elif fate.ends:
            raise StopAsyncIteration
        else:
            when, what = inf, []
        due = self._due(fate, when)
        await self._until(min(when, due))
        self.answered = self.answered or fate.content_at <= self._loop.time()
        if self._interrupted is not None:
            raise AttemptFailed(self._interrupted)
        if due < when:
            raise AttemptFailed(self._late(fate, due))
        if isinstance(what, Failure):
            raise AttemptFailed(what)
        self._step = at + 1
        self.answered = True
        return what

    def _begin(self) -> Fate:
        target = self._target
        now = self._start = self._loop.time()
        target.limiter.in_flight += 1
        fate = self._fate = self._drawn(now)
        return fate

    def _drawn(self, now: float) -> Fate:
        return self._target.fate(self._tokens, self._limits, streamed=self.streamed, now=now)

    def _due(self, fate: Fate, when: float) -> float:
        """Return when the first limit is reached, by the rules of `engine.watch`. The next step is at `when`."""
        limits = self._limits
        due = total = self._start + limits.total
        if not self.answered:
            if self.streamed:
                due = min(due, self._start + limits.first_event)
            if limits.yield_by is not None:
                due = min(due, self._start + limits.yield_by)
            if fate.content_at > due:
                return due
            due = total
        if self.streamed and when == inf and fate.content_at < inf:
            # It stalls: nothing arrives after the first content.
            due = min(due, fate.content_at + limits.idle)
        return due

    def _late(self, fate: Fate, due: float) -> Failure:
        begun = fate.content_at <= due
        if not fate.headers:
            kind = FailureKind.TIMEOUT_HEADERS
        elif due >= self._start + self._limits.total or not self.streamed:
            kind = FailureKind.TIMEOUT_BODY
        else:
            kind = FailureKind.STALLED if begun else FailureKind.TIMEOUT_FIRST_EVENT
        since = fate.content_at if begun else self._start
        return Failure(kind=kind, message=f"simulated: nothing more within {due - since:.3g} s")

    async def _until(self, when: float) -> None:
        if when <= self._loop.time() or self._interrupted is not None:
            return
        waiter = self._waiter = self._loop.create_future()
        timer = self._loop.call_at(when, _wake, waiter)
        try:
            await waiter
        finally:
            self._waiter = None
            timer.cancel()

    def interrupt(self, failure: Failure) -> None:
        """End the attempt; see `AttemptStream`."""
        self._interrupted = failure
        if self._waiter is not None:
            _wake(self._waiter)

    def clean(self, text: str) -> str:
        """Return the name as it is: no secret was sent."""
        return text

    async def aclose(self) -> None:
        """Leave the provider."""
        if self._fate is not None and self._step >= 0:
            self._step = -1
            self._target.limiter.in_flight -= 1


class SimulatedCheck(SimulatedAttempt):
    """An attempt at the list of models, which counts towards no limit of generations."""

    __slots__ = ()

    def _drawn(self, now: float) -> Fate:
        return self._target.fate_of_list(self._limits, now)


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
