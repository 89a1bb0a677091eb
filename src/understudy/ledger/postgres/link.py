"""The connection of a writer: made when it is needed, given up when it fails, made anew the next time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from understudy.domain.errors import LLMError
from understudy.ledger.postgres.connecting import ANSWERING, connect
from understudy.ledger.postgres.schema import migrate

if TYPE_CHECKING:
    import asyncpg

T = TypeVar("T")

_CONFLICTS = frozenset({"40001", "40P01", "23505", "55P03"})
"""States of transactions that may succeed when they are repeated: not serializable, deadlock, a row that another one
inserted meanwhile, a lock that was not free in time. https://www.postgresql.org/docs/current/errcodes-appendix.html"""
_BY_KEYS = "SET enable_seqscan TO off; SET jit TO off"
"""Every statement of a writer looks rows up by their keys. A plan that was made while a table was small, or was never
analyzed, reads all of it; a prepared statement keeps that plan, and each transaction takes longer than the one before.
The planner still reads a whole table where there is no index, and then must not compile for it.
https://www.postgresql.org/docs/current/runtime-config-query.html"""
_TRIES = 8
_LONGEST = 3 * ANSWERING
"""Seconds that a transaction may take."""
_UNFIT = (ValueError, TypeError, OverflowError, LLMError)
"""What values raise that cannot be sent, and what an action refuses; the connection is as good as before."""


class Link:
    """One connection. Its methods are not called at the same time."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: asyncpg.Connection | None = None

    async def open(self) -> asyncpg.Connection:
        """Return the connection; connect if necessary, and bring the database to the newest schema."""
        known = self._usable()
        if known is not None:
            return known
        connection = await connect(self._url)
        try:
            await migrate(connection)
            await connection.execute(_BY_KEYS)
        except BaseException:
            connection.terminate()
            raise
        self._connection = connection
        return connection

    async def transact(self, action: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
        """Commit an action in one transaction, which is repeated after a conflict with another; return its result.

        It is repeated too if the connection turns out to have been closed while it was not used. Whether a commit
        whose answer is lost took place is unknown, so actions must not change anything when they are repeated.
        """
        tries = 0
        while True:
            tries += 1
            known = self._usable()
            connection = await self.open()
            try:
                async with asyncio.timeout(_LONGEST), connection.transaction():
                    return await action(connection)
            except Exception as error:
                conflict = _state_of(error) in _CONFLICTS
                lost = not _state_of(error) and not isinstance(error, _UNFIT)
                if lost:
                    self.drop()
                stale = lost and known is not None and not isinstance(error, TimeoutError)
                if not (conflict or stale) or tries == _TRIES:
                    raise
                await asyncio.sleep(random.uniform(0, 0.01 * 2**tries))

    def drop(self) -> None:
        """Give the connection up."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()

    async def close(self) -> None:
        """Close the connection, in an orderly way if the server answers."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close(timeout=1)

    def _usable(self) -> asyncpg.Connection | None:
        return None if self._connection is None or self._connection.is_closed() else self._connection


def _state_of(error: BaseException) -> str:
    """Return the state that the server reports with an error; empty for one of the connection, or if it ends that.

    Classes: 08 connection, 53 resources, 57 intervention, 58 system.
    """
    state: str = getattr(error, "sqlstate", None) or ""
    return "" if state[:2] in ("08", "53", "57", "58") else state
