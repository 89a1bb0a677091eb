"""What callers do: they leave, they are slow, their clocks jump and their loops stand still."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading
import time
from collections.abc import AsyncIterator, Iterator
from unittest import mock

import pytest

import understudy as u
from tests.hostile.answers.base import PIECES, TEXT
from tests.hostile.clients import CHATTING, PROMPT, Cast, cast, tried, until
from tests.hostile.framing import LAST, chunk, chunked_head
from tests.hostile.server import Hang, HostileServer, Pause, Repeat, Request, Script


@pytest.fixture
async def server() -> AsyncIterator[HostileServer]:
    async with HostileServer() as running:
        yield running


async def _left(made: Cast) -> None:
    await asyncio.wait_for(made.primary.left.wait(), 30)


@pytest.mark.parametrize("operation", ["generate", "stream", "embed"])
async def test_a_caller_that_leaves_before_the_first_byte_stops_the_provider(
    server: HostileServer, operation: str
) -> None:
    async def one(dialect: str) -> None:
        async with cast(server, dialect, lambda _: (Hang(),), operation=operation) as made:
            asking = asyncio.create_task(made.ask())
            await until(made.hits)
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            await _left(made)
            (record,) = made.ledger
            assert record.outcome is u.Outcome.ABORTED
            assert record.cost_basis is u.CostBasis.UNKNOWN
            assert made.backup.requests == []

    dialects = ("openai", "gemini", "cohere", "ollama", "hf-features") if operation == "embed" else CHATTING
    await asyncio.gather(*map(one, dialects))


async def test_a_caller_that_leaves_a_stream_stops_the_provider_and_is_billed_for_what_came(
    server: HostileServer,
) -> None:
    async def one(dialect: str) -> None:
        made: Cast

        def respond(request: Request) -> Script | None:
            answers = made.answers
            if not answers.flows(request):
                return None
            frames = chunk(answers.opening) + chunk(answers.pieces[0])
            return (chunked_head(answers.stream_type) + frames, Hang())

        async with cast(server, dialect, respond, operation="stream") as made:
            stream = made.manager.stream(PROMPT)
            async for piece in stream.text():
                assert piece == PIECES[0]
                break
            await stream.aclose()
            await _left(made)
            (record,) = made.ledger
            assert record.outcome is u.Outcome.ABORTED
            assert record.cost_basis is u.CostBasis.ESTIMATED
            assert made.backup.requests == []
            if made.answers.streamed_apart is not None:
                await until(lambda: any(each.path.endswith("/cancel") for each in made.primary.requests))

    await asyncio.gather(*map(one, CHATTING))


@pytest.mark.parametrize("dialect", ["openai", "anthropic", "ollama"])
async def test_a_callers_own_time_out_is_no_failure_of_the_provider(server: HostileServer, dialect: str) -> None:
    silent = True
    async with cast(server, dialect, lambda _: (Hang(),) if silent else None) as made:
        for _ in range(6):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await made.ask()
        for _ in range(6):
            error = await made.lost(deadline=0.05)
            assert isinstance(error, u.DeadlineExceeded)
        silent = False
        assert (await made.ask()).provider == "primary"


async def test_a_slow_reader_loses_nothing_and_holds_the_provider_back(server: HostileServer) -> None:
    async def one(dialect: str) -> None:
        made: Cast

        def respond(request: Request) -> Script | None:
            answers = made.answers
            if not answers.flows(request):
                return None
            rest = (answers.ending, answers.mark)
            flood = chunk(answers.ping * (50_000 // len(answers.ping)))
            first = chunked_head(answers.stream_type) + chunk(answers.opening) + chunk(answers.pieces[0])
            return (first, *[flood] * 5, b"".join(map(chunk, (*answers.pieces[1:], *rest))) + LAST)

        async with cast(server, dialect, respond, operation="stream", limits={"idle_timeout": 1.0}) as made:
            shown = ""
            async for piece in made.manager.stream(PROMPT).text():
                # Much longer than the provider may be silent: the pause is ours, not its.
                if not shown:
                    await asyncio.sleep(2.2)
                shown += piece
            assert shown == TEXT, dialect

    await asyncio.gather(*(one(name) for name in ("openai", "anthropic", "ollama")))


async def test_what_nobody_reads_is_not_fetched(server: HostileServer) -> None:
    async def one(dialect: str) -> None:
        made: Cast

        def respond(request: Request) -> Script | None:
            answers = made.answers
            piece = chunk(answers.pieces[0] * 100)
            return (chunked_head(answers.stream_type) + chunk(answers.opening), Repeat(piece))

        async with cast(server, dialect, respond, operation="stream") as made:
            stream = made.manager.stream(PROMPT)
            async for _ in stream.text():
                break
            written = [-1, 0]
            while written[-1] != written[-2]:  # the buffers of two sockets fill first
                assert written[-1] < 64 << 20, dialect
                await asyncio.sleep(0.3)
                written.append(made.primary.blocked)
            await stream.aclose()
            await _left(made)

    await asyncio.gather(*(one(name) for name in ("openai", "anthropic", "gemini", "ollama")))


# ---- clocks ----


@contextlib.contextmanager
def jumping_clock() -> Iterator[None]:
    """Let the wall clock jump by a day at each look, forth and back."""
    real = time.time
    jumps = itertools.cycle((86_400.0, -86_400.0, 3_600.0, -7_200.0, 0.0))

    def jumping() -> float:
        return real() + next(jumps)

    with mock.patch("time.time", jumping):
        yield


async def test_a_wall_clock_that_jumps_changes_nothing(server: HostileServer) -> None:
    """A suspended machine, or a clock that is set: only the monotonic clock counts."""

    async def one(dialect: str) -> None:
        hung = False

        def respond(_: Request) -> Script | None:
            nonlocal hung
            first, hung = not hung, True
            return (Hang(),) if first else None

        limits = {"first_event_timeout": 0.2, "timeout": 0.2}
        async with cast(server, dialect, respond, limits=limits) as made:
            answer = await made.ask()
            assert tried(answer.attempts) == [("primary", "timeout_headers"), ("backup", "ok")]
            assert all(0 <= each.duration < 5 for each in answer.attempts)
            assert (await made.ask()).provider == "primary"

    with jumping_clock():
        await asyncio.gather(*map(one, ("openai", "anthropic", "ollama")))


@contextlib.contextmanager
def elsewhere() -> Iterator[tuple[asyncio.AbstractEventLoop, HostileServer]]:
    """Run a server in a thread of its own, so that it goes on while this thread's loop stands still."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def opened() -> HostileServer:
        return await HostileServer().__aenter__()

    server = asyncio.run_coroutine_threadsafe(opened(), loop).result(30)
    try:
        yield loop, server
    finally:
        asyncio.run_coroutine_threadsafe(server.__aexit__(None, None, None), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
        loop.close()


@pytest.mark.parametrize("dialect", ["openai", "ollama"])
async def test_a_loop_that_stands_still_is_no_silence_of_the_provider(dialect: str) -> None:
    """What arrived while the loop was blocked is looked at before the provider is blamed."""
    with elsewhere() as (_, server):
        made: Cast

        def respond(request: Request) -> Script | None:
            answers = made.answers
            frames = [frame for frame in (*answers.pieces, answers.ending, answers.mark) if frame]
            head = chunked_head(answers.stream_type) + chunk(answers.opening)
            steps = [step for frame in frames for step in (chunk(frame), Pause(0.05))]
            return (head, *steps, LAST)

        limits = {"idle_timeout": 0.2, "first_event_timeout": 5.0}
        async with cast(server, dialect, respond, operation="stream", limits=limits) as made:
            shown = ""
            async for piece in made.manager.stream(PROMPT).text():
                shown += piece
                time.sleep(0.3)
            assert shown == TEXT
