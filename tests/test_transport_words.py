"""What the transport says of a failed connection."""

from __future__ import annotations

import asyncio
import socket

import pytest

from tests.transports import Make
from understudy.domain.failures import FailureKind
from understudy.transport.base import TransportError
from understudy.wire.http import HttpRequest


async def test_a_refused_connection_is_told_in_the_systems_words(each_transport: Make) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    transport = each_transport()
    with pytest.raises(TransportError) as caught:
        await transport.send(HttpRequest("GET", f"http://127.0.0.1:{port}/", (), None), connect=5)
    await transport.aclose()
    assert caught.value.failure.kind is FailureKind.CONNECT
    assert caught.value.failure.message == f"127.0.0.1:{port} cannot be reached: Connection refused"


async def test_a_fresh_connection_that_breaks_under_the_request_is_a_failed_write(each_transport: Make) -> None:
    """The request is larger than what the kernels hold, and the server reads only its head."""

    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # every transport of a socket has it
        await asyncio.sleep(0.1)
        writer.transport.abort()

    server = await asyncio.start_server(reset, "127.0.0.1", 0, limit=1 << 10)
    port = server.sockets[0].getsockname()[1]
    transport = each_transport()
    async with server:
        with pytest.raises(TransportError) as caught:
            await transport.send(HttpRequest("POST", f"http://127.0.0.1:{port}/", (), bytes(64 << 20)), connect=5)
    await transport.aclose()
    assert (caught.value.failure.kind, caught.value.failure.sent) == (FailureKind.WRITE_FAILED, True)
