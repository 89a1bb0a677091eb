"""Calls with a mistake: every entry names it and sends nothing; what is plainly meant is read."""

from __future__ import annotations

import asyncio
import json
from types import MappingProxyType
from typing import Any

import pytest

import understudy as u
from tests.engine.fakes import RecordingTransport
from understudy import blocking
from understudy.client.door import prompts
from understudy.client.door.tools import read_tools
from understudy.client.prompt import read_prompt, read_texts
from understudy.domain.census import CheckedMessages
from understudy.emulator import Emulator, emulate

KEY = "sk-test-1234567"


def entry(name: str = "one", **fields: Any) -> u.ProviderConfig:
    return u.ProviderConfig(provider="openai", name=name, api_key=KEY, text_model="m", **fields)


MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({"temprature": 1}, "did you mean 'temperature'"),
    ({"temperature": "hot"}, "temperature must be a number, not a string: 'hot'"),
    ({"temperature": float("nan")}, "temperature must be a finite number"),
    ({"temperature": True}, "temperature must be a number, not true"),
    ({"temperature": -1}, "temperature must be at least 0, got -1"),
    ({"max_tokens": 0}, "max_tokens must be at least 1, got 0"),
    ({"max_tokens": 1.5}, "max_tokens must be a whole number, not a decimal number"),
    ({"top_p": 2}, "top_p must be between 0 and 1, got 2"),
    ({"seed": "1"}, "seed must be a whole number, not a string: '1'"),
    ({"stop": 5}, "stop must be a string or a list of strings, not a whole number"),
    ({"stop": ["a", 5]}, "not a list that contains a whole number"),
    ({"stop": [""]}, "stop contains an empty string"),
    ({"verbosity": "hihg"}, "unknown verbosity 'hihg'; did you mean 'high'"),
    ({"reasoning": "hihg"}, "unknown reasoning effort 'hihg'; did you mean 'high'"),
    ({"reasoning": 3}, "reasoning must be an effort such as 'low'"),
    ({"labels": {"a": 1}}, "labels must be a dict of strings"),
    ({"metadata": "x"}, "metadata must be a dict of strings"),
    ({"metadata": {"a": 1}}, "metadata must be a dict of strings, not a dict that contains a whole number"),
    ({"labels": {1: "a"}}, "labels must be a dict of strings, not a dict that contains a whole number"),
    ({"max_tokens": 10**400}, "max_tokens must fit in 64 bits, got a huge number"),
    ({"seed": -(2**64)}, "seed must fit in 64 bits"),
    ({"tool_choice": "required"}, "tool_choice is 'required', but there are no tools"),
    ({"deadline": -1}, "deadline must be greater than 0, got -1"),
    ({"output": "json"}, "output must be an OutputFormat, not a string; pass a type"),
    ({"system": 5}, "system must be a string or parts, not a whole number"),
    ({"extra": {"antropic": {"x": 1}}}, "extra: 'antropic' is not a provider or dialect; did you mean 'anthropic'"),
    ({"extra": {"claude": {"x": 1}}}, "did you mean 'anthropic'"),
    ({"extra": {"n": 2}}, r"extra\['n'\] must be a dict of values"),
    ({"extra": {"openai": {"x": {1, 2}}}}, r"extra\['openai'\] contains a set, which JSON cannot express"),
    ({"tools": "f"}, "tools must be a list of functions or tools, not a string"),
    ({"tools": [u.Tool(name="f"), u.Tool(name="f")]}, "two tools are named 'f'"),
    ({"tools": [u.Tool(name="weather")], "tool_choice": "wether"}, "did you mean 'weather'"),
    ({"tools": [u.Tool(name="f")], "tool_choice": "requird"}, "did you mean 'required'"),
    ({"tool_choice": 5}, "tool_choice must be 'auto'"),
    ({"tool_choice": {"name": "f"}}, "tool_choice is a mapping without a type"),
]


