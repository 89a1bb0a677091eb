"""Addresses at which no request ever arrives, each for a reason of its own."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from tests.hostile.server import HostileServer, reset

CERTIFICATE = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgTHBPwEIJzEPM+Poh
GT4HSpOFOtjKKjy2lCXhrRbgBn+hRANCAARI9bAfE4hGZTjplyfUAmV/ZsglHWTb
NCebZ3OiISfhXW5LHjYH4VVvrpjgqRFDqt07i8zEMl7pTv1qN742RsCj
-----END PRIVATE KEY-----
-----BEGIN CERTIFICATE-----
MIIBkDCCATagAwIBAgIUXwM06CiuOZxBYjROJQV61hmaHbkwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJMTI3LjAuMC4xMCAXDTI2MTEyODE1MDYyN1oYDzIxMjYxMTA0
MTUwNjI3WjAUMRIwEAYDVQQDDAkxMjcuMC4wLjEwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAARI9bAfE4hGZTjplyfUAmV/ZsglHWTbNCebZ3OiISfhXW5LHjYH4VVv
rpjgqRFDqt07i8zEMl7pTv1qN742RsCjo2QwYjAdBgNVHQ4EFgQU0rq+09x1IQGr
fvagJUQKxfmTxqkwHwYDVR0jBBgwFoAU0rq+09x1IQGrfvagJUQKxfmTxqkwDwYD
VR0TAQH/BAUwAwEB/zAPBgNVHREECDAGhwR/AAABMAoGCCqGSM49BAMCA0gAMEUC
IEi6JfvbkSzcr3dV3KNZF5IfgEh6gZkDm/NKfeSvgvrJAiEA+OBLAfLlKQgOXKeg
R6gACPQLyYm0TXBVePXqzu8cNbc=
-----END CERTIFICATE-----
"""
"""Of 127.0.0.1, until 2126, signed by itself: nobody trusts it."""

UNKNOWN_HOST = "nowhere.hostile.test"
SLOW_HOST = "slow.hostile.test"


def untrusted() -> ssl.SSLContext:
    """Make the TLS side of a server that nobody trusts."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "server.pem"
        path.write_text(CERTIFICATE)
        context.load_cert_chain(path)
    return context


@contextlib.contextmanager
def name_service() -> Iterator[None]:
    """Answer for two names as a bad name server does, without asking one."""
    real: Callable[..., Any] = socket.getaddrinfo
    over = threading.Event()

    def answer(host: Any, *rest: Any, **more: Any) -> Any:
        if host == UNKNOWN_HOST:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        if host == SLOW_HOST:
            over.wait(3.0)
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return real(host, *rest, **more)

    with mock.patch("socket.getaddrinfo", answer):
        try:
            yield
        finally:
            over.set()


@contextlib.contextmanager
def refused() -> Iterator[int]:
    """Hold a port on which nobody listens."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


@contextlib.contextmanager
def black_hole() -> Iterator[int]:
    """Hold a port whose backlog is full, so that the system drops every further attempt to connect."""
    with contextlib.ExitStack() as held:
        listener = held.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        for _ in range(8):
            filler = held.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(address)
        yield address[1]


BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

NO_ENTRY = BAD_REQUEST.replace(b"400 Bad Request", b"407 Proxy Authentication Required")
BAD_GATEWAY = BAD_REQUEST.replace(b"400 Bad Request", b"502 Bad Gateway")


@contextlib.asynccontextmanager
async def greeted(answer: bytes | None) -> AsyncIterator[int]:
    """Accept connections, and meet what comes first with these bytes; empty: with a reset; `None`: with silence."""

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            await reader.read(4096)
            if answer:
                writer.write(answer)
                writer.write_eof()
            if answer != b"":
                await reader.read(-1)
        reset(writer)

    server = await asyncio.start_server(meet, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@contextlib.asynccontextmanager
async def doors(plain: HostileServer) -> AsyncIterator[dict[str, str]]:
    """Open all of them; their addresses by name."""
    async with contextlib.AsyncExitStack() as stack:
        stack.enter_context(name_service())
        closed = stack.enter_context(refused())
        hole = stack.enter_context(black_hole())
        dropped = await stack.enter_async_context(greeted(b""))
        unanswered = await stack.enter_async_context(greeted(None))
        no_tls = await stack.enter_async_context(greeted(BAD_REQUEST))
        limited = await stack.enter_async_context(greeted(NO_ENTRY))
        useless = await stack.enter_async_context(greeted(BAD_GATEWAY))
        tls = await stack.enter_async_context(HostileServer(tls=untrusted()))
        yield {
            "nowhere": f"http://{UNKNOWN_HOST}:{plain.port}",
            "slow": f"http://{SLOW_HOST}:{plain.port}",
            "refused": f"http://127.0.0.1:{closed}",
            "black_hole": f"http://127.0.0.1:{hole}",
            "handshake_reset": f"https://127.0.0.1:{dropped}",
            "handshake_silent": f"https://127.0.0.1:{unanswered}",
            "self_signed": f"https://127.0.0.1:{tls.port}",
            "proxy_without_entry": f"http://127.0.0.1:{limited}",
            "proxy_without_way": f"http://127.0.0.1:{useless}",
            "proxy_reset": f"http://127.0.0.1:{dropped}",
            "proxy_silent": f"http://127.0.0.1:{unanswered}",
            "plain_as_tls": f"https://127.0.0.1:{no_tls}",
        }
