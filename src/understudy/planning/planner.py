"""From a request to a plan: which targets may take it, in which order, and why.

The strategies (`understudy.policy`), which are pure, make the order; this module gathers what they are given.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Coroutine
from functools import cached_property
from random import Random

from msgspec.structs import replace

from understudy.domain.errors import ConfigError, Misuse, Unsupported
from understudy.domain.requests import EmbeddingRequest, GenerationRequest, outline_of, whole_of
from understudy.engine import clock
from understudy.planning.catalog import TargetCatalog
from understudy.planning.facts import LazyFacts
from understudy.planning.planned import PlannedRun
from understudy.planning.route_state import ANY_LENGTH, Candidates, RouteState, RouteView, Space
from understudy.policy import strategies
from understudy.policy.affinity import Sessions, begins_turn, key_of
from understudy.policy.cost_order import Estimate
from understudy.policy.eligibility import Eligibility, Needs, eligible, needs_of
from understudy.policy.embedding_spaces import one_space
from understudy.policy.estimate import least_prompt
from understudy.policy.health import Health
from understudy.policy.known import Known
from understudy.policy.plan import Plan, Skip, Step
from understudy.policy.selection import Selection
from understudy.policy.strategies import place
from understudy.policy.targets import Facts, Target
from understudy.pricing.cache import PRICE_CACHE
from understudy.settings import FallbackConfig, FallbackStrategy, Route


class Planner:
    """Makes the plans of one manager."""

    def __init__(
        self,
        catalog: TargetCatalog,
        fallback: FallbackConfig,
        *,
        health: Health,
        rng: Random,
        sessions: Sessions | None = None,
    ) -> None:
        self._catalog = catalog
        self._fallback = fallback
        self._health = health
        self._rng = rng
        self._sessions = sessions or Sessions()
        self._routes: dict[tuple[str | None, bool], RouteState] = {}
        self._turn = 0

    def check(self, model: str | None) -> None:
        """Raise `Misuse` if a request's `model` is an unknown name."""
        self._catalog.select(model)

    def add(self, route: Route) -> None:
        """Let calls name another route. Raise `ConfigError` as for configured ones."""
        self._catalog.add(route)

    def forget(self, name: str) -> None:
        """Remove a route that was added."""
        self._catalog.forget(name)
        for embedding in (False, True):
            self._routes.pop((name, embedding), None)

    # ---- generations ----

    async def plan(self, request: GenerationRequest, *, take: bool = True) -> PlannedRun:
        """Plan a request that is about to be sent, and `take` a turn for it. Raise `Misuse` and `Unsupported`."""
        selection = self._catalog.select(request.model)
        route = self._route(selection.route)
        self._turn += 1
        needs = needs_of(request, enough=route.view.shortest if route.is_fixed else 0)
        if outline_of(request) is not None and (
            route.reads_requests or needs.least_prompt > self._view(route).shortest
        ):
            request = whole_of(request)
            needs = needs_of(request)
        # A task without targets is unknown to every remembered plan.
        task = route.tasks.task_of(request) if route.tasks is not None else None
        view, name = route.view, (selection.entry, selection.model, needs.capabilities, task)
        if view.version == PRICE_CACHE.version and view.takes(needs) and (usual := view.usual.get(name)) is not None:
            return self._planned(usual, request, selection, route)
        if route.is_fixed:
            needs = needs_of(request)  # measured: what is known of windows may change meanwhile
        if route.weighs_prices and not route.is_priced:
            await self._catalog.prices_ready(route.targets)
            route.is_priced = True
        plan, facts = self._plan(request, needs, selection, route, self._rng)
        if route.is_fixed and route.view.takes(needs):
            route.view.usual[name] = plan
        planned = self._planned(plan, request, selection, route)
        if selection.entry is None and take and route.takes_turns:
            route.round_robin.take(planned.plan, facts.in_cooldown)
        return planned

    def explain(self, request: GenerationRequest) -> Plan:
        """Plan a request that is not sent: no turn is taken, no chance is used up, and every step states what it would
        cost, and for how long and why its target is not asked."""
        selection = self._catalog.select(request.model)
        route = self._route(selection.route)
        self._catalog.load_prices(route.targets)
        if selection.entry is not None:
            self._catalog.load_prices((self._catalog.text_target(selection.entry, selection.model),))
        needs = needs_of(request)
        plan, _ = self._plan(request, needs, selection, route, copy.copy(self._rng))
        plan = self._planned(plan, request, selection, route).plan
        facts = self._facts(tuple(step.target for step in plan.steps), route)
        estimate = Estimate(request, facts)
        steps = (
            replace(step, why=self._why(step), expected_cost=estimate.cost(step.target, facts)) for step in plan.steps
        )
        idle = request.task is not None and route.tasks is None
        why = f"{plan.why}; its task is ignored (only task_based considers it)" if idle else plan.why
        return replace(plan, steps=tuple(steps), why=why)

    def _why(self, step: Step) -> str:
        """Return why a step stands where it does, and why its target is not asked now, if it is not."""
        now = clock.now()
        denial = self._health.denial(step.target, now)
        if denial is None:
            return step.why
        wait = f" for {denial.until - now:.0f} s" if math.isfinite(denial.until) else ""
        return f"{step.why}; not asked{wait}: {denial.why}"

    def _plan(
        self, request: GenerationRequest, needs: Needs, selection: Selection, route: RouteState, rng: Random
    ) -> tuple[Plan, Facts]:
        if route.tasks is not None and request.task is not None and request.task not in route.tasks.tasks:
            tasks = ", ".join(route.tasks.tasks) or "none"
            raise Misuse(f"task {request.task!r} has no targets: the tasks are {tasks}")
        targets, named = _others(route, selection), None
        if selection.entry is not None:
            named = self._catalog.text_target(selection.entry, selection.model)
        facts = self._facts(targets, route)
        candidates = self._candidates(needs, targets, facts, route, selection.entry)
        found = candidates.eligibility
        if named is None and not found.targets:
            reasons = "; ".join(f"{skip.target.label} {skip.why}" for skip in found.skipped)
            raise Unsupported(f"no target can take this request: {reasons}" if reasons else "no target generates text")
        if candidates.order is not None:
            plan = candidates.order.plan(request, clock.now(), rng, facts.in_cooldown)
        else:
            plan = self._ordered(request, found.targets, facts, route, rng)
        steps, why = plan.steps, [plan.why, found.compromise]
        if named is not None:
            steps = (Step(named, "named by the call", self._catalog.window_of(named)), *steps)
            why.insert(0, "the first target is named by the call")
        plan = replace(
            plan,
            steps=steps,
            skipped=(*plan.skipped, *found.skipped),
            why="; ".join(filter(None, why)),
            route=route.name,
        )
        return plan, facts

    def _candidates(
        self, needs: Needs, targets: tuple[Target, ...], facts: Facts, route: RouteState, entry: str | None
    ) -> Candidates:
        """Return the targets that may take a request: remembered by what it needs, unless its length decides, too."""
        view = route.view
        if not view.takes(needs):
            return Candidates(eligible(needs, targets, facts))
        name = (entry, needs.capabilities)
        found = view.candidates.get(name)
        if found is None:
            able = eligible(needs, targets, facts) if needs.capabilities else Eligibility(targets)
            found = view.candidates[name] = self._kept(able, targets, route)
        return found

    def _kept(self, able: Eligibility, considered: tuple[Target, ...], route: RouteState) -> Candidates:
        """Return the targets that may take requests of a kind, with their order, if it is kept."""
        windows, price_of = route.view.windows, self._catalog.price_of
        known = Known(windows, route.round_robin, self._health, price_of=price_of, considered=considered)
        return Candidates(able, route.order, known)

    def _named(self, selection: Selection) -> str | None:
        """Return the label of the target that a call names, if it names one."""
        return None if selection.entry is None else self._catalog.text_target(selection.entry, selection.model).label

    def _planned(self, plan: Plan, request: GenerationRequest, selection: Selection, route: RouteState) -> PlannedRun:
        """Return a plan as it is carried out: with the target first that holds the request's session, those whose quota
        is nearly used up behind the others, and as many targets as are allowed."""
        fallback, key, begins = route.fallback, None, False
        named = None if selection.entry is None else plan.steps[0].target.label  # what a call names comes first
        if fallback.affinity and (key := key_of(request, plan, named)) is not None:
            begins, now = begins_turn(request), clock.now()
            cooling = _NONE if self._health.calm else self._health.in_cooldown(_others(route, selection), now)
            lifetime = fallback.affinity_lifetime
            plan = self._sessions.arrange(plan, key, begins=begins, lifetime=lifetime, now=now, in_cooldown=cooling)
        if (share := fallback.leave_quota) is not None:
            tokens, now = least_prompt(request), clock.now()
            plan = self._health.quotas.spare(plan, now, share=share, tokens=tokens, named=named)
        return PlannedRun(_limited(plan, route), fallback, route.rules, key, begins)

    # ---- embeddings ----

    async def embedding_plan(self, request: EmbeddingRequest) -> PlannedRun:
        """Plan an embedding: within one space, that of the target which the call names or which comes first.

        The strategy orders the targets of that space; it never chooses the space, which must not change between calls.
        """
        selection = self._catalog.select(request.model)
        route = self._route(selection.route, embedding=True)
        space = self._space(request, selection, route)
        plan = space.usual
        if plan is None:
            if route.weighs_prices and not route.is_priced:
                await self._catalog.prices_ready(route.targets)
                route.is_priced = True
            facts = self._facts(space.targets, route)
            order = space.candidates.order
            if order is not None:
                plan = order.plan(request, clock.now(), self._rng, facts.in_cooldown)
            else:
                plan = self._ordered(request, space.targets, facts, route, self._rng)
            if route.takes_turns:
                route.round_robin.take(plan, facts.in_cooldown)
            plan = replace(plan, skipped=(*plan.skipped, *space.others), route=route.name)
        return PlannedRun(_limited(plan, route), route.fallback, route.rules)

    def _space(self, request: EmbeddingRequest, selection: Selection, route: RouteState) -> Space:
        """Return the targets of the space of a request: remembered by what it depends on, unless that may change."""
        if request.extra is not None or not self._has_fixed_spaces:
            return self._new_space(request, selection, route)
        spaces = self._view(route).spaces
        name = (selection.entry, selection.model, request.dimensions)
        space = spaces.get(name)
        if space is None:
            space = spaces[name] = self._new_space(request, selection, route)
        return space

    @cached_property
    def _has_fixed_spaces(self) -> bool:
        """Whether no target's space can change while the manager lives."""
        return all(each.has_fixed_space for each in self._catalog.backends.values())

    def _new_space(self, request: EmbeddingRequest, selection: Selection, route: RouteState) -> Space:
        targets, named = route.targets, selection.entry is not None
        if selection.entry is not None:
            first = self._catalog.embedding_target(selection.entry, selection.model)
            targets = (first, *(each for each in targets if each.name != first.name))
        elif not targets and route.name is not None:
            raise ConfigError(f"embed: no target of route {route.name!r} has an embedding_model: add one to its entry")
        elif not targets:
            raise ConfigError("embed: no entry has an embedding_model: add embedding_model to one, or pass model=…")
        same, others = one_space(targets, lambda target: self._catalog.backends[target.name].space_of(target, request))
        usual = None
        if named:
            usual = Plan(tuple(Step(each, "named by the call") for each in same), others, route=route.name)
        elif route.order is strategies.priority:
            usual = self._ordered(request, same, self._facts(same, route), route, self._rng)
            usual = replace(usual, skipped=others, route=route.name)
        return Space(same, others, self._kept(Eligibility(same), same, route), usual)

    # ---- both ----

    def _route(self, name: str | None, *, embedding: bool = False) -> RouteState:
        route = self._routes.get((name, embedding))
        if route is None:
            route = self._routes[name, embedding] = self._new_route(name, embedding)
            if route.reads_latencies:
                self._health.learn_latencies()
        return route

    def _new_route(self, name: str | None, embedding: bool) -> RouteState:
        catalog = self._catalog
        if name is not None:
            found = catalog.routes[name]
            return RouteState(name, catalog.route_targets(found, embedding=embedding), found.fallback)
        if embedding:
            return RouteState(None, tuple(sorted(catalog.embedding_targets(), key=place)), self._fallback)
        targets = catalog.text_targets()
        if self._fallback.strategy == FallbackStrategy.TASK_BASED:
            targets = catalog.with_named(targets, self._fallback.tasks)
        return RouteState(None, targets, self._fallback)

    def _ordered(
        self,
        request: GenerationRequest | EmbeddingRequest,
        targets: tuple[Target, ...],
        facts: Facts,
        route: RouteState,
        rng: Random,
    ) -> Plan:
        if not targets:
            return Plan(())
        plan = route.order(request, targets, facts, clock.now(), rng)
        return _checked(plan, targets) if route.is_custom else plan

    def _facts(self, targets: tuple[Target, ...], route: RouteState) -> Facts:
        now, health, describe = clock.now(), self._health, self._catalog.describe
        return Facts(
            turn=self._turn,
            targets=LazyFacts(targets, lambda target: describe(target, health.facts(target, now))),
            windows=self._view(route).windows,
            turns=route.round_robin.turns,
            in_cooldown=health.in_cooldown(targets, now),
        )

    def _view(self, route: RouteState) -> RouteView:
        """Return what is known of a route's targets, looked up anew if more has become known since."""
        version = PRICE_CACHE.version
        if route.view.version != version:
            found = ((each.label, self._catalog.window_of(each)) for each in route.targets)
            windows = {label: window for label, window in found if window}
            route.view = RouteView(version, windows, min(windows.values(), default=ANY_LENGTH))
        return route.view


