"""Mozilla's any-llm, over its provider for OpenAI."""

from __future__ import annotations

from typing import Any

from any_llm import AnyLLM  # type: ignore[import-not-found,unused-ignore]


class AnyLlm:
    """The client."""

    def __init__(self, base_url: str) -> None:
        self._client: Any = AnyLLM.create("openai", api_key="test-key", api_base=base_url, max_retries=0, timeout=600.0)

    def prepare(self, request: dict[str, Any]) -> Any:
        return request

    async def plain(self, prepared: Any) -> int:
        answer = await self._client.acompletion(**prepared)
        return len(answer.choices[0].message.content or "")

    async def streamed(self, prepared: Any) -> int:
        chunks = 0
        async for _ in await self._client.acompletion(**prepared, stream=True):
            chunks += 1
        return chunks

    async def close(self) -> None:
        return None


def client(base_url: str) -> AnyLlm:
    return AnyLlm(base_url)
