"""How answers are framed and written by the server of `understudy serve`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.gateway.serving.serving import HOST, serving
from tests.gateway.serving.test_strict_http import GET, POST
from understudy.gateway.exchange import ClientGone, Exchange
from understudy.gateway.serving.limits import Limits
from understudy.gateway.serving.line import Shared
from understudy.gateway.serving.protocol import HttpProtocol

Handler = Callable[[Exchange], Awaitable[None]]
TYPE = ("content-type", "text/plain")


class Native:
    """What a handler answers, without ASGI between it and the server."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        self.asked: list[tuple[str, str, str]] = []

    async def serve(self, exchange: Exchange) -> None:
        self.asked.append((exchange.method, exchange.path, exchange.query))
        await self.handler(exchange)

    def note_refusal(self, method: str, status: int, seconds: float) -> None: ...

    def leave(self) -> None: ...

    async def drain(self, seconds: float) -> None: ...

    async def aclose(self) -> None: ...


async def whole(exchange: Exchange) -> None:
    await exchange.reply(200, (TYPE,), b"whole")


async def streamed(exchange: Exchange) -> None:
    await exchange.start(200, (TYPE,), b"one ")
    await exchange.write(b"two ")
    await exchange.end(b"three")


async def stated(exchange: Exchange) -> None:
    await exchange.start(200, (TYPE, ("content-length", "11")))
    await exchange.write(b"hello ")
    await exchange.end(b"world")


async def broken(exchange: Exchange) -> None:
    await exchange.start(200, (TYPE,), b"begun")


async def test_answers_are_framed_by_their_length_or_in_chunks() -> None:
    async with serving(Native(whole)) as running:
        assert b"content-length: 5\r\n\r\nwhole" in await running.exchange(GET + HOST + b"\r\n")
    async with serving(Native(stated)) as running:
        assert b"content-length: 11\r\n\r\nhello world" in await running.exchange(GET + HOST + b"\r\n")
    async with serving(Native(streamed)) as running:
        seen = await running.exchange(GET + HOST + b"\r\n")
        assert b"chunked\r\n\r\n4\r\none \r\n4\r\ntwo \r\n5\r\nthree\r\n0\r\n\r\n" in seen


@pytest.mark.parametrize("handler", [whole, streamed, stated])
async def test_head_gets_no_body_and_the_connection_goes_on(handler: Handler) -> None:
    async with serving(Native(handler)) as running:
        peer = await running.connect()
        for _ in range(2):
            peer.writer.write(b"HEAD /x HTTP/1.1\r\n" + HOST + b"\r\n")
            head = await peer.reader.readuntil(b"\r\n\r\n")
            assert (head[:15], b"chunked" in head) == (b"HTTP/1.1 200 OK", False)
        peer.writer.write(b"HEAD /x HTTP/1.1\r\nConnection: close\r\n" + HOST + b"\r\n")
        assert (await peer.rest()).endswith(b"\r\n\r\n")


async def test_http_1_0_gets_a_stream_without_chunks() -> None:
    async with serving(Native(streamed)) as running:
        seen = await running.exchange(b"GET /x HTTP/1.0\r\n\r\n")
        assert seen.endswith(b"connection: close\r\n\r\none two three")
        assert b"chunked" not in seen


async def test_a_broken_stream_of_http_1_0_ends_in_a_reset() -> None:
    """Its end is that of the connection, so only a reset shows that it is not whole."""
    async with serving(Native(broken)) as running:
        assert (await running.exchange(b"GET /x HTTP/1.0\r\n\r\n")).endswith(b"<reset>")


@pytest.mark.parametrize("last", [b"worl", b"world!"])
async def test_a_body_of_another_length_than_stated_is_cut(last: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async def handler(exchange: Exchange) -> None:
        await exchange.start(200, (TYPE, ("content-length", "11")), b"hello ")
        await exchange.end(last)

    async with serving(Native(handler)) as running:
        assert (await running.exchange(GET + HOST + b"\r\n")).endswith(b"hello ")
    assert "GET /x failed: ValueError" in caplog.text


@pytest.mark.parametrize("value", ["a\r\nset-cookie: b", "a\nb", "a\rb", "a\0b", "a\x7fb"])
@pytest.mark.parametrize("name", ["x", "x y", ""])
async def test_no_header_can_become_another_one(name: str, value: str) -> None:
    async def handler(exchange: Exchange) -> None:
        await exchange.reply(200, ((name, value if name == "x" else "sound"),), b"never")

    async with serving(Native(handler)) as running:
        seen = await running.exchange(GET + HOST + b"\r\n")
        assert seen.startswith(b"HTTP/1.1 500")
        assert b"never" not in seen
        assert b"cookie" not in seen


async def test_an_answer_that_closes_says_so() -> None:
    async with serving(Native(whole)) as running:
        for request in (b"GET /x HTTP/1.0\r\n\r\n", GET + HOST + b"Connection: close\r\n\r\n"):
            seen = await running.exchange(request)
            assert b"connection: close" in seen
            assert seen.endswith(b"whole")


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        (b"/a/b?c=d?e", "/a/b", "c=d?e"),
        (b"//a/b", "//a/b", ""),
        (b"/%41?", "/%41", ""),
        (b"http://a.example", "/", ""),
        (b"HTTP://A.example?c", "/", "c"),
        (b"http://a.example/a?c", "/a", "c"),
    ],
)
async def test_the_target_is_split_as_it_was_written(target: bytes, path: str, query: str) -> None:
    native = Native(whole)
    async with serving(native) as running:
        await running.exchange(b"GET " + target + b" HTTP/1.1\r\n" + HOST + b"\r\n")
    assert native.asked == [("GET", path, query)]


