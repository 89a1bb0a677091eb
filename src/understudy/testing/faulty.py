"""Any provider, with faults at chosen calls."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing
from types import TracebackType
from typing import Any, Self

import msgspec

from understudy.client.door.given import read_provider
from understudy.client.factory import create_provider
from understudy.domain.events import Event
from understudy.domain.failures import FailureKind
from understudy.domain.fold import Fold, unfold
from understudy.domain.operation import Operation
from understudy.domain.responses import EmbeddingResponse, GenerationResponse, HealthStatus, ModelInfo, TokenCount
from understudy.domain.stats import ProviderStats
from understudy.emulator.faults import Fault, FaultKind
from understudy.emulator.script import Script
from understudy.protocol import LLMProvider
from understudy.settings import ProviderConfig
from understudy.testing.provider import DirectProvider
from understudy.testing.spoiling import spoil, spoil_whole


class FaultyProvider(DirectProvider):
    """A provider of any kind, with faults at chosen calls.

    Each call takes one entry of `faults`; `None` is a healthy call. Once they are used up, `always` strikes every
    `every`-th call. `on` restricts the faults to one operation. A fault that takes the place of an answer, such as
    `Fault.status(503)`, keeps the provider from being asked. In a call that is not streamed, faults of streams strike
    in the middle of the answer.
    """

    def __init__(
        self,
        provider: LLMProvider | ProviderConfig | str,
        faults: Fault | FailureKind | Iterable[Fault | FailureKind | None] = (),
        *,
        always: Fault | FailureKind | None = None,
        every: int = 1,
        on: Operation | None = None,
    ) -> None:
        """Raise `ConfigError` for what is not a provider."""
        given = read_provider(provider)
        self.provider: LLMProvider = create_provider(given) if isinstance(given, ProviderConfig) else given
        """The provider behind the faults."""
        self._faulty = _Faulty(self.provider)
        super().__init__(self._faulty)
        self.script(faults, always=always, every=every, on=on)

    def script(
        self,
        faults: Fault | FailureKind | Iterable[Fault | FailureKind | None] = (),
        *,
        always: Fault | FailureKind | None = None,
        every: int = 1,
        on: Operation | None = None,
    ) -> None:
        """Set the faults of the next calls, replacing those set before."""
        self._faulty.script = Script(faults, always=always, every=every, on=on)

    @property
    def remaining(self) -> int:
        """The number of scripted faults that no call has taken yet."""
        return self._faulty.script.remaining

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.provider!r}>"


class _Faulty:
    """The provider behind the face."""

    def __init__(self, provider: LLMProvider) -> None:
        self._provider = provider
        self.script = Script()

    @property
    def provider_type(self) -> str:
        return self._provider.provider_type

    @property
    def name(self) -> str:
        return self._provider.name

    @property
    def priority(self) -> int:
        return self._provider.priority

    async def generate(self, prompt: Any, /, **options: Any) -> GenerationResponse:
        fault = self.script.next(Operation.CHAT)
        if fault is None:
            return await self._provider.generate(prompt, **options)
        asked: list[GenerationResponse] = []

        async def answer() -> AsyncIterator[Event]:
            asked.append(await self._provider.generate(prompt, **options))
            for event in unfold(asked[0]):
                yield event

        folded = await fold_all(spoil(answer, fault, streamed=False))
        names = ("message", "finish_reason", "finish_reason_raw", "usage")
        return msgspec.structs.replace(asked[0], **{name: getattr(folded, name) for name in names})

    async def stream(self, prompt: Any, /, **options: Any) -> AsyncIterator[Event]:
        fault = self.script.next(Operation.CHAT)
        async with aclosing(spoil(lambda: self._provider.stream(prompt, **options), fault, streamed=True)) as events:
            async for event in events:
                yield event

    async def embed(self, texts: Any, /, **options: Any) -> EmbeddingResponse:
        fault = self.script.next(Operation.EMBED)
        await spoil_whole(fault)
        return spoiled_vectors(await self._provider.embed(texts, **options), fault)

    async def list_models(self, *, limit: int | None = None) -> list[ModelInfo]:
        await spoil_whole(self.script.next(Operation.MODELS))
        return await self._provider.list_models(limit=limit)

    async def is_model_available(self, model: str) -> bool:
        await spoil_whole(self.script.next(Operation.MODELS))
        return await self._provider.is_model_available(model)

    async def count_tokens(self, prompt: Any, /, **options: Any) -> TokenCount:
        await spoil_whole(self.script.next(Operation.COUNT_TOKENS))
        return await self._provider.count_tokens(prompt, **options)

    async def health_check(self) -> HealthStatus:
        return await self._provider.health_check()

    def stats(self) -> ProviderStats:
        return ProviderStats()

    async def aclose(self) -> None:
        await self._provider.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


async def fold_all(events: AsyncIterator[Event]) -> GenerationResponse:
    """Return the response that events fold into."""
    folding = Fold()
    async for event in events:
        folding.add(event)
    return folding.response()


def spoiled_vectors(response: EmbeddingResponse, fault: Fault | None) -> EmbeddingResponse:
    """Return an answer with what a fault removes from it."""
    match fault:
        case Fault(kind=FaultKind.EMPTY):
            return msgspec.structs.replace(response, embeddings=())
        case Fault(kind=FaultKind.MISSING_USAGE):
            return msgspec.structs.replace(response, usage=type(response.usage)())
        case _:
            return response
