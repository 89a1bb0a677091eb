"""Tool calls and their results belong together: what a provider refuses, its emulator refuses too."""

from __future__ import annotations

import pytest

import understudy as u
from tests.contract.asking import WEATHER
from tests.contract.public import TEN, Stand

TAKES_ANY = {"ollama", "replicate"}
"""Ollama's server compares no ids, and Replicate's models are told of tools in words alone."""

QUESTION = u.Message.user("What is the weather in Paris and London? Use the tool.")


def call(call_id: str) -> u.ToolCall:
    return u.ToolCall(id=call_id, name="weather", arguments='{"city": "Paris"}')


def result(call_id: str) -> u.ToolResult:
    return u.ToolResult(call_id=call_id, name="weather", content="Paris: 18 degrees")


HISTORIES = {
    "a result without a call": [QUESTION, u.Message.assistant("Well."), u.Message.tool(result("call_1"))],
    "a call without a result": [QUESTION, u.Message.assistant((call("call_1"),)), u.Message.user("And?")],
    "one result of two": [
        QUESTION,
        u.Message.assistant((call("call_1"), call("call_2"))),
        u.Message.tool(result("call_1")),
        u.Message.user("And?"),
    ],
    "a result of another call": [
        QUESTION,
        u.Message.assistant((call("call_1"), call("call_2"))),
        u.Message.tool(result("call_1"), result("call_3"), result("call_4")),
    ],
}


@pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES)
@pytest.mark.parametrize("provider", TEN)
async def test_calls_and_results_that_do_not_match_are_refused(
    provider: str, history: list[u.Message], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library pairs them before it sends them; here they are sent as they are."""
    monkeypatch.setattr("understudy.dialects.history._formed", lambda messages, *_: messages)
    async with Stand(provider) as stand:
        if provider in TAKES_ANY:
            assert (await stand.llm.generate(history, tools=[WEATHER])).text
            return
        with pytest.raises(u.InvalidRequest):
            await stand.llm.generate(history, tools=[WEATHER])
    assert stand.wire.replies[-1].head.status == 400


@pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES)
@pytest.mark.parametrize("provider", TEN)
async def test_calls_and_results_that_do_not_match_are_paired_before_they_are_sent(
    provider: str, history: list[u.Message]
) -> None:
    async with Stand(provider) as stand:
        response = await stand.llm.generate(history, tools=[WEATHER])
    assert response.text or response.tool_calls
    assert provider in TAKES_ANY or "tool result" in {warning.what for warning in response.warnings}


@pytest.mark.parametrize("provider", TEN)
async def test_calls_and_results_that_match_are_answered(provider: str) -> None:
    history = [
        QUESTION,
        u.Message.assistant((call("call_1"), call("call_2"))),
        u.Message.tool(result("call_2"), result("call_1")),
    ]
    async with Stand(provider) as stand:
        assert "18 degrees" in (await stand.llm.generate(history, tools=[WEATHER])).text


async def test_replicates_models_that_take_messages_know_no_tools() -> None:
    async with Stand("replicate") as stand:
        body = {"replicate": {"input": {"messages": [{"role": "tool", "content": "x", "tool_call_id": "1"}]}}}
        with pytest.raises(u.InvalidRequest, match="role"):
            await stand.llm.generate("Hello", extra=body)
