"""What a server does to a connection never becomes part of an answer, and is named for what it is."""

from __future__ import annotations

import asyncio
import os
import socket
import threading

import pytest

import understudy
from tests.hostile.asking import WAYS, Way, failure, generate, list_models, numbered, provider
from tests.hostile.raw import Line, answer, serving
from tests.transports import Make
from understudy.domain.failures import FailureKind

pytestmark = pytest.mark.usefixtures("each_transport")
ways = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)

PAUSE = 0.02


EVIL = answer('{"object": "list", "data": [{"id": "666", "object": "model"}]}')
STRAY = {
    "a whole response": EVIL,
    "two responses": EVIL + EVIL,
    "the head of a response": EVIL[:40],
    "one byte": b"H",
    "no HTTP": b"\x00garbage\r\n\r\n",
    "a blank line": b"\r\n",
    "an interim response": b"HTTP/1.1 100 Continue\r\n\r\n",
}


@ways
@pytest.mark.parametrize("stray", STRAY.values(), ids=STRAY)
async def test_what_arrives_on_an_idle_connection_is_in_no_answer(way: Way, stray: bytes) -> None:
    async def script(line: Line) -> None:
        while True:
            await line.send(await numbered(line), stray, pause=PAUSE / 2)

    async with serving(script) as server:
        llm = provider(server)
        for number in (1, 2, 3):
            assert await way(llm) == str(number)
            await asyncio.sleep(PAUSE)
        await llm.aclose()
    assert (len(server.requests), server.connections) == (3, 3), "the connection is not used again, nothing is repeated"


@ways
@pytest.mark.parametrize("stray", [EVIL, EVIL[:40], EVIL + EVIL[:9], EVIL[:-5]], ids=["whole", "head", "more", "body"])
async def test_what_arrives_behind_an_answer_is_in_no_other(way: Way, stray: bytes) -> None:
    async def script(line: Line) -> None:
        while True:
            await line.send(await numbered(line) + stray)

    async with serving(script) as server:
        llm = provider(server)
        for number in (1, 2, 3):
            assert await way(llm) == str(number)
        await llm.aclose()
    assert (len(server.requests), server.connections) == (3, 3)


@ways
async def test_what_the_loop_had_no_time_to_read_is_in_no_answer(way: Way) -> None:
    """The bytes lie in the kernel when the next request is about to be written."""
    told = threading.Event()

    async def script(line: Line) -> None:
        while True:
            await line.send(await numbered(line))
            if line.number == 1:
                threading.Timer(PAUSE, stray_bytes, [line]).start()

    def stray_bytes(line: Line) -> None:
        sock: socket.socket = line.writer.get_extra_info("socket")
        os.write(sock.fileno(), EVIL)
        told.set()

    async with serving(script) as server:
        llm = provider(server)
        assert await way(llm) == "1"
        assert told.wait(30), "the loop is blocked until the server has sent"
        assert await way(llm) == "2"
        await llm.aclose()
    assert (len(server.requests), server.connections) == (2, 2)


async def test_a_server_that_speaks_first_is_not_heard() -> None:
    async def script(line: Line) -> None:
        await line.send(EVIL)
        await line.until_closed()

    async with serving(script) as server:
        llm = provider(server)
        found = await failure(lambda: list_models(llm))
        await llm.aclose()
    assert (found.kind, found.sent) == (FailureKind.PROTOCOL, False)
    assert found.message == "the server sent data before it received a request"


@ways
@pytest.mark.parametrize("end", ["closed", "reset"])
async def test_a_connection_that_closes_under_the_request_is_stale_once(way: Way, end: str) -> None:
    async def script(line: Line) -> None:
        await line.send(await numbered(line))
        if line.server.connections > 3:
            await line.send(await numbered(line))
        await line.request()  # read, and never answered
        if end == "reset":
            line.reset()

    async with serving(script) as server:
        llm = provider(server, tries=3)
        assert sorted(await asyncio.gather(way(llm), way(llm), way(llm))) == ["1", "2", "3"]
        assert await way(llm) == "5", "the fifth request is the repeated one, on a fourth connection"
        assert (len(server.requests), server.connections) == (5, 4)
        await asyncio.sleep(PAUSE)
        assert await way(llm) == "6", "the other idle ones of the server were closed: nothing else was stale"
        assert (len(server.requests), server.connections) == (6, 4)
        await llm.aclose()


@pytest.mark.parametrize(("served", "kind"), [(1, FailureKind.STALE_CONNECTION), (0, FailureKind.DISCONNECTED)])
async def test_only_a_connection_that_had_served_is_stale(served: int, kind: FailureKind) -> None:
    async def script(line: Line) -> None:
        if line.number == 1:
            for _ in range(served):
                await line.send(await numbered(line))
            await line.request()
        else:
            await line.send(await numbered(line))

    async with serving(script) as server:
        llm = provider(server, tries=2)
        for _ in range(served):
            await llm.generate("hello")
        response = await llm.generate("hello")
        await llm.aclose()
    first, second = response.attempts
    assert first.failure is not None
    assert (first.failure.kind, first.failure.sent, second.failure) == (kind, True, None)


