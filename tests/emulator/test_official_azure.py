"""OpenAI's official client for Azure against the emulator, in both generations of the API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest

from understudy.domain.failures import FailureKind as K
from understudy.emulator import Emulator, Fault

PROVIDER = "azure-openai"
MODEL = "gpt-4.1-mini"
VERSION = "2024-10-21"
CAPITAL: Any = [{"role": "user", "content": "What is the capital of France?"}]


@pytest.fixture(params=["dated", "v1"])
async def client(request: pytest.FixtureRequest, emulator: Emulator) -> AsyncIterator[openai.AsyncOpenAI]:
    base = emulator.url(PROVIDER)
    if request.param == "dated":
        made: openai.AsyncOpenAI = openai.AsyncAzureOpenAI(
            azure_endpoint=base.removesuffix("/openai"),
            api_version=VERSION,
            api_key=emulator.key,
            max_retries=0,
            timeout=30,
        )
    else:
        made = openai.AsyncOpenAI(base_url=f"{base}/v1", api_key=emulator.key, max_retries=0, timeout=30)
    async with made as client:
        yield client


async def ask(client: openai.AsyncOpenAI, **fields: Any) -> Any:
    return await client.chat.completions.create(**{"model": MODEL, "messages": CAPITAL, **fields})


async def test_chat(client: openai.AsyncOpenAI, emulator: Emulator) -> None:
    answer = await ask(client)
    assert answer.choices[0].message.content == "The capital is Paris."
    assert answer.model == MODEL
    assert answer.choices[0].content_filter_results["hate"] == {"filtered": False, "severity": "safe"}
    assert answer.prompt_filter_results[0]["prompt_index"] == 0
    path = emulator.requests(PROVIDER)[0].path
    dated = f"/openai/deployments/{MODEL}/chat/completions?api-version={VERSION}"
    assert path in (dated, "/openai/v1/chat/completions")


async def test_the_first_chunk_has_no_choices(client: openai.AsyncOpenAI) -> None:
    stream = await ask(client, stream=True, stream_options={"include_usage": True})
    chunks = [chunk async for chunk in stream]
    assert (chunks[0].choices, chunks[0].model) == ([], "")
    assert chunks[0].prompt_filter_results
    pieces = [choice.delta.content for chunk in chunks for choice in chunk.choices if choice.delta.content]
    assert pieces == ["The", " capital", " is", " Paris."]
    assert chunks[-1].usage is not None


WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


async def test_tools_and_their_results(client: openai.AsyncOpenAI) -> None:
    messages: list[Any] = [{"role": "user", "content": "What is the weather in Paris and Oslo?"}]
    answer = await ask(client, messages=messages, tools=[WEATHER])
    assert answer.choices[0].finish_reason == "tool_calls"
    messages.append(answer.choices[0].message)
    for call in answer.choices[0].message.tool_calls:
        messages.append({"role": "tool", "tool_call_id": call.id, "content": "Sunny, 22 °C"})
    final = await ask(client, messages=messages, tools=[WEATHER])
    assert "Sunny, 22 °C" in final.choices[0].message.content
    with pytest.raises(openai.BadRequestError, match="did not have response messages"):
        await ask(client, messages=messages[:-1], tools=[WEATHER])


async def test_structured_output(client: openai.AsyncOpenAI) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    form = {"type": "json_schema", "json_schema": {"name": "number", "schema": schema}}
    answer = await ask(client, messages=[{"role": "user", "content": "Give me 7"}], response_format=form)
    assert answer.choices[0].message.content == '{"n":7}'


async def test_responses_stand_in_the_v1_api(emulator: Emulator) -> None:
    async with openai.AsyncOpenAI(base_url=f"{emulator.url(PROVIDER)}/v1", api_key=emulator.key) as client:
        answer = await client.responses.create(model="gpt-6-luna", input="What is the capital of France?")
        stream = await client.responses.create(model="gpt-6-luna", input="Count to 3", stream=True)
        events = [event async for event in stream]
    assert answer.output_text == "The capital is Paris."
    assert (events[0].type, events[-1].type) == ("response.created", "response.completed")


async def test_an_error_in_a_stream(emulator: Emulator, client: openai.AsyncOpenAI) -> None:
    emulator.script(PROVIDER, [Fault.error_event(K.OVERLOADED, after=2)])
    with pytest.raises(openai.APIError, match="overloaded"):
        async for _ in await ask(client, stream=True):
            pass


async def test_embeddings_and_models(client: openai.AsyncOpenAI) -> None:
    found = await client.embeddings.create(model="text-embedding-3-small", input=["a", "b"], dimensions=32)
    assert [len(item.embedding) for item in found.data] == [32, 32]
    assert MODEL in [model.id async for model in client.models.list()]


async def test_the_deployment_in_the_address_counts(emulator: Emulator) -> None:
    async with openai.AsyncAzureOpenAI(
        azure_endpoint=emulator.url(PROVIDER).removesuffix("/openai"),
        azure_deployment="gpt-5-mini",
        api_version=VERSION,
        azure_ad_token=emulator.key,
        max_retries=0,
    ) as client:
        answer = await client.chat.completions.create(model="gpt-5-mini", messages=CAPITAL)
    assert answer.model == "gpt-5-mini"
    assert emulator.requests(PROVIDER)[0].authenticated


@pytest.mark.parametrize(
    ("kind", "error", "code"),
    [
        (K.INVALID_REQUEST, openai.BadRequestError, "invalid_value"),
        (K.CONTENT_FILTER, openai.BadRequestError, "content_filter"),
        (K.CONTEXT_LENGTH, openai.BadRequestError, "context_length_exceeded"),
        (K.AUTHENTICATION, openai.AuthenticationError, "401"),
        (K.PERMISSION, openai.PermissionDeniedError, "403"),
        (K.NOT_FOUND, openai.NotFoundError, "DeploymentNotFound"),
        (K.RATE_LIMITED, openai.RateLimitError, "429"),
        (K.BILLING, openai.RateLimitError, "insufficient_quota"),
        (K.SERVER_ERROR, openai.InternalServerError, None),
    ],
)
async def test_errors(
    emulator: Emulator, client: openai.AsyncOpenAI, kind: K, error: type[openai.APIStatusError], code: str | None
) -> None:
    emulator.script(PROVIDER, [Fault.error(kind, retry_after=3)])
    with pytest.raises(error) as caught:
        await ask(client)
    assert caught.value.code == code
    assert caught.value.response.headers["retry-after"] == "3"
    assert caught.value.response.headers["apim-request-id"]


async def test_an_unknown_deployment_and_a_wrong_key(emulator: Emulator, client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="deployment"):
        await ask(client, model="nonesuch")
    with pytest.raises(openai.AuthenticationError, match="Access denied"):
        await ask(client.with_options(api_key="wrong"))
