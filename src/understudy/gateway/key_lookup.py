"""Looks virtual keys up in their store: from a file at once, from a database in another thread and many at a time.

What callers send meanwhile is looked up together, by the next query. So one connection is enough, however many keys
there are, and callers with wrong keys cannot hold up the others.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from understudy.domain.errors import ConfigError
from understudy.ledger.holds import LedgerUnavailable
from understudy.ledger.keys import FoundKey, KeysRead, KeyStore

PATIENCE = 2.0
"""Seconds for which a database may take to answer."""
MOST = 1_000
"""Values that one query looks up."""

_Answer = tuple[KeysRead | None, Exception | None]


class KeyLookup:
    """The virtual keys of a store, for one event loop."""

    def __init__(self, store: KeyStore) -> None:
        self._store = store
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="understudy-key-lookup")
        self._waiting: dict[bytes | None, asyncio.Future[_Answer]] = {}
        """By the digest, or `None` for the question whether there are any keys."""
        self._reading: asyncio.Task[None] | None = None

    async def has_keys(self) -> bool:
        """Return whether there are keys, revoked ones included. Raise `LedgerUnavailable` or `ConfigError`."""
        return (await self._read(None)).has_keys

    async def find(self, digest: bytes) -> FoundKey | None:
        """Return the key that has a value of this digest; `None` if none has. Raise as `has_keys` does."""
        return (await self._read(digest)).found.get(digest)

    def has_keys_now(self) -> bool:
        """Return whether there are keys, without an event loop. Block. Raise as `has_keys` does."""
        return self._store.read().has_keys

    def close(self) -> None:
        """Close the store, which the next use opens again."""
        if self._store.is_remote:
            self._thread.submit(self._store.close).result()
        else:
            self._store.close()

    async def _read(self, wanted: bytes | None) -> KeysRead:
        if not self._store.is_remote:
            return self._store.read(() if wanted is None else (wanted,))
        loop = asyncio.get_running_loop()
        waiting = self._waiting.get(wanted)
        if waiting is None:
            waiting = self._waiting[wanted] = loop.create_future()
        if self._reading is None or self._reading.done():
            self._reading = loop.create_task(self._read_waiting())
        read, error = await asyncio.shield(waiting)
        if read is None:
            raise error or LedgerUnavailable("the keys could not be read")
        return read

    async def _read_waiting(self) -> None:
        """Answer all that wait, and those that come meanwhile."""
        loop = asyncio.get_running_loop()
        while self._waiting:
            batch = {wanted: self._waiting.pop(wanted) for wanted in list(self._waiting)[:MOST]}
            digests = [each for each in batch if each is not None]
            answer: _Answer
            try:
                async with asyncio.timeout(PATIENCE):
                    answer = (await loop.run_in_executor(self._thread, self._store.read, digests), None)
            except TimeoutError:
                answer = (None, LedgerUnavailable(f"the database did not answer within {PATIENCE:.0f} seconds"))
            except (LedgerUnavailable, ConfigError) as error:
                answer = (None, error)
            for each in batch.values():
                each.set_result(answer)
