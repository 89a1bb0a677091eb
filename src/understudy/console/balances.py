"""The balances of budgets, which many ask for: they are read from the ledger once for all of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from understudy.reports.budgets import BudgetResult, read_budgets

if TYPE_CHECKING:
    from understudy.config import Config
    from understudy.console.readers import Readers

FRESH = 5.0
"""Seconds for which balances are used again."""


class Balances:
    """What is left of each budget."""

    def __init__(self, readers: Readers, config: Callable[[], Config], clock: Callable[[], float]) -> None:
        """`clock`: Unix seconds."""
        self._readers = readers
        self._config = config
        self._clock = clock
        self._reading: asyncio.Task[tuple[BudgetResult, ...]] | None = None
        self._since = 0.0

    async def read(self) -> tuple[BudgetResult, ...]:
        """Return the largest balances of the present periods, at most some seconds old.

        Without budgets the ledger is not asked. Raise `ConsoleError` if it cannot be read.
        """
        if not self._config().allowance.budgets:
            return ()
        now = time.monotonic()
        if self._reading is None or (self._reading.done() and now - self._since >= FRESH):
            self._since = now
            self._reading = asyncio.create_task(self._read())
            self._reading.add_done_callback(_seen)
        return await asyncio.shield(self._reading)

    async def _read(self) -> tuple[BudgetResult, ...]:
        budgets, now = self._config().allowance.budgets, self._clock()
        return await self._readers.ask(lambda queries: read_budgets(queries, budgets, now))


def _seen(reading: asyncio.Task[tuple[BudgetResult, ...]]) -> None:
    """Note that an error was seen, also if the callers that waited for it have left."""
    if not reading.cancelled():
        reading.exception()
