"""What a provider alone and a manager of many have in common: from what a caller writes, and a plan, to a run.

Loaded at the first call: building providers costs nothing of it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

from understudy.client.prompt import ReadRequest, ReadTexts, read_prompt, read_texts
from understudy.client.stream import ResponseStream
from understudy.domain.messages import OpaqueTool
from understudy.domain.operation import Operation
from understudy.domain.requests import GenerationRequest
from understudy.domain.responses import EmbeddingResponse, GenerationResponse
from understudy.domain.stats import ProviderStats
from understudy.engine.backend import Backend
from understudy.engine.embedding import Embedding
from understudy.engine.engine import Engine
from understudy.engine.job import Job
from understudy.engine.run import Run
from understudy.policy.plan import Plan
from understudy.policy.signals import Rules
from understudy.protocol import EmbedOptions, Prompt, RequestOptions, Texts
from understudy.settings import FallbackConfig

FREE_DEADLINE = 30.0
"""Seconds for an operation that is not billed: a list of models, the look-up of one, a count of tokens."""


class PlannedRun(msgspec.Struct, frozen=True):
    """A plan, and the limits under which it is carried out."""

    plan: Plan
    fallback: FallbackConfig


class Calls:
    """Runs calls of every operation on one engine."""

    def __init__(self, backends: Mapping[str, Backend], engine: Engine) -> None:
        """`backends` are those that a plan may name, by target."""
        self.engine = engine
        self._backends = backends

    def read(self, prompt: Prompt, options: RequestOptions) -> ReadRequest:
        """Read what a caller of `generate` or `stream` wrote. Raises `Misuse`."""
        return read_prompt(prompt, options)

    def read_texts(self, texts: Texts, options: EmbedOptions) -> ReadTexts:
        """Read what a caller of `embed` wrote. Raises `Misuse`."""
        return read_texts(texts, options)

    async def planned(self, planning: Awaitable[PlannedRun]) -> PlannedRun:
        """Wait for a plan. Raises `Unavailable` if the provider was closed meanwhile: nothing is sent afterwards."""
        check_open = self.engine.still_open()
        planned = await planning
        check_open()
        return planned

    async def generate(self, ask: ReadRequest, planned: PlannedRun) -> GenerationResponse:
        """Answer a prompt."""
        job = self._chat(ask, planned.fallback, streamed=False)
        run = Run(job, planned.plan, self._backends, self.engine)
        await run.to_end()
        if run.response is None:
            raise AssertionError("a run that ends without an error leaves a response")
        return run.response

    def _chat(self, ask: ReadRequest, fallback: FallbackConfig, *, streamed: bool) -> Job:
        return Job(
            id=self.engine.new_id(),
            operation=Operation.CHAT,
            request=ask.request,
            rules=_rules(fallback, ask.deadline, streamed=streamed, has_effects=_has_effects(ask.request)),
            form=ask.form,
            whole=fallback.whole,
            strict=fallback.strict,
        )

    def stream(self, ask: ReadRequest, plan: Callable[[], Awaitable[PlannedRun]]) -> ResponseStream:
        """Open a streamed answer, which is planned when its first event is asked for."""

        async def open_run() -> Run:
            planned = await self.planned(plan())
            job = self._chat(ask, planned.fallback, streamed=True)
            return Run(job, planned.plan, self._backends, self.engine)

        return ResponseStream(open_run)

    async def embed(self, texts: ReadTexts, planned: PlannedRun) -> EmbeddingResponse:
        """Turn texts into vectors."""
        rules = _rules(planned.fallback, texts.deadline)
        job = Job(id=self.engine.new_id(), operation=Operation.EMBED, request=texts.request, rules=rules)
        embedding = Embedding(job, planned.plan, self._backends, self.engine, concurrency=texts.concurrency)
        return await embedding.run()

    def stats(self) -> ProviderStats:
        """Return the sum over all that a plan may name."""
        return sum((each.stats() for each in self._backends.values()), ProviderStats())

    async def ask(self, operation: Operation, request: Any, planned: PlannedRun) -> list[Any]:
        """Run any other operation, none of which is billed."""
        rules = _rules(planned.fallback, min(FREE_DEADLINE, planned.fallback.deadline))
        rules = msgspec.structs.replace(rules, free=True)
        job = Job(id=self.engine.new_id(), operation=operation, request=request, rules=rules)
        run = Run(job, planned.plan, self._backends, self.engine)
        await run.to_end()
        return run.items

    async def close(self) -> None:
        """End what runs on the running event loop with `Unavailable`."""
        await self.engine.close()


def _rules(
    fallback: FallbackConfig, deadline: float | None = None, *, streamed: bool = False, has_effects: bool = False
) -> Rules:
    """The configuration's rules, with what the request itself says."""
    return Rules(
        max_tries=fallback.max_retries,
        max_attempts=fallback.max_attempts,
        retry_delay=fallback.retry_delay_ms / 1000,
        deadline=deadline if deadline is not None else fallback.deadline,
        max_wait=fallback.max_wait,
        fallback_on_filter=fallback.fallback_on_filter,
        streamed=streamed,
        has_effects=has_effects,
    )


def _has_effects(request: GenerationRequest) -> bool:
    return any(isinstance(tool, OpaqueTool) and tool.effects for tool in request.tools)
