"""Drives a batch: so many lines at once, at a pace, below a ceiling of cost, until all are done or it has to stop."""

from __future__ import annotations

import asyncio
import enum
import itertools
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

import msgspec

from understudy.cli.batch.asking import Asked, Asker
from understudy.cli.batch.ceiling import Ceiling, Reserve, Verdict
from understudy.cli.batch.journal import Journal
from understudy.cli.batch.outcome import Outcome
from understudy.cli.batch.pace import Pace
from understudy.cli.batch.source import Source

SYNC_EVERY = 1.0
"""Seconds between two moments at which answers are forced onto the disk: so much may a power cut take."""
LONGEST_HOLD = 120.0
"""Seconds for which a limit may hold all lines; a line that would have to wait longer has failed."""
MOST_POSTPONED = 10
"""How often a line is put off because of limits before it has failed."""


class Stop(enum.StrEnum):
    """Why a run ended."""

    FINISHED = "finished"
    LIMIT = "limit"
    MAX_COST = "max_cost"
    GAVE_UP = "gave_up"
    INTERRUPTED = "interrupted"


class Orders(msgspec.Struct, frozen=True, kw_only=True):
    """How a batch is to be run. Rates are a second; `None` and 0 are no limit."""

    concurrency: int = 8
    requests: float | None = None
    tokens: float | None = None
    limit: int | None = None
    """Lines of this run."""
    give_up_after: int = 25
    """Failures in a row that are not the lines' own fault."""


class Account(msgspec.Struct, kw_only=True):
    """What has become of a batch so far. Tokens and lines are those of this run."""

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
        """Lines that nothing has become of yet."""
        return self.total - self.before - self.answered - self.failed

    def note(self, where: str, outcome: Outcome) -> None:
        """Add a finished line."""
        self.tokens += outcome.tokens
        if outcome.failure is None:
            self.answered += 1
            return
        self.failed += 1
        self.failures[outcome.failure] += 1
        self.first_failure = self.first_failure or f"{where}: {outcome.message}"


class Watcher(Protocol):
    """Who is told how the batch goes."""

    def finished(self, where: str, outcome: Outcome) -> None:
        """A line is finished; the account has it already."""
        ...

    def held(self, seconds: float, why: str) -> None:
        """All lines wait for a limit to pass."""
        ...

    def tick(self) -> None:
        """About a second has passed."""
        ...


class _Job(NamedTuple):
    position: int
    read: Asked | Outcome
    reserve: Reserve | None = None
    tokens: int = 0


