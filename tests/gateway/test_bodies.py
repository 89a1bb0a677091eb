"""Bodies: under the cap in every coding, refused before they cost anything."""

from __future__ import annotations

import gzip
import random
import tracemalloc
import zlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from understudy.dialects.server import BadRequest
from understudy.gateway.asgi import AsgiExchange, Receive
from understudy.gateway.bodies import CAP, RATIO
from understudy.gateway.bodies import read_body as read_exchange
from understudy.gateway.exchange import ClientGone

TEXT = b'{"model": "main", "messages": [{"role": "user", "content": "caf\xc3\xa9"}]}' * 3


class Client:
    """An ASGI client that sends pieces, then disconnects."""

    def __init__(self, pieces: Iterable[bytes], *, ends: bool = True) -> None:
        pieces = list(pieces)
        self.messages: list[dict[str, Any]] = [
            {"type": "http.request", "body": piece, "more_body": at < len(pieces) - 1 or not ends}
            for at, piece in enumerate(pieces)
        ]
        self.received = 0

    async def receive(self) -> dict[str, Any]:
        self.received += 1
        return self.messages.pop(0) if self.messages else {"type": "http.disconnect"}


async def never(message: Any) -> None:
    raise AssertionError(message)


async def read_body(receive: Receive, headers: dict[str, str], cap: int = CAP) -> bytes:
    scope = {"type": "http", "method": "POST", "path": "/", "headers": []}
    return await read_exchange(AsgiExchange(scope, receive, never), headers, cap)


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)] or [b""]


def zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(data)


def zstd_streamed(data: bytes) -> bytes:
    """Without the size of the content in the header, as streaming encoders write it."""
    compressor = zstandard.ZstdCompressor().compressobj()
    return compressor.compress(data) + compressor.flush()


CODINGS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "identity": bytes,
    "gzip": gzip.compress,
    "X-GZIP": gzip.compress,
    " zstd ": zstd,
    "zstd, identity": zstd_streamed,
}


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("size", [1, 7, 10_000])
async def test_every_coding_gives_the_same_body(coding: str, size: int) -> None:
    client = Client(cut(CODINGS[coding](TEXT), size))
    assert await read_body(client.receive, {"content-encoding": coding}) == TEXT


def frames_of(data: bytes) -> list[bytes]:
    """Return bodies of one frame, spelled in every way that encoders have."""
    made = [
        zstandard.ZstdCompressor(write_checksum=checked, write_content_size=sized, level=level).compress(data)
        for checked in (False, True)
        for sized in (False, True)
        for level in (1, 7)
    ]
    return [*made, zstd_streamed(data), SKIPPED + made[0], made[0] + SKIPPED, made[0] + made[-1]]


SKIPPED = (0x184D2A53).to_bytes(4, "little") + (5).to_bytes(4, "little") + b"notes"
"""A skippable frame (RFC 8878 §3.1.2)."""
ENDS = {"empty": b"", "short": TEXT[:40], "runs": b"a" * 400_000, "blocks": random.Random(1).randbytes(140_000)}


def whole_frames(data: bytes) -> bool:
    """Check with zstandard whether a body ends with a frame."""
    while data.startswith(SKIPPED):
        data = data[len(SKIPPED) :]
    if not data:
        return True
    decoder = zstandard.ZstdDecompressor().decompressobj()
    decoder.decompress(data)
    return decoder.eof and whole_frames(decoder.unused_data)


@pytest.mark.parametrize("name", ENDS)
async def test_zstd_without_its_end_is_refused(name: str) -> None:
    for body in frames_of(ENDS[name]):
        near = {*range(40), *range(len(body) - 15, len(body)), *range(131_070, 131_085)}
        for place in sorted(near & set(range(1, len(body)))):
            part = body[:place]
            if whole_frames(part):
                continue
            with pytest.raises(BadRequest, match="not valid zstd: its end is missing"):
                await read_body(Client([part]).receive, {"content-encoding": "zstd"})
        assert whole_frames(body)
        for size in (1, 7, 100_000) if len(body) < 1000 else (100_000,):
            client = Client(cut(body, size))
            await read_body(client.receive, {"content-encoding": "zstd"})


async def test_a_request_without_a_body() -> None:
    assert await read_body(Client([b""]).receive, {}) == b""


async def test_messages_without_their_optional_fields() -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request"}

    assert await read_body(receive, {}) == b""


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
async def test_several_members_or_frames(coding: str) -> None:
    whole = CODINGS["gzip" if coding == "gzip" else " zstd "](TEXT)
    assert await read_body(Client([whole + whole]).receive, {"content-encoding": coding}) == TEXT + TEXT


