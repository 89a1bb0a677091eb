"""A fake provider: what a test has written down is what its caller sees, alone, in a manager, and without `async`."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pydantic
import pytest

import understudy as u
from understudy import FailureKind, blocking
from understudy.testing import FakeProvider, Fault, FaultyProvider, Reply, ScriptExhausted, tool_call, virtual_time

ONCE = u.FallbackConfig(max_retries=1)


@dataclass
class City:
    name: str
    population: int


class Country(pydantic.BaseModel):
    name: str


async def pieces(stream: Any) -> list[str]:
    return [event.text async for event in stream if isinstance(event, u.TextDelta)]


def test_it_satisfies_the_protocol() -> None:
    assert isinstance(FakeProvider(), u.LLMProvider)
    assert isinstance(FaultyProvider(FakeProvider()), u.LLMProvider)


async def test_answers_come_in_their_order_and_requests_are_kept() -> None:
    fake = FakeProvider("Hello", "Goodbye", name="mine", priority=3)
    assert (fake.name, fake.provider_type, fake.priority) == ("mine", "fake", 3)
    first = await fake.generate("Hi", temperature=0.5)
    assert (first.text, first.finish_reason, first.provider, first.model) == ("Hello", "stop", "mine", "mine")
    assert first.usage.input == 1
    assert first.usage.output == 2
    assert (await fake.generate("Bye", model="m")).model == "m"
    assert [request.temperature for request in fake.requests] == [0.5, None]
    assert [call.text for call in fake.calls] == ["Hi", "Bye"]
    assert [call.outcome for call in fake.calls] == ["answered", "answered"]
    fake.assert_asked("Hi", times=1)
    fake.assert_used_up()


async def test_a_text_is_streamed_word_by_word_and_a_list_in_its_pieces() -> None:
    fake = FakeProvider("one two three", ["on", "e t", "wo"])
    assert await pieces(fake.stream("?")) == ["one", " two", " three"]
    stream = fake.stream("?")
    assert await pieces(stream) == ["on", "e t", "wo"]
    assert stream.response.text == "one two"
    assert [call.streamed for call in fake.calls] == [True, True]


async def test_pieces_are_one_text_where_the_answer_is_whole() -> None:
    assert (await FakeProvider(["on", "e"]).generate("?")).text == "one"


async def test_objects_are_the_json_of_an_answer() -> None:
    fake = FakeProvider(City("Lisbon", 545_000), Country(name="Portugal"), {"name": "Porto", "population": 1}, [1, 2])
    assert (await fake.generate("?", schema=City)).parsed == City("Lisbon", 545_000)
    assert (await fake.generate("?", schema=Country)).parsed == Country(name="Portugal")
    assert (await fake.generate("?", schema=City)).parsed.name == "Porto"
    assert (await fake.generate("?")).text == "[1,2]"


async def test_an_answer_that_does_not_fit_the_schema_is_the_error_of_the_library() -> None:
    with pytest.raises(u.InvalidResponse):
        await FakeProvider({"name": "Lisbon"}).generate("?", schema=City)


async def test_tool_calls_are_executed() -> None:
    def weather(city: str) -> str:
        """Look the weather up."""
        return f"Sunny in {city}"

    fake = FakeProvider(tool_call("weather", city="Lisbon"), "It is sunny.")
    run = await fake.run_tools("What is the weather?", tools=[weather])
    assert run.text == "It is sunny."
    assert [outcome.result.content for outcome in run.outcomes] == ["Sunny in Lisbon"]
    assert len(fake.requests) == 2
    both = await FakeProvider([tool_call("a"), tool_call("b", "id-2", x=1)]).generate("?")
    assert [(call.name, call.id, call.arguments) for call in both.tool_calls] == [
        ("a", "call_a", "{}"),
        ("b", "id-2", '{"x":1}'),
    ]
    assert both.finish_reason == "tool_calls"


async def test_messages_responses_and_functions_are_answers() -> None:
    async def later(request: u.GenerationRequest) -> str:
        return f"later: {request.messages[-1].text}"

    fake = FakeProvider(
        u.Message.assistant("a message"),
        u.GenerationResponse(message=u.Message.assistant("cut"), finish_reason=u.FinishReason.LENGTH),
        lambda request: f"you said {request.messages[-1].text}",
        later,
        always="always",
    )
    answers = [await fake.generate("Hi") for _ in range(6)]
    assert [answer.text for answer in answers] == [
        "a message",
        "cut",
        "you said Hi",
        "later: Hi",
        "always",
        "always",
    ]
    assert answers[1].finish_reason == "length"


async def test_a_reply_states_everything_else() -> None:
    reply = Reply(
        "text",
        thinking="a thought",
        tool_calls=(tool_call("f"),),
        usage=u.Usage(input=100, output=7),
        finish_reason=u.FinishReason.LENGTH,
        model="big",
    )
    answer = await FakeProvider(reply).generate("?")
    assert (answer.text, answer.thinking, answer.model, answer.usage.input) == ("text", "a thought", "big", 100)
    assert answer.finish_reason == "length"
    assert len(answer.tool_calls) == 1


@pytest.mark.parametrize("kind", [kind for kind in FailureKind if kind is not FailureKind.CANCELLED])
async def test_every_kind_of_failure_can_be_scripted(kind: FailureKind) -> None:
    fake = FakeProvider(kind)
    with pytest.raises(u.LLMError) as caught:
        await fake.generate("?")
    assert caught.value.failure is not None
    assert caught.value.failure.kind is kind
    assert fake.calls[0].outcome == "failed"


async def test_errors_are_raised_once_and_not_repeated() -> None:
    fake = FakeProvider(FailureKind.RATE_LIMITED, u.ContextLengthExceeded("too long"), Fault.status(529), "fine")
    with pytest.raises(u.RateLimited):
        await fake.generate("?")
    with pytest.raises(u.LLMError, match="too long"):
        await fake.generate("?")
    with pytest.raises(u.Overloaded, match="scripted fault: status 529"):
        await fake.generate("?")
    assert (await fake.generate("?")).text == "fine"  # nothing is in cooldown


async def test_a_manager_falls_back_from_a_fake() -> None:
    primary = FakeProvider(FailureKind.SERVER_ERROR, name="primary", priority=1)
    backup = FakeProvider("From the backup", name="backup", priority=2)
    async with u.ProviderManager([primary, backup], ONCE) as llm:
        answer = await llm.generate("Hello")
    assert (answer.text, answer.provider) == ("From the backup", "backup")
    assert [str(attempt.outcome) for attempt in answer.attempts] == ["failed", "won"]
    assert [attempt.failure.kind for attempt in answer.attempts if attempt.failure] == ["server_error"]


async def test_a_manager_retries_a_fake() -> None:
    fake = FakeProvider(Fault.status(503), Fault.status(503), "third time")
    async with u.ProviderManager([fake], u.FallbackConfig(max_retries=3, retry_delay_ms=1)) as llm:
        assert (await llm.generate("Hello")).text == "third time"
    assert len(fake.calls) == 3


async def test_an_exhausted_script_says_so() -> None:
    fake = FakeProvider("only one", name="model")
    await fake.generate("first")
    with pytest.raises(u.Unavailable) as caught:
        await fake.generate("second question")
    assert "ScriptExhausted: model: no scripted answer is left for chat request 2 ('second question')" in str(
        caught.value
    )
    with pytest.raises(AssertionError, match="no scripted answer is left"):
        fake.assert_used_up()
    assert issubclass(ScriptExhausted, AssertionError)


async def test_assertions_show_what_happened() -> None:
    fake = FakeProvider("one", "two")
    with pytest.raises(AssertionError, match="expected at least one call with 'Lisbon', found 0; it received no calls"):
        fake.assert_asked("Lisbon")
    await fake.generate("Where is Porto?")
    with pytest.raises(AssertionError, match=r"expected 2 calls with 'Porto', found 1; it received:\n  1. .*Porto"):
        fake.assert_asked("Porto", times=2)
    with pytest.raises(
        AssertionError, match=r"fake: answers of the script that were not used:\n  1. 'two'\nit received"
    ):
        fake.assert_used_up()
    assert repr(fake) == "<FakeProvider fake: 1 calls, 1 answers left>"


async def test_embeddings_are_deterministic_or_scripted() -> None:
    fake = FakeProvider()
    first, second, other = (await fake.embed(["a cat", "a cat", "tax law"])).embeddings
    assert first == second != other
    assert len(first) == 64
    assert len((await fake.embed("x", dimensions=3)).embedding) == 3
    scripted = FakeProvider(embeddings=[[(1.0, 0.0)], FailureKind.RATE_LIMITED, Fault.empty(), lambda r: [(2.0,)]])
    assert (await scripted.embed("x")).embedding == (1.0, 0.0)
    with pytest.raises(u.RateLimited):
        await scripted.embed("x")
    with pytest.raises(u.InvalidResponse):
        await scripted.embed("x")
    assert (await scripted.embed("x")).embedding == (2.0,)
    with pytest.raises(u.Unavailable, match="no scripted answer is left for embed request 5"):
        await scripted.embed("x")
    assert [call.text for call in fake.calls] == ["a cat\na cat\ntax law", "x"]


async def test_a_closed_stream_is_a_cancelled_call() -> None:
    fake = FakeProvider("one two three")
    async with fake.stream("?") as stream:
        await anext(stream)
        await anext(stream)
    assert fake.calls[0].outcome == "cancelled"


async def test_wrong_calls_are_misuse_as_at_any_provider() -> None:
    fake = FakeProvider(always="x")
    with pytest.raises(u.Misuse, match="temperatur"):
        await fake.generate("?", temperatur=1)  # type: ignore[call-overload]
    assert fake.calls == []


async def test_the_rest_of_the_protocol() -> None:
    async with FakeProvider("x", models=("a", "b")) as fake:
        assert [model.id for model in await fake.list_models()] == ["a", "b"]
        assert len(await fake.list_models(limit=1)) == 1
        assert await fake.is_model_available("a")
        assert not await fake.is_model_available("c")
        assert (await fake.health_check()).ok
        assert (await fake.count_tokens("four words are here")).input_tokens == 5
        await fake.generate("?")
        assert fake.stats().successful_requests == 1
        assert fake.explain("?").steps[0].target.name == "fake"
    assert await FakeProvider().is_model_available("any")


def test_without_async() -> None:
    fake = FakeProvider("Hello", ["a", "b"], tool_call("f"), "done")
    llm = fake.blocking
    assert llm.generate("?").text == "Hello"
    assert list(llm.stream("?").text()) == ["a", "b"]
    assert llm.run_tools("?", tools=[f]).text == "done"
    assert len(llm.embed("x").embedding) == 64
    fake.assert_used_up()


def f() -> str:
    """Return a letter."""
    return "f"


def test_blocking_managers_take_fakes() -> None:
    with blocking.ProviderManager(
        [FakeProvider(FailureKind.OVERLOADED, name="a"), FakeProvider("b", name="b")], ONCE
    ) as llm:
        assert llm.generate("?").provider == "b"


@virtual_time
async def test_delays_and_pace_take_time() -> None:
    loop = asyncio.get_running_loop()
    fake = FakeProvider(Reply(["a", "b", "c"], delay=0.02, pace=0.02))
    began = loop.time()
    assert await pieces(fake.stream("?")) == ["a", "b", "c"]
    assert loop.time() - began == pytest.approx(0.06)


async def test_a_conversation_may_be_with_a_fake() -> None:
    """Without a word to the type checker, which reads this too."""
    fake = FakeProvider("Hello.", "Again.")
    chat = u.Conversation(fake)
    assert (await chat.send("Hi")).text == "Hello."
    assert (await chat.send("And?")).text == "Again."
    assert len(fake.requests[-1].messages) == 3
