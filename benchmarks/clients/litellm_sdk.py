"""LiteLLM's `acompletion`, with its network fetch of prices at import switched off."""

from __future__ import annotations

import os
from typing import Any

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
os.environ["LITELLM_LOG"] = "ERROR"

import litellm  # type: ignore[import-not-found,unused-ignore]


class LiteLLM:
    """The client."""

    def __init__(self, base_url: str) -> None:
        litellm.suppress_debug_info = True
        self._options = {"api_base": base_url, "api_key": "test-key", "num_retries": 0}
        self._complete: Any = litellm.acompletion

    def prepare(self, request: dict[str, Any]) -> Any:
        return {**request, **self._options, "model": f"openai/{request['model']}"}

    async def plain(self, prepared: Any) -> int:
        answer = await self._complete(**prepared)
        return len(answer.choices[0].message.content)

    async def streamed(self, prepared: Any) -> int:
        chunks = 0
        async for _ in await self._complete(**prepared, stream=True):
            chunks += 1
        return chunks

    async def close(self) -> None:
        return None


def client(base_url: str) -> LiteLLM:
    return LiteLLM(base_url)
