"""From a request to a plan: which targets may take it, in which order, and why.

The order itself is the strategies' (`understudy.policy`), which are pure; here is what they are given.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator, Mapping

import msgspec

from understudy.client.calls import PlannedRun
from understudy.domain.errors import ConfigError, Misuse, Unsupported
from understudy.domain.requests import EmbeddingRequest, GenerationRequest
from understudy.engine import clock
from understudy.engine.engine import Engine
from understudy.planning.catalog import Selection, TargetCatalog
from understudy.policy import strategies
from understudy.policy.cost_order import CostOptimized, Estimate
from understudy.policy.eligibility import Eligibility, Needs, eligible, needs_of
from understudy.policy.embedding_spaces import one_space
from understudy.policy.plan import Plan, Skip, Step
from understudy.policy.round_robin import RoundRobin
from understudy.policy.strategies import Strategy, place
from understudy.policy.targets import Facts, Target, TargetFacts
from understudy.policy.tasks import TaskBased
from understudy.pricing.cache import PRICE_CACHE
from understudy.settings import FallbackConfig, FallbackStrategy

ANY_LENGTH = 2**53


class RouteState:
    """Targets with a strategy and limits of their own: a named route, or all entries together."""

    def __init__(self, name: str | None, targets: tuple[Target, ...], fallback: FallbackConfig) -> None:
        self.name = name
        self.targets = targets
        self.fallback = fallback
        self.order = strategy_of(fallback)
        self.rotation = RoundRobin()
        self.news = 0
        """As of when the following is known (`PublishedPriceCache.version`)."""
        self.windows: Mapping[str, int] | None = None
        """Context windows that are known, by label; `None`: not looked at yet."""
        self.holds = 0
        """Tokens of prompt that every target takes, as far as is known."""
        self.is_priced = False
        """Whether the prices of the targets were waited for."""
        self.usual: Plan | None = None
        """The plan of requests that need nothing particular, where it is always the same."""

    def keep_up(self, news: int) -> None:
        """Find out anew when more has become known of models since."""
        if news != self.news:
            self.news = news
            self.windows = self.usual = None
            self.holds = 0

    def takes(self, needs: Needs) -> bool:
        """Whether every target is known to take a request, so that none needs to be looked at."""
        return not needs.capabilities and needs.least_prompt <= self.holds

    def windows_by(self, look: Callable[[Target], TargetFacts]) -> Mapping[str, int]:
        """Return the context windows that are known, looked up once."""
        if self.windows is None:
            self.windows = {each.label: window for each in self.targets if (window := look(each).context_window)}
            self.holds = min(self.windows.values(), default=ANY_LENGTH)
        return self.windows

    @property
    def takes_turns(self) -> bool:
        """Whether plans depend on those before."""
        return self.order is strategies.round_robin

    @property
    def weighs_prices(self) -> bool:
        """Whether plans may depend on prices, so that these must be there first."""
        return self.order not in (strategies.priority, strategies.round_robin) and not isinstance(self.order, TaskBased)


def strategy_of(fallback: FallbackConfig) -> Strategy:
    """Return the strategy that a configuration names."""
    match fallback.strategy:
        case FallbackStrategy.PRIORITY:
            return strategies.priority
        case FallbackStrategy.ROUND_ROBIN:
            return strategies.round_robin
        case FallbackStrategy.COST_OPTIMIZED:
            return CostOptimized(fallback.unknown_prices)
        case FallbackStrategy.TASK_BASED:
            return TaskBased({task: tuple(names) for task, names in fallback.tasks.items()})
        case custom:
            return custom


class Planner:
    """Makes the plans of one manager."""

    def __init__(self, catalog: TargetCatalog, fallback: FallbackConfig, engine: Engine) -> None:
        self._catalog = catalog
        self._fallback = fallback
        self._engine = engine
        self._lanes: dict[tuple[str | None, bool], RouteState] = {}
        self._turn = 0

    # ---- generations ----

    async def plan(self, request: GenerationRequest, *, take: bool = True) -> PlannedRun:
        """Plan a request that is about to be sent, and `take` a turn for it. Raises `Misuse` and `Unsupported`."""
        wanted = self._catalog.wanted(request.model)
        lane = self._lane(wanted.route)
        self._turn += 1
        needs = needs_of(request)
        usual = lane.usual
        if usual is not None and wanted.provider is None and lane.takes(needs):
            return PlannedRun(usual, lane.fallback)
        if lane.weighs_prices and not lane.is_priced:
            await self._catalog.prices_ready(lane.targets)
            lane.is_priced = True
        plan, facts = self._plan(request, needs, wanted, lane)
        if take and wanted.provider is None and lane.takes_turns:
            lane.rotation.take(plan, facts.in_cooldown)
        elif wanted.provider is None and lane.order is strategies.priority and lane.takes(needs):
            lane.usual = plan
        return PlannedRun(plan, lane.fallback)

    def explain(self, request: GenerationRequest) -> Plan:
        """Plan a request that is not sent: no turn is taken, and every step says what it would cost."""
        wanted = self._catalog.wanted(request.model)
        lane = self._lane(wanted.route)
        self._catalog.load_prices(lane.targets)
        if wanted.provider is not None:
            self._catalog.load_prices((self._catalog.text_target(wanted.provider, 0, wanted.model),))
        plan, _ = self._plan(request, needs_of(request), wanted, lane)
        estimate = Estimate(request)
        facts = self._facts(tuple(step.target for step in plan.steps), lane)
        steps = (msgspec.structs.replace(step, expected_cost=estimate.cost(step.target, facts)) for step in plan.steps)
        idle = request.task is not None and not isinstance(lane.order, TaskBased)
        why = f"{plan.why}; its task is not looked at (only task_based does)" if idle else plan.why
        return msgspec.structs.replace(plan, steps=tuple(steps), why=why)

    def _plan(
        self, request: GenerationRequest, needs: Needs, wanted: Selection, lane: RouteState
    ) -> tuple[Plan, Facts]:
        if isinstance(lane.order, TaskBased) and request.task is not None and request.task not in lane.order.tasks:
            tasks = ", ".join(lane.order.tasks) or "none"
            raise Misuse(f"task {request.task!r} has no list of targets: the tasks are {tasks}")
        targets, asked = lane.targets, None
        if wanted.provider is not None:
            asked = self._catalog.text_target(wanted.provider, 0, wanted.model)
            targets = tuple(each for each in targets if each.name != asked.name)
        facts = self._facts(targets, lane)
        found = Eligibility(targets) if lane.takes(needs) else eligible(needs, targets, facts)
        if asked is None and not found.targets:
            reasons = "; ".join(f"{skip.target.label} {skip.why}" for skip in found.skipped)
            raise Unsupported(f"no target can take this request: {reasons}" if reasons else "no target generates text")
        plan = self._ordered(request, found.targets, facts, lane)
        steps = plan.steps if asked is None else (self._first(asked), *plan.steps)
        named = None if asked is None else "the call names the first"
        plan = msgspec.structs.replace(
            plan,
            steps=steps,
            skipped=(*plan.skipped, *found.skipped),
            why="; ".join(filter(None, (named, plan.why, found.compromise))),
            route=lane.name,
        )
        return self._limited(plan, lane), facts

    def _first(self, asked: Target) -> Step:
        return Step(asked, "asked for", self._catalog.describe(asked, strategies.UNKNOWN).context_window)

    # ---- embeddings ----

    async def embedding_plan(self, request: EmbeddingRequest) -> PlannedRun:
        """Plan an embedding: within one space, that of the target which the call names or which comes first.

        The strategy orders the targets of that space; it never chooses the space, which must not change between calls.
        """
        wanted = self._catalog.wanted(request.model)
        lane = self._lane(wanted.route, embedding=True)
        targets = lane.targets
        if wanted.provider is not None:
            asked = self._catalog.embedding_target(wanted.provider, 0, wanted.model)
            targets = (asked, *(each for each in targets if each.name != asked.name))
        elif not targets and lane.name is not None:
            raise ConfigError(f"embed: no target of route {lane.name!r} has an embedding_model: add one to its entry")
        elif not targets:
            raise ConfigError("embed: no entry has an embedding_model: add embedding_model to one, or pass model=…")
        same, others = one_space(targets, lambda target: self._catalog.space_of(target, request))
        if wanted.provider is not None:
            plan = Plan(tuple(Step(each, "asked for") for each in same))
        else:
            if lane.weighs_prices:
                await self._catalog.prices_ready(same)
            facts = self._facts(same, lane)
            plan = self._ordered(request, same, facts, lane)
            if lane.takes_turns:
                lane.rotation.take(plan, facts.in_cooldown)
        plan = msgspec.structs.replace(plan, skipped=(*plan.skipped, *others), route=lane.name)
        return PlannedRun(self._limited(plan, lane), lane.fallback)

    # ---- both ----

    def _lane(self, route: str | None, *, embedding: bool = False) -> RouteState:
        lane = self._lanes.get((route, embedding))
        if lane is None:
            lane = self._lanes[route, embedding] = self._new_lane(route, embedding)
        lane.keep_up(PRICE_CACHE.version)
        return lane

    def _new_lane(self, route: str | None, embedding: bool) -> RouteState:
        if route is not None:
            found = self._catalog.routes[route]
            return RouteState(route, self._catalog.route_targets(found, embedding=embedding), found.fallback)
        if embedding:
            return RouteState(None, tuple(sorted(self._catalog.embedding_targets(), key=place)), self._fallback)
        targets = self._catalog.text_targets()
        if self._fallback.strategy == FallbackStrategy.TASK_BASED:
            targets = self._catalog.with_named(targets, self._fallback.tasks)
        return RouteState(None, targets, self._fallback)

    def _limited(self, plan: Plan, lane: RouteState) -> Plan:
        return plan.only_first("fallback is switched off") if lane.fallback.enabled is False else plan

    def _ordered(
        self, request: GenerationRequest | EmbeddingRequest, targets: tuple[Target, ...], facts: Facts, lane: RouteState
    ) -> Plan:
        if not targets:
            return Plan(())
        plan = lane.order(request, targets, facts, clock.now(), self._engine.rng)
        return plan if lane.fallback.strategy in list(FallbackStrategy) else _checked(plan, targets)

    def _facts(self, targets: tuple[Target, ...], lane: RouteState) -> Facts:
        now, health = clock.now(), self._engine.health

        def look(target: Target) -> TargetFacts:
            return self._catalog.describe(target, health.facts(target, now))

        return Facts(
            turn=self._turn,
            targets=_Known(targets, look),
            windows=lane.windows_by(look),
            turns=lane.rotation.turns,
            in_cooldown=health.in_cooldown(targets, now),
        )


class _Known(Mapping[str, TargetFacts]):
    """Facts by label, found out when they are looked at, so that strategies pay only for what they weigh."""

    def __init__(self, targets: tuple[Target, ...], look: Callable[[Target], TargetFacts]) -> None:
        self._targets = targets
        self._look = look
        self._found: dict[str, TargetFacts] = {}
        self._by_label: dict[str, Target] | None = None

    def __getitem__(self, label: str) -> TargetFacts:
        found = self._found.get(label)
        if found is None:
            if self._by_label is None:
                self._by_label = {each.label: each for each in self._targets}
            found = self._found[label] = self._look(self._by_label[label])
        return found

    def __iter__(self) -> Iterator[str]:
        return (each.label for each in self._targets)

    def __len__(self) -> int:
        return len(self._targets)


def _checked(plan: Plan, targets: tuple[Target, ...]) -> Plan:
    """Return the plan of a user's strategy, with what it left out among the skipped. Raises `Misuse` for what is none,
    or names what it was not given."""
    if not isinstance(plan, Plan):
        if isinstance(plan, Coroutine):
            plan.close()  # nobody will await it
        raise Misuse(f"the strategy returned {type(plan).__name__}, which is no Plan")
    given = {each.label for each in targets}
    planned: set[str] = set()
    for step in plan.steps:
        if not isinstance(step, Step):
            raise Misuse(f"the strategy planned {step!r}, which is no Step")
        label = step.target.label
        if label not in given:
            raise Misuse(f"the strategy planned {label}, which is none of the targets that it was given")
        if label in planned:
            raise Misuse(f"the strategy planned {label} twice")
        planned.add(label)
    if not plan.steps:
        raise Misuse("the strategy left out every target: a plan needs at least one step")
    told = planned.union(skip.target.label for skip in plan.skipped)
    rest = tuple(Skip(each, "left out by the strategy") for each in targets if each.label not in told)
    return msgspec.structs.replace(plan, steps=tuple(plan.steps), skipped=(*plan.skipped, *rest))
