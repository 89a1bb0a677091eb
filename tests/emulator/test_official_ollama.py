"""Ollama's official client against the emulator."""

from __future__ import annotations

import json
import math
from collections.abc import AsyncIterator
from typing import Any

import httpx
import ollama
import openai
import pytest

from understudy.domain.failures import FailureKind as K
from understudy.emulator import Emulator, Fault

PROVIDER = "ollama"
MODEL = "llama3.2"
CAPITAL = [{"role": "user", "content": "What is the capital of France?"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


@pytest.fixture
async def client(emulator: Emulator) -> AsyncIterator[ollama.AsyncClient]:
    async with ollama.AsyncClient(host=emulator.url(PROVIDER), timeout=30) as client:
        yield client


async def test_chat(client: ollama.AsyncClient) -> None:
    answer = await client.chat(MODEL, CAPITAL)
    assert answer.message.content == "The capital is Paris."
    assert (answer.done, answer.done_reason, answer.model) == (True, "stop", MODEL)
    counts = (answer.prompt_eval_count, answer.eval_count, answer.total_duration, answer.eval_duration)
    assert all(count and count > 0 for count in counts)


async def test_a_stream_is_the_chat_in_pieces(client: ollama.AsyncClient) -> None:
    chunks = [chunk async for chunk in await client.chat(MODEL, CAPITAL, stream=True)]
    assert "".join(chunk.message.content or "" for chunk in chunks) == "The capital is Paris."
    assert len(chunks) > 3
    assert [chunk.done for chunk in chunks[-2:]] == [False, True]
    assert chunks[-1].eval_count == (await client.chat(MODEL, CAPITAL)).eval_count


async def test_generate(client: ollama.AsyncClient) -> None:
    answer = await client.generate(MODEL, "What is the capital of France?")
    assert answer.response == "The capital is Paris."
    chunks = [chunk async for chunk in await client.generate(MODEL, "Count to 3", stream=True)]
    assert "".join(chunk.response or "" for chunk in chunks) == "1, 2, 3"


@pytest.mark.parametrize("stream", [False, True])
async def test_tools(client: ollama.AsyncClient, stream: bool) -> None:
    messages = [{"role": "user", "content": "What is the weather in Paris and Oslo?"}]
    if stream:
        chunks = [c async for c in await client.chat(MODEL, messages, tools=[WEATHER], stream=True)]
        calls = [call for chunk in chunks for call in chunk.message.tool_calls or ()]
    else:
        calls = list((await client.chat(MODEL, messages, tools=[WEATHER])).message.tool_calls or ())
    assert [(call.function.name, call.function.arguments) for call in calls] == [
        ("get_weather", {"city": "Paris"}),
        ("get_weather", {"city": "Oslo"}),
    ]


async def test_the_result_of_a_tool_is_told(client: ollama.AsyncClient) -> None:
    first = await client.chat(MODEL, [{"role": "user", "content": "Weather in Paris?"}], tools=[WEATHER])
    history: Any = [
        {"role": "user", "content": "Weather in Paris?"},
        first.message,
        {"role": "tool", "content": "18 degrees", "tool_name": "get_weather"},
    ]
    answer = await client.chat(MODEL, history, tools=[WEATHER])
    assert answer.message.content == "get_weather says: 18 degrees"


async def test_structured_output(client: ollama.AsyncClient) -> None:
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 18}},
        "required": ["name", "age"],
    }
    answer = await client.chat(MODEL, [{"role": "user", "content": "Invent a person."}], format=schema)
    value = json.loads(answer.message.content or "")
    assert isinstance(value["name"], str)
    assert value["age"] >= 18
    answer = await client.chat(MODEL, CAPITAL, format="json")
    assert json.loads(answer.message.content or "") == {"answer": "The capital is Paris."}


async def test_thinking(client: ollama.AsyncClient) -> None:
    answer = await client.chat("qwen3", CAPITAL, think=True)
    assert answer.message.thinking
    assert answer.message.content == "The capital is Paris."
    chunks = [chunk async for chunk in await client.chat("qwen3", CAPITAL, think=True, stream=True)]
    assert "".join(chunk.message.thinking or "" for chunk in chunks) == answer.message.thinking
    with pytest.raises(ollama.ResponseError, match=f'"{MODEL}" does not support thinking') as caught:
        await client.chat(MODEL, CAPITAL, think=True)
    assert caught.value.status_code == 400


async def test_images(client: ollama.AsyncClient, png: bytes) -> None:
    answer = await client.chat("qwen3-vl", [{"role": "user", "content": "What is this?", "images": [png]}])
    assert "I see 1 image (image/png)." in (answer.message.content or "")


