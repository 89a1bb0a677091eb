"""Closing a provider or a stream ends what runs there at once, whoever closes it, and nothing is sent afterwards."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from typing import Any

import pytest

import understudy as u
from tests.engine.fakes import eventually
from tests.engine.servers import (
    STREAM_HEAD,
    Script,
    Server,
    chunk,
    headers_only,
    manager,
    message,
    saying,
    serving,
    silent,
    well,
)
from understudy import blocking

BEGUN = saying(STREAM_HEAD, chunk("a"), then=silent)


def call(llm: Any, operation: str) -> Any:
    """Return a call as a coroutine."""
    match operation:
        case "generate":
            return llm.generate("Hi")
        case "stream":
            return llm.stream("Hi").collect()
        case "embed":
            return llm.embed("Hi")
        case "batches":
            return llm.embed(["Hi"] * 5000)
        case _:
            return getattr(llm, operation)()


@pytest.mark.parametrize("kind", ["provider", "manager"])
@pytest.mark.parametrize(
    ("operation", "script"),
    [
        ("generate", silent),
        ("generate", headers_only),
        ("stream", silent),
        ("stream", headers_only),
        ("stream", BEGUN),
        ("embed", silent),
        ("batches", silent),
        ("list_models", silent),
    ],
)
async def test_closing_ends_what_runs(kind: str, operation: str, script: Script) -> None:
    async with serving(script, script) as servers:
        llm: Any = u.create_provider(servers[0].entry()) if kind == "provider" else manager(*servers)
        running = asyncio.ensure_future(call(llm, operation))
        await eventually(lambda: bool(servers[0].requests))
        await asyncio.sleep(0.02)
        sent = [len(each.requests) for each in servers]
        await asyncio.wait_for(asyncio.gather(llm.aclose(), llm.aclose()), 30)
        with pytest.raises(u.Unavailable, match="the provider was closed") as caught:
            await asyncio.wait_for(running, 30)
        await asyncio.wait_for(llm.aclose(), 30)
        await asyncio.sleep(0.05)
        assert [len(each.requests) for each in servers] == sent
        if operation != "list_models" or kind == "provider":
            assert {str(each.failure.kind) for each in caught.value.attempts if each.failure} == {"cancelled"}
            assert {each.outcome for each in caught.value.attempts} == {u.Outcome.ABORTED}


async def test_closing_ends_a_request_that_waits_before_a_retry_and_a_new_one_works() -> None:
    busy = True

    async def script(asked: Any, writer: asyncio.StreamWriter) -> None:
        if not busy:
            return await well(asked, writer)
        head = b"HTTP/1.1 429 No\r\nretry-after: 15\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        writer.write(head)
        await writer.drain()
        return None

    async with serving(script) as (server,):
        llm = u.create_provider(server.entry())
        running = asyncio.ensure_future(llm.generate("Hi"))
        await eventually(lambda: bool(server.requests))
        await asyncio.sleep(0.05)
        assert not running.done(), "it waits for the time that the provider named"
        await asyncio.wait_for(llm.aclose(), 30)
        with pytest.raises(u.Unavailable, match="closed"):
            await asyncio.wait_for(running, 30)
        busy = False
        assert len(server.requests) == 1
        later = manager(server)
        assert (await later.generate("Hi")).text == "hello"
        await later.aclose()
        assert (await later.generate("Hi")).text == "hello", "a manager may be used again after it was closed"
        await later.aclose()


async def test_closing_a_provider_ends_a_stream_that_nobody_reads_just_now() -> None:
    records: list[u.AttemptRecord] = []
    async with serving(BEGUN) as (server,):
        llm = u.create_provider(server.entry(), observers=[records.append])
        stream = llm.stream("Hi")
        while await anext(stream) != u.TextDelta(0, "a"):
            pass
        await llm.aclose()
        await asyncio.wait_for(server.hung_up.wait(), 30)
        with pytest.raises(u.Unavailable, match="the provider was closed"):
            await stream.collect()  # what had arrived before is still read
    assert [each.outcome for each in records] == [u.Outcome.ABORTED]


async def test_another_task_may_close_a_stream() -> None:
    async with serving(BEGUN) as (server,), u.create_provider(server.entry()) as llm:
        stream = llm.stream("Hi")
        reading = asyncio.ensure_future(stream.collect())
        await eventually(lambda: bool(server.requests))
        await asyncio.sleep(0.05)
        await asyncio.gather(stream.aclose(), stream.aclose())
        with pytest.raises(u.Unavailable, match="the stream was closed before its end"):
            await reading
        await asyncio.wait_for(server.hung_up.wait(), 30)
        with pytest.raises(u.Unavailable):
            await anext(stream)


async def test_closing_ends_a_call_of_a_custom_provider() -> None:
    class Hanging:
        provider_type, name, priority = "own", "own", 1

        async def generate(self, prompt: Any, /, **options: Any) -> Any:
            await asyncio.Event().wait()

        async def stream(self, prompt: Any, /, **options: Any) -> Any:
            yield u.TextDelta(0, "a")
            await asyncio.Event().wait()

        async def aclose(self) -> None:
            return None

    own: Any = Hanging()
    llm = u.ProviderManager([own])
    for work in (llm.generate("Hi"), llm.stream("Hi").collect()):
        running = asyncio.ensure_future(work)
        await asyncio.sleep(0.02)
        await asyncio.wait_for(llm.aclose(), 30)
        with pytest.raises(u.Unavailable, match="the provider was closed"):
            await running


async def test_closing_while_a_request_is_planned_sends_nothing() -> None:
    """A strategy may have to wait for prices first."""
    async with serving(well) as (server,):
        llm = manager(server, strategy=u.FallbackStrategy.COST_OPTIMIZED)
        provider: Any = llm.providers[0]
        loading = asyncio.Event()

        async def prices_ready(model: str | None = None) -> None:
            loading.set()
            await asyncio.sleep(0.05)

        provider.backend.prices_ready = prices_ready
        running = asyncio.ensure_future(llm.generate("Hi"))
        await loading.wait()
        await llm.aclose()
        with pytest.raises(u.Unavailable, match="the provider was closed"):
            await running
        assert not server.requests


async def test_a_stream_whose_read_was_cancelled_never_looks_whole() -> None:
    async with serving(BEGUN) as (server,), u.create_provider(server.entry()) as llm:
        stream = llm.stream("Hi")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(stream.collect(), 0.1)
        with pytest.raises(u.Unavailable, match="ended early"):
            await stream.read()


async def test_a_stream_that_ended_stays_ended() -> None:
    async with serving(well) as (server,), u.create_provider(server.entry()) as llm:
        stream = llm.stream("Hi")
        await stream.collect()
        await stream.aclose()
        assert await stream.read() == []
        assert stream.response.text == "hello"


async def test_closing_from_threads_ends_blocking_calls_and_streams() -> None:
    """One thread reads or has read, another closes the stream or the provider."""
    async with serving(BEGUN) as (server,):
        outcomes = await asyncio.to_thread(_in_threads, server)
    assert outcomes == {"reading": "Unavailable", "paused": "Unavailable", "provider": "Unavailable"}


def _in_threads(server: Server) -> dict[str, str]:
    outcomes: dict[str, str] = {}
    llm = blocking.create_provider(server.entry())

    def attempt(name: str, work: Any) -> None:
        try:
            outcomes[name] = repr(work())
        except u.LLMError as error:
            outcomes[name] = type(error).__name__

    reading, paused, other = llm.stream("Hi"), llm.stream("Hi"), llm.stream("Hi")
    threads = [threading.Thread(target=attempt, args=("reading", reading.collect))]
    threads[0].start()
    for stream in (paused, other):
        next(stream)
    while len(server.requests) < 3:
        time.sleep(0.005)
    time.sleep(0.05)
    reading.close()
    paused.close()
    attempt("paused", lambda: list(paused))
    threads.append(threading.Thread(target=attempt, args=("provider", other.collect)))
    threads[-1].start()
    time.sleep(0.05)
    llm.close()
    for thread in threads:
        thread.join(30)
    return outcomes


async def test_what_was_closed_before_it_was_sent_cost_nothing() -> None:
    asked = asyncio.Event()

    async def token() -> str:
        asked.set()
        await asyncio.sleep(60)
        return "never"

    records: list[u.AttemptRecord] = []
    async with serving(well) as (server,):
        entry = u.ProviderConfig(provider="openai", base_url=server.url, token=token, text_model="gpt-5")
        llm = u.create_provider(entry, observers=[records.append])
        running = asyncio.ensure_future(llm.generate("Hi"))
        await asyncio.wait_for(asked.wait(), 30)
        await llm.aclose()
        with pytest.raises(u.Unavailable, match="the provider was closed"):
            await running
        assert server.requests == []
    assert [record.cost_basis for record in records] == [u.CostBasis.NOT_SENT]


async def test_what_was_closed_after_it_was_sent_may_have_cost_something() -> None:
    records: list[u.AttemptRecord] = []
    async with serving(silent) as (server,):
        llm = u.create_provider(server.entry(), observers=[records.append])
        running = asyncio.ensure_future(llm.generate("Hi"))
        await eventually(lambda: bool(server.requests))
        await llm.aclose()
        with pytest.raises(u.Unavailable, match="the provider was closed"):
            await running
    assert [record.cost_basis for record in records] == [u.CostBasis.UNKNOWN]


# ---- last words ----


@pytest.mark.parametrize("way", ["cancelled", "deadline", "left"])
async def test_telling_a_provider_to_stop_is_in_nobodys_way(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Replicate's cancellation hangs; the caller never waits for it, and closing cuts it short."""
    monkeypatch.setattr("understudy.engine.http_attempt.CANCELLATION", 120.0)
    cancelled, polled = asyncio.Event(), asyncio.Event()

    async def script(asked: Any, writer: asyncio.StreamWriter) -> None:
        if asked.path.endswith("/cancel"):
            cancelled.set()
            await silent(asked, writer)
        if asked.path.endswith("/p1"):
            polled.set()
        body = b'{"id": "p1", "status": "processing", "model": "m/m", "urls": {}, "input": {}, "output": null}'
        fields = b'{"components": {"schemas": {"Input": {"properties": {"prompt": {}}}}}}'
        schema = b'{"owner": "meta", "name": "m", "latest_version": {"openapi_schema": ' + fields + b"}}"
        writer.write(message("application/json", body if "/predictions" in asked.path else schema))
        await writer.drain()

    async with serving(script) as (server,):
        entry = u.ProviderConfig(
            provider="replicate", base_url=server.url[:-3], api_key=u.Secret("sk-test"), text_model="meta/m"
        )
        llm = u.create_provider(entry)
        if way == "deadline":
            with pytest.raises(u.DeadlineExceeded):
                await llm.generate("Hi", deadline=1)
        else:
            task = asyncio.ensure_future(llm.generate("Hi") if way == "cancelled" else anext(llm.stream("Hi")))
            await asyncio.wait_for(polled.wait(), 30)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert cancellations(), "the caller is told before the cancellation ends"
        await asyncio.wait_for(cancelled.wait(), 30)
        assert cancellations()
        await asyncio.wait_for(llm.aclose(), 30)
        assert not cancellations()


def cancellations() -> list[asyncio.Task[Any]]:
    return [task for task in asyncio.all_tasks() if "_send_cancellation" in repr(task)]


async def test_a_call_that_ended_is_not_kept() -> None:
    """Whatever closing must know of calls under way, it forgets when they end: also streams, and those given up."""

    def kept() -> int:
        gc.collect()
        return sum(isinstance(each, u.AttemptRecord) for each in gc.get_objects())

    async with serving(well) as (server,), u.create_provider(server.entry()) as llm:
        await llm.generate("Hi")
        before = kept()
        for _ in range(10):
            await llm.generate("Hi")
            await llm.stream("Hi").collect()
            async with llm.stream("Hi") as stream:
                await anext(stream)
            del stream
        assert kept() <= before + 2
