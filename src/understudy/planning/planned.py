"""The interface of planners, and the plans that they return."""

from __future__ import annotations

from typing import Protocol

import msgspec

from understudy.domain.requests import EmbeddingRequest, GenerationRequest
from understudy.policy.plan import Plan
from understudy.settings import FallbackConfig


class PlannedRun(msgspec.Struct, frozen=True):
    """A plan, and the limits under which it is carried out."""

    plan: Plan
    fallback: FallbackConfig


class Planning(Protocol):
    """Makes plans: for one provider, or for a manager of many."""

    def check(self, model: str | None) -> None:
        """Raise at once the error of a `model` for which no request can be planned."""
        ...

    async def plan(self, request: GenerationRequest) -> PlannedRun:
        """Plan a generation that is about to be sent."""
        ...

    async def embedding_plan(self, request: EmbeddingRequest) -> PlannedRun:
        """Plan an embedding that is about to be sent."""
        ...

    def explain(self, request: GenerationRequest) -> Plan:
        """Plan a generation that is not sent, with what it would cost."""
        ...