_NONE: frozenset[str] = frozenset()


def _others(route: RouteState, selection: Selection) -> tuple[Target, ...]:
    """Return a route's targets but for those of the entry that a call names."""
    if selection.entry is None:
        return route.targets
    return tuple(each for each in route.targets if each.name != selection.entry)


def _limited(plan: Plan, route: RouteState) -> Plan:
    return plan.only_first("fallback is switched off") if route.fallback.enabled is False else plan


def _checked(plan: Plan, targets: tuple[Target, ...]) -> Plan:
    """Return the plan of a custom strategy, with the targets that it left out among the skipped.

    Raise `Misuse` if it is not a plan, is empty, or holds a target twice or one that was not given to the strategy.
    """
    if not isinstance(plan, Plan):
        if isinstance(plan, Coroutine):
            plan.close()  # it is never awaited
        raise Misuse(f"the strategy must return a Plan, got {type(plan).__name__}")
    given = {each.label for each in targets}
    planned: set[str] = set()
    for step in plan.steps:
        if not isinstance(step, Step):
            raise Misuse(f"the strategy must plan Steps, got {step!r}")
        label = step.target.label
        if label not in given:
            raise Misuse(f"the strategy planned {label}, which was not among the targets it was given")
        if label in planned:
            raise Misuse(f"the strategy planned {label} twice")
        planned.add(label)
    if not plan.steps:
        raise Misuse("the strategy left out every target: a plan needs at least one step")
    listed = planned.union(skip.target.label for skip in plan.skipped)
    rest = tuple(Skip(each, "left out by the strategy") for each in targets if each.label not in listed)
    return replace(plan, steps=tuple(plan.steps), skipped=(*plan.skipped, *rest))
