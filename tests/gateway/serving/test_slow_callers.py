"""Callers who send slowly, send nothing or read nothing are let go; those who are merely slow are not."""

from __future__ import annotations

import asyncio
import socket

import pytest

from tests.gateway.serving.serving import HOST, App, Running, answer, serving
from tests.gateway.serving.test_strict_http import GET, POST, refusal_of
from understudy.gateway.asgi import Message, Receive, Send
from understudy.gateway.serving import server
from understudy.gateway.serving.limits import Limits
from understudy.gateway.serving.line import Line, Phase

TICK = 0.02
PATIENCE = 30.0


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "TICK", TICK)


@pytest.fixture
def by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the clock to the test, for callers that are slow and must not be let go: a busy machine is slow, too."""
    monkeypatch.setattr(server, "TICK", 3600.0)


def only(running: Running) -> Line:
    """Return the server's side of the one connection."""
    (connection,) = running.server.shared.connections
    return connection


async def test_a_connection_that_sends_nothing_is_closed() -> None:
    async with serving(limits=Limits(head_time=0.1)) as running:
        peer = await running.connect()
        assert await peer.rest() == b""


async def test_a_header_that_drips_is_refused() -> None:
    async with serving(limits=Limits(head_time=0.15)) as running:
        peer = await running.connect()

        async def drip() -> None:
            for byte in GET + HOST + b"X: " + b"a" * 100:
                peer.writer.write(bytes([byte]))
                await asyncio.sleep(TICK)

        dripping = asyncio.create_task(drip())
        assert refusal_of(await peer.rest()) == (408, "request_timeout")
        dripping.cancel()
        assert running.app.scopes == []


async def test_a_body_that_drips_is_refused() -> None:
    async with serving(limits=Limits(body_window=0.15, body_progress=100)) as running:
        peer = await running.connect()
        peer.writer.write(POST + b"Content-Length: 1000\r\n\r\n")

        async def drip() -> None:
            for _ in range(100):
                peer.writer.write(b"a")
                await asyncio.sleep(TICK)

        dripping = asyncio.create_task(drip())
        assert refusal_of(await peer.rest()) == (408, "request_timeout")
        dripping.cancel()
        assert running.app.gone == 1


async def test_framing_is_no_progress() -> None:
    """Extensions of chunks arrive, but no body."""
    async with serving(limits=Limits(body_window=0.15, body_progress=100)) as running:
        peer = await running.connect()
        peer.writer.write(POST + b"Transfer-Encoding: chunked\r\n\r\n1;x=")

        async def drip() -> None:
            for _ in range(100):
                peer.writer.write(b"a" * 100)
                await asyncio.sleep(TICK)

        dripping = asyncio.create_task(drip())
        assert refusal_of(await peer.rest()) == (408, "request_timeout")
        dripping.cancel()


@pytest.mark.usefixtures("by_hand")
async def test_a_body_that_arrives_steadily_is_awaited() -> None:
    arrived, now = 0, asyncio.get_running_loop().time()

    async def read(app: App, scope: Message, receive: Receive, send: Send) -> None:
        nonlocal arrived
        while arrived < 300:
            arrived += len((await receive())["body"])
        await answer(send, b"all of it")

    async with serving(App(handler=read), limits=Limits(body_window=10.0, body_progress=10)) as running:
        peer = await running.connect()
        peer.writer.write(POST + b"Content-Length: 300\r\n\r\n")
        for number in range(1, 31):
            peer.writer.write(b"a" * 10)
            async with asyncio.timeout(PATIENCE):
                while arrived < number * 10:
                    await asyncio.sleep(0)
            only(running).check(now := now + 11.0)
        assert (await peer.response())[::2] == (200, b"all of it")


@pytest.mark.usefixtures("by_hand")
async def test_a_body_that_the_application_does_not_read_is_not_slow() -> None:
    reading = asyncio.Event()

    async def pause(app: App, scope: Message, receive: Receive, send: Send) -> None:
        await reading.wait()
        await app.echo(scope, receive, send)

    async with serving(App(handler=pause), limits=Limits(body_window=10.0)) as running:
        peer = await running.connect()
        peer.writer.write(POST + b"Content-Length: 500000\r\n\r\n" + b"a" * 500_000)
        async with asyncio.timeout(PATIENCE):
            while not (running.server.shared.connections and only(running).is_paused):
                await asyncio.sleep(0)
        now = asyncio.get_running_loop().time()
        for later in (11.0, 22.0, 33.0):
            only(running).check(now + later)
        reading.set()
        assert (await peer.response())[0] == 200


async def test_the_rest_of_an_answered_body_is_awaited_for_some_time_only() -> None:
    async def deny(app: App, scope: Message, receive: Receive, send: Send) -> None:
        await answer(send, b"no", 401)

    async with serving(App(handler=deny), limits=Limits(unread_time=0.1, linger=0.05)) as running:
        peer = await running.connect()
        peer.writer.write(POST + b"Content-Length: 1000\r\n\r\na")
        assert (await peer.response())[0] == 401
        assert await peer.rest() == b""


