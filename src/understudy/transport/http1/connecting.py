"""New connections: a name, an address, a proxy, TLS, all within one time limit."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import TypeVar

from aiohappyeyeballs import remove_addr_infos, start_connection

from understudy.domain.failures import Failure, FailureKind
from understudy.transport import failure_words as words
from understudy.transport import proxy_words
from understudy.transport.base import TransportError
from understudy.transport.http1.addresses import Addresses, LookupFailed
from understudy.transport.http1.connection import Connection, Owner
from understudy.transport.http1.requests import Target
from understudy.transport.http1.tunnels import NoTunnel, Tunnel
from understudy.transport.name_lookup import Resolver
from understudy.wire.proxies import Proxy

EYEBALLS = 0.25
"""Seconds until the next address is tried beside one that does not answer (RFC 8305 §5)."""

P = TypeVar("P", bound=asyncio.Protocol)


class Connector:
    """Connects, for one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, resolver: Resolver, head_limit: int) -> None:
        self._loop = loop
        self._addresses = Addresses(resolver)
        self._head_limit = head_limit

    def close(self) -> None:
        """Abandon name lookups."""
        self._addresses.close()

    async def connect(self, target: Target, owner: Owner, within: float) -> Connection:
        """Connect to a server within some seconds. Raise `TransportError`."""
        try:
            async with asyncio.timeout(within):
                return await self._connect(target, owner)
        except TimeoutError:
            failure = self._too_slow(target, within)
        raise TransportError(failure)

    async def _connect(self, target: Target, owner: Owner) -> Connection:
        def make() -> Connection:
            return Connection(target, owner, self._loop, self._head_limit)

        proxy, tls = target.way.proxy, target.way.context() if target.secure else None
        failure: Failure
        try:
            if proxy is None:
                return await self._open(target.host, target.port, tls, make)
            if not target.way.tunnel:
                return await self._to_proxy(proxy, target, make)
            tunnel = await self._to_proxy(proxy, target, lambda: Tunnel(proxy, target, self._loop))
            return await self._secured(await tunnel.open(), target, make())
        except NoTunnel as error:
            failure = Failure(kind=FailureKind.PROXY, message=str(error), sent=False)
        except LookupFailed as error:
            failure = _failure(FailureKind.DNS, target, words.system_words(error.error))
        except OSError as error:
            failure = _not_connected(target, error)
        raise TransportError(failure)

    async def _to_proxy(self, proxy: Proxy, target: Target, make: Callable[[], P]) -> P:
        """Connect to a proxy. Raise `NoTunnel` if that fails."""
        scheme, _, place = proxy.url.partition("://")
        host, _, port = place.rpartition(":")
        try:
            return await self._open(
                host.strip("[]"), int(port), target.way.context() if scheme == "https" else None, make
            )
        except LookupFailed:
            message = proxy_words.not_found(place)
        except ssl.SSLError:
            message = proxy_words.no_tls(place)
        except OSError as error:
            if isinstance(error, TimeoutError) and error.errno is None:
                raise
            message = proxy_words.unreachable(place, error)
        raise NoTunnel(message)

    async def _open(self, host: str, port: int, tls: ssl.SSLContext | None, make: Callable[[], P]) -> P:
        """Connect to the first address of a host that answers, and as another one if its handshake fails.

        Raise `LookupFailed` and `OSError`.
        """
        addresses = list(await self._addresses.of(host, port))
        name = host.rstrip(".") if tls is not None else None
        while True:
            try:
                sock = await start_connection(addresses, happy_eyeballs_delay=EYEBALLS, interleave=1, loop=self._loop)
            except RuntimeError as error:  # uvloop's, for an error of the system
                raise OSError(str(error)) from error
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            peer = sock.getpeername()
            try:
                _, protocol = await self._loop.create_connection(make, sock=sock, ssl=tls, server_hostname=name)
                return protocol
            except OSError:
                remove_addr_infos(addresses, peer)
                if not addresses:
                    raise

    async def _secured(self, transport: asyncio.Transport, target: Target, connection: Connection) -> Connection:
        """Speak TLS with the server at the other end of a tunnel. Raise `OSError`."""
        name = target.host.rstrip(".")
        try:
            secured = await self._loop.start_tls(transport, connection, target.way.context(), server_hostname=name)
        except BaseException:
            transport.abort()
            raise
        if secured is None:
            raise ConnectionResetError("the tunnel was closed")
        connection.connection_made(secured)
        return connection

    def _too_slow(self, target: Target, within: float) -> Failure:
        proxy = target.way.proxy
        if proxy is not None:
            message = proxy_words.too_slow(proxy.place, target.host, target.port, within)
            return Failure(kind=FailureKind.PROXY, message=message, sent=False)
        if self._addresses.is_waiting(target.host):
            return _failure(FailureKind.DNS, target, words.slow_lookup(within))
        return Failure(kind=FailureKind.CONNECT_TIMEOUT, message=words.NO_CONNECTION_IN_TIME, sent=False)


def _failure(kind: FailureKind, target: Target, reason: str) -> Failure:
    return Failure(kind=kind, message=words.not_connected(target.host, target.port, reason), sent=False)


def _not_connected(target: Target, error: OSError) -> Failure:
    """Read an error of the system or of OpenSSL."""
    if isinstance(error, TimeoutError) and error.errno is None:
        raise error  # The time limit of all steps.
    if isinstance(error, ssl.SSLCertVerificationError):
        return _failure(FailureKind.TLS, target, words.certificate_flaw(error))
    if isinstance(error, ssl.SSLError):
        if (refusal := words.refusal_of_client(error)) is not None:
            return Failure(kind=FailureKind.TLS, message=refusal, sent=False)
        return _failure(FailureKind.TLS, target, words.tls_flaw(error, target.host, target.port))
    kind = FailureKind.POOL if error.errno in words.NO_FILES_LEFT else FailureKind.CONNECT
    return _failure(kind, target, words.system_words(error))
