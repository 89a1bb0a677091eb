"""One provider in OpenAI's dialect, asked in four ways; each answer is a number that the server gave to the request."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import understudy
from tests.hostile.raw import Line, RawServer, Request, answer
from understudy.domain.failures import Failure
from understudy.domain.secret import Secret
from understudy.transport.base import Transport


def provider(
    where: RawServer | str, *, tries: int = 1, transport: Transport | None = None, **fields: Any
) -> understudy.LLMProvider:
    """Make a provider of the server, without pauses between tries."""
    url = where if isinstance(where, str) else where.url
    config = understudy.ProviderConfig(
        provider="openai",
        api_key=Secret("sk-test"),
        base_url=f"{url}/v1",
        text_model="m",
        embedding_model="e",
        **fields,
    )
    fallback = understudy.FallbackConfig(max_retries=tries, retry_delay_ms=1, deadline=20.0)
    return understudy.create_provider(config, fallback=fallback, transport=transport)


async def generate(llm: understudy.LLMProvider) -> str:
    return (await llm.generate("hello")).text


async def stream(llm: understudy.LLMProvider) -> str:
    events = [event async for event in llm.stream("hello")]
    return "".join(event.text for event in events if isinstance(event, understudy.TextDelta))


async def embed(llm: understudy.LLMProvider) -> str:
    return f"{(await llm.embed('hello')).embedding[0]:.0f}"


async def list_models(llm: understudy.LLMProvider) -> str:
    return (await llm.list_models())[0].id


async def failure(call: Callable[[], Awaitable[object]]) -> Failure:
    """Return how the last attempt of a call failed."""
    with pytest.raises(understudy.LLMError) as caught:
        await call()
    found = caught.value.attempts[-1].failure
    assert found is not None
    return found


Way = Callable[[understudy.LLMProvider], Awaitable[str]]
WAYS: dict[str, Way] = {"plain": generate, "stream": stream, "embed": embed, "list": list_models}


def answer_to(request: Request, token: str) -> bytes:
    """Return a good answer that carries a token."""
    if request.method == "GET":
        return answer(json.dumps({"object": "list", "data": [{"id": token, "object": "model"}]}), headers=JSON)
    body = json.loads(request.body)
    if request.path.endswith("/embeddings"):
        data = [{"object": "embedding", "index": 0, "embedding": [float(token)]}]
        return answer(json.dumps({"object": "list", "model": "e", "data": data, "usage": USAGE}), headers=JSON)
    if body.get("stream"):
        events: list[dict[str, Any]] = [
            {"delta": {"role": "assistant", "content": token}},
            {"delta": {}, "finish_reason": "stop"},
        ]
        frames = [{"id": "c", "object": "chat.completion.chunk", "choices": [{"index": 0, **one}]} for one in events]
        text = "".join(f"data: {json.dumps(frame)}\n\n" for frame in frames) + "data: [DONE]\n\n"
        return answer(text, headers="content-type: text/event-stream\r\n")
    choice = {"index": 0, "message": {"role": "assistant", "content": token}, "finish_reason": "stop"}
    whole = {"id": "c", "object": "chat.completion", "model": "m", "choices": [choice], "usage": USAGE}
    return answer(json.dumps(whole), headers=JSON)


JSON = "content-type: application/json\r\n"
USAGE = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}


async def numbered(line: Line) -> bytes:
    """Read a request; return a good answer that carries the request's number on the server."""
    request = await line.request()
    return answer_to(request, str(len(line.server.requests)))
