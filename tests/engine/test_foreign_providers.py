"""A user's own providers and nested managers as targets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from types import TracebackType
from typing import Any, Self

import pytest

import understudy as u
from understudy.domain.failures import Failure, FailureKind
from understudy.protocol import Prompt


class Own:
    """A provider as a user would write it."""

    provider_type = "mine"

    def __init__(self, name: str, answer: str | Exception, priority: int = 10, after: int | None = None) -> None:
        self.name = name
        self.priority = priority
        self.answer = answer
        self.after = after
        self.calls: list[u.GenerationRequest] = []

    async def generate(self, prompt: Prompt, /, **options: Any) -> u.GenerationResponse:
        assert isinstance(prompt, u.GenerationRequest)
        self.calls.append(prompt)
        if isinstance(self.answer, Exception):
            raise self.answer
        return u.GenerationResponse(message=u.Message.assistant(self.answer), finish_reason=u.FinishReason.STOP)

    async def stream(self, prompt: Prompt, /, **options: Any) -> AsyncIterator[u.Event]:
        words = ["a ", "b "] if isinstance(self.answer, Exception) else self.answer.split(" ")
        for position, word in enumerate(words):
            if isinstance(self.answer, Exception) and position == (self.after or 0):
                raise self.answer
            yield u.TextDelta(0, word)
        yield u.Finished(u.FinishReason.STOP)

    async def embed(self, texts: str | Sequence[str], /, **options: Any) -> u.EmbeddingResponse:
        if isinstance(self.answer, Exception):
            raise self.answer
        return u.EmbeddingResponse(embeddings=tuple((1.0, 0.0) for _ in texts))

    async def list_models(self, *, limit: int | None = None) -> list[u.ModelInfo]:
        return [u.ModelInfo(id="m1")]

    async def is_model_available(self, model: str) -> bool:
        return model == "m1"

    async def health_check(self) -> u.HealthStatus:
        return u.HealthStatus(provider=self.name, reachable=True)

    async def count_tokens(self, prompt: Prompt, /, **options: Any) -> u.TokenCount:
        raise u.Unsupported("cannot count")

    def stats(self) -> u.ProviderStats:
        return u.ProviderStats(total_requests=len(self.calls))

    async def aclose(self) -> None:
        return None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


def down(kind: FailureKind = FailureKind.CONNECT) -> u.LLMError:
    return u.ConnectionFailed("down", failure=Failure(kind=kind, message="down", sent=False))


FAST = u.FallbackConfig(retry_delay_ms=0)


def test_it_fulfils_the_protocol() -> None:
    assert isinstance(Own("x", "y"), u.LLMProvider)


async def test_a_users_provider_is_a_target_and_its_error_kind_is_the_failure_kind() -> None:
    manager = u.ProviderManager([Own("first", down()), Own("second", "hello")], FAST)
    response = await manager.generate("hi")
    assert response.text == "hello"
    assert response.provider == "second"
    assert [(a.provider, a.failure.kind if a.failure else None) for a in response.attempts] == [
        ("first", FailureKind.CONNECT),
        ("second", None),
    ]


async def test_an_exception_that_is_none_of_ours_is_a_failure_too() -> None:
    manager = u.ProviderManager([Own("first", ZeroDivisionError("oops")), Own("second", "hello")], FAST)
    response = await manager.generate("hi")
    failure = response.attempts[0].failure
    assert failure is not None
    assert failure.kind is FailureKind.LOCAL
    assert "ZeroDivisionError: oops" in failure.message


async def test_a_nested_manager_counts_as_one_attempt() -> None:
    inner = u.ProviderManager([Own("a", down()), Own("b", down())], FAST, name="inner")
    manager = u.ProviderManager([inner, Own("last", "hello")], FAST)
    response = await manager.generate("hi")
    assert [attempt.provider for attempt in response.attempts][-2:] == ["inner", "last"]
    assert {attempt.provider for attempt in response.attempts} == {"inner", "last"}


async def test_what_a_call_names_out_here_is_not_asked_for_inside() -> None:
    """The name of an entry or of a route means nothing to a provider behind it, and less to the one that stands in."""
    inner = u.ProviderManager([Own("a", "from inside")], FAST, name="inner")
    route = u.Route(name="cheap", targets=("inner", "mine"))
    manager = u.ProviderManager([inner, own := Own("mine", "mine"), Own("dead", down())], FAST, routes=[route])
    assert (await manager.generate("hi", model="inner")).text == "from inside"
    assert (await manager.generate("hi", model="cheap")).text == "from inside"
    assert "".join([text async for text in manager.stream("hi", model="inner").text()]) == "frominside"
    assert (await manager.embed("hi", model="inner")).provider == "inner"
    assert (await manager.generate("hi", model="dead/m")).text == "from inside"
    await manager.generate("hi", model="mine")
    await manager.generate("hi", model="mine/m1")
    assert [call.model for call in own.calls] == [None, "m1"]


async def test_a_stream_that_fails_before_its_first_words_falls_back() -> None:
    manager = u.ProviderManager([Own("first", down(), after=0), Own("second", "good day")], FAST)
    stream = manager.stream("hi")
    assert "".join([text async for text in stream.text()]) == "goodday"
    assert stream.response.provider == "second"


async def test_a_stream_that_fails_after_its_first_words_surfaces_with_what_was_shown() -> None:
    second = Own("second", "good day")
    manager = u.ProviderManager([Own("first", down(FailureKind.DISCONNECTED), after=1), second], FAST)
    shown: list[str] = []
    with pytest.raises(u.StreamInterrupted) as caught:
        async for text in manager.stream("hi").text():
            shown.append(text)
    assert shown == ["a "]
    assert caught.value.partial is not None
    assert caught.value.partial.text == "a "
    assert [attempt.provider for attempt in caught.value.attempts] == ["first"]


async def test_when_all_fail_one_error_tells_every_attempt() -> None:
    manager = u.ProviderManager([Own("first", down()), Own("second", down(FailureKind.OVERLOADED))], FAST)
    with pytest.raises(u.GenerationFailed) as caught:
        await manager.generate("hi")
    assert {attempt.provider for attempt in caught.value.attempts} == {"first", "second"}
    assert "first" in str(caught.value)


async def test_when_all_fail_for_one_reason_the_error_names_it() -> None:
    manager = u.ProviderManager([Own("first", down()), Own("second", down())], FAST)
    with pytest.raises(u.ConnectionFailed) as caught:
        await manager.generate("hi")
    assert len(caught.value.attempts) >= 2


async def test_the_named_model_goes_first_and_the_others_stay_behind_it() -> None:
    manager = u.ProviderManager([Own("first", "1"), Own("second", down())], FAST)
    response = await manager.generate("hi", model="second/special")
    assert next(attempt.provider for attempt in response.attempts) == "second"
    assert response.provider == "first"
    with pytest.raises(u.Misuse, match="unknown entry or model"):
        await manager.generate("hi", model="nowhere/special")


async def test_fallback_switched_off_keeps_to_the_first_target() -> None:
    manager = u.ProviderManager(
        [Own("first", down()), Own("second", "x")], u.FallbackConfig(enabled=False, max_retries=1)
    )
    with pytest.raises(u.ConnectionFailed) as caught:
        await manager.generate("hi")
    assert {attempt.provider for attempt in caught.value.attempts} == {"first"}


async def test_observers_and_the_ledger_see_every_attempt_and_an_observers_bug_costs_nothing() -> None:
    seen: list[u.AttemptRecord] = []

    def broken(record: u.AttemptRecord) -> None:
        raise RuntimeError("bug")

    ledger = u.MemoryLedger()
    manager = u.ProviderManager(
        [Own("first", down()), Own("second", "hello")], FAST, sink=ledger, observers=[broken, seen.append]
    )
    response = await manager.generate("hi")
    assert tuple(seen) == response.attempts == ledger.of_request(seen[0].request_id)


async def test_lists_and_availability_are_the_union() -> None:
    manager = u.ProviderManager([Own("first", "1"), Own("second", "2")], FAST)
    assert [model.id for model in await manager.list_models()] == ["first/m1", "second/m1"]
    assert [model.id for model in await manager.list_models(limit=1)] == ["first/m1"]
    assert await manager.is_model_available("m1")
    assert await manager.is_model_available("second/m1")
    assert not await manager.is_model_available("m2")


async def test_leaving_a_stream_accounts_for_the_attempt_as_aborted() -> None:
    ledger = u.MemoryLedger()
    manager = u.ProviderManager([Own("first", "a b c d")], FAST, sink=ledger)
    async with manager.stream("hi") as stream:
        await anext(stream)
    (record,) = ledger
    assert record.outcome is u.Outcome.ABORTED


class Endless(Own):
    """Writes a word now and then, for ever."""

    async def stream(self, prompt: Prompt, /, **options: Any) -> AsyncIterator[u.Event]:
        while True:
            yield u.TextDelta(0, "word ")
            await asyncio.sleep(0.01)


async def test_the_deadline_ends_a_foreign_stream_that_never_would() -> None:
    manager = u.ProviderManager([Endless("endless", "")], FAST)
    with pytest.raises(u.DeadlineExceeded) as caught:
        await manager.stream("hi", deadline=0.15).collect()
    assert caught.value.partial is not None
    assert "word word" in caught.value.partial.text


async def test_a_nested_manager_records_session_and_labels_of_an_embedding_too() -> None:
    inner: list[u.AttemptRecord] = []
    async with (
        u.ProviderManager([Own("fake", "Hi")], name="inner", observers=[inner.append]) as nested,
        u.ProviderManager([nested]) as manager,
    ):
        await manager.embed("Hi", session="s", labels={"team": "a"})
        await manager.generate("Hi", session="s", labels={"team": "a"})
    assert [(record.session, record.labels) for record in inner] == [("s", {"team": "a"})] * 2
