"""A stream that trickles is ended like one that is silent, if its entry demands a speed. In virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

import understudy as u
from tests.engine.servers import STREAM_END, chunk, kinds
from understudy.domain.failures import Failure, FailureKind
from understudy.transport.base import Incoming, TransportError
from understudy.virtual_time import run
from understudy.wire.http import HttpHead, HttpRequest

Piece = tuple[float, bytes]


class Trickling:
    """A response whose pieces arrive after pauses."""

    def __init__(self, pieces: Iterator[Piece]) -> None:
        self.head = HttpHead(200, {"content-type": "text/event-stream"})
        self._pieces = pieces
        self._closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def read(self) -> bytes:
        pause, piece = next(self._pieces, (0.0, b""))
        await asyncio.wait((self._closed,), timeout=pause)
        if self._closed.done():
            raise TransportError(Failure(kind=FailureKind.DISCONNECTED, message="closed"))
        return piece

    def release(self) -> None:
        return None

    def close(self) -> None:
        if not self._closed.done():
            self._closed.set_result(None)


class Line:
    """A transport whose every answer is made of the same pieces."""

    def __init__(self, *pieces: Piece) -> None:
        self._pieces = pieces

    async def send(self, request: HttpRequest, *, connect: float) -> Incoming:
        return Trickling(iter(self._pieces))

    async def aclose(self) -> None:
        return None


END: Piece = (0.0, chunk(None, "stop") + STREAM_END)


def llm(line: Line, name: str = "primary", **settings: Any) -> u.Provider:
    config = u.ProviderConfig(provider="openai", name=name, api_key="sk-test", text_model="gpt-5", **settings)
    return u.create_provider(config, transport=line)


def slowly(seconds: float, count: int, text: str = "word word ") -> tuple[Piece, ...]:
    return tuple((seconds, chunk(text)) for _ in range(count))


def test_a_trickle_falls_back() -> None:
    """Ten bytes, two and a half tokens, every five seconds: half a token per second."""
    trickle = llm(Line(*slowly(5.0, 100), END), min_tokens_per_second=1)
    backup = llm(Line((0.1, chunk("hello")), END), "backup", whole="stream")

    async def ask() -> u.GenerationResponse:
        return await u.ProviderManager([trickle, backup]).generate("Hi")

    response, seconds = run(ask())
    assert response.text == "hello"
    assert kinds(response.attempts) == [("primary", "stalled"), ("backup", None)]
    assert seconds == pytest.approx(5 + 10 + 0.1)
    failure = response.attempts[0].failure
    assert failure is not None
    assert failure.message == "about 0.5 tokens per second over 10 s, less than min_tokens_per_second = 1"


@pytest.mark.parametrize(
    ("settings", "pieces"),
    [
        ({}, slowly(5.0, 30)),
        ({"min_tokens_per_second": 0.4}, slowly(5.0, 30)),
        ({"min_tokens_per_second": 1}, slowly(1.0, 60)),
        ({"min_tokens_per_second": 1}, slowly(5.0, 30, "五" * 9)),
        ({"min_tokens_per_second": 100}, ((30.0, chunk("a")), (9.0, chunk("b")))),
    ],
    ids=["off", "above", "often", "bytes count", "too short to judge"],
)
def test_what_is_fast_enough_goes_on(settings: dict[str, Any], pieces: tuple[Piece, ...]) -> None:
    async def ask() -> u.GenerationResponse:
        return await llm(Line(*pieces, END), **settings).stream("Hi").collect()

    response, _ = run(ask())
    assert len(response.attempts) == 1


def test_the_time_of_a_slow_reader_is_not_the_provider_s() -> None:
    async def ask() -> str:
        text = ""
        async with llm(Line(*slowly(1.0, 30), END), min_tokens_per_second=2).stream("Hi") as stream:
            async for piece in stream.text():
                text += piece
                await asyncio.sleep(7.0)
        return text

    text, _ = run(ask())
    assert text == "word word " * 30


def test_a_stream_that_was_shown_ends_with_what_was_shown() -> None:
    async def ask() -> None:
        async with llm(Line(*slowly(1.0, 20), *slowly(9.0, 20), END), min_tokens_per_second=1).stream("Hi") as stream:
            async for _ in stream:
                pass

    with pytest.raises(u.Unavailable) as caught:
        run(ask())
    assert caught.value.failure is not None
    assert caught.value.failure.kind is FailureKind.STALLED
    assert caught.value.partial is not None
