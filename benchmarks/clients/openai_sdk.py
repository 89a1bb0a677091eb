"""OpenAI's own client."""

from __future__ import annotations

from typing import Any

from openai import AsyncOpenAI


class OpenAI:
    """The client. It does not retry, as no other one here does."""

    def __init__(self, base_url: str) -> None:
        self._client: Any = AsyncOpenAI(api_key="test-key", base_url=base_url, max_retries=0, timeout=600.0)

    def prepare(self, request: dict[str, Any]) -> Any:
        return request

    async def plain(self, prepared: Any) -> int:
        answer = await self._client.chat.completions.create(**prepared)
        return len(answer.choices[0].message.content or "")

    async def streamed(self, prepared: Any) -> int:
        chunks = 0
        async for _ in await self._client.chat.completions.create(**prepared, stream=True):
            chunks += 1
        return chunks

    async def close(self) -> None:
        await self._client.close()


def client(base_url: str) -> OpenAI:
    return OpenAI(base_url)
