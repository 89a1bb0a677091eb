"""A conversation that began at one provider goes on at another: what is the first one's alone stays behind.

Every pair of the ten, over real sockets; the emulators refuse whatever their wire does not know, and calls and results
that do not match.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import msgspec
import pytest

import understudy as u
from understudy import providers
from understudy.client.provider import Provider
from understudy.domain.content import Opaque, Provenance, Thinking
from understudy.domain.operation import Operation
from understudy.emulator import Emulator, cast
from understudy.wire.json import encode

WEATHER = u.Tool(
    name="weather",
    description="The weather in a city",
    parameters={
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
)
THINK = u.Reasoning(effort="low", display="auto")
QUESTION = "What is the weather in Paris and London? Use the tool."


def model_of(provider: str) -> str | None:
    """The first emulated model that calls tools, rather one that thinks too; `None` where no model does."""
    able = [model for model in cast.find(provider).models if "tools" in model.capabilities]
    return next((model.id for model in able if "thinking" in model.capabilities), able[0].id if able else None)


MOVERS = tuple(provider for provider in providers.types() if model_of(provider) is not None)
WITHOUT_TOOLS = tuple(provider for provider in providers.types() if provider not in MOVERS)
"""A conversation is told there in words, calls and results included; what begins there begins without calls."""


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    async with Emulator(providers.types()) as running:
        yield running


def at(emulator: Emulator, provider: str) -> Provider:
    return u.create_provider(
        u.ProviderConfig(
            provider=provider,
            base_url=emulator.url(provider),
            api_key=u.Secret(emulator.key),
            text_model=model_of(provider),
        )
    )


async def begun(emulator: Emulator, provider: str) -> tuple[u.Message, ...]:
    """A conversation up to the results of the tools that were called."""
    async with at(emulator, provider) as llm:
        question = u.Message.user(QUESTION)
        response = await llm.generate([question], tools=[WEATHER], reasoning=THINK)
    assert len(response.tool_calls) == 2
    results = [
        u.ToolResult(call_id=call.id, name=call.name, content=f"{call.parsed_arguments()['city']}: {degrees} degrees")
        for call, degrees in zip(response.tool_calls, (18, 12), strict=True)
    ]
    return question, response.message, u.Message.tool(*results)


async def continued(
    emulator: Emulator, provider: str, history: tuple[u.Message, ...]
) -> tuple[u.GenerationResponse, str]:
    """The answer, and the body that was sent for it."""
    async with at(emulator, provider) as llm:
        response = await llm.generate(list(history), tools=[WEATHER])
    assert len(response.attempts) == 1
    return response, encode(emulator.requests(provider)[-1].body).decode()


def left_behind(response: u.GenerationResponse) -> set[tuple[str, str]]:
    """What a response says was left out or renamed. What stands in for it, such as Google's placeholder of a signature,
    is said too, but another thing."""
    said = {(str(warning.kind), warning.what) for warning in response.warnings}
    return {(kind, what) for kind, what in said if kind != "emulated"}


def strings(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for item in value.values():
                yield from strings(item)
        case list():
            for item in value:
                yield from strings(item)


def private(message: u.Message) -> set[str]:
    """What belongs to the provider that wrote a message: thinking, signatures, opaque parts, ids of its items."""
    found: set[str] = set()
    for part in message.parts:
        if isinstance(part, Thinking):
            found |= {part.text, part.signature or "", part.redacted or ""}
        if isinstance(part, Opaque):
            found |= set(strings(part.json))
        found |= set(strings(part.extra or {}))
    return {text for text in found if len(text) > 12}


@pytest.mark.parametrize("second", MOVERS)
@pytest.mark.parametrize("first", MOVERS)
async def test_a_conversation_with_tool_calls_continues_elsewhere(first: str, second: str, emulator: Emulator) -> None:
    history = await begun(emulator, first)
    response, body = await continued(emulator, second, history)
    assert response.finish_reason is u.FinishReason.STOP
    assert "Paris: 18 degrees" in response.text
    assert "London: 12 degrees" in response.text
    thinking = [part for part in history[1].parts if isinstance(part, Thinking)]
    back = replayed(history[1], body)
    if first != second:
        assert not back
        assert left_behind(response) == ({("dropped", "thinking")} if thinking else set())
    else:
        # At home all of it goes back, or is said not to.
        assert left_behind(response) == ({("dropped", "thinking")} if thinking and not back else set())


def test_each_of_the_ten_moves_to_and_from_each_other() -> None:
    assert len(providers.types()) == 10
    assert WITHOUT_TOOLS == ("replicate",)


@pytest.mark.parametrize("second", WITHOUT_TOOLS)
@pytest.mark.parametrize("first", MOVERS)
async def test_a_conversation_with_tool_calls_is_told_in_words_where_there_are_no_tools(
    first: str, second: str, emulator: Emulator
) -> None:
    history = await begun(emulator, first)
    response, body = await continued(emulator, second, history)
    assert response.text
    for word in ("Paris: 18 degrees", "London: 12 degrees", "called weather"):
        assert word in body
    assert not replayed(history[1], body)
    told = {warning.what for warning in response.warnings if warning.kind == "emulated"}
    assert {"tool call", "tool result"} <= told
    thinking = any(isinstance(part, Thinking) for part in history[1].parts)
    assert left_behind(response) == {("dropped", "tools"), *([("dropped", "thinking")] if thinking else [])}


@pytest.mark.parametrize("second", [*MOVERS, *WITHOUT_TOOLS])
@pytest.mark.parametrize("first", WITHOUT_TOOLS)
async def test_a_conversation_that_began_without_tools_goes_on_with_them(
    first: str, second: str, emulator: Emulator
) -> None:
    greeting = u.Message.user("Hello there")
    async with at(emulator, first) as llm:
        answer = (await llm.generate([greeting])).message
    history = (greeting, answer, u.Message.user(QUESTION))
    response, body = await continued(emulator, second, history)
    assert answer.text in encode(emulator.requests(second)[-1].body).decode()
    assert not replayed(answer, body)
    if second in WITHOUT_TOOLS:
        assert left_behind(response) == {("dropped", "tools")}
        return
    assert left_behind(response) == set()
    assert [call.name for call in response.tool_calls] == ["weather", "weather"]
    results = [u.ToolResult(call_id=call.id, name=call.name, content="18 degrees") for call in response.tool_calls]
    response, _ = await continued(emulator, second, (*history, response.message, u.Message.tool(*results)))
    assert "18 degrees" in response.text


def replayed(message: u.Message, body: str) -> set[str]:
    """What of a message's private things stands in a body."""
    return {text for text in private(message) if encode(text).decode()[1:-1] in body}


