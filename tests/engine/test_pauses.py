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
    pieces = [step for letter in "abcdefghijk" for step in (chunk(letter), 0.1)]
    said = saying(STREAM_HEAD, *pieces, chunk(None, "stop"), STREAM_END)
    limits: dict[str, Any] = {"idle_timeout": 1.0, "first_event_timeout": 1.0}
    async with serving(said) as (server,), u.create_provider(server.entry(**limits)) as llm:
        assert (await llm.stream("Hi").collect()).text == "abcdefghijk"


async def test_a_pause_at_an_event_without_content_does_not_count_either() -> None:
    said = saying(STREAM_HEAD, chunk("a"), 0.03, USAGE_CHUNK, 1.4, chunk(None, "stop"), STREAM_END)
    async with serving(said) as (server,), u.create_provider(server.entry(idle_timeout=1.0)) as llm:
        stream = llm.stream("Hi")
        async for event in stream:
            if isinstance(event, u.UsageReported):
                await asyncio.sleep(1.2)
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
            await asyncio.wait_for(stream.collect(), 30)
        assert time.monotonic() - began > 0.1
    assert kinds(caught.value.attempts) == [("primary", "stalled")]


@pytest.mark.parametrize("at", ["head", "first", "later"])
async def test_a_loop_that_was_blocked_reads_what_came_meanwhile(at: str) -> None:
    """The server runs in a thread of its own; this loop stands still until all is said, longer than every limit.

    The blocked time is added to the loop's clock, so that the limits can be long enough for a busy machine.
    """
    loop = asyncio.get_running_loop()
    steps = [STREAM_HEAD, chunk("a"), chunk("b") + chunk(None, "stop") + STREAM_END]
    before = {"head": 0, "first": 1, "later": 2}[at]
    arrived, blocked, said = asyncio.Event(), threading.Event(), threading.Event()

    async def script(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(b"".join(steps[:before]))
        await writer.drain()
        loop.call_soon_threadsafe(arrived.set)
        await asyncio.to_thread(blocked.wait, 30)
        writer.write(b"".join(steps[before:]))
        await writer.drain()
        said.set()

    with Elsewhere(script) as url:
        limits: dict[str, Any] = {"idle_timeout": 20.0, "first_event_timeout": 20.0}
        entry = u.ProviderConfig(provider="openai", base_url=url, api_key=u.Secret("sk-test"), text_model="m", **limits)
        async with u.create_provider(entry) as llm:
            reading = asyncio.ensure_future(llm.stream("Hi").collect())
            await asyncio.wait_for(arrived.wait(), 30)
            await asyncio.sleep(0.05)  # until what was said before is read
            blocked.set()
            assert said.wait(30)  # blocks the loop, which is what is tested
            clock = loop.time
            loop.time = lambda: clock() + 60.0  # type: ignore[method-assign]
            try:
                assert (await reading).text == "ab"
            finally:
                loop.time = clock  # type: ignore[method-assign]


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
        before = -1
        while written > before:  # until its buffers are full, or all is written
            before = written
            await asyncio.sleep(0.1)
        assert 0 < written < 32 << 20


async def test_a_reader_that_outstays_the_time_out_is_not_the_providers_fault() -> None:
    """The limit of the whole attempt holds, so that no connection is kept open for ever; but nothing else follows."""
    async with (
        serving(saying(STREAM_HEAD, chunk("a"), then=silent), saying(STREAM_HEAD, STREAM)) as servers,
        manager(*servers, entry={"timeout": 0.3}) as llm,
    ):
        stream = llm.stream("Hi")
        await anext(stream)
        await asyncio.wait_for(servers[0].hung_up.wait(), 30)
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
        assert up.wait(30)
        return urls[0]

    def __exit__(self, *error: object) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(30)
