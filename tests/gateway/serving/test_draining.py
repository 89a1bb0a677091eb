"""A server that is stopped finishes what it began, and says so where it cannot."""

from __future__ import annotations

import asyncio

from tests.gateway.serving.serving import HOST, App, serving
from tests.gateway.serving.test_strict_http import GET
from understudy.gateway.asgi import Message, Receive, Send

END = b"event: end\n\n"
SHUTDOWN = b'event: error\ndata: {"code": "server_shutdown"}\n\n'


async def stream(app: App, scope: Message, receive: Receive, send: Send) -> None:
    """Stream for as long as the path says, or until the application is told to end."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    end = asyncio.get_running_loop().time() + float(scope["path"][1:])
    while asyncio.get_running_loop().time() < end and not app.ending.is_set():
        await send({"type": "http.response.body", "body": b"data: x\n\n", "more_body": True})
        await asyncio.sleep(0.02)
    last = SHUTDOWN if app.ending.is_set() else END
    await send({"type": "http.response.body", "body": last})


def request(seconds: float) -> bytes:
    return b"GET /%a HTTP/1.1\r\n" % seconds + HOST + b"\r\n"


async def test_streams_that_end_in_time_end_whole_and_the_others_with_an_error() -> None:
    async with serving(App(handler=stream), drain=1.0) as running:
        short, long = await running.connect(), await running.connect()
        short.writer.write(request(0.3))
        long.writer.write(request(60))
        await long.reader.readuntil(b"data: x\n\n")
        running.server.stop()
        assert (await short.rest()).endswith(b"event: end\n\n\r\n0\r\n\r\n")
        seen = await long.rest()
        assert SHUTDOWN in seen
        assert seen.endswith(b"0\r\n\r\n")
        await running.ended()


async def test_the_port_is_closed_and_idle_connections_are_told() -> None:
    async with serving(App(), drain=600) as running:
        peer = await running.connect()
        peer.writer.write(GET + HOST + b"\r\n")
        await peer.response()
        running.server.stop()
        await asyncio.sleep(0.1)
        try:
            await running.connect()
        except ConnectionRefusedError:
            pass
        else:
            raise AssertionError("the port is still open")
        assert running.app.left, "readiness fails at once, while requests are still served"
        assert running.app.drained == []
        peer.writer.write(GET + HOST + b"\r\n")
        status, head, _ = await peer.response()
        assert status == 200
        assert b"connection: close" in head.lower()
        assert await peer.rest() == b""
        await running.ended()


async def test_a_connection_that_stays_idle_does_not_hold_the_server() -> None:
    async with serving(App(), drain=600) as running:
        peer = await running.connect()
        running.server.stop()
        assert await peer.rest() == b""
        await running.ended()


async def test_a_second_stop_ends_at_once() -> None:
    async with serving(App(handler=stream), drain=600) as running:
        peer = await running.connect()
        peer.writer.write(request(60))
        await peer.reader.readuntil(b"data: x\n\n")
        running.server.stop()
        await asyncio.sleep(0.05)
        running.server.stop()
        assert SHUTDOWN in await peer.rest()
        await running.ended()


async def test_an_application_that_ends_nothing_is_cut() -> None:
    """Its answers have no last chunk, so no client takes them for whole."""

    async def deaf(app: App, scope: Message, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"begun", "more_body": True})
        await asyncio.sleep(60)

    async with serving(App(handler=deaf), drain=0.1) as running:
        peer = await running.connect()
        peer.writer.write(GET + HOST + b"\r\n")
        await peer.reader.readuntil(b"begun\r\n")
        running.server.stop()
        running.server.stop()
        assert not (await peer.rest()).endswith(b"0\r\n\r\n")
        await running.ended()
