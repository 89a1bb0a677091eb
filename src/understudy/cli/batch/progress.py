"""Shows the progress of a batch on stderr: a bar on a terminal, elsewhere a line every few seconds."""

from __future__ import annotations

import sys
import time
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from understudy.cli.batch.outcome import Outcome
from understudy.cli.batch.run import BatchProgress
from understudy.cli.messages import rounded_usd
from understudy.cli.sanitize import clean_line
from understudy.cli.terminal import console, is_terminal, say
from understudy.domain.money import Money
from understudy.policy.spending import SpendingLimit

if TYPE_CHECKING:
    from rich.progress import Progress

NOTABLE = 5.0
"""Seconds from which a wait is reported."""
LINE_EVERY = 10.0
"""Seconds between two lines if stderr is not a terminal."""


class View(AbstractContextManager["View"]):
    """Shows the progress of a batch while it runs."""

    def __init__(self, progress: BatchProgress, spending: SpendingLimit, *, verbose: bool) -> None:
        self._progress = progress
        self._spending = spending
        self._verbose = verbose
        self._bar: Progress | None = None
        self._began = self._reported = time.monotonic()

    def __enter__(self) -> View:
        if is_terminal(sys.stderr):
            self._bar = self._new_bar()
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._update()
            self._bar.stop()

    def finished(self, where: str, outcome: Outcome) -> None:
        """Show that a line is finished and, if verbose, how it failed."""
        if self._verbose and outcome.failure is not None:
            self._say(f"{where}: {outcome.failure}: {clean_line(outcome.message)}")
        self._update()

    def held(self, seconds: float, why: str) -> None:
        """Show that all lines wait, if it takes long enough to wonder."""
        if self._verbose or seconds >= NOTABLE:
            self._say(f"waiting {span(seconds)}: {clean_line(why)}")

    def _say(self, words: str) -> None:
        if self._bar is not None:
            self._bar.console.print(words)
        else:
            say(words)

    def tick(self) -> None:
        """Print progress now and then if stderr is not a terminal."""
        now = time.monotonic()
        if self._bar is None and now - self._reported >= LINE_EVERY:
            self._reported = now
            say(f"{self._done}/{self._progress.total} lines · {self._facts()}{self._left(now)}")

    @property
    def _done(self) -> int:
        return self._progress.total - self._progress.remaining

    def _left(self, now: float) -> str:
        finished = self._progress.answered + self._progress.failed
        if not finished:
            return ""
        seconds = (now - self._began) / finished * self._progress.remaining
        return f" · about {span(seconds)} left"

    def _facts(self) -> str:
        return facts(self._progress, self._spending)

    def _update(self) -> None:
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=self._done, facts=self._facts())

    def _new_bar(self) -> Progress:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        bar = Progress(
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[facts]}"),
            TimeRemainingColumn(),
            console=console(sys.stderr),
            refresh_per_second=5,
        )
        bar.add_task("lines", total=self._progress.total, completed=self._done, facts=self._facts())
        return bar


def facts(progress: BatchProgress, spending: SpendingLimit) -> str:
    """Return failures, tokens and cost in a few words; an unknown cost is reported, not counted as zero."""
    words = [f"{progress.failed} failed"] if progress.failed else []
    words.append(f"{progress.tokens:,} tokens")
    if spending.spent or not spending.unknown:
        words.append(rounded_usd(Money(spending.spent)))
    if spending.unknown:
        words.append(f"{spending.unknown} of unknown cost")
    return " · ".join(words)


def span(seconds: float) -> str:
    """Format a duration."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
