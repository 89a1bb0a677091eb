"""What clients ask besides: schemas, images, thinking, limits, vectors, models, tokens; and the errors they raise."""

from __future__ import annotations

import base64
import json
import struct
from dataclasses import replace
from typing import Any

import anthropic
import groq
import ollama
import openai
import pytest
from cohere import errors
from cohere.core.api_error import ApiError
from google.genai import errors as genai

from tests.clients.anthropic_client import Anthropic
from tests.clients.asking import CITIES, Asked, Seen
from tests.clients.cohere_client import Cohere
from tests.clients.conftest import CLIENTS, Connect
from tests.clients.google_client import Google
from tests.clients.groq_client import Groq
from tests.clients.ollama_client import Ollama
from tests.clients.openai_client import OpenAI, Responses
from tests.clients.test_matrix import both
from understudy.domain.failures import FailureKind as K

by_client = pytest.mark.parametrize("kind", CLIENTS, ids=lambda kind: kind.name)
BACK_ENDS = ("openai", "anthropic", "google", "cohere", "ollama", "groq")


@pytest.mark.parametrize("provider", BACK_ENDS)
@by_client
async def test_what_is_asked_for(kind: Any, provider: str, connect: Connect) -> None:
    client, _ = await connect(kind, provider)
    calls = (("get_weather", {"city": "Paris"}), ("get_weather", {"city": "Oslo"}))
    parallel = await both(client, Asked(text=CITIES, model=provider, tool="get_weather"))
    assert (parallel.calls, parallel.finish) == (calls, "tools")
    shaped = await both(client, Asked(text="I live in Paris.", model=provider, schema=True))
    assert (json.loads(shaped.text), shaped.finish) == ({"city": "Paris"}, "stop")
    short = await _cut_off(client, Asked(text="Count to 99", model=provider, limit=16))
    assert short.finish == "length"
    assert short.text.startswith("1, 2,")


async def _cut_off(client: Any, asked: Asked) -> Seen:
    """Ask for too much. The accumulators of OpenAI's client raise an error for an answer that is cut off."""
    if type(client) in (OpenAI, Responses):
        whole: Seen = await client.ask(asked, stream=False)
        return whole
    return await both(client, asked)


@pytest.mark.parametrize("model", ["openai", "anthropic", "google", "ollama/gemma3"])
@by_client
async def test_images_arrive(kind: Any, model: str, connect: Connect) -> None:
    client, _ = await connect(kind, model.partition("/")[0])
    seen = await both(client, Asked(text="What is it?", model=model, image=True))
    assert seen.text.startswith("I see 1 image (image/png).")


THINKING = ("anthropic/claude-sonnet-4-6", "cohere/command-a-reasoning-08-2025", "ollama/qwen3")


@pytest.mark.parametrize("model", THINKING)
@by_client
async def test_thinking_arrives_and_comes_back(kind: Any, model: str, connect: Connect) -> None:
    client, _ = await connect(kind, model.partition("/")[0])
    asked = Asked(text=CITIES, model=model, tool="get_weather", thinking=True)
    thought = await both(client, asked)
    assert thought.thinking == "This needs get_weather."
    assert [call["city"] for _, call in thought.calls] == ["Paris", "Oslo"]
    end = await both(client, replace(asked, before=thought.turn))
    assert end.text == "get_weather says: 18 degrees get_weather says: 18 degrees"


VECTORS = (
    "openai/text-embedding-3-small",
    "cohere/embed-v4.0",
    "google/gemini-embedding-001",
    "ollama/nomic-embed-text",
)


@pytest.mark.parametrize("model", VECTORS)
@pytest.mark.parametrize("kind", [OpenAI, Google, Cohere, Ollama, Groq], ids=lambda kind: kind.name)
async def test_vectors(kind: Any, model: str, connect: Connect) -> None:
    client, _ = await connect(kind, model.partition("/")[0])
    one, two, again = await client.embed(model, ["the first", "a second", "the first"])
    assert len(one) == len(two) > 100
    assert one == pytest.approx(again)
    assert one != pytest.approx(two)
    assert all(isinstance(each, float) for each in one)


