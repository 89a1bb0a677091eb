"""The gateway over sockets: a caller who leaves, or reads nothing, ends the request at the provider too."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import AsyncIterator, Callable

import pytest

from tests.gateway.conftest import entries
from tests.gateway.serving.running_gateway import chat
from tests.gateway.serving.serving import Running, serving
from tests.gateway.serving.test_answers import Native, Pipe
from tests.gateway.serving.test_slow_callers import TICK
from tests.gateway.serving.test_strict_http import mutate, send_malformed
from understudy.emulator import Emulator, Fault
from understudy.gateway.access_log import AccessRecord, line_of
from understudy.gateway.application import app
from understudy.gateway.exchange import Exchange
from understudy.gateway.serving import server
from understudy.gateway.serving.exchange import HIGH_WATER
from understudy.gateway.serving.limits import Limits
from understudy.gateway.serving.line import Phase, Shared
from understudy.gateway.serving.protocol import HttpProtocol


class Served:
    """A gateway behind the real server, in front of an emulated provider."""

    def __init__(self, running: Running, emulator: Emulator, records: list[AccessRecord]) -> None:
        self.running = running
        self.emulator = emulator
        self.records = records

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not condition():
                await asyncio.sleep(0.01)


@pytest.fixture
async def served(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Served]:
    monkeypatch.setattr(server, "TICK", TICK)
    records: list[AccessRecord] = []
    async with Emulator(("openai",)) as emulator:
        gateway = app({"llm": {"providers": entries(emulator, ("openai",))}})
        gateway.access_log = records.append
        async with serving(gateway, limits=Limits(write_time=0.5)) as running:
            yield Served(running, emulator, records)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_caller_who_leaves_ends_the_request_at_the_provider(served: Served, stream: bool) -> None:
    fault = Fault.stall(after=2) if stream else Fault.slow_headers()
    served.emulator.script("openai", always=fault)
    peer = await served.running.connect()
    peer.writer.write(chat(stream=stream, model="openai"))
    if stream:
        await peer.reader.readuntil(b"\n\n")
    await served.until(lambda: bool(served.emulator.requests("openai")))
    peer.writer.close()
    await served.until(lambda: served.emulator.cancelled("openai") == 1)
    await served.until(lambda: bool(served.records))
    assert [each.outcome for each in served.records] == ["client_left"]


class ReadPipe(Pipe):
    """A socket of which is known whether it is read: only then it shows that the caller has left."""

    is_read = True

    def pause_reading(self) -> None:
        self.is_read = False

    def resume_reading(self) -> None:
        self.is_read = True


async def test_a_connection_is_read_while_a_large_request_is_answered() -> None:
    """Also if the whole body has come at once, and with a head that is known from the request before it."""
    answering: asyncio.Queue[asyncio.Future[None]] = asyncio.Queue()

    async def handler(exchange: Exchange) -> None:
        while not exchange.at_end:
            await exchange.read()
        answering.put_nowait(go_on := asyncio.get_running_loop().create_future())
        await go_on
        await exchange.reply(200, (), b"")

    protocol, pipe = HttpProtocol(Shared(Native(handler), Limits())), ReadPipe()
    protocol.connection_made(pipe)
    body = b"a" * (2 * HIGH_WATER)
    head = b"POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: %d\r\n\r\n" % len(body)
    for pieces in ([head + body], [head + body], [head, body], [head + body[:9], body[9:]]):
        for piece in pieces:
            protocol.data_received(piece)
        go_on = await answering.get()
        assert pipe.is_read
        go_on.set_result(None)
        while protocol.phase is not Phase.IDLE:
            await asyncio.sleep(0)


async def test_a_caller_who_reads_nothing_slows_the_provider_and_then_ends_it(served: Served) -> None:
    served.emulator.script("openai", always=Fault.endless(0.0))
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 * 1024)
        sock.connect(("127.0.0.1", served.running.port))
        sock.sendall(chat(stream=True, model="openai"))
        await served.until(lambda: served.emulator.cancelled("openai") == 1)
        await served.until(lambda: bool(served.records))
        assert [each.outcome for each in served.records] == ["client_left"]


async def test_a_caller_who_reads_slowly_gets_everything(served: Served) -> None:
    peer = await served.running.connect()
    peer.writer.write(chat(stream=True, model="openai"))
    seen = b""
    while not seen.endswith(b"0\r\n\r\n"):
        seen += await peer.reader.read(50)
        await asyncio.sleep(0.01)
    assert b"data: [DONE]" in seen
    assert [each.outcome for each in served.records] == ["answered"]


async def test_malformed_requests_at_the_gateway(served: Served, deep: bool) -> None:
    """None is a bug, none hangs, and no answer or record holds a key."""
    chance = random.Random(15)
    paths = (b"/v1/messages", b"/v1/responses", b"/api/chat", b"/v1beta/models/openai:generateContent", b"/v1/models/x")
    for _ in range(100 if deep else 3):
        sound = [chat(model="openai").replace(b"/v1/chat/completions", chance.choice(paths)) for _ in range(50)]
        seen = await asyncio.gather(*(send_malformed(served.running, mutate(chance, data)) for data in sound))
        assert served.emulator.key.encode() not in b"".join(seen)
    assert served.emulator.key.encode() not in b"".join(map(line_of, served.records))