def stored(history: tuple[u.Message, ...]) -> tuple[u.Message, ...]:
    """The conversation as another process reads it."""
    return msgspec.json.decode(msgspec.json.encode(history), type=tuple[u.Message, ...])


@pytest.mark.parametrize("provider", MOVERS)
async def test_a_server_of_the_same_type_is_another_provider(provider: str, emulator: Emulator) -> None:
    history = stored(await begun(emulator, provider))
    async with Emulator((provider,)) as elsewhere:
        response, body = await continued(elsewhere, provider, history)
    assert "Paris: 18 degrees" in response.text
    assert not replayed(history[1], body)
    thinking = [part for part in history[1].parts if isinstance(part, Thinking)]
    assert left_behind(response) == ({("dropped", "thinking")} if thinking else set())


async def test_the_id_of_an_answer_in_words_goes_home_and_nowhere_else(emulator: Emulator) -> None:
    async with at(emulator, "openai") as llm:
        question = u.Message.user("Say hello.")
        answer = (await llm.generate([question], tools=[WEATHER])).message
    history = stored((question, answer, u.Message.user("And again.")))
    assert private(answer)
    for provider, server, at_home in (
        ("openai", emulator, True),
        ("azure-openai", emulator, False),
        ("openai", None, False),
    ):
        async with Emulator((provider,)) as elsewhere, at(server or elsewhere, provider) as llm:
            response = await llm.generate(list(history), tools=[WEATHER])
            body = encode((server or elsewhere).requests(provider)[-1].body).decode()
        assert bool(replayed(answer, body)) is at_home
        assert left_behind(response) == set()


def made_up(*parts: Any, ids: tuple[str, ...] = ("call_1",)) -> tuple[u.Message, ...]:
    """A conversation in which one turn after the other calls a tool, and the first turn holds these parts too."""
    history = [u.Message.user("What is the weather in Paris? Use the tool.")]
    for turn, call_id in enumerate(ids):
        call = u.ToolCall(id=call_id, name="weather", arguments='{"city": "Paris"}')
        history.append(u.Message.assistant((*parts, call) if turn == 0 else (call,)))
        history.append(u.Message.tool(u.ToolResult(call_id=call_id, name="weather", content=f"Paris: {18 + turn}")))
    return tuple(history)


def elsewhere(dialect: str, provider: str | None = None) -> tuple[Thinking | Opaque, ...]:
    origin = Provenance(dialect, "some-model", provider)
    return (
        Thinking("a private thought", signature="c2lnbmF0dXJlIG9mIGFub3RoZXI", provenance=origin),
        Thinking(redacted="cmVkYWN0ZWQgYnkgYW5vdGhlcg", provenance=origin),
        Opaque(dialect, {"type": "private_block", "id": "private_block_1"}, provenance=origin),
    )


