"""A route as plans are made for it: its targets, its strategy, and what is remembered from plan to plan."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import msgspec

from understudy.domain.bounded import BoundedDict
from understudy.planning.planned import rules_of
from understudy.policy import strategies
from understudy.policy.cost_order import CostOptimized
from understudy.policy.eligibility import Eligibility, Needs
from understudy.policy.kept_orders import KeptOrder, kept_order
from understudy.policy.known import Known
from understudy.policy.latency_order import latency
from understudy.policy.plan import Plan, Skip
from understudy.policy.round_robin import RoundRobin
from understudy.policy.spreading import least_busy, weighted
from understudy.policy.strategies import Strategy
from understudy.policy.targets import Target
from understudy.policy.tasks import TaskBased
from understudy.settings import FallbackConfig, FallbackStrategy

ANY_LENGTH = 2**53
_ORDERS = 32
"""Orders that are kept of a route: by what requests need, and by the entry that they name."""


class Candidates:
    """The targets that requests of a kind may go to."""

    def __init__(self, eligibility: Eligibility, strategy: Strategy | None = None, known: Known | None = None) -> None:
        """`strategy` and `known`: by what their order is kept, if it is."""
        self.eligibility = eligibility
        self._strategy = strategy
        self._known = known

    @cached_property
    def order(self) -> KeptOrder | None:
        """Their order, if it is kept from plan to plan."""
        targets = self.eligibility.targets
        if self._strategy is None or self._known is None or not targets:
            return None
        return kept_order(self._strategy, targets, self._known)


class Space(msgspec.Struct, frozen=True):
    """The targets of the embedding space that requests of a kind have their vectors in."""

    targets: tuple[Target, ...]
    others: tuple[Skip, ...]
    """Those of other spaces."""
    candidates: Candidates
    usual: Plan | None
    """Their plan, where it is always the same."""


class RouteView(msgspec.Struct, frozen=True):
    """What is known of a route's targets, as of one version of the fetched and published lists."""

    version: int = -1
    windows: Mapping[str, int] = {}
    """Context windows that are known, by label."""
    shortest: int = 0
    """Tokens of prompt that every target takes, as far as is known."""
    usual: BoundedDict[tuple[str | None, str | None, frozenset[str], tuple[str | None, str] | None], Plan] = (
        msgspec.field(default_factory=BoundedDict)
    )
    """By the entry and model that requests name, the capabilities that they need and their task, their plan, where it
    is always the same: that of prompts that every target takes."""
    candidates: BoundedDict[tuple[str | None, frozenset[str]], Candidates] = msgspec.field(
        default_factory=lambda: BoundedDict(_ORDERS)
    )
    """By the entry that requests name and the capabilities that they need, the targets that may take them: those of
    prompts that every target takes."""

    spaces: BoundedDict[tuple[str | None, str | None, int | None], Space] = msgspec.field(
        default_factory=lambda: BoundedDict(_ORDERS)
    )
    """By the entry and model that embeddings name, and their dimensions."""

    def takes(self, needs: Needs) -> bool:
        """Check whether every target takes a prompt of that length, as far as is known."""
        return needs.least_prompt <= self.shortest


class RouteState:
    """Targets with a strategy and limits of their own: a named route, or all entries together."""

    def __init__(self, name: str | None, targets: tuple[Target, ...], fallback: FallbackConfig) -> None:
        self.name = name
        self.targets = targets
        self.fallback = fallback
        self.rules = rules_of(fallback)
        self.order = _strategy_of(fallback)
        self.round_robin = RoundRobin()
        self.tasks = self.order if isinstance(self.order, TaskBased) else None
        """The strategy, if requests belong to tasks."""
        self.is_fixed = self.order is strategies.priority or self.tasks is not None
        """Whether requests of the same kind always have the same plan."""
        self.takes_turns = self.order in (strategies.round_robin, least_busy)
        """Whether plans depend on those before."""
        self.weighs_prices = self.order not in _WITHOUT_PRICES and self.tasks is None
        """Whether plans may depend on prices, so that these must be loaded first."""
        self.is_custom = fallback.strategy not in list(FallbackStrategy)
        """Whether the strategy is a custom one."""
        reads = self.order is latency or self.is_custom
        self.reads_latencies = reads or fallback.hedge
        """Whether plans or hedges may depend on latencies, so that these must be learned."""
        self.reads_requests = self.order not in _WITHOUT_PRICES
        """Whether plans may depend on more of a request than its outline."""
        self.is_priced = False
        """Whether the prices of the targets were waited for."""
        self.view = RouteView()


_WITHOUT_PRICES = (strategies.priority, strategies.round_robin, weighted, latency, least_busy)


def _strategy_of(fallback: FallbackConfig) -> Strategy:
    match fallback.strategy:
        case FallbackStrategy.PRIORITY:
            return strategies.priority
        case FallbackStrategy.ROUND_ROBIN:
            return strategies.round_robin
        case FallbackStrategy.COST_OPTIMIZED:
            return CostOptimized(fallback.unknown_prices)
        case FallbackStrategy.WEIGHTED:
            return weighted
        case FallbackStrategy.LATENCY:
            return latency
        case FallbackStrategy.LEAST_BUSY:
            return least_busy
        case FallbackStrategy.TASK_BASED:
            return TaskBased({task: tuple(names) for task, names in fallback.tasks.items()})
        case custom:
            return custom
