"""What the transport says of a failed connection."""

from __future__ import annotations

import socket

import pytest

from understudy.aio_transport import AioTransport
from understudy.domain.failures import FailureKind
from understudy.transport import TransportError
from understudy.wire.http import HttpRequest


async def test_a_refused_connection_is_told_in_the_systems_words() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    transport = AioTransport()
    with pytest.raises(TransportError) as caught:
        await transport.send(HttpRequest("GET", f"http://127.0.0.1:{port}/", (), None), connect=5)
    await transport.aclose()
    assert caught.value.failure.kind is FailureKind.CONNECT
    assert caught.value.failure.message == f"cannot connect to 127.0.0.1:{port}: Connection refused"