@pytest.mark.parametrize("provider", MOVERS)
async def test_thinking_and_opaque_parts_of_an_unknown_dialect_are_left_out(provider: str, emulator: Emulator) -> None:
    history = made_up(*elsewhere("unheard-of"))
    response, body = await continued(emulator, provider, history)
    assert "Paris: 18" in response.text
    assert not [text for text in private(history[1]) if text in body]
    assert {("dropped", "thinking"), ("dropped", "opaque part")} <= left_behind(response)


@pytest.mark.parametrize("provider", MOVERS)
async def test_what_another_provider_of_the_same_dialect_wrote_is_left_out_too(
    provider: str, emulator: Emulator
) -> None:
    for dialect in {providers.row(provider).dialects[Operation.CHAT], "responses"}:
        history = made_up(*elsewhere(dialect, "another-provider"))
        response, body = await continued(emulator, provider, history)
        assert "Paris: 18" in response.text
        assert not [text for text in private(history[1]) if text in body]
        assert {("dropped", "thinking"), ("dropped", "opaque part")} <= left_behind(response)


STRANGE_IDS = {
    "characters": ("call:1|fc.2/ü",),
    "too long": ("call_" + "x" * 200,),
    "empty": ("",),
    "the same in every turn": ("0", "0", "0"),
    "alike once made to fit": ("call:1", "call.1", "call_1"),
}


@pytest.mark.parametrize("provider", MOVERS)
@pytest.mark.parametrize("ids", STRANGE_IDS.values(), ids=STRANGE_IDS)
async def test_ids_of_tool_calls_are_made_to_fit_in_call_and_result(
    provider: str, ids: tuple[str, ...], emulator: Emulator
) -> None:
    response, body = await continued(emulator, provider, made_up(ids=ids))
    assert f"Paris: {17 + len(ids)}" in response.text
    kept = all(f'"{call_id}"' in body for call_id in ids)
    renamed = ("renamed", "tool call id") in left_behind(response)
    assert kept or renamed
    assert left_behind(response) <= {("renamed", "tool call id")}


@pytest.mark.parametrize("provider", MOVERS)
async def test_ids_that_fit_stay_as_they_are(provider: str, emulator: Emulator) -> None:
    for call_id in ("call_1", "toolu_01A09q90qw90lq917835lq9", "fc-1", "9chars1aZ"):
        response, body = await continued(emulator, provider, made_up(ids=(call_id,)))
        assert call_id in body
        assert left_behind(response) == set()


async def test_a_token_count_says_what_of_a_conversation_it_leaves_out() -> None:
    history = made_up(Thinking("hm", signature="cw", provenance=Provenance("anthropic", "claude", "elsewhere")))
    async with Emulator(("anthropic",)) as emulator, at(emulator, "anthropic") as llm:
        count = await llm.count_tokens(list(history))
    assert count.input_tokens > 0
    assert [(str(warning.kind), warning.what) for warning in count.warnings] == [("dropped", "thinking")]


@pytest.mark.parametrize("streamed", [False, True])
async def test_what_answers_through_a_nested_manager_still_says_whose_it_is(streamed: bool, emulator: Emulator) -> None:
    inner = u.ProviderManager([at(emulator, "openai")], name="inner")
    async with u.ProviderManager([inner]) as llm:
        if streamed:
            answer = await llm.stream(QUESTION, tools=[WEATHER], reasoning=THINK).collect()
        else:
            answer = await llm.generate(QUESTION, tools=[WEATHER], reasoning=THINK)
    whose = [part.provenance for part in answer.message.parts if isinstance(part, Thinking | u.ToolCall)]
    assert len(whose) == 3
    assert {origin and (origin.dialect, origin.provider) for origin in whose} == {("responses", "openai")}


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("provider", MOVERS)
async def test_a_name_that_a_provider_refuses_comes_back_as_it_was(
    provider: str, streamed: bool, emulator: Emulator
) -> None:
    """Ollama alone accepts any name; elsewhere another is sent, and the answer and the next request have it right."""
    tool = msgspec.structs.replace(WEATHER, name="weather.in/städte")
    async with at(emulator, provider) as llm:
        if streamed:
            answer = await llm.stream(QUESTION, tools=[tool]).collect()
        else:
            answer = await llm.generate(QUESTION, tools=[tool])
        sent = encode(emulator.requests(provider)[-1].body).decode()
        assert [call.name for call in answer.tool_calls] == [tool.name, tool.name]
        results = [u.ToolResult(call_id=call.id, name=call.name, content="18 degrees") for call in answer.tool_calls]
        history = [u.Message.user(QUESTION), answer.message, u.Message.tool(*results)]
        assert "18 degrees" in (await llm.generate(history, tools=[tool])).text
    assert (tool.name in sent) is (provider == "ollama")
    assert (("renamed", "tool name") in left_behind(answer)) is (provider != "ollama")