async def test_vectors_as_base64(connect: Connect) -> None:
    """OpenAI's client asks for this form by itself, and takes it apart unless it was asked for."""
    client, _ = await connect(OpenAI, "cohere")
    asked: Any = {"model": "cohere/embed-v4.0", "input": ["one"], "encoding_format": "base64"}
    packed = (await client.client.embeddings.create(**asked)).data[0].embedding
    plain = (await client.embed("cohere/embed-v4.0", ["one"]))[0]
    data = base64.b64decode(packed)
    assert struct.unpack(f"<{len(data) // 4}f", data) == pytest.approx(plain)


@by_client
async def test_models(kind: Any, connect: Connect) -> None:
    route = {"name": "main", "targets": ["anthropic"]}
    client, _ = await connect(kind, "openai", "anthropic", routes=[route])
    listed = await client.models()
    assert "main" in listed
    assert any(each.startswith("anthropic/") for each in listed)


@pytest.mark.parametrize("model", ["openai", "anthropic", "google"])
@pytest.mark.parametrize("kind", [Responses, Anthropic, Google, Cohere], ids=lambda kind: kind.name)
async def test_tokens_are_counted(kind: Any, model: str, connect: Connect) -> None:
    client, _ = await connect(kind, model)
    assert 1 < await client.count(model) < 30


OPENAI_ERRORS = {
    400: openai.BadRequestError, 401: openai.AuthenticationError, 404: openai.NotFoundError,
    429: openai.RateLimitError, 500: openai.InternalServerError,
}  # fmt: skip
ERRORS: dict[Any, dict[int, Any]] = {
    OpenAI: OPENAI_ERRORS,
    Responses: OPENAI_ERRORS,
    Groq: {
        400: groq.BadRequestError, 401: groq.AuthenticationError, 404: groq.NotFoundError, 429: groq.RateLimitError,
        500: groq.InternalServerError,
    },
    Anthropic: {
        400: anthropic.BadRequestError, 401: anthropic.AuthenticationError, 404: anthropic.NotFoundError,
        429: anthropic.RateLimitError, 500: anthropic.InternalServerError,
    },
    Google: {400: genai.ClientError, 401: genai.ClientError, 404: genai.ClientError, 429: genai.ClientError,
             500: genai.ServerError},
    Cohere: {
        400: errors.BadRequestError, 401: errors.UnauthorizedError, 404: errors.NotFoundError,
        429: errors.TooManyRequestsError, 500: ApiError,
    },
    Ollama: dict.fromkeys((400, 401, 404, 429, 500), ollama.ResponseError),
}  # fmt: skip
"""The exception with which each client reports a status, from its own documentation."""


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("provider", ["openai", "anthropic", "google", "cohere"])
@by_client
async def test_errors(kind: Any, provider: str, stream: bool, connect: Connect) -> None:
    """An upstream's error is the client's own exception, with the status that callers of that API know."""
    client, emulator = await connect(kind, provider, fallback={"max_retries": 1})
    expected = {
        K.RATE_LIMITED: 429,
        K.OVERLOADED: 500,
        K.SERVER_ERROR: 500,
        K.CONTEXT_LENGTH: 400,
        K.INVALID_REQUEST: 400,
    }
    for failure, status in expected.items():
        emulator.script(provider, always=failure)
        with pytest.raises(ERRORS[kind][status]) as raised:
            await client.ask(Asked(model=provider), stream=stream)
        got = client.status(raised.value)
        assert (got >= 500) if status == 500 else got in ({400, 413} if status == 400 else {status}), failure
    emulator.script(provider)
    with pytest.raises(ERRORS[kind][404]) as raised:
        await client.ask(Asked(model="unknown-one"), stream=stream)
    assert client.status(raised.value) == 404
