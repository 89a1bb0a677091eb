"""What the handlers of the console work with: the configuration in use, its manager, the ledger, and what the processes
of the gateway share."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from understudy.console.access.state import State
from understudy.console.balances import Balances
from understudy.console.news import Newsroom
from understudy.console.readers import Readers
from understudy.domain.secret import Secret

if TYPE_CHECKING:
    from understudy.client.manager import ProviderManager
    from understudy.config import Config
    from understudy.fleet.fleet import Fleet
    from understudy.ledger import LedgerQueries

T = TypeVar("T")


class Reloading(Protocol):
    """Reads the configuration again."""

    def read(self) -> Config:
        """Return what the file says now, as it would be used. Block. Raise `ConfigError` if it is invalid."""
        ...

    async def reload(self) -> None:
        """Have all processes use what the file says now; return once this one does. Raise `Misuse` if it does not."""
        ...


class Served(Protocol):
    """What the console needs of the gateway that it belongs to."""

    @property
    def config(self) -> Config:
        """The configuration in use."""
        ...

    @property
    def secrets(self) -> Sequence[Secret]:
        """What all processes of the gateway sign with: the first one signs, all are accepted."""
        ...

    @property
    def state_file(self) -> Path | None:
        """A file that all processes on this machine share; `None` if there is only one process."""
        ...

    @property
    def fleet(self) -> Fleet:
        """The processes that share what they know, as this one sees them."""
        ...

    @property
    def reloading(self) -> Reloading | None:
        """What reads the configuration again; `None` if it has no file."""
        ...

    def held(self) -> AbstractContextManager[ProviderManager]:
        """Return the manager of the configuration in use, kept open until the context ends, whatever is reloaded."""
        ...


class ConsoleContext:
    """What handlers work with. One is made for each process, at the first request to the console."""

    def __init__(self, served: Served, *, clock: Callable[[], float] = time.time) -> None:
        self.served = served
        self.clock = clock
        """Unix seconds."""
        self.readers = Readers(lambda: served.config, lambda: served.fleet.is_away)
        self.balances = Balances(self.readers, lambda: served.config, clock)
        """Of budgets, as pages and metrics show them."""
        self.ending = asyncio.Event()
        """Set once the gateway stops: answers that have no end of their own end then."""
        self.newsroom = Newsroom(self.readers, lambda: served.fleet, self.ending)
        """What happens, for all who watch."""
        self.live_pages = 0
        """Pages that are kept current by this process."""
        self.state = State(served.state_file)
        """What sign-ins need over all processes of this machine."""

    @property
    def config(self) -> Config:
        """The configuration in use."""
        return self.served.config

    @property
    def fleet(self) -> Fleet:
        """The processes that share what they know, as this one sees them."""
        return self.served.fleet

    async def ask(self, question: Callable[[LedgerQueries], T]) -> T:
        """Return what a blocking function finds in the ledger, run in a thread. Raise `ConsoleError` if the ledger
        cannot be read."""
        return await self.readers.ask(question)

    async def run(self, action: Callable[[], T]) -> T:
        """Return what a blocking function returns, run in a thread, but none that a ledger which hangs may hold."""
        return await asyncio.to_thread(action)

    def close(self) -> None:
        """End what is under way in threads, and close the files."""
        self.ending.set()
        self.readers.close()
        self.state.close()
