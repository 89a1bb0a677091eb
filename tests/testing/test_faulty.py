"""Scripted faults at providers without a wire: every fault of the emulators means the same failure here."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import understudy as u
from understudy import FailureKind as K
from understudy import Operation
from understudy.emulator import Emulator, FaultKind
from understudy.testing import FakeProvider, Fault, FaultyProvider, Reply, tool_call, virtual_time

SHORT = u.FallbackConfig(max_retries=1, retry_delay_ms=1)

FAILURES: list[tuple[Fault, K, K]] = [
    # fault, the failure of a stream, the failure of a whole answer
    (Fault.status(401), K.AUTHENTICATION, K.AUTHENTICATION),
    (Fault.status(404), K.NOT_FOUND, K.NOT_FOUND),
    (Fault.status(429, retry_after=7), K.RATE_LIMITED, K.RATE_LIMITED),
    (Fault.status(500), K.SERVER_ERROR, K.SERVER_ERROR),
    (Fault.status(503), K.OVERLOADED, K.OVERLOADED),
    (Fault.error(K.BILLING), K.BILLING, K.BILLING),
    (Fault.error(K.CONNECT), K.CONNECT, K.CONNECT),
    (Fault.error_event(K.OVERLOADED, after=2), K.OVERLOADED, K.OVERLOADED),
    (Fault.redirect("https://elsewhere.invalid"), K.REDIRECT, K.REDIRECT),
    (Fault.reset(), K.DISCONNECTED, K.DISCONNECTED),
    (Fault.reset(2), K.DISCONNECTED, K.DISCONNECTED),
    (Fault.cut(2), K.DISCONNECTED, K.DISCONNECTED),
    (Fault.cut(2, clean=True), K.TRUNCATED, K.TRUNCATED),
    (Fault.malformed_event(1), K.BAD_RESPONSE, K.BAD_RESPONSE),
    (Fault.truncated_json(1), K.BAD_RESPONSE, K.BAD_RESPONSE),
    (Fault.huge_line(1), K.TOO_LARGE, K.TOO_LARGE),
    (Fault.wrong_content_type(), K.BAD_RESPONSE, K.BAD_RESPONSE),
    (Fault.empty(), K.EMPTY, K.EMPTY),
]


@pytest.mark.parametrize(("fault", "streamed", "whole"), FAILURES, ids=lambda each: getattr(each, "kind", None))
async def test_a_fault_is_a_failure(fault: Fault, streamed: K, whole: K) -> None:
    for provider in (FakeProvider(Reply("one two three four", fault=fault)), FaultyProvider(source(), [fault])):
        stream = provider.stream("?")
        with pytest.raises(u.LLMError) as caught:
            await stream.collect()
        assert kind_of(caught) is streamed
    for provider in (FakeProvider(Reply("one two three four", fault=fault)), FaultyProvider(source(), [fault])):
        with pytest.raises(u.LLMError) as caught:
            await provider.generate("?")
        assert kind_of(caught) is whole


def source() -> FakeProvider:
    return FakeProvider(always="one two three four")


def kind_of(caught: pytest.ExceptionInfo[u.LLMError]) -> K | None:
    return caught.value.failure.kind if caught.value.failure else None


def test_every_kind_of_fault_is_tried() -> None:
    tried = {fault.kind for fault, _, _ in FAILURES} | WAITS | ALTERED
    assert tried == set(FaultKind)


WAITS = {
    FaultKind.SLOW_HEADERS,
    FaultKind.SLOW_FIRST_EVENT,
    FaultKind.SLOW_EVENTS,
    FaultKind.STALL,
    FaultKind.PINGS,
    FaultKind.ENDLESS,
}
ALTERED = {FaultKind.DRIP, FaultKind.REFUSAL, FaultKind.BAD_OUTPUT, FaultKind.MISSING_USAGE}


@pytest.mark.parametrize(
    "fault",
    [Fault.slow_headers(), Fault.slow_first_event(), Fault.stall(0), Fault.stall(2), Fault.pings(1)],
    ids=lambda fault: f"{fault.kind}-{fault.after}",
)
@pytest.mark.parametrize("streamed", [True, False])
@virtual_time
async def test_silence_lasts_until_the_caller_stops_to_wait(fault: Fault, streamed: bool) -> None:
    fake = FakeProvider(Reply("one two three", fault=fault))
    with pytest.raises(u.DeadlineExceeded):
        if streamed:
            await fake.stream("?", deadline=30).collect()
        else:
            await fake.generate("?", deadline=30)
    assert fake.calls[0].outcome == "cancelled"


@virtual_time
async def test_waits_with_an_end_are_only_slow() -> None:
    loop = asyncio.get_running_loop()
    faults = [
        Fault.slow_headers(0.02),
        Fault.slow_first_event(0.02),
        Fault.stall(2, seconds=0.02),
        Fault.slow_events(0.01),
    ]
    for fault in faults:
        for streamed in (True, False):
            provider = FaultyProvider(source(), [fault])
            began = loop.time()
            answer = await (provider.stream("?").collect() if streamed else provider.generate("?"))
            assert answer.text == "one two three four"
            assert 0.019 <= loop.time() - began <= 0.2


async def test_the_pieces_before_the_fault_arrive() -> None:
    stream = FakeProvider(Reply(["a", "b", "c", "d"], fault=Fault.cut(3))).stream("?")
    got: list[str] = []
    with pytest.raises(u.StreamInterrupted) as caught:
        async for text in stream.text():
            got.append(text)
    assert got == ["a", "b", "c"]
    assert caught.value.partial is not None
    assert caught.value.partial.text == "abc"


async def test_an_endless_answer_repeats_itself() -> None:
    got: list[str] = []
    async with FakeProvider(Reply(["a", "b"], fault=Fault.endless(0))).stream("?") as stream:
        async for text in stream.text():
            got.append(text)
            if len(got) == 7:
                break
    assert got == ["a", "b", "a", "b", "a", "b", "a"]


async def test_faults_that_alter_the_answer() -> None:
    refused = await FakeProvider(Reply("no", fault=Fault.refusal())).generate("?")
    assert (refused.text, refused.finish_reason) == ("", "content_filter")
    assert (await FakeProvider(Reply("x", fault=Fault.missing_usage())).generate("?")).usage.is_unknown
    broken = await FakeProvider(Reply(tool_calls=(tool_call("f", x=1),), fault=Fault.bad_output())).generate("?")
    assert broken.tool_calls[0].arguments == '{"broken": '
    with pytest.raises(u.InvalidResponse):
        await FakeProvider(Reply({"a": 1}, fault=Fault.bad_output())).generate("?", schema=dict[str, int])
    dripped = [piece async for piece in FakeProvider(Reply("abcde", fault=Fault.drip(2))).stream("?").text()]
    assert dripped == ["ab", "cd", "e"]


@virtual_time
async def test_chosen_calls_fail_and_the_others_do_not() -> None:
    """The first two calls fail with 503, then silence, then a break after 3 pieces."""
    fake = FakeProvider(always=["a", "b", "c", "d"])
    provider = FaultyProvider(fake, [Fault.status(503), Fault.status(503), Fault.stall(0), Fault.cut(3), None])
    outcomes: list[str] = []
    for _ in range(5):
        try:
            outcomes.append((await provider.stream("?", deadline=30).collect()).text)
        except u.LLMError as error:
            outcomes.append(f"{type(error).__name__} {error.partial.text if error.partial else ''}".rstrip())
    assert outcomes == ["Overloaded", "Overloaded", "DeadlineExceeded", "StreamInterrupted abc", "abcd"]
    assert len(fake.calls) == 3  # a status keeps it from being asked
    assert provider.remaining == 0


async def test_every_third_call_and_one_operation_only() -> None:
    provider = FaultyProvider(source(), always=Fault.status(500), every=3, on=Operation.CHAT)
    outcomes = []
    for _ in range(6):
        await provider.embed("x")
        try:
            await provider.generate("?")
            outcomes.append(True)
        except u.ServerFailed:
            outcomes.append(False)
    assert outcomes == [True, True, False, True, True, False]


async def test_the_other_operations_fail_too() -> None:
    calls: list[Callable[[FaultyProvider], Awaitable[object]]] = [
        lambda p: p.embed("x"),
        lambda p: p.list_models(),
        lambda p: p.is_model_available("m"),
        lambda p: p.count_tokens("x"),
    ]
    for call in calls:
        provider = FaultyProvider(source(), [Fault.status(503)])
        with pytest.raises(u.Overloaded):
            await call(provider)
        await call(provider)
    assert (await FaultyProvider(source(), [Fault.status(503)]).health_check()).ok


async def test_a_builtin_provider_can_be_wrapped_and_a_manager_falls_back() -> None:
    async with Emulator(("openai",)) as emulator:
        entry = u.ProviderConfig(
            provider="openai", api_key=emulator.key, base_url=emulator.url("openai"), text_model="gpt-4.1-mini"
        )
        faulty = FaultyProvider(u.create_provider(entry), [Fault.cut(1), None])
        backup = FakeProvider("backup", name="backup", priority=20)
        async with u.ProviderManager([faulty, backup], SHORT) as llm:
            answer = await llm.generate("What is the capital of France?")
            assert answer.provider == "backup"
            answer = await llm.generate("What is the capital of France?")
            assert (answer.provider, answer.text) == ("openai", "The capital is Paris.")
        assert len(emulator.requests("openai")) == 2


async def test_retry_after_reaches_the_caller() -> None:
    with pytest.raises(u.RateLimited) as caught:
        await FakeProvider(Fault.error(K.RATE_LIMITED, retry_after=7, code="rpm", message="slow down")).generate("?")
    assert caught.value.retry_after == 7
    assert str(caught.value).startswith("slow down")
    assert caught.value.failure is not None
    assert caught.value.failure.code == "rpm"


@pytest.mark.parametrize("fault", [Fault.reset(1), Fault.cut(1), Fault.status(503), Fault.slow_events(0.001)])
async def test_nothing_is_left_running(fault: Fault) -> None:
    faulty: Any = FaultyProvider(source(), always=fault)
    for _ in range(3):
        with contextlib.suppress(u.LLMError):
            await faulty.stream("?").collect()
    for _ in range(3):
        await asyncio.sleep(0)
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []


async def test_one_fault_needs_no_list_and_a_kind_is_an_error_of_it() -> None:
    for faults in (K.OVERLOADED, Fault.status(503), [K.OVERLOADED]):
        with pytest.raises(u.Overloaded):
            await FaultyProvider(source(), faults).generate("?")
    with pytest.raises(u.Overloaded):
        await FaultyProvider(source(), always=K.OVERLOADED).generate("?")
    async with Emulator(("openai",)) as emulator:
        emulator.script("openai", K.BILLING)
        entry = u.ProviderConfig(provider="openai", api_key=emulator.key)
        with pytest.raises(u.QuotaExhausted):
            await u.create_provider(entry, transport=emulator.transport("openai")).generate("?")
    with pytest.raises(TypeError, match="a fault must be a Fault, a FailureKind or None, got"):
        FaultyProvider(source(), ["503"])  # type: ignore[list-item]


async def test_what_may_be_wrapped() -> None:
    given: list[Any] = [source().blocking, u.ProviderManager([source()])]
    for each in given:
        with pytest.raises(u.Overloaded):
            await FaultyProvider(each, K.OVERLOADED).generate("?")
        assert (await FaultyProvider(each).generate("?")).text == "one two three four"
    assert FaultyProvider("ollama").provider_type == "ollama"
    with pytest.raises(u.ConfigError, match="not a provider"):
        FaultyProvider(3)  # type: ignore[arg-type]
