"""Runs a batch: several lines at once, at a pace and under a spending limit, until all are done or it has to stop."""

from __future__ import annotations

import asyncio
import enum
import itertools
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

import msgspec

from understudy.cli.batch.asking import Asker, ParsedLine
from understudy.cli.batch.journal import Journal
from understudy.cli.batch.outcome import Outcome
from understudy.cli.batch.source import Source
from understudy.policy.pace import Pace
from understudy.policy.spending import Admission, Reservation, SpendingLimit

SYNC_EVERY = 1.0
"""Seconds between two syncs of the answers to disk: at most this much is lost in a power cut."""
LONGEST_HOLD = 120.0
"""Maximum seconds for which a limit may hold all lines; a line that would have to wait longer has failed."""
MOST_POSTPONED = 10
"""How often a line is postponed because of limits before it counts as failed."""


class Stop(enum.StrEnum):
    """Why a run ended."""

    FINISHED = "finished"
    LIMIT = "limit"
    MAX_COST = "max_cost"
    GAVE_UP = "gave_up"
    INTERRUPTED = "interrupted"


class RunLimits(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of a run. Rates are per second; `None` and 0 mean no limit."""

    concurrency: int = 8
    requests: float | None = None
    tokens: float | None = None
    lines: int | None = None
    give_up_after: int = 25
    """Consecutive failures that are not the lines' own fault."""


class BatchProgress(msgspec.Struct, kw_only=True):
    """How far a batch has come. Tokens and lines are those of this run."""

    total: int
    before: int = 0
    """Lines finished by earlier runs."""
    failed_before: int = 0
    answered: int = 0
    failed: int = 0
    tokens: int = 0
    failures: Counter[str] = msgspec.field(default_factory=Counter)
    first_failure: str = ""
    stop: Stop | None = None

    @property
    def remaining(self) -> int:
        """Lines that are not finished yet."""
        return self.total - self.before - self.answered - self.failed

    def add(self, where: str, outcome: Outcome) -> None:
        """Add a finished line."""
        self.tokens += outcome.tokens
        if outcome.failure is None:
            self.answered += 1
            return
        self.failed += 1
        self.failures[outcome.failure] += 1
        self.first_failure = self.first_failure or f"{where}: {outcome.message}"


class Watcher(Protocol):
    """Receives the events of a run."""

    def finished(self, where: str, outcome: Outcome) -> None:
        """Called with a finished line, which the progress already includes."""
        ...

    def held(self, seconds: float, why: str) -> None:
        """Called when all lines wait for a limit to pass."""
        ...

    def tick(self) -> None:
        """Called about once a second."""
        ...


class _Job(NamedTuple):
    position: int
    line: ParsedLine | Outcome
    reservation: Reservation | None = None
    tokens: int = 0


class BatchRun:
    """One run over the lines that are not finished yet."""

    def __init__(
        self,
        source: Source,
        journal: Journal,
        asker: Asker,
        limits: RunLimits,
        *,
        spending: SpendingLimit,
        progress: BatchProgress,
    ) -> None:
        self._source = source
        self._journal = journal
        self._asker = asker
        self._limits = limits
        self._spending = spending
        self._progress = progress
        self._requests = Pace(limits.requests)
        self._tokens = Pace(limits.tokens)
        self._in_a_row = 0
        self._again: deque[int] = deque()
        """Lines that met a rate limit, to be asked again when it has passed."""
        self._postponed: Counter[int] = Counter()
        self._gate = asyncio.Lock()
        """Held while one line is chosen and waits for its turn."""
        self._stopped = asyncio.Event()
        self._over = asyncio.Event()
        self._settled = asyncio.Event()

    async def run(self, todo: Iterable[int], watcher: Watcher) -> None:
        """Run the lines at these positions. If cancelled, lines in flight are abandoned and stay unfinished.

        Raise `OSError` if the output cannot be written and `Misuse` if the input changes.
        """
        lines = itertools.islice(todo, self._limits.lines)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._keep(watcher))
                workers = [group.create_task(self._work(lines, watcher)) for _ in range(self._limits.concurrency)]
                await asyncio.wait(workers)
                self._over.set()
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None
        if self._progress.stop is None:
            self._progress.stop = Stop.LIMIT if self._progress.remaining else Stop.FINISHED

    async def _work(self, lines: Iterator[int], watcher: Watcher) -> None:
        while (job := await self._next(lines)) is not None:
            if isinstance(job.line, Outcome):
                self._finish(job, job.line, watcher)
                # A file with only such lines must not block the event loop.
                await asyncio.sleep(0)
                continue
            try:
                outcome = await self._asker.ask(job.line)
            except BaseException:
                if job.reservation is not None:
                    self._spending.release(job.reservation)
                raise
            # No `await` from here until the answer is written, so that no interruption can lose it.
            if not self._postpone(job, outcome, watcher):
                self._finish(job, outcome, watcher)

    def _postpone(self, job: _Job, outcome: Outcome, watcher: Watcher) -> bool:
        """Postpone a line that met a rate limit, and hold all lines until it has passed. Return false if the line has
        failed instead."""
        wait, times = outcome.retry_after, self._postponed[job.position]
        if wait is None or wait > LONGEST_HOLD or times >= MOST_POSTPONED:
            return False
        self._postponed[job.position] += 1
        self._again.append(job.position)
        self._charge(job, outcome)
        if self._requests.hold(self._now() + wait):
            watcher.held(wait, outcome.message)
        return True

    def _finish(self, job: _Job, outcome: Outcome, watcher: Watcher) -> None:
        self._journal.append(outcome.record)
        where = self._source.where(job.position)
        self._progress.add(where, outcome)
        self._charge(job, outcome)
        # After many consecutive failures: a revoked key would spoil every line that is left.
        self._in_a_row = self._in_a_row + 1 if outcome.failure is not None and not outcome.own_fault else 0
        if 0 < self._limits.give_up_after <= self._in_a_row:
            self._stop(Stop.GAVE_UP)
        watcher.finished(where, outcome)

    def _charge(self, job: _Job, outcome: Outcome) -> None:
        if job.reservation is not None:
            self._spending.charge(job.reservation, outcome.cost, known=outcome.cost_known)
            self._tokens.correct(outcome.tokens - job.tokens)
        self._settled.set()

    async def _next(self, lines: Iterator[int]) -> _Job | None:
        """Choose the next line and wait until it may start."""
        async with self._gate:
            position = self._again.popleft() if self._again else next(lines, None)
            if position is None or self._stopped.is_set():
                return None
            line = self._asker.parse(self._source.line(position))
            if isinstance(line, Outcome):
                return _Job(position, line)
            reservation = await self._afford(line)
            if reservation is None:
                self._stop(Stop.MAX_COST)
                return None
            tokens = self._asker.expected_tokens(line) if self._limits.tokens else 0
            if not await self._turn(tokens):
                return None
            self._spending.reserve(reservation)
            return _Job(position, line, reservation, tokens)

    async def _afford(self, line: ParsedLine) -> Reservation | None:
        """Wait until a line is known to stay under the limit. Return `None` if it would not."""
        expected = self._asker.expected_cost(line) if self._spending.limit is not None else None
        group = f"{line.line.url} {line.inbound.request.model}"
        while True:
            admission, reservation = self._spending.judge(group, expected)
            if admission is not Admission.WAIT:
                return reservation if admission is Admission.GO else None
            self._settled.clear()
            await self._settled.wait()

    async def _turn(self, tokens: int) -> bool:
        """Wait for a line's turn. Return false if the run is stopped meanwhile."""
        now = self._now()
        waits = [self._requests.take(now), self._tokens.take(now, tokens)]
        while (wait := max(waits)) > 0 and not self._stopped.is_set():
            try:
                await asyncio.wait_for(self._stopped.wait(), wait)
            except TimeoutError:
                # A provider may have asked for a pause while this line waited.
                waits = [self._requests.hold_left(self._now())]
        return not self._stopped.is_set()

    async def _keep(self, watcher: Watcher) -> None:
        while not self._over.is_set():
            try:
                await asyncio.wait_for(self._over.wait(), SYNC_EVERY)
            except TimeoutError:
                await asyncio.to_thread(self._journal.sync)
                watcher.tick()

    def _stop(self, why: Stop) -> None:
        self._progress.stop = self._progress.stop or why
        self._stopped.set()

    def _now(self) -> float:
        return asyncio.get_running_loop().time()
