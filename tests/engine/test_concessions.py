"""What a provider refuses of how a model thinks is given up, reported, and remembered for the model."""

from __future__ import annotations

import asyncio
import json

import pytest

import understudy as u
from tests.engine.servers import Asked, manager, message, refusing, serving, well

UNVERIFIED = "Your organization must be verified to generate reasoning summaries. Please go to: https://…"
RESPONSE = {
    "id": "resp_1",
    "object": "response",
    "status": "completed",
    "model": "gpt-5",
    "output": [
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "hello", "annotations": []}],
        }
    ],
    "usage": {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5},
}


async def responses(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """Answer as the Responses API does, whole."""
    writer.write(message("application/json", json.dumps(RESPONSE).encode()))
    await writer.drain()


async def unverified(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """Refuse summaries of thinking."""
    if "summary" not in asked.body.get("reasoning", {}):
        await responses(asked, writer)
    else:
        await refusing(UNVERIFIED, when=lambda _: True, param="reasoning.summary")(asked, writer)


@pytest.mark.parametrize(
    "words",
    [
        '"gpt-5" does not support thinking',
        "`reasoning_effort` is not supported with this model",
        "Unsupported parameter: 'reasoning_effort' is not supported with this model.",
    ],
)
async def test_a_model_that_does_not_think_is_asked_without(words: str) -> None:
    script = refusing(words, when=lambda asked: "reasoning_effort" in asked.body)
    async with serving(script, well) as servers, manager(*servers, whole="plain") as llm:
        first, second = [await llm.generate("Hi", reasoning="high") for _ in range(2)]
        assert [each.provider for each in (first, second)] == ["primary", "primary"]
        assert [str(each.what) for each in (*first.warnings, *second.warnings)] == ["reasoning", "reasoning"]
        assert ["reasoning_effort" in each.body for each in servers[0].requests] == [True, False, False]


async def test_thinking_that_an_account_may_not_see_is_not_asked_for() -> None:
    asked = u.Reasoning(effort="high", display="summarized")
    async with serving(unverified, well) as servers, manager(*servers, whole="plain") as llm:
        first, second = [await llm.generate("Hi", reasoning=asked) for _ in range(2)]
        assert first.text == second.text == "hello"
        assert [each.what for each in first.warnings] == ["reasoning display"]
        assert {each.path for each in servers[0].requests} == {"/v1/responses"}
        assert ["summary" in each.body.get("reasoning", {}) for each in servers[0].requests] == [True, False, False]


FOREIGN = (
    "The encrypted content gAAA...Rg== could not be verified. Reason: Encrypted content organization_id did not match "
    "the target organization."
)
"""OpenAI's words: https://github.com/openai/codex/issues/8145."""


async def unreadable(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """Refuse reasoning, as of another organization."""
    if "encrypted_content" not in json.dumps(asked.body["input"]):
        await responses(asked, writer)
    else:
        await refusing(FOREIGN, when=lambda _: True)(asked, writer)


async def test_reasoning_that_another_account_encrypted_is_left_out() -> None:
    thought = u.Thinking("Hm.", signature="gAAAAA", provenance=u.Provenance("responses"))
    history = [u.Message.user("Hi"), u.Message.assistant((thought, u.Text("So."))), u.Message.user("And?")]
    asked = u.Reasoning(effort="high", display="summarized")
    async with serving(unreadable, well) as servers, manager(*servers, whole="plain") as llm:
        answer = await llm.generate(history, reasoning=asked)
        assert answer.text == "hello"
        assert [each.what for each in answer.warnings] == ["thinking"]
        first, second = (each.body["input"] for each in servers[0].requests)
        assert [each["type"] for each in first] == ["message", "reasoning", "message", "message"]
        assert second == [each for each in first if each["type"] != "reasoning"]


async def test_what_has_another_reason_is_not_asked_again() -> None:
    words = "Function tools with reasoning_effort are not supported for gpt-5 in /v1/chat/completions."
    async with serving(refusing(words, when=lambda _: True), well) as servers, manager(*servers) as llm:
        with pytest.raises(u.InvalidRequest):
            await llm.generate("Hi", reasoning="high")
        assert len(servers[0].requests) == 1


async def test_a_strict_caller_learns_of_it() -> None:
    script = refusing('"gpt-5" does not support thinking', when=lambda asked: "reasoning_effort" in asked.body)
    async with serving(script) as servers, manager(*servers, strict=True) as llm:
        with pytest.raises(u.LLMError):
            await llm.generate("Hi", reasoning="high")
