"""Each operation of the matrix, called by the client that its provider publishes (or names in its documentation)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import anthropic
import cohere
import groq
import httpx
import ollama
import openai
import together
from google import genai
from google.genai import types
from huggingface_hub import AsyncInferenceClient
from replicate.client import Client as Replicate

from understudy.emulator import Emulator

STREAM = "stream"
"""Beside the names of operations: a chat that is streamed."""

CAPITAL: Any = [{"role": "user", "content": "What is the capital of France?"}]
ANSWER = "The capital is Paris."

Connect = Callable[[Emulator, str], AbstractAsyncContextManager[Any]]
Call = Callable[[Any], Awaitable[Any]]


class Official:
    """A client: how it is opened with a key, what it is asked, and how its errors tell their status."""

    def __init__(self, connect: Connect, calls: dict[str, Call], status: Callable[[Any], int]) -> None:
        self.connect = connect
        self.calls = calls
        self.status = status


async def joined(pieces: AsyncIterator[Any], text: Callable[[Any], str | None]) -> str:
    return "".join([text(piece) or "" async for piece in pieces])


def _openai_like(chat: str, embed: str | None = None) -> dict[str, Call]:
    """Calls of clients that were made in the image of OpenAI's."""

    async def ask(client: Any) -> str:
        answer = await client.chat.completions.create(model=chat, messages=CAPITAL)
        return str(answer.choices[0].message.content)

    async def stream(client: Any) -> str:
        chunks = await client.chat.completions.create(model=chat, messages=CAPITAL, stream=True)
        return await joined(chunks, lambda chunk: chunk.choices[0].delta.content if chunk.choices else None)

    async def vectors(client: Any) -> int:
        return len((await client.embeddings.create(model=embed, input=["one", "two"])).data)

    async def models(client: Any) -> list[str]:
        return [model.id for model in (await client.models.list()).data]

    return {"chat": ask, STREAM: stream, "models": models, **({"embed": vectors} if embed else {})}


@asynccontextmanager
async def _openai(emulator: Emulator, key: str) -> AsyncIterator[Any]:
    async with openai.AsyncOpenAI(base_url=emulator.url("openai"), api_key=key, max_retries=0) as client:
        yield client


async def _count_openai(client: Any) -> int:
    return int((await client.responses.input_tokens.count(model="gpt-6-luna", input="hello")).input_tokens)


@asynccontextmanager
async def _azure(emulator: Emulator, key: str) -> AsyncIterator[Any]:
    home = emulator.url("azure-openai").removesuffix("/openai")
    async with openai.AsyncAzureOpenAI(
        azure_endpoint=home, api_version="2024-10-21", api_key=key, max_retries=0
    ) as client:
        yield client


@asynccontextmanager
async def _groq(emulator: Emulator, key: str) -> AsyncIterator[Any]:
    # This client adds `/openai/v1` itself.
    async with groq.AsyncGroq(base_url=emulator.origin("groq"), api_key=key, max_retries=0) as client:
        yield client


@asynccontextmanager
async def _together(emulator: Emulator, key: str) -> AsyncIterator[Any]:
    home = emulator.url("together").removesuffix("/v1")
    async with together.AsyncTogether(base_url=home, api_key=key, max_retries=0) as client:
        yield client


def _together_calls() -> dict[str, Call]:
    async def models(client: Any) -> list[str]:
        # Its own method lists the models of a project; the catalogue is `GET /v1/models`, a bare array.
        return [model["id"] for model in await client.get("/v1/models", cast_to=object)]

    chat, embed = "meta-llama/Llama-3.3-70B-Instruct-Turbo", "intfloat/multilingual-e5-large-instruct"
    return {**_openai_like(chat, embed), "models": models}


@asynccontextmanager
async def _anthropic(emulator: Emulator, key: str) -> AsyncIterator[Any]:
    async with anthropic.AsyncAnthropic(base_url=emulator.url("anthropic"), api_key=key, max_retries=0) as client:
        yield client


def _anthropic_calls() -> dict[str, Call]:
    asked: dict[str, Any] = {"model": "claude-sonnet-4-6", "messages": CAPITAL}

    async def ask(client: Any) -> str:
        return str((await client.messages.create(max_tokens=50, **asked)).content[-1].text)

    async def stream(client: Any) -> str:
        async with client.messages.stream(max_tokens=50, **asked) as events:
            return str(await events.get_final_text())

    async def models(client: Any) -> list[str]:
        return [model.id async for model in await client.models.list()]

    async def count(client: Any) -> int:
        return int((await client.messages.count_tokens(**asked)).input_tokens)

    return {"chat": ask, STREAM: stream, "models": models, "count_tokens": count}


@asynccontextmanager
async def _google(emulator: Emulator, key: str) -> AsyncIterator[Any]:
    async with httpx.AsyncClient() as http:
        options = types.HttpOptions(base_url=emulator.url("google"), httpx_async_client=http)
        yield genai.Client(api_key=key, http_options=options).aio.models


def _google_calls() -> dict[str, Call]:
    asked: dict[str, Any] = {"model": "gemini-3.8-flash", "contents": CAPITAL[0]["content"]}

    async def ask(models: Any) -> str:
        return str((await models.generate_content(**asked)).text)

    async def stream(models: Any) -> str:
        return await joined(await models.generate_content_stream(**asked), lambda piece: piece.text)

    async def vectors(models: Any) -> int:
        return len((await models.embed_content(model="gemini-embedding-001", contents=["one", "two"])).embeddings)

    async def listed(models: Any) -> list[str]:
        return [model.name async for model in await models.list()]

    async def count(models: Any) -> int:
        return int((await models.count_tokens(**asked)).total_tokens)

    return {"chat": ask, STREAM: stream, "embed": vectors, "models": listed, "count_tokens": count}


