"""A tool that must be called, at models that cannot be made to: its arguments are the answer, and a call again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from understudy import Message, OutputFormat, ProviderConfig, Secret, Tool, ToolChoice, ToolResult, create_provider
from understudy.dialects.forced_calls import _Calling  # pyright: ignore[reportPrivateUsage]
from understudy.domain.events import Finished, TextDelta, ToolCallDelta, ToolCallStarted
from understudy.domain.finish import FinishReason
from understudy.emulator import Emulator

PLACE = Tool(
    name="Place",
    description="A place",
    parameters={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)
FORCED = [ToolChoice("tool", ("Place",)), ToolChoice("required")]


MODELS = {"anthropic": "claude-sonnet-5-5", "ollama": "llama3.2"}


def provider(emulator: Emulator, name: str) -> Any:
    url, key = emulator.url(name), Secret(emulator.key)
    return create_provider(ProviderConfig(provider=name, api_key=key, base_url=url, text_model=MODELS[name]))


@pytest.mark.parametrize("choice", FORCED, ids=lambda choice: choice.mode)
@pytest.mark.parametrize("name", MODELS)
async def test_the_answer_is_a_call(name: str, choice: ToolChoice) -> None:
    async with Emulator([name]) as emulator, provider(emulator, name) as llm:
        asked: Any = {"tools": [PLACE], "tool_choice": choice}
        answer = await llm.generate("I live in Paris.", **asked)
        (call,) = answer.tool_calls
        assert (call.name, json.loads(call.arguments)) == ("Place", {"city": "Paris"})
        assert answer.finish_reason is FinishReason.TOOL_CALLS
        assert "tool_choice" in [each.what for each in answer.warnings]
        pieces = [each async for each in llm.stream("I live in Paris.", **asked)]
        arguments = "".join(each.arguments for each in pieces if isinstance(each, ToolCallDelta))
        assert json.loads(arguments) == {"city": "Paris"}
        assert not any(isinstance(each, TextDelta) for each in pieces)
    assert all("tools" not in each.body for each in emulator.requests(name))


async def test_a_second_call_has_an_id_of_its_own() -> None:
    async with Emulator(["anthropic"]) as emulator, provider(emulator, "anthropic") as llm:
        asked: Any = {"tools": [PLACE], "tool_choice": FORCED[0]}
        first = await llm.generate("I live in Paris.", **asked)
        (call,) = first.tool_calls
        result = ToolResult(call_id=call.id, content="noted")
        history = [Message.user("I live in Paris."), first.message, Message.tool(result), Message.user("Now in Oslo.")]
        second = await llm.generate(history, **asked)
    assert second.tool_calls[0].id != call.id
    assert "tools" in emulator.requests("anthropic")[-1].body, "a conversation with calls needs their tools"


@pytest.mark.parametrize("name", MODELS)
async def test_a_form_of_texts_does_not_concern_the_call(name: str) -> None:
    """instructor asks for both at the Responses API."""
    form = {"type": "object", "properties": {"town": {"type": "string"}}, "required": ["town"]}
    async with Emulator([name]) as emulator, provider(emulator, name) as llm:
        asked: Any = {"tools": [PLACE], "tool_choice": FORCED[0], "output": OutputFormat(json_schema=form)}
        answer = await llm.generate("I live in Paris.", **asked)
    assert [json.loads(each.arguments) for each in answer.tool_calls] == [{"city": "Paris"}]
    assert "tools" not in emulator.requests(name)[-1].body


def test_a_form_that_is_only_asked_for_is_found_in_its_text() -> None:
    calling = _Calling("Place", "call_1", is_whole=True)
    steps = calling.steps([TextDelta(0, 'Here it is:\n```json\n{"ci'), TextDelta(0, 'ty": "Paris"}\n```')])
    steps += calling.steps([Finished(FinishReason.STOP)])
    assert steps[0] == ToolCallStarted(0, "call_1", "Place")
    assert "".join(each.arguments for each in steps if isinstance(each, ToolCallDelta)) == '{"city": "Paris"}'
    assert steps[-1] == Finished(FinishReason.TOOL_CALLS)
