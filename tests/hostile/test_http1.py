"""What the transport over httptools does beyond what holds for both: its pool, its writes, its limits."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.hostile.raw import Line, answer, serving
from tests.transports import Make
from understudy.domain.failures import FailureKind
from understudy.domain.secret import SecretHeader
from understudy.transport.base import Incoming, TransportError, Upload
from understudy.transport.http1 import pool as pool_module
from understudy.transport.http1.transport import Http1Transport
from understudy.wire.http import HttpRequest

PAUSE = 0.02
HEAD = b"HTTP/1.1 200 OK\r\n"


async def whole(incoming: Incoming) -> bytes:
    pieces: list[bytes] = []
    while piece := await incoming.read():
        assert len(piece) <= 16 << 10
        pieces.append(piece)
    incoming.release()
    return b"".join(pieces)


async def get(transport: Http1Transport, url: str, **fields: Any) -> bytes:
    return await whole(await transport.send(HttpRequest("GET", url, **fields), connect=5))


async def answering(line: Line) -> None:
    while True:
        request = await line.request()
        await line.send(answer(f"{line.number} {request.method} {request.path}"))


# ---- requests ----


async def test_a_request_as_it_is_written() -> None:
    heads: list[bytes] = []

    async def script(line: Line) -> None:
        heads.append(await line.reader.readuntil(b"\r\n\r\n"))
        await line.send(answer("ok"))

    headers = (("X-Key", SecretHeader("s3cret")), ("accept", "text/plain"), ("Content-Length", "7"))
    async with serving(script) as server:
        transport = Http1Transport()
        await get(transport, f"{server.url}/a b?c=%26#d", headers=headers)
        await get(transport, server.url, headers=(("Host", "elsewhere.test"), ("User-Agent", "mine")))
        await transport.aclose()
    defaults = ["accept-encoding: identity", "user-agent: understudy", "", ""]
    assert [head.decode().split("\r\n") for head in heads] == [
        [
            "GET /a%20b?c=%26 HTTP/1.1",
            f"host: 127.0.0.1:{server.port}",
            "X-Key: s3cret",
            "accept: text/plain",
            *defaults,
        ],
        ["GET / HTTP/1.1", "Host: elsewhere.test", "User-Agent: mine", "accept: */*", defaults[0], "", ""],
    ]


@pytest.mark.parametrize(
    ("method", "header"),
    [
        ("GET", ("x", "a\r\nb: c")), ("GET", ("x", "a\nb")), ("GET", ("x", "a\rb")), ("GET", ("x", "a\0")),
        ("GET", ("x: y\r\nz", "a")), ("GET", ("x y", "a")), ("GET", ("", "a")), ("GET", ("x", "\ud800")),
        ("GET /\r\n", ("x", "a")), ("", ("x", "a")),
    ],
)  # fmt: skip
async def test_what_http_cannot_express_is_not_sent(method: str, header: tuple[str, str]) -> None:
    async with serving(answering) as server:
        transport = Http1Transport()
        with pytest.raises(TransportError) as caught:
            await transport.send(HttpRequest(method, server.url, (header,)), connect=5)
        await transport.aclose()
    assert (caught.value.failure.kind, caught.value.failure.sent) == (FailureKind.LOCAL, False)
    assert not server.requests


@pytest.mark.parametrize("length", [None, 11], ids=["chunked", "of known length"])
async def test_an_upload_is_sent_as_it_arrives(length: int | None, each_transport: Make) -> None:
    arrived: asyncio.Queue[bytes] = asyncio.Queue()

    async def script(line: Line) -> None:
        while not (piece := await line.reader.read(1000)).endswith((b"0\r\n\r\n", b"last")):
            await arrived.put(piece)
        await line.send(answer("done"))

    async def pieces() -> AsyncIterator[bytes]:
        yield b"first.."
        while b"first.." not in await arrived.get():
            pass
        yield b"last"

    headers = () if length is None else (("content-length", str(length)),)
    async with serving(script) as server:
        transport = each_transport()
        assert (
            await whole(await transport.send(Upload("POST", server.url, headers, None, pieces()), connect=5)) == b"done"
        )
        await transport.aclose()


@pytest.mark.parametrize("given", ["short", "long", "broken"])
async def test_an_upload_that_is_not_as_promised_breaks_off(given: str) -> None:
    async def script(line: Line) -> None:
        await line.until_closed()

    async def pieces() -> AsyncIterator[bytes]:
        yield b"ab" if given == "short" else b"abcdef"
        if given == "broken":
            raise RuntimeError("the caller left")

    length = "9" if given == "broken" else "4"
    async with serving(script) as server:
        transport = Http1Transport()
        with pytest.raises(TransportError) as caught:
            await transport.send(Upload("POST", server.url, (("content-length", length),), None, pieces()), connect=5)
        await transport.aclose()
    assert (caught.value.failure.kind, caught.value.failure.sent) == (FailureKind.WRITE_FAILED, True)


# ---- the pool ----


async def test_places_are_given_in_the_order_of_the_requests() -> None:
    async with serving(answering) as one, serving(answering) as other:
        transport = Http1Transport(connections=1)
        first = await transport.send(HttpRequest("GET", f"{one.url}/0"), connect=5)
        ended: list[int] = []

        async def ask(number: int) -> None:
            await get(transport, f"{(one, other)[number % 2].url}/{number}")
            ended.append(number)

        waiting = [asyncio.create_task(ask(number)) for number in range(8)]
        await asyncio.sleep(0)
        waiting[3].cancel()
        await whole(first)
        await asyncio.gather(*waiting, return_exceptions=True)
        assert ended == [0, 1, 2, 4, 5, 6, 7]
        assert await get(transport, f"{one.url}/9"), "no place is lost"
        await transport.aclose()


async def test_idle_connections_are_closed_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "KEPT_OPEN", 0.05)
    closed = asyncio.Event()

    async def script(line: Line) -> None:
        await line.request()
        await line.send(answer("ok"))
        await line.until_closed()
        closed.set()

    async with serving(script) as server:
        transport = Http1Transport()
        await get(transport, server.url)
        await asyncio.wait_for(closed.wait(), 30)
        await transport.aclose()


def test_one_transport_serves_several_loops(each_transport: Make) -> None:
    transport = each_transport()

    async def ask() -> bytes:
        async with serving(answering) as server:
            try:
                return b"|".join([await get(transport, server.url) for _ in range(2)])
            finally:
                await transport.aclose()

    assert [asyncio.run(ask()) for _ in range(2)] == [b"1 GET /|1 GET /"] * 2


def test_it_runs_on_uvloop() -> None:
    uvloop = pytest.importorskip("uvloop")

    async def ask() -> list[bytes]:
        async with serving(answering) as server:
            transport = Http1Transport()
            answers = [await get(transport, server.url) for _ in range(3)]
            incoming = await transport.send(HttpRequest("POST", server.url, body=bytes(300_000)), connect=5)
            answers.append(await whole(incoming))
            await transport.aclose()
        return answers

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(ask()) == [b"1 GET /"] * 3 + [b"1 POST /"]


async def test_a_response_that_ended_gives_its_connection_back_even_if_it_is_not_read() -> None:
    async with serving(answering) as server:
        transport = Http1Transport(connections=1)
        for _ in range(3):
            incoming = await transport.send(HttpRequest("GET", server.url), connect=5)
            incoming.close()
        await transport.aclose()
    assert server.connections == 1


# ---- responses ----


async def test_a_slow_reader_stops_the_server() -> None:
    sent = 0

    async def script(line: Line) -> None:
        nonlocal sent
        await line.request()
        await line.send(HEAD + b"content-length: 100000000\r\n\r\n")
        while sent < 100_000_000:
            await line.send(bytes(100_000))
            sent += 100_000

    async with serving(script) as server:
        transport = Http1Transport()
        incoming = await transport.send(HttpRequest("GET", server.url), connect=5)
        before = -1
        while before != sent:
            before = sent
            await asyncio.sleep(0.2)
        assert sent < 20_000_000, "what is on its way lies in the kernels"
        assert len(await whole(incoming)) == 100_000_000
        await transport.aclose()


TOO_MUCH: dict[str, tuple[bytes, bytes, str]] = {
    "extension": (
        HEAD + b"transfer-encoding: chunked\r\n\r\n1;",
        b"x" * 1000,
        "the body of the response is not valid HTTP",
    ),
    "trailers": (
        HEAD + b"transfer-encoding: chunked\r\n\r\n0\r\n",
        b"a: b\r\n" * 200,
        "the body of the response is not",
    ),
    "header": (HEAD + b"x: ", b"x" * 1000, "the headers of the response are too large"),
    "reason": (b"HTTP/1.1 200 ", b"x" * 1000, "the headers of the response are too large"),
    "blank lines": (b"", b"\r\n" * 500, "the headers of the response are too large"),
}


@pytest.mark.parametrize("name", TOO_MUCH)
async def test_what_never_ends_is_bounded(name: str) -> None:
    begin, more, words = TOO_MUCH[name]

    async def script(line: Line) -> None:
        await line.request()
        await line.send(begin)
        with contextlib.suppress(ConnectionError):
            while True:
                await line.send(more)
                await asyncio.sleep(0)

    async with serving(script) as server:
        transport = Http1Transport()
        with pytest.raises(TransportError) as caught:
            await asyncio.wait_for(get(transport, server.url), 60)
        await transport.aclose()
    assert caught.value.failure.kind is FailureKind.PROTOCOL
    assert caught.value.failure.message.startswith(words)


@pytest.mark.parametrize(("end", "is_whole"), [("close", True), ("reset", False)])
async def test_a_body_without_a_length_ends_with_its_connection(end: str, is_whole: bool) -> None:
    async def script(line: Line) -> None:
        await line.request()
        await line.send(HEAD + b"\r\nabc")
        await asyncio.sleep(PAUSE)
        if end == "reset":
            line.reset()

    async with serving(script) as server:
        transport = Http1Transport()
        incoming = await transport.send(HttpRequest("GET", server.url), connect=5)
        assert await incoming.read() == b"abc", "what arrived before comes first"
        if is_whole:
            assert await incoming.read() == b""
        else:
            with pytest.raises(TransportError, match="the connection broke in the middle of the response"):
                await incoming.read()
        await transport.aclose()


@pytest.mark.parametrize("step", ["connect", "head", "body"])
async def test_a_cancelled_request_leaves_nothing(step: str) -> None:
    async def script(line: Line) -> None:
        await line.request()
        await line.send(HEAD + (b"content-length: 9\r\n\r\nabc" if step == "body" else b""))
        await line.until_closed()
        gone.set()

    gone = asyncio.Event()
    async with serving(script) as server:
        transport = Http1Transport(connections=1)
        task = asyncio.create_task(get(transport, server.url))
        await asyncio.sleep(0)
        if step != "connect":
            async with asyncio.timeout(30):
                while not server.requests:
                    await asyncio.sleep(PAUSE)
            await asyncio.sleep(PAUSE)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        if step == "body":
            await transport.aclose()  # Whoever reads closes; this reader did not.
        if step != "connect":
            await asyncio.wait_for(gone.wait(), 30)
        await transport.aclose()


async def test_what_is_kept_for_later_requests_holds_no_key() -> None:
    async with serving(answering) as server:
        transport = Http1Transport()
        await get(transport, server.url, headers=(("authorization", SecretHeader("Bearer s3cret-4711")),))
        (target,) = getattr(transport, "_targets").values()  # noqa: B009
        assert "s3cret" not in "".join(str(getattr(target, name)) for name in target.__struct_fields__)
        assert repr(target) == f"Target('GET', '{server.url}')"
        await transport.aclose()