@pytest.mark.parametrize(
    ("headers", "body", "status", "words"),
    [
        ({"content-length": "101"}, b"", 413, "101 bytes, more than the 100"),
        ({"content-length": "9" * 5000}, b"", 413, "more than the 100"),
        ({"content-length": "-1"}, b"", 400, "not a number"),
        ({"content-length": "1, 1"}, b"", 400, "not a number"),
        ({"content-length": "٣"}, b"", 400, "not a number"),
        ({}, b"x" * 101, 413, "exceeds the 100 bytes"),
        ({"content-encoding": "gzip"}, gzip.compress(b"x" * 101, mtime=0), 413, "exceeds the 100 bytes"),
        ({"content-encoding": "zstd"}, zstd(b"x" * 101), 413, "exceeds the 100 bytes"),
        ({"content-encoding": "br"}, b"", 415, "'br' is not supported: gzip and zstd are"),
        ({"content-encoding": "deflate"}, zlib.compress(b"x"), 415, "'deflate' is not supported"),
        ({"content-encoding": "gzip, gzip"}, b"", 415, "more than once"),
        ({"content-encoding": "zstd, br"}, b"", 415, "more than once"),
        ({"content-encoding": "gzip"}, b"{}", 400, "not valid gzip"),
        ({"content-encoding": "gzip"}, gzip.compress(b"{}", mtime=0)[:-4], 400, "its end is missing"),
        ({"content-encoding": "gzip"}, gzip.compress(b"{}", mtime=0) + b"{}", 400, "not valid gzip"),
        ({"content-encoding": "zstd"}, b"{}", 400, "not valid zstd"),
        ({"content-encoding": "zstd"}, zstd(b"{}") + b"{...}", 400, "not valid zstd"),
    ],
)
async def test_refusals(headers: dict[str, str], body: bytes, status: int, words: str) -> None:
    client = Client([body])
    with pytest.raises(BadRequest) as caught:
        await read_body(client.receive, headers, 100)
    assert caught.value.failure.status == status
    assert words in caught.value.failure.message
    if "content-length" in headers or status == 415:
        assert client.received == 0


async def test_the_rest_of_a_body_beyond_the_cap_is_not_read() -> None:
    client = Client([b"x" * 60] * 10)
    with pytest.raises(BadRequest):
        await read_body(client.receive, {}, 100)
    assert client.received == 2


@pytest.mark.parametrize("pieces", [[], [b'{"model"'], [b"a", b"b"]])
@pytest.mark.parametrize("coding", ["", "gzip", "zstd"])
async def test_a_client_that_disconnects(pieces: list[bytes], coding: str) -> None:
    whole = [CODINGS[{"": "", "gzip": "gzip", "zstd": " zstd "}[coding]](piece) for piece in pieces]
    with pytest.raises(ClientGone):
        await read_body(Client(whole, ends=False).receive, {"content-encoding": coding})


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
async def test_bombs_are_refused_at_a_multiple_of_their_size(coding: str) -> None:
    zeros = bytes(60 << 20)
    bomb = gzip.compress(zeros, 4) if coding == "gzip" else zstandard.ZstdCompressor(level=3).compress(zeros)
    del zeros
    client = Client(cut(bomb, 1 << 16))
    tracemalloc.start()
    with pytest.raises(BadRequest) as caught:
        await read_body(client.receive, {"content-encoding": coding})
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert caught.value.failure.status == 413
    assert f"more than {RATIO} times its size" in caught.value.failure.message
    assert peak < 32 << 20


async def test_a_zstd_window_beyond_that_of_http_is_refused() -> None:
    wide = zstandard.ZstdCompressionParameters(window_log=27)
    compressor = zstandard.ZstdCompressor(compression_params=wide).compressobj()
    whole = compressor.compress(TEXT) + compressor.flush()
    with pytest.raises(BadRequest, match="not valid zstd"):
        await read_body(Client([whole]).receive, {"content-encoding": "zstd"})


async def test_what_compresses_well_but_is_small_passes() -> None:
    text = bytes(1 << 19)
    for coding, compress in (("gzip", gzip.compress), ("zstd", zstd)):
        assert await read_body(Client([compress(text)]).receive, {"content-encoding": coding}) == text


@given(st.binary(max_size=300), st.sampled_from(["", "gzip", "zstd"]), st.integers(1, 50), st.booleans())
async def test_any_bytes_give_a_body_or_a_refusal(data: bytes, coding: str, size: int, ends: bool) -> None:
    start = {"": b"", "gzip": b"\x1f\x8b\x08\x00", "zstd": b"\x28\xb5\x2f\xfd"}[coding]
    client = Client(cut(start + data, size), ends=ends)
    with suppress(ClientGone, BadRequest):
        body = await read_body(client.receive, {"content-encoding": coding}, 200)
        assert ends
        assert coding or body == data


@given(st.binary(max_size=2000), st.sampled_from(list(CODINGS)), st.integers(1, 500))
async def test_any_body_survives_any_coding_and_split(data: bytes, coding: str, size: int) -> None:
    client = Client(cut(CODINGS[coding](data), size))
    assert await read_body(client.receive, {"content-encoding": coding}) == data