@pytest.mark.parametrize(("options", "words"), MISTAKES)
async def test_nothing_is_sent_for_a_mistake(options: dict[str, Any], words: str) -> None:
    transport = RecordingTransport()
    one = u.create_provider(entry(), transport=transport)
    two = blocking.create_provider(entry(), transport=transport)
    manager = u.ProviderManager([u.ProviderManager([one])])
    for llm in (one, manager):
        with pytest.raises(u.Misuse, match=words):
            await llm.generate("Hi", **options)
        with pytest.raises(u.Misuse, match=words):
            llm.stream("Hi", **options)
        with pytest.raises(u.Misuse, match=words):
            await llm.count_tokens("Hi", **options)
    with pytest.raises(u.Misuse, match=words):
        two.generate("Hi", **options)
    assert transport.requests == []


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"temperature": "hot"}, "temperature must be a number"),
        ({"max_tokens": 0}, "max_tokens must be at least 1"),
        ({"extra": {"opneai": {}}}, "did you mean 'openai'"),
        ({"messages": "x", "tools": (5,)}, "tools"),
        ({"messages": (5,)}, "message 0 is a whole number"),
        ({"origin": 5}, "origin and configured are set by the library"),
    ],
)
def test_a_whole_request_is_checked_too(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(u.Misuse, match=words):
        read_prompt(u.GenerationRequest(**{"messages": (u.Message.user("Hi"),), **fields}), {})


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The prompts that the door has read."""
    found: list[object] = []
    read = prompts.read_messages

    def counted(prompt: object) -> CheckedMessages:
        if type(prompt) is not CheckedMessages:
            found.append(prompt)
        return read(prompt)

    monkeypatch.setattr("understudy.client.prompt.read_messages", counted)
    return found


def nested() -> u.ProviderManager:
    inner = u.ProviderManager([u.create_provider(entry(), transport=RecordingTransport())], name="inner")
    return u.ProviderManager([inner], u.FallbackConfig(retry_delay_ms=0))


async def test_a_checked_request_is_not_checked_again(reads: list[object]) -> None:
    """Through two managers: the messages are read once."""
    outer = nested()
    await outer.generate("Hi", temperature=1)
    request = u.GenerationRequest(messages=(u.Message.user("Hi"),), temperature=1)
    await outer.generate(request)
    await outer.stream(request).collect()
    assert len(reads) == 3


async def test_each_turn_of_a_conversation_and_each_step_of_a_tool_loop_is_read_once(reads: list[object]) -> None:
    conversation = u.Conversation(nested())
    await conversation.send("Hi")
    await conversation.send("And?")
    assert len(reads) == 2
    async with Emulator(("openai",)) as emulator:
        config = u.ProviderConfig(
            provider="openai", base_url=emulator.url("openai"), api_key=emulator.key, text_model="gpt-4o"
        )

        def weather(city: str) -> str:
            """Return the weather in a city."""
            return "sun"

        async with u.ProviderManager([u.ProviderManager([u.create_provider(config)], name="inner")]) as llm:
            result = await llm.run_tools("What is the weather in Paris?", tools=[weather], system="Be brief.")
    assert len(result.steps) == 2
    assert [message.role for message in result.messages] == ["user", "assistant", "tool", "assistant"]
    assert len(reads) == 2 + len(result.steps)


def test_a_call_from_synchronous_code_is_read_once(reads: list[object]) -> None:
    outer = blocking.ProviderManager([blocking.create_provider(entry(), transport=RecordingTransport())])
    outer.generate("Hi")
    outer.stream("Hi").collect()
    assert len(reads) == 2


class Str(str):
    """A string of another class, as numpy's are; JSON encoders know no such types."""

    __slots__ = ()


class Real(float):
    """A number of another class."""

    __slots__ = ()


async def test_strings_numbers_and_mappings_of_other_classes_are_sent_as_what_they_are() -> None:
    transport = RecordingTransport()
    llm = u.create_provider(entry(embedding_model="e"), transport=transport)
    extra = {"openai": {"store": MappingProxyType({"a": Str("b")})}}
    tool = u.Tool(name=Str("f"), description=Str("x"))
    await llm.generate(Str("Hi"), temperature=Real(0.5), model=Str("m2"), stop=[Str("x")], extra=extra, tools=[tool])
    await llm.embed([Str("Hi")], user=Str("me"))
    chat, embedding = (json.loads(request.body or b"") for request in transport.requests)
    assert chat["messages"] == [{"role": "user", "content": "Hi"}]
    assert (chat["temperature"], chat["model"], chat["stop"]) == (0.5, "m2", ["x"])
    assert chat["store"] == {"a": "b"}
    assert chat["tools"][0]["function"]["name"] == "f"
    assert (embedding["input"], embedding["user"]) == (["Hi"], "me")


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ({"role": "user", "content": "x", "other": {1}}, r"messages\[0\] contains a set, which JSON cannot express"),
        (["a", {"role": "user", "content": "x", "other": object()}], "pass a Message or a mapping"),
        (u.Message("assistant", u.ToolCall(id="c", name="f", arguments="\ud800")), "a lone surrogate"),  # type: ignore[arg-type]
        (range(3), "message 0 is a whole number"),
    ],
)
@pytest.mark.parametrize("operation", ["generate", "count_tokens"])
async def test_a_prompt_that_no_wire_can_carry_is_named(operation: str, prompt: Any, words: str) -> None:
    transport = RecordingTransport()
    with pytest.raises(u.Misuse, match=words):
        await getattr(u.create_provider(entry(), transport=transport), operation)(prompt)
    assert transport.requests == []


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"single": 1}, "EmbeddingRequest: single must be true or false, not a whole number"),
        ({"extra": {"opneai": {}}}, "did you mean 'openai'"),
        ({"texts": ("",)}, "text 0 is empty"),
    ],
)
def test_a_whole_embedding_request_is_checked_too(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(u.Misuse, match=words):
        read_texts(u.EmbeddingRequest(**{"texts": ("Hi",), **fields}), {})


def test_a_prompt_is_what_is_plainly_meant() -> None:
    image = u.Image(url="https://example.test/a.png")
    user = u.Message.user("What is this?", image)
    for prompt in (user, [user], ["What is this?", image]):
        assert read_prompt(prompt, {}).request.messages == (user,)  # type: ignore[arg-type]
    assert read_prompt({"role": "user", "content": "Hi"}, {}).request.messages == (u.Message.user("Hi"),)  # type: ignore[arg-type]
    assert read_prompt("Hi", {"tools": u.Tool(name="f")}).request.tools == (u.Tool(name="f"),)  # type: ignore[typeddict-item]
    assert read_prompt("Hi", {"logit_bias": {5: 1}}).request.logit_bias == {"5": 1}  # type: ignore[dict-item]


def test_managers_are_made_of_whatever_names_a_provider() -> None:
    made = u.ProviderManager(["openai", entry("two"), blocking.create_provider(entry("three"))])  # type: ignore[list-item]
    assert [each.name for each in made.providers] == ["openai", "two", "three"]
    faces = blocking.ProviderManager(["openai", blocking.create_provider(entry("two"))]).providers
    assert all(isinstance(each, blocking.Provider) for each in faces)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: u.ProviderManager("openai"), "providers must be a list, not a string"),
        (lambda: u.ProviderManager([u.Provider]), "must be an instance, not the class Provider"),  # type: ignore[list-item]
        (lambda: u.ProviderManager([5]), "a whole number is not a provider"),  # type: ignore[list-item]
        (lambda: u.ProviderManager(["openai"], [1]), "must be a FallbackConfig, or a dict of its fields, not a list"),  # type: ignore[arg-type]
        (lambda: u.ProviderManager(["openai"], routes=["a"]), "routes must be a list of Routes, not a string"),  # type: ignore[list-item]
        (lambda: u.create_provider("openai", observers=["x"]), r"observers\[0\] must be a function"),  # type: ignore[list-item]
        (lambda: u.create_provider("openai", sink=5), "sink must have a method record"),  # type: ignore[arg-type]
        (lambda: u.create_provider("openai", transport=5), "transport must have the methods send and aclose"),  # type: ignore[arg-type]
        (lambda: u.create_provider(5), "an entry must be a ProviderConfig, or a provider's type"),  # type: ignore[arg-type]
    ],
)  # fmt: skip
def test_what_cannot_be_a_part_of_a_manager_is_named(make: Any, words: str) -> None:
    with pytest.raises(u.ConfigError, match=words):
        make()


