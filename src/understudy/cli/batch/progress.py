"""Shows on stderr how a batch goes: a bar on a terminal, elsewhere a line every few seconds."""

from __future__ import annotations

import sys
import time
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING

from understudy.cli.batch.ceiling import Ceiling
from understudy.cli.batch.outcome import Outcome
from understudy.cli.batch.run import Account
from understudy.cli.sanitize import clean_line
from understudy.cli.terminal import console, is_terminal, say
from understudy.domain.money import Money

if TYPE_CHECKING:
    from rich.progress import Progress

NOTABLE = 5.0
"""Seconds of a wait that are told."""
LINE_EVERY = 10.0
"""Seconds between two lines off terminals."""


class View(AbstractContextManager["View"]):
    """Shows the account of a batch while it runs."""

    def __init__(self, account: Account, ceiling: Ceiling, *, verbose: bool) -> None:
        self._account = account
        self._ceiling = ceiling
        self._verbose = verbose
        self._bar: Progress | None = None
        self._began = self._told = time.monotonic()

    def __enter__(self) -> View:
        if is_terminal(sys.stderr):
            self._bar = self._new_bar()
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._update()
            self._bar.stop()

    def finished(self, where: str, outcome: Outcome) -> None:
        """Show that a line is finished; with `verbose`, what went wrong with it."""
        if self._verbose and outcome.failure is not None:
            self._say(f"{where}: {outcome.failure}: {clean_line(outcome.message)}")
        self._update()

    def held(self, seconds: float, why: str) -> None:
        """Say that all lines wait, where it takes long enough to wonder."""
        if self._verbose or seconds >= NOTABLE:
            self._say(f"waiting {span(seconds)}: {clean_line(why)}")

    def _say(self, words: str) -> None:
        if self._bar is not None:
            self._bar.console.print(words)
        else:
            say(words)

    def tick(self) -> None:
        """Show off terminals, now and then, how far it is."""
        now = time.monotonic()
        if self._bar is None and now - self._told >= LINE_EVERY:
            self._told = now
            say(f"{self._done}/{self._account.total} lines · {self._facts()}{self._left(now)}")

    @property
    def _done(self) -> int:
        return self._account.total - self._account.remaining

    def _left(self, now: float) -> str:
        finished = self._account.answered + self._account.failed
        if not finished:
            return ""
        seconds = (now - self._began) / finished * self._account.remaining
        return f" · about {span(seconds)} left"

    def _facts(self) -> str:
        return facts(self._account, self._ceiling)

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
        bar.add_task("lines", total=self._account.total, completed=self._done, facts=self._facts())
        return bar


def facts(account: Account, ceiling: Ceiling) -> str:
    """Return failures, tokens and cost in a few words; an unknown cost is told, not taken for nothing."""
    words = [f"{account.failed} failed"] if account.failed else []
    words.append(f"{account.tokens:,} tokens")
    if ceiling.spent or not ceiling.unknown:
        words.append(dollars(ceiling.spent))
    if ceiling.unknown:
        words.append(f"{ceiling.unknown} of unknown cost")
    return " · ".join(words)


def dollars(nano: int) -> str:
    """Return an amount for the eye: to the cent above a dollar, to three digits below."""
    amount = Money(nano).usd
    if nano == 0:
        return "$0"
    return f"${amount:.2f}" if amount >= 1 else f"${float(amount):.3g}"


def span(seconds: float) -> str:
    """Return a time for the eye."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
