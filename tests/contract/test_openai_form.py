"""Code written against OpenAI's form, with each of the ten behind it: dicts go in, OpenAI's own types come out, and the
message that came out goes in again, at the provider that gave it and at any other."""

from __future__ import annotations

from typing import Any

import pytest
from openai.types import CreateEmbeddingResponse
from openai.types.chat import ChatCompletion, ChatCompletionChunk

import understudy as u
from tests.contract.asking import CHATS, calls_tools, offers
from tests.contract.public import TEN, Stand
from understudy.domain.operation import Operation

PNG = (
    "data:image/png;base64,"
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
CALLING = [each for each in TEN if calls_tools(each)]


def read(answer: u.GenerationResponse) -> ChatCompletion:
    return ChatCompletion.model_validate(answer.to_openai(), strict=True)


@pytest.mark.parametrize("scene", CHATS)
@pytest.mark.parametrize("provider", TEN)
async def test_what_comes_out_is_openais(provider: str, scene: str) -> None:
    prompt, options = CHATS[scene]
    if "tools" in options and not calls_tools(provider):
        pytest.skip("takes no tools")
    async with Stand(provider) as stand:
        for answer in (
            await stand.llm.generate(prompt, **options),
            await stand.llm.stream(prompt, **options).collect(),
        ):
            completion = read(answer)
            message = completion.choices[0].message
            assert (message.content or "") == answer.text
            assert len(message.tool_calls or ()) == len(answer.tool_calls)
            assert (completion.usage.total_tokens if completion.usage else None) == answer.tokens_used
            if answer.tool_calls:
                assert completion.choices[0].finish_reason == "tool_calls"
            if answer.thinking:
                assert (message.model_extra or {})["reasoning_content"] == answer.thinking


@pytest.mark.parametrize("scene", CHATS)
@pytest.mark.parametrize("provider", TEN)
async def test_a_stream_comes_out_as_openais_chunks(provider: str, scene: str) -> None:
    prompt, options = CHATS[scene]
    if "tools" in options and not calls_tools(provider):
        pytest.skip("takes no tools")
    async with Stand(provider) as stand:
        stream = stand.llm.stream(prompt, **options)
        chunks = [ChatCompletionChunk.model_validate(chunk, strict=True) async for chunk in stream.to_openai()]
    answer = stream.response
    choices = [choice for chunk in chunks for choice in chunk.choices]
    assert "".join(choice.delta.content or "" for choice in choices) == answer.text
    thinking = "".join((choice.delta.model_extra or {}).get("reasoning_content", "") for choice in choices)
    assert thinking == answer.thinking
    pieces = [piece for choice in choices for piece in choice.delta.tool_calls or ()]
    for number, call in enumerate(answer.tool_calls):
        own = [piece.function for piece in pieces if piece.index == number and piece.function is not None]
        assert own[0].name == call.name
        assert "".join(piece.arguments or "" for piece in own) == call.arguments
    assert [choice.finish_reason for choice in choices if choice.finish_reason] == [
        "tool_calls" if answer.tool_calls else "stop"
    ]
    if answer.tokens_used is not None:
        assert chunks[-1].usage is not None
        assert chunks[-1].usage.total_tokens == answer.tokens_used


@pytest.mark.parametrize("provider", TEN)
async def test_dicts_go_in(provider: str) -> None:
    conversation: list[dict[str, Any]] = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [
            {"type": "text", "text": "What is in the picture?"},
            {"type": "image_url", "image_url": {"url": PNG, "detail": "low"}},
        ]},
        {"role": "assistant", "content": "A dot."},
        {"role": "user", "content": "Of which colour?"},
    ]  # fmt: skip
    async with Stand(provider) as stand:
        answer = await stand.llm.generate(conversation)
    assert read(answer).choices[0].message.content


@pytest.mark.parametrize("second", CALLING)
@pytest.mark.parametrize("first", CALLING)
async def test_the_message_that_came_out_goes_in_again(first: str, second: str) -> None:
    """The loop of every agent: ask, append the message, append the results of its calls, ask again."""
    prompt, options = CHATS["tools"]
    conversation: list[dict[str, Any]] = [{"role": "user", "content": prompt}]
    async with Stand(first) as stand, Stand(second) as other:
        message = read(await stand.llm.generate(conversation, **options)).choices[0].message
        assert message.tool_calls
        conversation.append(message.model_dump(exclude_none=True))
        conversation += [
            {"role": "tool", "tool_call_id": call.id, "content": "Sunny, 22 °C"} for call in message.tool_calls
        ]
        assert read(await other.llm.generate(conversation, **options)).choices[0].message.content


@pytest.mark.parametrize("provider", [each for each in TEN if offers(each, Operation.EMBED)])
async def test_vectors_come_out_as_openais(provider: str) -> None:
    async with Stand(provider) as stand:
        if stand.llm.config.embedding_model is None:
            pytest.skip("no embedding model")
        answer = await stand.llm.embed(["one", "two"])
    found = CreateEmbeddingResponse.model_validate(answer.to_openai(), strict=True)
    assert [tuple(each.embedding) for each in found.data] == list(answer.embeddings)
