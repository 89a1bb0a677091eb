"""Each provider with a model of each of its families, over a transport that keeps what is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

import understudy as u
from tests.contract.public import ORIGIN, Arriving
from tests.sending.clients import objection
from understudy.emulator import cast
from understudy.emulator.actor import Actor
from understudy.emulator.staging import Head, Write, stage
from understudy.wire.http import HttpHead, HttpRequest
from understudy.wire.json import BadJson, decode_object


class Family(NamedTuple):
    """A provider and a model that stands for one of its families; `settings` are further fields of the entry."""

    provider: str
    model: str
    settings: tuple[tuple[str, str], ...] = ()

    @property
    def label(self) -> str:
        return " ".join((self.provider, self.model, *(value for _, value in self.settings)))


FAMILIES = (
    Family("openai", "gpt-4o"),
    Family("openai", "o4-mini"),
    Family("openai", "gpt-5-mini"),
    Family("openai", "gpt-5-pro"),
    Family("openai", "gpt-5.1-codex"),
    Family("openai", "gpt-6.1-sol"),
    Family("azure-openai", "gpt-4.1"),
    Family("azure-openai", "gpt-6-luna"),
    Family("azure-openai", "gpt-4.1-mini", (("api_version", "2024-10-21"),)),
    Family("anthropic", "claude-haiku-4-5", (("api_version", "2023-06-01"),)),
    Family("anthropic", "claude-sonnet-4-5"),
    Family("anthropic", "claude-opus-4-7"),
    Family("anthropic", "claude-opus-5-5"),
    Family("google", "gemini-2.5-flash"),
    Family("google", "gemini-2.5-pro"),
    Family("google", "gemini-3-flash-preview"),
    Family("google", "gemini-3.8-flash"),
    Family("google", "gemini-4-argon"),
    Family("groq", "llama-3.3-70b-versatile"),
    Family("groq", "openai/gpt-oss-120b"),
    Family("groq", "qwen/qwen3.8-27b"),
    Family("together", "Qwen/Qwen3.5-397B-A17B"),
    Family("together", "meta-llama/Llama-3.3-70B-Instruct-Turbo"),
    Family("huggingface", "Qwen/Qwen3-VL-235B-A22B-Instruct"),
    Family("cohere", "command-a-03-2025"),
    Family("cohere", "command-a-plus-05-2026"),
    Family("ollama", "qwen3-vl"),
    Family("ollama", "gpt-oss:20b"),
    Family("replicate", "openai/gpt-5-mini"),
    Family("replicate", "meta/meta-llama-3-70b-instruct"),
)


class Sent(msgspec.Struct, frozen=True):
    """A request that left, and what its vendor or its official client objects to."""

    request: HttpRequest
    body: dict[str, Any]
    complaint: str | None
    objection: str | None


class Emulated:
    """A transport. The emulated provider answers whatever it is asked; what was sent is kept."""

    def __init__(self, family: Family) -> None:
        self.sent: list[tuple[HttpRequest, str]] = []
        self.actor = Actor(cast.find(family.provider), None, (family.model,), lenient=True)

    @property
    def base_url(self) -> str:
        return ORIGIN + self.actor.mount

    async def send(self, request: HttpRequest, *, connect: float) -> Arriving:
        relative = msgspec.structs.replace(request, url=request.url.removeprefix(ORIGIN))
        call = self.actor.call(relative)
        if request.method == "POST" and not call.path.endswith("/cancel"):
            self.sent.append((relative, call.half.name))
        acts = list(stage(self.actor.answer(call, len(self.sent))))
        (head,) = [act for act in acts if isinstance(act, Head)]
        body = b"".join(act.data for act in acts if isinstance(act, Write))
        return Arriving(HttpHead(head.status, {name.lower(): value for name, value in head.headers}), [body])

    async def aclose(self) -> None: ...


class Sender:
    """A family behind the public face, for synchronous tests: one event loop for all its calls."""

    def __init__(self, family: Family) -> None:
        self.family = family
        self.wire = Emulated(family)
        self.loop = asyncio.new_event_loop()
        settings: dict[str, Any] = dict(family.settings)
        config = u.ProviderConfig(
            provider=family.provider,
            base_url=self.wire.base_url,
            api_key=u.Secret("test-key"),
            text_model=family.model,
            **settings,
        )
        fallback = u.FallbackConfig(retry_delay_ms=0, max_retries=1)
        self.llm = u.create_provider(config, transport=self.wire, fallback=fallback)

    def generate(self, request: u.GenerationRequest) -> tuple[list[Sent], u.GenerationResponse | u.LLMError]:
        """Return what was sent for a request, and its answer or error."""
        self.wire.sent.clear()
        try:
            answer: u.GenerationResponse | u.LLMError = self.loop.run_until_complete(self.llm.generate(request))
        except u.LLMError as error:
            answer = error
        return [self._judged(sent, dialect) for sent, dialect in self.wire.sent], answer

    def _judged(self, request: HttpRequest, dialect: str) -> Sent:
        try:
            body = decode_object(request.body or b"")
            found = self.wire.actor.examine(request)
        except BadJson as flaw:
            return Sent(request=request, body={}, complaint=f"not JSON: {flaw}", objection=None)
        return Sent(
            request=request,
            body=body,
            complaint=None if found is None else f"{found.rule.name}: {found.words.message}",
            objection=objection(self.family.provider, dialect, body),
        )

    def close(self) -> None:
        self.loop.run_until_complete(self.llm.aclose())
        self.loop.close()


def refused(sent: list[Sent], which: Callable[[Sent], str | None]) -> list[str]:
    """Return what is said against the requests."""
    return [words for each in sent if (words := which(each)) is not None]
