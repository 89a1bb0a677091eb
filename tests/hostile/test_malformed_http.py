"""What is not HTTP, or too much of it, is named so without a word of it, and its connection is closed."""

from __future__ import annotations

import asyncio

import pytest

from tests.hostile.asking import failure, generate, numbered, provider
from tests.hostile.raw import Line, answer, serving
from understudy.domain.failures import FailureKind

pytestmark = pytest.mark.usefixtures("each_transport")

PAUSE = 0.02

SECRET = "what-the-user-wrote"
HEADS = {
    "not HTTP": f"{SECRET}\r\n\r\n",
    "no version": f"HTTP/x {SECRET}\r\n\r\n",
    "both lengths": f"HTTP/1.1 200 {SECRET}\r\ntransfer-encoding: chunked\r\ncontent-length: 3\r\n\r\nabc",
    "two lengths": f"HTTP/1.1 200 {SECRET}\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabc",
    "negative length": f"HTTP/1.1 200 {SECRET}\r\ncontent-length: -1\r\n\r\n",
    "signed length": f"HTTP/1.1 200 {SECRET}\r\ncontent-length: +1\r\n\r\na",
    "NUL in a header": f"HTTP/1.1 200 OK\r\nx: {SECRET}\0\r\ncontent-length: 0\r\n\r\n",
    "CR in a header": f"HTTP/1.1 200 OK\r\nx: {SECRET}\rb\r\ncontent-length: 0\r\n\r\n",
    "blank before the colon": f"HTTP/1.1 200 OK\r\nx : {SECRET}\r\ncontent-length: 0\r\n\r\n",
    "header without a colon": f"HTTP/1.1 200 OK\r\n{SECRET}\r\ncontent-length: 0\r\n\r\n",
    "status of four digits": f"HTTP/1.1 2000 {SECRET}\r\ncontent-length: 0\r\n\r\n",
    "switching protocols": "HTTP/1.1 101 Switching\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
    "status 99": "HTTP/1.1 099 Odd\r\ncontent-length: 0\r\n\r\n",
    "status 600": "HTTP/1.1 600 Odd\r\ncontent-length: 0\r\n\r\n",
    "status 999": "HTTP/1.1 999 Odd\r\ncontent-length: 0\r\n\r\n",
    "chunk size": f"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{SECRET}\r\n",
    "chunk end": f"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc{SECRET}\r\n",
    "many headers": "HTTP/1.1 200 OK\r\n" + "x: y\r\n" * 100_000 + "content-length: 0\r\n\r\n",
    "large headers": "HTTP/1.1 200 OK\r\n" + f"x: {'y' * 1000}\r\n" * 70 + "content-length: 0\r\n\r\n",
    "one large header": f"HTTP/1.1 200 OK\r\nx: {'y' * 70_000}\r\ncontent-length: 0\r\n\r\n",
    "large reason": f"HTTP/1.1 200 {'y' * 70_000}\r\ncontent-length: 0\r\n\r\n",
    "many interim responses": "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" * 3000,
}


@pytest.mark.parametrize("pieces", [1, 2], ids=["at once", "in two"])
@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
async def test_malformed_http_is_a_protocol_failure(head: str, pieces: int, caplog: pytest.LogCaptureFixture) -> None:
    async def script(line: Line) -> None:
        await line.request()
        raw = head.encode("latin-1")
        middle = raw.find(b"\r\n\r\n") + 4 if b"chunked" in raw else len(raw) // 2
        await line.send(*([raw] if pieces == 1 else [raw[:middle], raw[middle:]]), pause=PAUSE)
        await line.until_closed()

    async with serving(script) as server:
        llm = provider(server)
        found = await failure(lambda: asyncio.wait_for(generate(llm), 30))
        await asyncio.sleep(0)
        assert found.kind is FailureKind.PROTOCOL
        for sink in (found.message, caplog.text):
            assert SECRET not in sink
            assert "yyyyy" not in sink
        await failure(lambda: generate(llm))
        assert server.connections == 2, "the socket is not used again"
        await llm.aclose()


async def test_interim_responses_are_skipped() -> None:
    async def script(line: Line) -> None:
        good = await numbered(line)
        await line.send(
            b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n" + good, pause=PAUSE
        )
        await line.until_closed()

    async with serving(script) as server:
        llm = provider(server)
        assert await generate(llm) == "1"
        await llm.aclose()


async def test_headers_within_the_limit_and_a_body_beyond_it_are_read() -> None:
    async def script(line: Line) -> None:
        good = await numbered(line)
        body = good.partition(b"\r\n\r\n")[2] + b" " * 200_000
        await line.send(answer(body, headers=f"content-type: application/json\r\nx: {'y' * 60_000}\r\n"))
        await line.until_closed()

    async with serving(script) as server:
        llm = provider(server)
        assert await generate(llm) == "1"
        await llm.aclose()


async def test_a_malformed_chunk_behind_the_end_of_one_that_was_read_is_noticed_at_once() -> None:
    async def script(line: Line) -> None:
        await line.request()
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
        await line.send(head + b'3\r\n{"a', b"\r\nnot a size\r\n", pause=PAUSE * 5)
        await line.until_closed()

    async with serving(script) as server:
        llm = provider(server)
        found = await failure(lambda: asyncio.wait_for(generate(llm), 20))
        await llm.aclose()
    assert (found.kind, found.message) == (FailureKind.PROTOCOL, "the body of the response is not valid HTTP")
