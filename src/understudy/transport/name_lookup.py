"""Host names looked up in threads, each waited for only as long as its caller allows."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aiohttp.abc import ResolveResult

LOOKUPS = 64
"""Lookups under way at most. Each host has one at a time, so more lookups mean more hosts that hang."""


class Resolver:
    """Looks names up with the system's own function, which can neither be cancelled nor limited in time.

    Its answers have the form that aiohttp's resolvers give, without loading aiohttp.

    Each lookup has a thread of its own, which does not keep the process from ending. In the event loop's executor,
    lookups that hang would block everything else there, and the end of `asyncio.run`.
    """

    def __init__(self) -> None:
        self._slots = threading.BoundedSemaphore(LOOKUPS)
        self._waiting: Counter[str] = Counter()

    def is_waiting(self, host: str) -> bool:
        """Check whether the lookup of a host is under way."""
        return self._waiting[host] > 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Look a name up. Raise `OSError`."""
        if not self._slots.acquire(blocking=False):
            raise OSError(errno.EAGAIN, f"{LOOKUPS} other name lookups hang")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[list[ResolveResult]] = loop.create_future()

        def deliver(found: list[ResolveResult] | Exception) -> None:
            if answer.done():
                return
            if isinstance(found, Exception):
                answer.set_exception(found)
            else:
                answer.set_result(found)

        def work() -> None:
            found: list[ResolveResult] | Exception
            try:
                infos = socket.getaddrinfo(
                    host, port, type=socket.SOCK_STREAM, family=family, flags=socket.AI_ADDRCONFIG
                )
                found = [_result(host, kind, proto, address) for kind, _, proto, _, address in infos]
            except (OSError, UnicodeError) as error:
                found = error
            finally:
                self._slots.release()
            with contextlib.suppress(RuntimeError):  # the loop may have been closed meanwhile
                loop.call_soon_threadsafe(deliver, found)

        self._waiting[host] += 1
        try:
            try:
                threading.Thread(target=work, name=f"lookup of {host}", daemon=True).start()
            except RuntimeError as error:
                self._slots.release()
                raise OSError(errno.EAGAIN, "no thread can be started for a name lookup") from error
            return await answer
        finally:
            self._waiting[host] -= 1
            if not self._waiting[host]:
                del self._waiting[host]

    async def close(self) -> None:
        """Abandon lookups that hang; they are not waited for."""


def _result(host: str, family: socket.AddressFamily, proto: int, address: tuple[Any, ...]) -> ResolveResult:
    numeric = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    where = str(address[0])
    if family == socket.AF_INET6 and address[3]:
        # A link-local address is incomplete without its interface.
        where, _ = socket.getnameinfo(address, socket.NI_NUMERICHOST | socket.NI_NUMERICSERV)
    return {"hostname": host, "host": where, "port": address[1], "family": family, "proto": proto, "flags": numeric}
