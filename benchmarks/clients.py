"""The clients that are compared, each as two coroutine functions: one plain call, one streamed call."""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from benchmarks.answers import MODEL

Call = Callable[[], Awaitable[int]]
PROMPT = "Why is the sky blue?"


class Pair(msgspec.Struct):
    """A plain call and a streamed call, which return the number of characters and of chunks; and how to close."""

    plain: Call
    streamed: Call
    close: Callable[[], Awaitable[Any]]


async def bare(port: int) -> Pair:
    """The HTTP client that understudy uses, alone, with the least JSON handling that an application needs."""
    import aiohttp

    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=512))
    url = f"http://127.0.0.1:{port}/v1/chat/completions"
    headers = {"authorization": "Bearer test-key", "content-type": "application/json"}
    body = {"model": MODEL, "messages": [{"role": "user", "content": PROMPT}]}

    async def plain() -> int:
        async with session.post(url, data=json.dumps({**body, "stream": False}), headers=headers) as response:
            answer = json.loads(await response.read())
            return len(answer["choices"][0]["message"]["content"])

    async def streamed() -> int:
        chunks = 0
        async with session.post(url, data=json.dumps({**body, "stream": True}), headers=headers) as response:
            async for line in response.content:
                if line.startswith(b"data: {"):
                    chunks += 1
        return chunks

    return Pair(plain, streamed, session.close)


async def understudy(port: int) -> Pair:
    """This library, with a second target to fall back to.

    Answers in one piece are asked for as such: while another target is left they are streamed inside by default, so
    that a stall is noticed, which the others do not do.
    """
    import understudy as u

    entry = u.ProviderConfig(
        provider="openai", base_url=f"http://127.0.0.1:{port}/v1", api_key=u.Secret("test-key"), text_model=MODEL
    )
    second = msgspec.structs.replace(entry, name="backup", priority=20)
    fallback = u.FallbackConfig(whole="plain")
    manager = u.ProviderManager([u.create_provider(entry), u.create_provider(second)], fallback)

    async def plain() -> int:
        return len((await manager.generate(PROMPT)).text)

    async def streamed() -> int:
        chunks = 0
        async for _ in manager.stream(PROMPT):
            chunks += 1
        return chunks

    return Pair(plain, streamed, manager.aclose)


async def openai(port: int) -> Pair:
    """OpenAI's own client."""
    from openai import AsyncOpenAI

    client = AsyncOpenAI(api_key="test-key", base_url=f"http://127.0.0.1:{port}/v1", max_retries=0)
    messages: Any = [{"role": "user", "content": PROMPT}]

    async def plain() -> int:
        answer = await client.chat.completions.create(model=MODEL, messages=messages)
        return len(answer.choices[0].message.content or "")

    async def streamed() -> int:
        chunks = 0
        async for _ in await client.chat.completions.create(model=MODEL, messages=messages, stream=True):
            chunks += 1
        return chunks

    return Pair(plain, streamed, client.close)


async def litellm(port: int) -> Pair:
    """LiteLLM's `acompletion`, with its network fetch of prices at import switched off."""
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    import litellm as library

    library.suppress_debug_info = True
    options: Any = {
        "model": f"openai/{MODEL}",
        "messages": [{"role": "user", "content": PROMPT}],
        "api_base": f"http://127.0.0.1:{port}/v1",
        "api_key": "test-key",
    }

    async def plain() -> int:
        return len((await library.acompletion(**options)).choices[0].message.content)

    async def streamed() -> int:
        chunks = 0
        async for _ in await library.acompletion(**options, stream=True):
            chunks += 1
        return chunks

    async def close() -> None:
        return None

    return Pair(plain, streamed, close)


CLIENTS: dict[str, Callable[[int], Awaitable[Pair]]] = {
    "bare": bare,
    "understudy": understudy,
    "openai": openai,
    "litellm": litellm,
}