async def test_a_connection_that_breaks_within_the_head_is_not_stale() -> None:
    async def script(line: Line) -> None:
        await line.send(await numbered(line))
        await line.request()
        await line.send(b"HTTP/1.1 200 OK\r\ncontent-")

    async with serving(script) as server:
        llm = provider(server)
        await llm.generate("hello")
        assert (await failure(lambda: generate(llm))).kind is FailureKind.DISCONNECTED
        await llm.aclose()


@ways
async def test_a_kept_connection_serves_many_calls(way: Way) -> None:
    async def script(line: Line) -> None:
        while True:
            await line.send(await numbered(line))

    async with serving(script) as server:
        llm = provider(server)
        assert [await way(llm) for _ in range(5)] == ["1", "2", "3", "4", "5"]
        await llm.aclose()
    assert server.connections == 1


async def test_an_answer_that_comes_before_the_request_is_whole_is_read() -> None:
    async def script(line: Line) -> None:
        await line.reader.readuntil(b"\r\n\r\n")
        await line.send(answer('{"error": {"message": "too big"}}', status="413 Content Too Large"))
        await asyncio.sleep(PAUSE)

    async with serving(script) as server:
        llm = provider(server)
        with pytest.raises(understudy.LLMError) as caught:
            await llm.generate("x" * 8_000_000)
        await llm.aclose()
    assert caught.value.attempts[-1].failure is not None
    assert caught.value.attempts[-1].failure.status == 413


# ---- closing ----


@ways
@pytest.mark.parametrize("when", ["connected", "within the head", "within the body"])
async def test_closing_ends_what_is_under_way(way: Way, when: str, each_transport: Make) -> None:
    async def script(line: Line) -> None:
        good = await numbered(line)
        await line.send(good[: {"connected": 0, "within the head": 20, "within the body": -5}[when]])
        await line.until_closed()

    async with serving(script) as server:
        transport = each_transport()
        llm = provider(server, tries=1, transport=transport)
        running = asyncio.ensure_future(way(llm))
        while not server.requests:
            await asyncio.sleep(PAUSE / 4)
        await asyncio.sleep(PAUSE)
        await asyncio.wait_for(transport.aclose(), 30)
        with pytest.raises(understudy.LLMError) as caught:
            await asyncio.wait_for(running, 30)
        found = caught.value.attempts[-1].failure
        assert found is not None
        assert (found.kind, found.sent) == (FailureKind.CANCELLED, True)
        assert len(server.requests) == 1, "nothing is sent after the close"
        await llm.aclose()


async def test_closing_ends_a_wait_for_the_pool_and_for_a_name(
    monkeypatch: pytest.MonkeyPatch, each_transport: Make
) -> None:
    hang = threading.Event()
    real = socket.getaddrinfo
    names: list[str] = []

    def getaddrinfo(host: str, *args: object, **named: object) -> object:
        names.append(host)
        if host == "slow.example":
            hang.wait(120)
        return real(host, *args, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    transport = each_transport(connections=1, pool_wait=90)
    llm = provider("http://slow.example:9", transport=transport, connect_timeout=90.0)
    running = [asyncio.create_task(failure(lambda: generate(llm))) for _ in range(2)]
    while not names:
        await asyncio.sleep(PAUSE / 4)
    await transport.aclose()
    found = await asyncio.wait_for(asyncio.gather(*running), 30)
    hang.set()
    assert {(one.kind, one.sent) for one in found} == {(FailureKind.CANCELLED, False)}
    await llm.aclose()


async def test_a_cancelled_call_stays_cancelled_when_the_provider_is_closed_at_the_same_time(
    each_transport: Make,
) -> None:
    async def script(line: Line) -> None:
        await line.request()
        await line.until_closed()

    async with serving(script) as server:
        transport = each_transport()
        llm = provider(server, transport=transport)
        running = asyncio.create_task(generate(llm))
        while not server.requests:
            await asyncio.sleep(PAUSE / 4)
        running.cancel()
        await transport.aclose()
        await asyncio.wait([running], timeout=30)
        assert running.cancelled()
        await llm.aclose()


async def test_a_call_after_closing_works() -> None:
    async def script(line: Line) -> None:
        while True:
            await line.send(await numbered(line))

    async with serving(script) as server:
        llm = provider(server)
        for number in ("1", "2"):
            assert await generate(llm) == number
            await llm.aclose()
    assert server.connections == 2