async def test_an_observer_may_be_asynchronous() -> None:
    seen = []

    async def observe(record: u.AttemptRecord) -> None:
        await asyncio.sleep(0)
        seen.append(record.provider)

    async with u.create_provider(entry(), transport=RecordingTransport(), observers=[observe]) as llm:
        await llm.generate("Hi")
    assert seen == ["one"]


async def test_a_provider_answers_again_after_it_was_closed() -> None:
    async with Emulator(("openai",)) as emulator:
        config = u.ProviderConfig(provider="openai", base_url=emulator.url("openai"), api_key=emulator.key)
        for llm in (u.create_provider(config), u.ProviderManager([config])):
            for _ in range(2):
                assert (await llm.generate("Hi")).text
                await llm.aclose()


def test_blocking_faces_answer_again_after_they_were_closed() -> None:
    with emulate("openai") as emulator:
        config = u.ProviderConfig(provider="openai", base_url=emulator.url("openai"), api_key=emulator.key)
        for llm in (blocking.create_provider(config), blocking.ProviderManager([config])):
            for _ in range(2):
                assert llm.generate("Hi").text
                assert llm.stream("Hi").collect().text
                llm.close()


def test_synchronous_code_closes_providers_and_stops_emulators() -> None:
    with emulate("openai") as emulator:
        config = u.ProviderConfig(provider="openai", base_url=emulator.url("openai"), api_key=emulator.key)
        llm = blocking.create_provider(config, fallback=u.FallbackConfig(max_retries=1))
        assert llm.generate("Hi").text
        llm.close()
        emulator.stop("openai")
        with pytest.raises(u.ConnectionFailed):
            llm.generate("Hi")
        emulator.start("openai")
        assert llm.generate("Hi").text
        llm.close()


@pytest.mark.parametrize(
    "tool",
    [
        {"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}}},
        {"type": "function", "name": "f", "description": "d", "parameters": {"type": "object"}},
        {"name": "f", "description": "d", "parameters": {"type": "object"}},
        {"name": "f", "description": "d", "input_schema": {"type": "object"}},
        {"type": "custom", "name": "f", "description": "d", "input_schema": {"type": "object"}},
    ],
)
def test_a_tool_may_be_in_the_form_of_any_of_the_big_wires(tool: dict[str, Any]) -> None:
    assert read_tools([tool]) == (u.Tool(name="f", description="d", parameters={"type": "object"}),)
