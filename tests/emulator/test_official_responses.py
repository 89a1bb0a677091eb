"""OpenAI's official client against the emulator: the Responses API."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
from openai.types.responses import ResponseCompactionItem
from pydantic import BaseModel

from understudy.domain.failures import FailureKind as K
from understudy.emulator import Emulator, Fault

PROVIDER = "openai"
MODEL = "gpt-6-sol"
WEATHER: Any = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather of a city",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
    "strict": True,
}


class Person(BaseModel):
    name: str
    age: int


@pytest.fixture
async def client(emulator: Emulator) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(
        base_url=emulator.url(PROVIDER), api_key=emulator.key, max_retries=0, timeout=30
    ) as client:
        yield client


async def ask(client: openai.AsyncOpenAI, given: Any = "What is the capital of France?", **fields: Any) -> Any:
    return await client.responses.create(**{"model": MODEL, "input": given, **fields})


async def test_a_response(client: openai.AsyncOpenAI) -> None:
    answer = await ask(client)
    assert answer.output_text == "The capital is Paris."
    assert (answer.status, answer.model) == ("completed", MODEL)
    assert answer.id.startswith("resp_")
    assert answer.usage.output_tokens == 6
    assert answer.usage.total_tokens == answer.usage.input_tokens + 6


async def test_a_stream_ends_with_the_response(client: openai.AsyncOpenAI) -> None:
    events = [event async for event in await ask(client, stream=True)]
    assert [e.delta for e in events if e.type == "response.output_text.delta"] == ["The", " capital", " is", " Paris."]
    assert events[0].type == "response.created"
    assert events[-1].type == "response.completed"
    assert events[-1].response.output_text == "The capital is Paris."
    assert [event.sequence_number for event in events] == sorted({event.sequence_number for event in events})
    whole = await ask(client)
    assert events[-1].response.usage == whole.usage


@pytest.mark.parametrize("stream", [False, True])
async def test_parallel_tools_and_their_results(client: openai.AsyncOpenAI, stream: bool) -> None:
    question: Any = {"role": "user", "content": "What is the weather in Paris and Oslo?"}
    if stream:
        async with client.responses.stream(model=MODEL, input=[question], tools=[WEATHER]) as streaming:
            first: Any = await streaming.get_final_response()
    else:
        first = await ask(client, [question], tools=[WEATHER])
    calls = [item for item in first.output if item.type == "function_call"]
    assert [json.loads(call.arguments) for call in calls] == [{"city": "Paris"}, {"city": "Oslo"}]
    results = [{"type": "function_call_output", "call_id": call.call_id, "output": "18 degrees"} for call in calls]
    history = [question, *({"type": "function_call", **_call(call)} for call in calls), *results]
    second = await ask(client, history, tools=[WEATHER])
    assert second.output_text == "get_weather says: 18 degrees get_weather says: 18 degrees"
    single = await ask(client, [question], tools=[WEATHER], parallel_tool_calls=False)
    assert len([item for item in single.output if item.type == "function_call"]) == 1


async def test_tool_choice(client: openai.AsyncOpenAI) -> None:
    none = await ask(client, "Weather in Paris?", tools=[WEATHER], tool_choice="none")
    assert [item.type for item in none.output] == ["message"]
    named = await ask(client, "Hello", tools=[WEATHER], tool_choice={"type": "function", "name": "get_weather"})
    assert [item.type for item in named.output] == ["function_call"]


async def test_structured_output(client: openai.AsyncOpenAI) -> None:
    answer = await client.responses.parse(model=MODEL, input="Take down that Ada is 36", text_format=Person)
    assert answer.output_parsed == Person(name="Ada", age=36)


async def test_reasoning(client: openai.AsyncOpenAI) -> None:
    hidden = await ask(client, reasoning={"effort": "high"})
    assert hidden.usage.output_tokens_details.reasoning_tokens > 0
    shown = await ask(client, reasoning={"effort": "high", "summary": "auto"})
    assert shown.output[0].type == "reasoning"
    assert shown.output[0].summary[0].text
    assert shown.output_text == "The capital is Paris."


async def test_images_and_instructions(client: openai.AsyncOpenAI, png: bytes) -> None:
    url = f"data:image/png;base64,{base64.b64encode(png).decode()}"
    content = [{"type": "input_text", "text": "What is this?"}, {"type": "input_image", "image_url": url}]
    answer = await ask(client, [{"role": "user", "content": content}], instructions="Be brief.")
    assert answer.output_text.startswith("I see 1 image (image/png).")


async def test_the_limit(client: openai.AsyncOpenAI) -> None:
    answer = await ask(client, "Count to 30", max_output_tokens=16)
    assert (answer.status, answer.incomplete_details.reason) == ("incomplete", "max_output_tokens")
    assert answer.output_text == "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,"


async def test_token_counting(client: openai.AsyncOpenAI) -> None:
    counted = await client.responses.input_tokens.count(model=MODEL, input="What is the capital of France?")
    assert counted.input_tokens == (await ask(client)).usage.input_tokens > 0


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (K.INVALID_REQUEST, openai.BadRequestError),
        (K.AUTHENTICATION, openai.AuthenticationError),
        (K.NOT_FOUND, openai.NotFoundError),
        (K.RATE_LIMITED, openai.RateLimitError),
        (K.OVERLOADED, openai.InternalServerError),
    ],
)
async def test_errors(
    emulator: Emulator, client: openai.AsyncOpenAI, kind: K, error: type[openai.APIStatusError]
) -> None:
    emulator.script(PROVIDER, [Fault.error(kind)])
    with pytest.raises(error):
        await ask(client)


async def test_keys_and_models(client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.AuthenticationError):
        await ask(client.with_options(api_key="wrong"))
    with pytest.raises(openai.NotFoundError):
        await ask(client, model="nonesuch")


async def test_an_error_in_a_stream(emulator: Emulator, client: openai.AsyncOpenAI) -> None:
    emulator.script(PROVIDER, [Fault.error_event(K.OVERLOADED, after=2)])
    events: list[Any] = []
    with pytest.raises(openai.APIError, match="overloaded"):
        await drain(client, events)
    numbers = [event.sequence_number for event in events]
    assert numbers == sorted(set(numbers))
    assert sum(event.type == "response.output_text.delta" for event in events) == 2


async def drain(client: openai.AsyncOpenAI, into: list[Any]) -> None:
    async for event in await ask(client, stream=True):
        into.append(event)


def _call(call: Any) -> dict[str, str]:
    return {"call_id": call.call_id, "name": call.name, "arguments": call.arguments}


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
async def test_a_compaction_stands_for_the_conversation(client: openai.AsyncOpenAI, stream: bool) -> None:
    given: Any = [{"role": "user", "content": "What is the capital of France?"}, {"type": "compaction_trigger"}]
    answer = await ask(client, given, stream=stream, store=False)
    if stream:
        done = [event async for event in answer if event.type == "response.output_item.done"]
        (item,) = [event.item for event in done]
    else:
        (item,) = answer.output
    assert isinstance(item, ResponseCompactionItem)
    again = await ask(client, [item.model_dump(exclude_none=True)], store=False)
    assert again.output_text == "The capital is Paris."


async def test_a_compaction_of_another_account_is_refused(client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="could not be verified") as caught:
        await ask(client, [{"type": "compaction", "id": "cmp_1", "encrypted_content": "us1.sealed"}])
    assert caught.value.code == "invalid_encrypted_content"