async def test_options(client: ollama.AsyncClient) -> None:
    count = [{"role": "user", "content": "Count to 30"}]
    answer = await client.chat(MODEL, count, options={"num_predict": 4})
    assert (answer.message.content, answer.done_reason) == ("1, 2, 3, 4,", "length")
    assert answer.eval_count == 4
    answer = await client.chat(MODEL, count, options={"stop": ["3"]})
    assert (answer.message.content, answer.done_reason) == ("1, 2, ", "stop")


async def test_embeddings(client: ollama.AsyncClient) -> None:
    texts = ["the cat sat on the mat", "a cat sat on a mat", "quarterly revenue rose sharply"]
    answer = await client.embed("nomic-embed-text", texts)
    near, also, far = answer.embeddings
    assert math.isclose(sum(value * value for value in near), 1.0, abs_tol=1e-6)
    assert len(near) == 768
    assert _dot(near, also) > 0.3 > _dot(near, far)
    assert (await client.embed("nomic-embed-text", texts[0])).embeddings[0] == near
    assert len((await client.embed("nomic-embed-text", "x", dimensions=64)).embeddings[0]) == 64


async def test_models(client: ollama.AsyncClient) -> None:
    names = [model.model for model in (await client.list()).models]
    assert "llama3.2:latest" in names
    shown = await client.show(MODEL)
    assert shown.capabilities is not None
    assert "tools" in shown.capabilities


async def test_an_unknown_model_is_not_found(client: ollama.AsyncClient) -> None:
    with pytest.raises(ollama.ResponseError, match="model 'nonesuch' not found") as caught:
        await client.chat("nonesuch", CAPITAL)
    assert caught.value.status_code == 404
    with pytest.raises(ollama.ResponseError, match="not found"):
        await client.show("nonesuch")


@pytest.mark.parametrize(
    ("kind", "status"), [(K.RATE_LIMITED, 429), (K.SERVER_ERROR, 500), (K.OVERLOADED, 503), (K.AUTHENTICATION, 401)]
)
async def test_errors(emulator: Emulator, client: ollama.AsyncClient, kind: K, status: int) -> None:
    emulator.script(PROVIDER, [Fault.error(kind)])
    with pytest.raises(ollama.ResponseError) as caught:
        await client.chat(MODEL, CAPITAL)
    assert caught.value.status_code == status


async def test_an_error_in_a_stream(emulator: Emulator, client: ollama.AsyncClient) -> None:
    emulator.script(PROVIDER, [Fault.error_event(K.SERVER_ERROR, after=2)])
    seen: list[ollama.ChatResponse] = []
    with pytest.raises(ollama.ResponseError, match="runner process has terminated"):
        await drain(await client.chat(MODEL, CAPITAL, stream=True), seen)
    assert [chunk.message.content for chunk in seen] == ["The", " capital"]


async def test_silence_and_refusal(emulator: Emulator, client: ollama.AsyncClient) -> None:
    emulator.script(PROVIDER, [Fault.slow_headers()])
    async with ollama.AsyncClient(host=emulator.url(PROVIDER), timeout=0.5) as impatient:
        with pytest.raises(httpx.TimeoutException):
            await impatient.chat(MODEL, CAPITAL)
    await emulator.stop(PROVIDER)
    with pytest.raises(ConnectionError):
        await client.chat(MODEL, CAPITAL)
    await emulator.start(PROVIDER)
    assert (await client.chat(MODEL, CAPITAL)).message.content == "The capital is Paris."


async def test_openais_client_works_under_v1(emulator: Emulator) -> None:
    async with openai.AsyncOpenAI(base_url=f"{emulator.url(PROVIDER)}/v1", api_key="ollama", max_retries=0) as client:
        messages: Any = CAPITAL
        answer = await client.chat.completions.create(model=MODEL, messages=messages)
        assert answer.choices[0].message.content == "The capital is Paris."
        vectors = await client.embeddings.create(model="nomic-embed-text", input="x")
        assert len(vectors.data[0].embedding) == 768
        with pytest.raises(openai.NotFoundError, match="model 'nonesuch' not found"):
            await client.chat.completions.create(model="nonesuch", messages=messages)


async def test_version_and_root() -> None:
    async with Emulator([PROVIDER]) as emulator, httpx.AsyncClient() as http:
        assert (await http.get(emulator.url(PROVIDER))).text == "Ollama is running"
        assert (await http.get(f"{emulator.url(PROVIDER)}/api/version")).json()["version"]


async def drain(stream: AsyncIterator[ollama.ChatResponse], into: list[ollama.ChatResponse]) -> None:
    async for chunk in stream:
        into.append(chunk)


def _dot(left: object, right: object) -> float:
    assert isinstance(left, list | tuple)
    assert isinstance(right, list | tuple)
    return math.fsum(a * b for a, b in zip(left, right, strict=True))