async def test_repeated_fields_are_joined() -> None:
    found: list[dict[str, str]] = []

    async def handler(exchange: Exchange) -> None:
        found.append(exchange.headers)
        await whole(exchange)

    async with serving(Native(handler)) as running:
        await running.exchange(GET + HOST + b"X-A: 1\r\nx-a: 2\r\nX-B: \xe9\r\n\r\n")
    assert found == [{"host": "a.example", "x-a": "1, 2", "x-b": "\xe9"}]


async def test_nothing_more_of_a_body_is_read_once_its_request_has_been_answered() -> None:
    ended: list[type[BaseException]] = []

    async def handler(exchange: Exchange) -> None:
        await whole(exchange)
        try:
            await exchange.read()
        except ClientGone as error:
            ended.append(type(error))

    async with serving(Native(handler)) as running:
        await running.exchange(POST + b"Content-Length: 5\r\n\r\nab")
    assert ended == [ClientGone]


class Pipe(asyncio.Transport):
    """A socket that notes what is written in one piece."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []

    def write(self, data: Any) -> None:
        self.written.append(bytes(data))

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        """Nothing is open."""

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default


def connected(handler: Handler) -> tuple[HttpProtocol, Pipe]:
    protocol, pipe = HttpProtocol(Shared(Native(handler), Limits())), Pipe()
    protocol.connection_made(pipe)
    return protocol, pipe


@pytest.mark.parametrize(("handler", "pieces"), [(whole, 1), (streamed, 3), (stated, 3)])
async def test_head_and_body_are_written_together(handler: Handler, pieces: int) -> None:
    protocol, pipe = connected(handler)
    protocol.data_received(GET + HOST + b"\r\n")
    await asyncio.gather(*protocol.shared.tasks)
    assert len(pipe.written) == pieces


async def test_answers_wait_for_a_caller_that_does_not_read() -> None:
    """Also the next answer on a connection: else a caller could have any number of them kept."""
    protocol, pipe = connected(whole)
    protocol.data_received(GET + HOST + b"\r\n")
    await asyncio.gather(*protocol.shared.tasks)
    protocol.pause_writing()
    protocol.data_received(GET + HOST + b"\r\n")
    task = next(iter(protocol.shared.tasks))
    await asyncio.wait({task}, timeout=0.02)
    assert (task.done(), len(pipe.written)) == (False, 1)
    protocol.resume_writing()
    await task
    assert len(pipe.written) == 2


async def test_a_bug_after_head_leaves_no_body_behind() -> None:
    async def crash(exchange: Exchange) -> None:
        raise ValueError(exchange.path)

    async with serving(Native(crash)) as running:
        seen = await running.exchange(b"HEAD /x HTTP/1.1\r\n" + HOST + b"\r\n")
        assert seen.startswith(b"HTTP/1.1 500")
        assert seen.endswith(b"\r\n\r\n")


async def test_what_was_never_answered_is_an_error() -> None:
    async def silent(exchange: Exchange) -> None:
        assert exchange.path == "/x"

    async with serving(Native(silent)) as running:
        assert (await running.exchange(GET + HOST + b"\r\n")).startswith(b"HTTP/1.1 500")


@pytest.mark.parametrize(
    ("cap", "pieces", "found"),
    [(5, [b"hello"], b"hello"), (4, [b"hello"], None), (5, [b"he", b"llo"], None), (5, [b"hell"], None)],
)
async def test_a_body_is_taken_at_once_if_all_of_it_is_there(
    cap: int, pieces: list[bytes], found: bytes | None
) -> None:
    """What is not taken can still be read."""
    seen: list[bytes | None] = []

    async def handler(exchange: Exchange) -> None:
        whole = exchange.take_whole(cap)
        seen.append(whole)
        if whole is not None:
            assert exchange.at_end
            assert exchange.take_whole(cap) is None
        else:
            seen.append(await exchange.read())

    protocol, _ = connected(handler)
    protocol.data_received(POST + b"Content-Length: 5\r\n\r\n")
    for piece in pieces:
        protocol.data_received(piece)
    await asyncio.gather(*protocol.shared.tasks)
    assert seen == ([found] if found is not None else [None, b"".join(pieces)])


async def test_the_body_of_a_caller_who_left_is_not_taken() -> None:
    seen: list[bytes | None] = []

    async def handler(exchange: Exchange) -> None:
        seen.append(exchange.take_whole(9))

    protocol, _ = connected(handler)
    protocol.data_received(POST + b"Content-Length: 5\r\n\r\nhello")
    protocol.connection_lost(None)
    await asyncio.gather(*protocol.shared.tasks, return_exceptions=True)
    assert seen == [None]


async def test_a_caller_who_expects_to_be_asked_for_the_body_is_asked() -> None:
    async def handler(exchange: Exchange) -> None:
        assert exchange.take_whole(9) is None
        await exchange.reply(200, (), await exchange.read())

    protocol, pipe = connected(handler)
    protocol.data_received(POST + b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello")
    await asyncio.gather(*protocol.shared.tasks)
    assert pipe.written[0] == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert pipe.written[1].endswith(b"hello")
