"""What a provider alone and a manager of many have in common: from an ask and a plan to a driven job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from understudy.attempt import Job, Performer, new_id
from understudy.dialects.base import Operation
from understudy.domain.messages import OpaqueTool
from understudy.domain.requests import EmbeddingRequest, GenerationRequest
from understudy.domain.responses import EmbeddingResponse, GenerationResponse
from understudy.engine import Drive, Engine
from understudy.policy.plan import Plan
from understudy.policy.signals import Rules
from understudy.prompt import Ask
from understudy.provider import FallbackConfig
from understudy.stream import ResponseStream


def rules_of(
    fallback: FallbackConfig, ask: Ask | None = None, *, streamed: bool = False, deadline: float | None = None
) -> Rules:
    """Return the rules of a request: the configuration's, with what the request itself says."""
    own = ask.deadline if ask is not None else deadline
    return Rules(
        max_tries=fallback.max_retries,
        max_attempts=fallback.max_attempts,
        retry_delay=fallback.retry_delay_ms / 1000,
        deadline=own if own is not None else fallback.deadline,
        max_wait=fallback.max_wait,
        fallback_on_filter=fallback.fallback_on_filter,
        streamed=streamed,
        has_effects=ask is not None and _has_effects(ask.request),
    )


class Desk:
    """Drives jobs of every operation on one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def generate(
        self, ask: Ask, plan: Plan, performers: Mapping[str, Performer], rules: Rules, *, strict: bool
    ) -> GenerationResponse:
        """Answer a prompt."""
        drive = await self._engine.run(_chat(ask, rules, strict), plan, performers)
        if drive.response is None:
            raise AssertionError("a drive that ends without an error leaves a response")
        return drive.response

    def stream(
        self, ask: Ask, plan: Plan, performers: Mapping[str, Performer], rules: Rules, *, strict: bool
    ) -> ResponseStream:
        """Open a streamed answer."""
        return ResponseStream(lambda: self._engine.drive(_chat(ask, rules, strict), plan, performers))

    async def embed(
        self, request: EmbeddingRequest, plan: Plan, performers: Mapping[str, Performer], rules: Rules
    ) -> EmbeddingResponse:
        """Turn texts into vectors."""
        job = Job(id=new_id(), operation=Operation.EMBED, request=request, rules=rules)
        drive = await self._engine.run(job, plan, performers)
        (response,) = drive.items
        record = drive.records[-1]
        embedded: EmbeddingResponse = msgspec.structs.replace(
            response,
            provider=record.provider,
            model=response.model or record.model,
            cost=record.cost,
            attempts=tuple(drive.records),
        )
        return embedded

    async def ask(
        self, operation: Operation, request: Any, plan: Plan, performer: Performer, rules: Rules
    ) -> list[Any]:
        """Run any other operation at one provider."""
        job = Job(id=new_id(), operation=operation, request=request, rules=rules)
        drive: Drive = await self._engine.run(job, plan, {plan.steps[0].target.name: performer})
        return drive.items


def _chat(ask: Ask, rules: Rules, strict: bool) -> Job:
    return Job(id=new_id(), operation=Operation.CHAT, request=ask.request, rules=rules, form=ask.form, strict=strict)


def _has_effects(request: GenerationRequest) -> bool:
    return any(isinstance(tool, OpaqueTool) and tool.effects for tool in request.tools)