@asynccontextmanager
async def _cohere(emulator: Emulator, key: str) -> AsyncIterator[Any]:
    async with cohere.AsyncClientV2(
        api_key=key, base_url=emulator.url("cohere"), max_retries=0, log_warning_experimental_features=False
    ) as client:
        yield client


def _cohere_calls() -> dict[str, Call]:
    model = "command-a-03-2025"

    async def ask(client: Any) -> str:
        return str((await client.chat(model=model, messages=CAPITAL)).message.content[0].text)

    async def stream(client: Any) -> str:
        events = client.chat_stream(model=model, messages=CAPITAL)
        return await joined(
            events, lambda event: event.delta.message.content.text if event.type == "content-delta" else None
        )

    async def vectors(client: Any) -> int:
        found = await client.embed(
            model="embed-v4.0", input_type="search_query", texts=["one", "two"], embedding_types=["float"]
        )
        return len(found.embeddings.float_)

    async def models(client: Any) -> list[str]:
        return [one.name for one in (await client.models.list()).models]

    async def count(client: Any) -> int:
        return len((await client.tokenize(text="hello there", model=model, offline=False)).tokens)

    return {"chat": ask, STREAM: stream, "embed": vectors, "models": models, "count_tokens": count}


@asynccontextmanager
async def _ollama(emulator: Emulator, key: str) -> AsyncIterator[Any]:
    headers = {"authorization": f"Bearer {key}"}
    async with ollama.AsyncClient(host=emulator.url("ollama"), headers=headers) as client:
        yield client


def _ollama_calls() -> dict[str, Call]:
    async def ask(client: Any) -> str:
        return str((await client.chat("llama3.2", CAPITAL)).message.content)

    async def stream(client: Any) -> str:
        return await joined(await client.chat("llama3.2", CAPITAL, stream=True), lambda piece: piece.message.content)

    async def vectors(client: Any) -> int:
        return len((await client.embed("nomic-embed-text", ["one", "two"])).embeddings)

    async def models(client: Any) -> list[str]:
        return [one.model for one in (await client.list()).models]

    return {"chat": ask, STREAM: stream, "embed": vectors, "models": models}


@asynccontextmanager
async def _huggingface(emulator: Emulator, key: str) -> AsyncIterator[Any]:
    # The models of the router are listed with OpenAI's client, as its documentation shows; this one cannot. Vectors
    # have an address of their own.
    base, origin = emulator.url("huggingface"), emulator.origin("huggingface")
    features = f"{origin}/hf-inference/models/thenlper/gte-large/pipeline/feature-extraction"
    async with (
        AsyncInferenceClient(base_url=base, api_key=key) as chats,
        AsyncInferenceClient(base_url=features, api_key=key) as vectors,
        openai.AsyncOpenAI(base_url=base, api_key=key, max_retries=0) as router,
    ):
        yield chats, vectors, router


def _huggingface_calls() -> dict[str, Call]:
    model = "meta-llama/Llama-3.3-70B-Instruct"

    async def ask(clients: Any) -> str:
        return str((await clients[0].chat_completion(CAPITAL, model=model)).choices[0].message.content)

    async def stream(clients: Any) -> str:
        chunks = await clients[0].chat_completion(CAPITAL, model=model, stream=True)
        return await joined(chunks, lambda chunk: chunk.choices[0].delta.content if chunk.choices else None)

    async def vectors(clients: Any) -> int:
        return len(await clients[1].feature_extraction(["one", "two"]))

    async def models(clients: Any) -> list[str]:
        return [one.id async for one in clients[2].models.list()]

    return {"chat": ask, STREAM: stream, "embed": vectors, "models": models}


@asynccontextmanager
async def _replicate(emulator: Emulator, key: str) -> AsyncIterator[Any]:
    async with httpx.AsyncHTTPTransport() as transport:
        client = Replicate(api_token=key, base_url=emulator.origin("replicate"), transport=transport)
        client.poll_interval = 0.001
        yield client


def _replicate_calls() -> dict[str, Call]:
    model, inputs = "meta/meta-llama-3-70b-instruct", {"prompt": CAPITAL[0]["content"]}

    async def ask(client: Any) -> str:
        return "".join(await client.async_run(model, input=inputs))

    async def stream(client: Any) -> str:
        return await joined(await client.async_stream(model, input=inputs), str)

    async def models(client: Any) -> list[str]:
        return [one.id for one in (await client.models.async_list()).results]

    return {"chat": ask, STREAM: stream, "models": models}


def _status_code(error: Any) -> int:
    return int(error.status_code)


def _of_response(error: Any) -> int:
    return int(error.response.status_code)


CLIENTS: dict[str, Official] = {
    "ollama": Official(_ollama, _ollama_calls(), _status_code),
    "openai": Official(
        _openai,
        {**_openai_like("gpt-4.1-mini", "text-embedding-3-small"), "count_tokens": _count_openai},
        _status_code,
    ),
    "anthropic": Official(_anthropic, _anthropic_calls(), _status_code),
    "google": Official(_google, _google_calls(), lambda error: int(error.code)),
    "groq": Official(_groq, _openai_like("llama-3.3-70b-versatile"), _status_code),
    "together": Official(_together, _together_calls(), _status_code),
    "azure-openai": Official(_azure, _openai_like("gpt-4.1-mini", "text-embedding-3-small"), _status_code),
    "replicate": Official(_replicate, _replicate_calls(), lambda error: int(error.status)),
    "huggingface": Official(_huggingface, _huggingface_calls(), _of_response),
    "cohere": Official(_cohere, _cohere_calls(), _status_code),
}
