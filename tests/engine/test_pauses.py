"""Idle time is time spent waiting for the provider: neither a reader that pauses nor a blocked loop is its fault."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest

import understudy as u
from tests.engine.servers import (
    STREAM,
    STREAM_END,
    STREAM_HEAD,
    USAGE_CHUNK,
    Asked,
    Script,
    chunk,
    kinds,
    manager,
    saying,
    serving,
    silent,
)

QUICK: dict[str, Any] = {"idle_timeout": 0.15, "first_event_timeout": 0.15}


async def test_a_reader_that_pauses_longer_than_the_idle_limit_reads_on() -> None:
    said = saying(STREAM_HEAD, chunk("a"), 0.05, chunk("b"), 0.05, b": ping\n\n", chunk(None, "stop"), STREAM_END)
    async with serving(said) as (server,), u.create_provider(server.entry(**QUICK)) as llm, llm.stream("Hi") as stream:
        async for event in stream:
            if isinstance(event, u.TextDelta):
                await asyncio.sleep(0.4)
        assert stream.response.text == "ab"


async def test_content_that_flows_outlives_every_limit() -> None:
    pieces = [step for letter in "abcdefg" for step in (chunk(letter), 0.07)]
    said = saying(STREAM_HEAD, *pieces, chunk(None, "stop"), STREAM_END)
    async with serving(said) as (server,), u.create_provider(server.entry(**QUICK)) as llm:
        assert (await llm.stream("Hi").collect()).text == "abcdefg"


async def test_a_pause_at_an_event_without_content_does_not_count_either() -> None:
    said = saying(STREAM_HEAD, chunk("a"), 0.03, USAGE_CHUNK, 0.4, chunk(None, "stop"), STREAM_END)
    async with serving(said) as (server,), u.create_provider(server.entry(idle_timeout=0.3)) as llm:
        stream = llm.stream("Hi")
        async for event in stream:
            if isinstance(event, u.UsageReported):
                await asyncio.sleep(0.2)
        assert stream.response.text == "a"


async def test_after_the_pause_the_idle_limit_runs_anew() -> None:
    """The pause is no excuse for a provider that stalls."""
    async with (
        serving(saying(STREAM_HEAD, chunk("a"), then=silent)) as (server,),
        u.create_provider(server.entry(**QUICK)) as llm,
    ):
        stream = llm.stream("Hi")
        while await anext(stream) != u.TextDelta(0, "a"):
            pass
        await asyncio.sleep(0.4)
        began = time.monotonic()
        with pytest.raises(u.TimedOut) as caught:
            await stream.collect()
        waited = time.monotonic() - began
    assert 0.1 < waited < 1
    assert kinds(caught.value.attempts) == [("primary", "stalled")]


@pytest.mark.parametrize("at", ["head", "first", "later"])
async def test_a_loop_that_was_blocked_reads_what_came_meanwhile(at: str) -> None:
    """The server runs in a thread of its own; this loop stands still for longer than every limit."""
    pauses = {"head": (0.3, 0, 0), "first": (0, 0.3, 0), "later": (0, 0, 0.3)}[at]
    said = saying(pauses[0], STREAM_HEAD, pauses[1], chunk("a"), pauses[2], chunk("b"), chunk(None, "stop"), STREAM_END)
    with Elsewhere(said) as url:
        entry = u.ProviderConfig(provider="openai", base_url=url, api_key=u.Secret("sk-test"), text_model="m", **QUICK)
        async with u.create_provider(entry) as llm:
            reading = asyncio.ensure_future(llm.stream("Hi").collect())
            await asyncio.sleep(0.1)
            time.sleep(0.6)  # the blocking is what is tested
            assert (await reading).text == "ab"


async def test_nothing_is_read_while_the_reader_pauses() -> None:
    """What the server could write before its buffers were full is far from all that it has to say."""
    written = 0

    async def endless(asked: Asked, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        writer.write(STREAM_HEAD)
        piece = chunk("x" * 65_000)
        for _ in range(1000):
            writer.write(piece)
            await writer.drain()
            written += len(piece)

    async with serving(endless) as (server,), u.create_provider(server.entry()) as llm, llm.stream("Hi") as stream:
        await anext(stream)
        await asyncio.sleep(0.3)
        before = written
        await asyncio.sleep(0.1)
        assert written == before
        assert before < 32 << 20


async def test_a_reader_that_outstays_the_time_out_is_not_the_providers_fault() -> None:
    """The limit of the whole attempt holds, so that no connection is kept open for ever; but nothing else follows."""
    async with (
        serving(saying(STREAM_HEAD, chunk("a"), then=silent), saying(STREAM_HEAD, STREAM)) as servers,
        manager(*servers, entry={"timeout": 0.3}) as llm,
    ):
        stream = llm.stream("Hi")
        await anext(stream)
        await asyncio.wait_for(servers[0].hung_up.wait(), 3)
        with pytest.raises(u.DeadlineExceeded) as caught:
            async for _ in stream:
                pass
        assert kinds(caught.value.attempts) == [("primary", "deadline")]
        # The target is in no cooldown: the next request asks it first.
        again = llm.stream("Hi")
        await anext(again)
        await again.aclose()
    assert len(servers[0].requests) == 2
    assert not servers[1].requests


class Elsewhere:
    """A server on a loop of its own in another thread."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._loop: asyncio.AbstractEventLoop | None = None
        self._over = asyncio.Event()

    def __enter__(self) -> str:
        urls: list[str] = []
        up = threading.Event()

        async def main() -> None:
            self._loop = asyncio.get_running_loop()
            async with serving(self._script) as (server,):
                urls.append(server.url)
                up.set()
                await self._over.wait()

        self._thread = threading.Thread(target=lambda: asyncio.run(main()), daemon=True)
        self._thread.start()
        assert up.wait(5)
        return urls[0]

    def __exit__(self, *error: object) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(5)
