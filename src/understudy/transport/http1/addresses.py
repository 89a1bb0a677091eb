"""The addresses of hosts: looked up once for all requests that wait, and remembered for a while."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from understudy.domain.bounded import BoundedDict
from understudy.transport.name_lookup import Resolver

REMEMBERED = 10.0
"""Seconds for which the addresses of a name are used again."""

Address = tuple[int, int, int, str, tuple[Any, ...]]
"""As `socket.getaddrinfo` returns it."""


class LookupFailed(Exception):
    """A name was not found."""

    def __init__(self, error: OSError) -> None:
        super().__init__()
        self.error = error


class Addresses:
    """What one event loop knows of hosts."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self._known: BoundedDict[tuple[str, int], tuple[float, list[Address]]] = BoundedDict(256)
        self._running: dict[tuple[str, int], asyncio.Task[list[Address]]] = {}

    async def of(self, host: str, port: int) -> list[Address]:
        """Return the addresses of a host, each time beginning with another one. Raise `LookupFailed`."""
        if ":" in host or host.replace(".", "").isdigit():
            return [_address(host, port)]
        key = (host, port)
        loop = asyncio.get_running_loop()
        until, found = self._known.get(key, (0.0, []))
        if loop.time() >= until:
            found = await self._look_up(key)
        turned = found[1:] + found[:1]
        if key in self._known:
            self._known[key] = (self._known[key][0], turned)
        return found

    def is_waiting(self, host: str) -> bool:
        """Check whether the lookup of a host is under way."""
        return self._resolver.is_waiting(host)

    def close(self) -> None:
        """Abandon lookups."""
        for task in self._running.values():
            task.cancel()

    async def _look_up(self, key: tuple[str, int]) -> list[Address]:
        task = self._running.get(key)
        if task is None:
            task = self._running[key] = asyncio.get_running_loop().create_task(self._resolve(*key))
            task.add_done_callback(_retrieve)
        return await asyncio.shield(task)

    async def _resolve(self, host: str, port: int) -> list[Address]:
        loop = asyncio.get_running_loop()
        try:
            found = [_address(each["host"], each["port"]) for each in await self._resolver.resolve(host, port)]
        except OSError as error:
            raise LookupFailed(error) from None
        finally:
            del self._running[host, port]
        self._known[host, port] = (loop.time() + REMEMBERED, found)
        return found


def _address(host: str, port: int) -> Address:
    if ":" in host:
        return socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port, 0, 0)
    return socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port)


def _retrieve(task: asyncio.Task[list[Address]]) -> None:
    """Look at an error for which no request waits any more."""
    if not task.cancelled():
        task.exception()
