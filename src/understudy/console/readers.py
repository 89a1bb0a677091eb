"""The ledger, for an event loop: questions are answered in threads, each of which keeps its connection open."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from understudy.client.ledger import place_of, read_ledger
from understudy.console.http import ConsoleError
from understudy.domain.errors import ConfigError
from understudy.domain.secret import Secret
from understudy.ledger.holds import LedgerUnavailable

if TYPE_CHECKING:
    from understudy.config import Config
    from understudy.ledger import LedgerQueries

T = TypeVar("T")
log = logging.getLogger("understudy.gateway")

THREADS = 3
"""Questions that are answered at once."""
PATIENCE = 2.5
"""Seconds that a caller waits for an answer. After that it depends on whether the ledger is away, or just has much to
add up."""
LOOK = 0.25
"""Seconds between two looks whether it is away."""


class _Opened(msgspec.Struct, frozen=True):
    """A connection of one thread, and what it was opened for."""

    place: tuple[Any, ...]
    queries: LedgerQueries


class Readers:
    """Answers questions to the ledger of the configuration in use."""

    def __init__(self, config: Callable[[], Config], is_away: Callable[[], bool] = lambda: False) -> None:
        """`is_away`: whether the ledger does not answer others either."""
        self._config = config
        self._is_away = is_away
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="understudy-console")
        self._own = threading.local()
        self._all: set[LedgerQueries] = set()

    async def ask(self, question: Callable[[LedgerQueries], T]) -> T:
        """Return the answer. Raise `ConsoleError` if no ledger is kept, or if it cannot be read now."""
        return await self.run(lambda: self._answer(question))

    async def run(self, action: Callable[[], T]) -> T:
        """Return what a function returns that uses the ledger and blocks, in one of the threads. Raise `ConsoleError`
        if the ledger does not answer; what was begun goes on."""
        answer = asyncio.get_running_loop().run_in_executor(self._threads, action)
        left = PATIENCE
        try:
            while not (await asyncio.wait((answer,), timeout=left))[0]:
                if self._is_away():
                    raise _silent()
                left = LOOK
            return answer.result()
        finally:
            answer.cancel()  # of a caller who left or is not to wait any longer; what was begun goes on

    def close(self) -> None:
        """Answer no more questions."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        while self._all:
            _close(self._all.pop())

    def _answer(self, question: Callable[[LedgerQueries], T]) -> T:
        """Answer a question; once more if the connection was lost since the last one."""
        before = getattr(self._own, "opened", None)
        queries = self._opened(self._config())
        is_kept = before is not None and before.queries is queries
        try:
            return question(queries)
        except Exception as error:
            if not _is_trouble(error):
                raise
            self._drop()
            if is_kept:
                return self._answer(question)
            raise _unavailable(error) from error

    def _opened(self, config: Config) -> LedgerQueries:
        place = _signature(config)
        opened: _Opened | None = getattr(self._own, "opened", None)
        if opened is not None and opened.place == place:
            return opened.queries
        self._drop()
        try:
            queries = read_ledger(config)
        except ConfigError as error:
            raise ConsoleError(503, "ledger_unavailable", error.message) from error
        except (LedgerUnavailable, OSError) as error:
            raise _unavailable(error) from error
        self._own.opened = _Opened(place, queries)
        self._all.add(queries)
        return queries

    def _drop(self) -> None:
        opened: _Opened | None = getattr(self._own, "opened", None)
        if opened is None:
            return
        self._own.opened = None
        self._all.discard(opened.queries)
        _close(opened.queries)


def _is_trouble(error: Exception) -> bool:
    """Check whether an error is that of the ledger, rather than of the question."""
    driver = type(error).__module__.partition(".")[0]
    return isinstance(error, (ConfigError, LedgerUnavailable, OSError)) or driver in ("sqlite3", "asyncpg")


def _close(queries: LedgerQueries) -> None:
    try:
        queries.__exit__(None, None, None)
    except Exception as error:  # noqa: BLE001 - whatever is wrong with it, it is not used any more
        log.debug("the connection to the ledger could not be closed: %s", type(error).__name__)


def _signature(config: Config) -> tuple[Any, ...]:
    """Return what changes if another ledger must be opened: a file that was replaced is another one."""
    place = place_of(config)
    if isinstance(place, Path):
        try:
            status = place.stat()
        except OSError:
            return (place,)
        return (place, status.st_dev, status.st_ino)
    return (place.reveal(),) if isinstance(place, Secret) else ()


def _silent() -> ConsoleError:
    message = "the ledger does not answer at the moment, so this cannot be shown; what was changed may be changed later"
    return ConsoleError(503, "ledger_unavailable", message, headers=(("retry-after", "5"),))


def _unavailable(error: Exception) -> ConsoleError:
    log.error("the console cannot read the ledger: %s", error)
    return ConsoleError(
        503, "ledger_unavailable", "the ledger cannot be read at the moment; the gateway's log says why"
    )