class Run:
    """One run over the lines that are not finished yet."""

    def __init__(
        self, source: Source, journal: Journal, asker: Asker, orders: Orders, *, ceiling: Ceiling, account: Account
    ) -> None:
        self._source = source
        self._journal = journal
        self._asker = asker
        self._orders = orders
        self._ceiling = ceiling
        self.account = account
        self._requests = Pace(orders.requests)
        self._tokens = Pace(orders.tokens)
        self._in_a_row = 0
        self._again: deque[int] = deque()
        """Lines that met a limit, and are asked again when it has passed."""
        self._postponed: Counter[int] = Counter()
        self._gate = asyncio.Lock()
        """One line at a time is chosen, and waits for its turn."""
        self._stopped = asyncio.Event()
        self._over = asyncio.Event()
        self._settled = asyncio.Event()

    async def go(self, todo: Iterable[int], watcher: Watcher) -> None:
        """Run the lines of these positions. When cancelled, what is on its way is given up and stays unfinished.

        Raises `OSError` when the output cannot be written and `Misuse` when the input changes.
        """
        lines = itertools.islice(todo, self._orders.limit)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._keep(watcher))
                workers = [group.create_task(self._work(lines, watcher)) for _ in range(self._orders.concurrency)]
                await asyncio.wait(workers)
                self._over.set()
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None
        if self.account.stop is None:
            self.account.stop = Stop.LIMIT if self.account.remaining else Stop.FINISHED

    async def _work(self, lines: Iterator[int], watcher: Watcher) -> None:
        while (job := await self._next(lines)) is not None:
            if isinstance(job.read, Outcome):
                self._finish(job, job.read, watcher)
                # A file of nothing but such lines must not keep the loop from everything else.
                await asyncio.sleep(0)
                continue
            try:
                outcome = await self._asker.ask(job.read)
            except BaseException:
                if job.reserve is not None:
                    self._ceiling.withdraw(job.reserve)
                raise
            # Nothing is awaited from here on until the answer is written, so no interruption can lose it.
            if not self._postpone(job, outcome, watcher):
                self._finish(job, outcome, watcher)

    def _postpone(self, job: _Job, outcome: Outcome, watcher: Watcher) -> bool:
        """Put a line that met a limit back, and hold all until the limit has passed."""
        wait, times = outcome.retry_after, self._postponed[job.position]
        if wait is None or wait > LONGEST_HOLD or times >= MOST_POSTPONED:
            return False
        self._postponed[job.position] += 1
        self._again.append(job.position)
        self._settle(job, outcome)
        if self._requests.hold(self._now() + wait):
            watcher.held(wait, outcome.message)
        return True

    def _finish(self, job: _Job, outcome: Outcome, watcher: Watcher) -> None:
        self._journal.append(outcome.record)
        where = self._source.where(job.position)
        self.account.note(where, outcome)
        self._settle(job, outcome)
        self._count_failures(outcome)
        watcher.finished(where, outcome)

    def _settle(self, job: _Job, outcome: Outcome) -> None:
        if job.reserve is not None:
            self._ceiling.settle(job.reserve, outcome.cost, known=outcome.cost_known)
            self._tokens.correct(outcome.tokens - job.tokens)
        self._settled.set()

    def _count_failures(self, outcome: Outcome) -> None:
        """Stop when one failure follows the other: a revoked key would spoil every line that is left."""
        self._in_a_row = self._in_a_row + 1 if outcome.failure is not None and not outcome.own_fault else 0
        if 0 < self._orders.give_up_after <= self._in_a_row:
            self._stop(Stop.GAVE_UP)

    async def _next(self, lines: Iterator[int]) -> _Job | None:
        """Choose the next line and wait until it may go."""
        async with self._gate:
            position = self._again.popleft() if self._again else next(lines, None)
            if position is None or self._stopped.is_set():
                return None
            read = self._asker.read(self._source.line(position))
            if isinstance(read, Outcome):
                return _Job(position, read)
            reserve = await self._afford(read)
            if reserve is None:
                self._stop(Stop.MAX_COST)
                return None
            tokens = self._asker.expected_tokens(read) if self._orders.tokens else 0
            if not await self._turn(tokens):
                return None
            self._ceiling.go(reserve)
            return _Job(position, read, reserve, tokens)

    async def _afford(self, read: Asked) -> Reserve | None:
        """Wait until a line is known to stay below the ceiling; `None` when it would not."""
        expected = self._asker.expected_cost(read) if self._ceiling.limit is not None else None
        like = f"{read.line.url} {read.inbound.request.model}"
        while True:
            verdict, reserve = self._ceiling.judge(like, expected)
            if verdict is not Verdict.WAIT:
                return reserve if verdict is Verdict.GO else None
            self._settled.clear()
            await self._settled.wait()

    async def _turn(self, tokens: int) -> bool:
        """Wait for a line's turn. Returns false when the run is stopped meanwhile."""
        now = self._now()
        waits = [self._requests.take(now), self._tokens.take(now, tokens)]
        while (wait := max(waits)) > 0 and not self._stopped.is_set():
            try:
                await asyncio.wait_for(self._stopped.wait(), wait)
            except TimeoutError:
                # A provider may have asked for a pause while this line waited.
                waits = [self._requests.held(self._now())]
        return not self._stopped.is_set()

    async def _keep(self, watcher: Watcher) -> None:
        while not self._over.is_set():
            try:
                await asyncio.wait_for(self._over.wait(), SYNC_EVERY)
            except TimeoutError:
                await asyncio.to_thread(self._journal.sync)
                watcher.tick()

    def _stop(self, why: Stop) -> None:
        self.account.stop = self.account.stop or why
        self._stopped.set()

    def _now(self) -> float:
        return asyncio.get_running_loop().time()
