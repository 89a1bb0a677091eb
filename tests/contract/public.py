"""All ten providers behind their public face, over a transport whose bytes a test may alter and cut as it likes.

The bytes are those of the emulated provider, asked in memory. A request that a provider's operation takes several of
(Replicate: schema, creation, output) is answered one by one, and every answer is altered and cut.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Self

import msgspec

import understudy as u
from understudy import providers
from understudy.client.provider import Provider
from understudy.emulator import cast
from understudy.emulator.actor import Actor
from understudy.emulator.faults import Fault
from understudy.emulator.staging import Head, Write, stage
from understudy.wire.http import HttpHead, HttpRequest

TEN = providers.types()

ORIGIN = "http://emulated.invalid"

MODELS: dict[str, dict[str, str]] = {
    "azure-openai": {"text_model": "gpt-6-luna", "embedding_model": "text-embedding-3-small"},
    "groq": {"text_model": "qwen/qwen3.8-27b"},
    "together": {"text_model": "Qwen/Qwen3.5-397B-A17B"},
    "ollama": {"text_model": "qwen3-vl"},
    "replicate": {"text_model": "openai/gpt-5-mini"},
    "huggingface": {"text_model": "Qwen/Qwen3-VL-235B-A22B-Instruct"},
}
"""Where the row's default sees or thinks nothing, or there is none: a model that does."""


class Reply(msgspec.Struct, frozen=True):
    """A response as it went over the wire."""

    head: HttpHead
    body: bytes

    @property
    def is_stream(self) -> bool:
        return self.head.content_type in ("text/event-stream", "application/x-ndjson")

    @property
    def lines(self) -> bool:
        """True for a stream of JSON by lines."""
        return self.head.content_type == "application/x-ndjson"


Alter = Callable[[Reply], bytes]
"""Returns another body."""

Cut = Callable[[bytes], Iterable[bytes]]
"""Cuts a body into the pieces in which it arrives."""


class Arriving:
    """A response whose body arrives in pieces."""

    def __init__(self, head: HttpHead, pieces: Iterable[bytes]) -> None:
        self.head = head
        self._pieces = iter(pieces)

    async def read(self) -> bytes:
        return next((piece for piece in self._pieces if piece), b"")

    def release(self) -> None: ...

    def close(self) -> None: ...


class Wire:
    """A transport. It asks the emulated provider, or gives the replies of an earlier run once more."""

    def __init__(
        self,
        provider: str,
        *,
        alter: Alter | None = None,
        cuts: Mapping[int, Cut] | None = None,
        fault: Fault | None = None,
        again: Iterable[Reply] | None = None,
    ) -> None:
        """`cuts`: how the bodies arrive, by the number of the reply; whole where it does not say."""
        self.requests: list[HttpRequest] = []
        self.replies: list[Reply] = []
        self._actor = Actor(cast.find(provider), None)
        self._alter = alter
        self._cuts = cuts or {}
        self._fault = fault
        self._again = None if again is None else iter(again)

    @property
    def base_url(self) -> str:
        return ORIGIN + self._actor.mount

    async def send(self, request: HttpRequest, *, connect: float) -> Arriving:
        self.requests.append(request)
        reply = self._answer(request) if self._again is None else next(self._again)
        if self._alter is not None and reply.head.status < 300:
            reply = Reply(reply.head, self._alter(reply))
        self.replies.append(reply)
        cut = self._cuts.get(len(self.replies) - 1)
        return Arriving(reply.head, [reply.body] if cut is None else cut(reply.body))

    def _answer(self, request: HttpRequest) -> Reply:
        relative = msgspec.structs.replace(request, url=request.url.removeprefix(ORIGIN))
        call = self._actor.call(relative)
        assert call.operation is not None, f"{request.method} {request.url} leads nowhere"
        acts = list(stage(self._actor.answer(call, len(self.requests), self._fault), self._fault))
        (head,) = [act for act in acts if isinstance(act, Head)]
        body = b"".join(act.data for act in acts if isinstance(act, Write))
        return Reply(HttpHead(head.status, {name.lower(): value for name, value in head.headers}), body)

    async def aclose(self) -> None: ...


class Stand:
    """A provider of the public API upon such a transport."""

    def __init__(self, provider: str, **settings: Any) -> None:
        self.wire = Wire(provider, **settings)
        row = providers.row(provider)
        config = u.ProviderConfig(
            provider=provider,
            base_url=self.wire.base_url,
            api_key=u.Secret("test-key"),
            embedding_model=row.embedding_model,
        )
        config = msgspec.structs.replace(config, **MODELS.get(provider, {}))
        fallback = u.FallbackConfig(retry_delay_ms=0, max_retries=1)
        self.llm: Provider = u.create_provider(config, transport=self.wire, fallback=fallback)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.llm.aclose()
