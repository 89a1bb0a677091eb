"""Emulated providers without sockets, and virtual time: the real engine and wire formats, and no waiting."""

from __future__ import annotations

import asyncio
import time

import pytest

import understudy as u
from understudy import blocking
from understudy.emulator import Emulator, emulate
from understudy.testing import EmulatedTransport, FakeProvider, Fault, Reply, run_virtually, virtual_time

QUESTION = "What is the capital of France?"


def openai(transport: u.Transport, key: str = "test-key", **fields: object) -> u.Provider:
    entry = u.ProviderConfig(provider="openai", api_key=key, text_model="gpt-4.1-mini")
    return u.create_provider(entry, transport=transport, fallback=u.FallbackConfig(max_retries=1))


async def test_it_answers_as_the_emulator_over_sockets_does() -> None:
    async with Emulator(("openai",)) as emulator:
        entry = u.ProviderConfig(
            provider="openai", api_key="test-key", text_model="gpt-4.1-mini", base_url=emulator.url("openai")
        )
        async with u.create_provider(entry) as over_sockets:
            expected = [
                (await over_sockets.generate(QUESTION)).raw,
                (await over_sockets.stream(QUESTION).collect()).text,
            ]
    transport = EmulatedTransport("openai")
    llm = openai(transport)
    assert [(await llm.generate(QUESTION)).raw, (await llm.stream(QUESTION).collect()).text] == expected
    first = transport.requests[0]
    assert (first.path, first.outcome, first.status, first.authenticated) == (
        "/v1/chat/completions",
        "answered",
        200,
        True,
    )
    assert "authorization" not in first.headers


async def test_keys_and_faults_are_those_of_the_emulator() -> None:
    with pytest.raises(u.AuthenticationFailed):
        await openai(EmulatedTransport("openai"), key="wrong").generate(QUESTION)
    faults = [Fault.status(429, retry_after=3), Fault.reset(), Fault.cut(1), Fault.cut(1, clean=True), Fault.empty()]
    transport = EmulatedTransport("openai", faults)
    llm = openai(transport)
    found = []
    for _ in range(6):
        try:
            found.append((await llm.stream(QUESTION).collect()).text)
        except u.LLMError as error:
            found.append(str(error.failure.kind) if error.failure else "")
        llm = openai(transport)  # without a cooldown
    assert found == ["rate_limited", "disconnected", "disconnected", "truncated", "empty", "The capital is Paris."]
    assert [request.outcome for request in transport.requests][1:3] == ["reset", "cut"]
    assert transport.remaining == 0
    with pytest.raises(LookupError):
        EmulatedTransport("nobody")


async def test_a_reader_that_leaves_is_noticed() -> None:
    transport = EmulatedTransport("openai")
    async with openai(transport).stream(QUESTION) as stream:
        async for event in stream:
            if isinstance(event, u.TextDelta):
                break
    assert transport.requests[0].outcome == "client_left"


async def test_an_emulator_can_be_reached_without_its_socket() -> None:
    async with Emulator(("openai",)) as emulator:
        llm = openai(emulator.transport("openai"))
        emulator.script("openai", [Fault.status(500)])
        with pytest.raises(u.ServerFailed):
            await llm.generate(QUESTION)
        assert len(emulator.requests("openai")) == 1
        await emulator.stop("openai")
        with pytest.raises(u.ConnectionFailed, match="port is closed"):
            await openai(emulator.transport("openai")).generate(QUESTION)


async def test_an_emulator_of_another_thread_is_stopped_on_its_own_loop() -> None:
    with emulate("openai") as emulator:
        entry = u.ProviderConfig(provider="openai", api_key="test-key", base_url=emulator.url("openai"))
        async with u.create_provider(entry, fallback=u.FallbackConfig(max_retries=1)) as llm:
            await emulator.stop("openai")
            with pytest.raises(u.ConnectionFailed):
                await llm.generate(QUESTION)
        await emulator.start("openai")
        async with u.create_provider(entry) as llm:
            assert (await llm.generate(QUESTION)).text == "The capital is Paris."


def test_without_async() -> None:
    entry = u.ProviderConfig(provider="anthropic", api_key="test-key")
    with blocking.create_provider(entry, transport=EmulatedTransport("anthropic")) as llm:
        assert llm.generate(QUESTION).text == "The capital is Paris."


# ---- virtual time ----


@virtual_time
async def test_a_silent_provider_is_given_up_after_its_minute() -> None:
    loop = asyncio.get_running_loop()
    assert loop.time() == 0
    primary = openai(EmulatedTransport("openai", always=Fault.stall(0)))
    backup = FakeProvider("backup", name="backup", priority=20)
    answer = await u.ProviderManager([primary, backup], u.FallbackConfig(max_retries=1)).generate("?")
    assert answer.provider == "backup"
    assert 30 <= loop.time() <= 61


@virtual_time
async def test_a_slow_answer_takes_its_time() -> None:
    fake = FakeProvider(Reply(["a", "b"], delay=40, pace=5))
    assert (await fake.stream("?").collect()).text == "ab"
    assert asyncio.get_running_loop().time() == pytest.approx(45)


def test_time_stands_still_while_a_thread_works() -> None:
    async def main() -> float:
        done = asyncio.ensure_future(asyncio.to_thread(time.sleep, 0.05))
        await asyncio.wait((done, asyncio.ensure_future(asyncio.sleep(0.01))))
        return asyncio.get_running_loop().time()

    assert run_virtually(main()) == pytest.approx(0.01)


def test_functions_as_tools_run_in_threads_and_no_time_passes() -> None:
    from understudy.testing import tool_call

    def slow() -> str:
        """Take a while."""
        time.sleep(0.02)
        return "done"

    async def main() -> float:
        run = await FakeProvider(tool_call("slow"), "fine").run_tools("?", tools=[slow], deadline=5)
        assert run.text == "fine"
        return asyncio.get_running_loop().time()

    assert run_virtually(main()) < 0.01


def test_nothing_is_waited_for_where_no_thread_works(monkeypatch: pytest.MonkeyPatch) -> None:
    """Closing the loop counts as work of threads: without threads, it ends at once."""
    monkeypatch.setattr("understudy.virtual_time.POLL", "an error, as soon as it is used")

    async def main() -> float:
        await asyncio.sleep(10)
        return asyncio.get_running_loop().time()

    assert run_virtually(main()) == pytest.approx(10)


def test_the_result_and_errors_are_returned_and_nothing_is_left() -> None:
    async def failing() -> None:
        asyncio.get_running_loop().create_task(asyncio.sleep(1e6))
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        run_virtually(failing())

    async def waiting() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(RuntimeError, match="nothing is left that could ever happen"):
        run_virtually(waiting())


async def test_it_is_not_for_running_loops() -> None:
    async def main() -> None:
        return None

    with pytest.raises(u.Misuse, match="use @virtual_time"):
        run_virtually(main())


def test_sockets_on_virtual_time_are_a_clear_error() -> None:
    with emulate("openai") as emulator:
        entry = u.ProviderConfig(provider="openai", api_key="test-key", base_url=emulator.url("openai"))

        async def main() -> None:
            async with u.create_provider(entry) as llm:
                await llm.generate("?")

        with pytest.raises(u.LLMError, match="sockets do not work on virtual time"):
            run_virtually(main())
