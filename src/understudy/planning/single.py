"""The plans of a provider that is used alone: its one target."""

from __future__ import annotations

from understudy.domain.requests import EmbeddingRequest, GenerationRequest
from understudy.engine.backend import Backend
from understudy.planning.planned import PlannedRun, rules_of
from understudy.policy.plan import Plan, Step
from understudy.policy.selection import select
from understudy.policy.targets import Target
from understudy.settings import FallbackConfig

ONLY = "the only target"


class SinglePlanner:
    """Plans the requests of one provider. Their `model` may stand alone or as `entry/model`."""

    def __init__(self, backend: Backend, fallback: FallbackConfig) -> None:
        self._backend = backend
        self._fallback = fallback
        self._rules = rules_of(fallback)

    def check(self, model: str | None) -> None:
        """Raise `ConfigError` if neither the request nor the entry names a model."""
        self._backend.text_target(self._own(model))

    async def plan(self, request: GenerationRequest) -> PlannedRun:
        """Plan a generation."""
        return self.only(self._backend.text_target(self._own(request.model)))

    async def embedding_plan(self, request: EmbeddingRequest) -> PlannedRun:
        """Plan an embedding."""
        return self.only(self._backend.embedding_target(self._own(request.model)))

    def only(self, target: Target) -> PlannedRun:
        """Return the plan of one target."""
        return PlannedRun(Plan((Step(target, ONLY),)), self._fallback, self._rules)

    def explain(self, request: GenerationRequest) -> Plan:
        """Plan a generation that is not sent, with what it would cost."""
        from understudy.policy.cost_order import Estimate

        backend = self._backend
        target = backend.text_target(self._own(request.model))
        backend.load_prices()
        cost = Estimate(request).cost_at(backend.price_of(target.model))
        return Plan((Step(target, ONLY, backend.facts(target.model).context_window, cost),), why=ONLY)

    def _own(self, model: str | None) -> str | None:
        """Return the model that a request names, without the entry's name; `None` for the entry's own."""
        selection = select(model, {self._backend.name: ()}) if model else None
        return selection.model if selection is not None else model or None