async def test_an_idle_connection_is_closed() -> None:
    async with serving(limits=Limits(idle=0)) as running:
        peer = await running.connect()
        peer.writer.write(GET + HOST + b"\r\n")
        assert (await peer.response())[0] == 200
        assert await peer.rest() == b""


class Endless:
    """Sends without end, and counts what it could."""

    sent = 0
    ended = False

    async def __call__(self, app: App, scope: Message, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        leaving = asyncio.create_task(receive_end(receive))
        while not leaving.done():
            await send({"type": "http.response.body", "body": b"a" * 65536, "more_body": True})
            self.sent += 65536
            await asyncio.sleep(0)
        self.ended = True


async def receive_end(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def small_reader(port: int) -> socket.socket:
    """Return a connection whose own buffer is small."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 * 1024)
    sock.connect(("127.0.0.1", port))
    return sock


async def test_a_caller_that_reads_nothing_is_let_go() -> None:
    """What it could have been sent meanwhile is bounded: the provider is not read on its behalf."""
    endless = Endless()
    async with serving(App(handler=endless), limits=Limits(write_time=0.3)) as running:
        with small_reader(running.port) as sock:
            sock.sendall(GET + HOST + b"\r\n")
            async with asyncio.timeout(PATIENCE):
                while not endless.ended:
                    await asyncio.sleep(TICK)
            assert endless.sent < 2**20


@pytest.mark.usefixtures("by_hand")
async def test_a_caller_that_reads_slowly_is_not() -> None:
    """As long as it reads a little in each time; once it reads nothing for as long, it is let go."""
    endless, loop = Endless(), asyncio.get_running_loop()
    now = loop.time()
    async with serving(App(handler=endless), limits=Limits(write_time=10.0)) as running:
        with small_reader(running.port) as sock:
            sock.sendall(GET + HOST + b"\r\n")
            sock.setblocking(False)
            async with asyncio.timeout(PATIENCE):
                for _ in range(20):
                    sent = endless.sent
                    while endless.sent == sent or only(running).writable is None:  # until the buffers are full again
                        await loop.sock_recv(sock, 65536)
                        await asyncio.sleep(0)
                    only(running).check(now := now + 9.0)
            assert not only(running).is_left
            only(running).check(now + 9.0)
            assert not only(running).is_left
            only(running).check(now + 11.0)
            async with asyncio.timeout(PATIENCE):
                while not endless.ended:
                    await asyncio.sleep(TICK)


async def test_at_the_limit_of_connections_an_idle_one_makes_room() -> None:
    async with serving(limits=Limits(connections=2)) as running:
        idle, busy, last = [await running.connect() for _ in range(2)], None, None
        for peer in idle:
            peer.writer.write(GET + HOST + b"\r\n")
            assert (await peer.response())[0] == 200
            await asyncio.sleep(0.005)  # uvloop's clock counts milliseconds
        busy = await running.connect()
        busy.writer.write(GET)
        assert await idle[0].rest() == b"", "the one that was idle for longest"
        last = await running.connect()
        last.writer.write(GET)
        assert await idle[1].rest() == b""
        refused = await running.connect()
        assert refusal_of(await refused.rest()) == (503, "too_many_connections")
        busy.writer.write(HOST + b"\r\n")
        assert (await busy.response())[0] == 200


@pytest.mark.usefixtures("by_hand")
async def test_empty_lines_ahead_of_a_request_do_not_begin_it() -> None:
    """Old clients send one behind a body (RFC 9112, 2.2); the header has its whole time all the same."""
    async with serving(limits=Limits(head_time=10.0, idle=3600.0)) as running:
        peer = await running.connect()
        peer.writer.write(GET + HOST + b"\r\n")
        assert (await peer.response())[0] == 200
        for _ in range(3):
            for piece in (b"\r\n", b"\r", b"\n"):
                peer.writer.write(piece)
                await asyncio.sleep(0.01)
        only(running).check(asyncio.get_running_loop().time() + 20.0)
        assert only(running).phase is Phase.IDLE
        peer.writer.write(b"\r\n\r\n" + GET + HOST + b"\r\n")
        assert (await peer.response())[0] == 200


async def test_empty_lines_do_not_keep_a_connection_open() -> None:
    async with serving(limits=Limits(idle=0.2)) as running:
        peer = await running.connect()
        peer.writer.write(GET + HOST + b"\r\n")
        await peer.response()

        async def drip() -> None:
            while True:
                peer.writer.write(b"\r\n")
                await asyncio.sleep(TICK)

        dripping = asyncio.create_task(drip())
        assert await peer.rest() in (b"", b"<reset>")
        dripping.cancel()
