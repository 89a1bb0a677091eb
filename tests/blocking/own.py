"""A user's own asynchronous provider, for what emulators do not do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from types import TracebackType
from typing import Self, Unpack

import understudy as u
from understudy.protocol import EmbedOptions, Prompt, RequestOptions


class Own:
    """Streams numbers without end, and tells how many it has made, and in which tasks."""

    provider_type = "own"
    name = "own"
    priority = 10

    def __init__(self) -> None:
        self.made = 0
        self.closed = 0
        self.tasks: set[object] = set()
        self.trouble: Exception | None = None

    async def generate(self, prompt: Prompt, /, **options: Unpack[RequestOptions]) -> u.GenerationResponse:
        return u.GenerationResponse(message=u.Message.assistant("own"), finish_reason=u.FinishReason.STOP)

    async def stream(self, prompt: Prompt, /, **options: Unpack[RequestOptions]) -> AsyncIterator[u.Event]:
        try:
            while True:
                self.made += 1
                self.tasks.add(asyncio.current_task())
                yield u.TextDelta(0, f"{self.made} ")
        finally:
            self.tasks.add(asyncio.current_task())
            self.closed += 1
            if self.trouble is not None:
                raise self.trouble

    async def embed(self, texts: str | Sequence[str], /, **options: Unpack[EmbedOptions]) -> u.EmbeddingResponse:
        return u.EmbeddingResponse(embeddings=((1.0,),))

    async def list_models(self, *, limit: int | None = None) -> list[u.ModelInfo]:
        return [u.ModelInfo(id="own-1")]

    async def is_model_available(self, model: str) -> bool:
        return model == "own-1"

    async def health_check(self) -> u.HealthStatus:
        return u.HealthStatus(provider=self.name, reachable=True)

    async def count_tokens(self, prompt: Prompt, /, **options: Unpack[RequestOptions]) -> u.TokenCount:
        return u.TokenCount(input_tokens=1)

    def stats(self) -> u.ProviderStats:
        return u.ProviderStats()

    async def aclose(self) -> None:
        self.closed += 1

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
