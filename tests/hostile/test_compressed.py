"""A server that compresses although nobody asked for it, as some proxies do."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator, Callable

import pytest

import understudy as u
from tests.hostile.bombs.wires import WIRES

WHOLE = {wire: form.whole.replace(b"%b", '"größer"'.encode()) for wire, form in WIRES.items() if wire != "replicate"}


class Server:
    """Answers every request by one function."""

    def __init__(self) -> None:
        self.status = 200
        self.kind = "application/json"
        self.coding = "gzip"
        self.pieces: list[bytes] = []
        self.next = asyncio.Event()
        """Set: the next piece is sent."""
        self.asked = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        self.asked = head
        length = next((int(line[16:]) for line in head.split("\r\n") if line.startswith("content-length: ")), 0)
        await reader.readexactly(length)
        lines = f"HTTP/1.1 {self.status} X\r\ncontent-type: {self.kind}\r\ncontent-encoding: {self.coding}\r\n"
        writer.write(f"{lines}connection: close\r\n\r\n".encode())
        for piece in self.pieces:
            await self.next.wait()
            writer.write(piece)
            await writer.drain()
            if len(self.pieces) > 1:
                self.next.clear()
        writer.close()


@pytest.fixture
async def server() -> AsyncIterator[tuple[Server, Callable[[str], u.LLMProvider]]]:
    one = Server()
    one.next.set()
    listener = await asyncio.start_server(one.serve, "127.0.0.1", 0)
    base = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"

    def build(wire: str) -> u.LLMProvider:
        form = WIRES[wire]
        config = u.ProviderConfig(
            provider=u.ProviderType(form.provider),
            base_url=base,
            api_key=u.Secret("k"),
            text_model=form.model,
            timeout=30,
        )
        return u.create_provider(config, fallback=u.FallbackConfig(max_retries=1, max_wait=0))

    yield one, build
    listener.close()


CODED: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "zlib": ("deflate", zlib.compress),
    "raw": ("deflate", lambda data: zlib.compress(data)[2:-4]),
}


@pytest.mark.parametrize("wire", WHOLE)
@pytest.mark.parametrize("coded", CODED)
async def test_gzip_and_deflate_are_read(
    wire: str, coded: str, server: tuple[Server, Callable[[str], u.LLMProvider]]
) -> None:
    one, build = server
    one.coding, compress = CODED[coded]
    one.pieces = [compress(WHOLE[wire])]
    async with build(wire) as llm:
        answer = await llm.generate("hi")
    assert answer.text == "größer"
    assert answer.raw == WHOLE[wire], "as it was before it was compressed"
    assert "accept-encoding: identity" in one.asked


@pytest.mark.parametrize("wire", [wire for wire in WHOLE if wire != "cohere"])
async def test_a_body_that_is_cut_within_its_compressed_data_is_no_answer(
    wire: str, server: tuple[Server, Callable[[str], u.LLMProvider]]
) -> None:
    one, build = server
    for lost in (1, 8, 20):
        one.pieces = [gzip.compress(WHOLE[wire])[:-lost]]
        async with build(wire) as llm:
            with pytest.raises(u.Unavailable) as caught:
                await llm.generate("hi")
        assert caught.value.failure is not None
        assert caught.value.failure.kind is u.FailureKind.TRUNCATED


async def test_a_compressed_stream_is_shown_as_it_arrives(
    server: tuple[Server, Callable[[str], u.LLMProvider]],
) -> None:
    one, build = server
    one.kind = "text/event-stream"
    squeeze = zlib.compressobj(wbits=31)
    words = ("one ", "two ", "three")
    for word in words:
        data = WIRES["openai"].event.replace(b"%b", b'"' + word.encode() + b'"')
        one.pieces.append(squeeze.compress(data) + squeeze.flush(zlib.Z_SYNC_FLUSH))
    end = b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    one.pieces.append(squeeze.compress(end) + squeeze.flush())
    seen = []
    async with build("openai") as llm:
        async for event in llm.stream("hi"):
            if isinstance(event, u.TextDelta):
                seen.append(event.text)
                one.next.set()  # The next one is sent only now.
    assert seen == list(words)


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, br"])
async def test_another_coding_is_refused_by_its_name_and_an_error_still_counts_by_its_status(
    coding: str, server: tuple[Server, Callable[[str], u.LLMProvider]]
) -> None:
    one, build = server
    one.coding, one.pieces = coding, [b"\x8b\x05\x80hello\x03"]
    async with build("openai") as llm:
        with pytest.raises(u.LLMError, match=f"compressed with '{coding}', which is not supported") as caught:
            await llm.generate("hi")
        assert caught.value.failure is not None
        assert caught.value.failure.kind is u.FailureKind.PROTOCOL
        one.status = 429
        with pytest.raises(u.RateLimited):
            await llm.generate("hi")


async def test_a_compressed_error_is_read(server: tuple[Server, Callable[[str], u.LLMProvider]]) -> None:
    one, build = server
    one.status = 401
    one.pieces = [gzip.compress(b'{"error":{"message":"Incorrect API key","code":"invalid_api_key"}}')]
    async with build("openai") as llm:
        with pytest.raises(u.AuthenticationFailed, match="Incorrect API key"):
            await llm.generate("hi")


async def test_an_error_whose_body_hangs_or_breaks_still_counts_by_its_status(
    server: tuple[Server, Callable[[str], u.LLMProvider]],
) -> None:
    one, build = server
    one.status, one.coding = 429, "identity"
    one.pieces = [b'{"error":{"mess']
    async with build("openai") as llm:
        with pytest.raises(u.RateLimited):
            await llm.generate("hi")
