"""Whether an attempt may be made: its claims on budgets and limits are reserved before anything of it is sent.

launch ──> Admission.guards ──> AdmittedStream ──(first read)──> reserve ──> the attempt's own stream
                                                    └──> AttemptDenied ──> Denied
"""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Mapping
from typing import TYPE_CHECKING, Any, cast

from msgspec.structs import replace

from understudy.domain.attempts import AttemptStart
from understudy.domain.operation import BILLED
from understudy.domain.requests import EmbeddingRequest, GenerationRequest, whole_of
from understudy.domain.warnings import Warning, WarningKind  # noqa: A004 - the public name
from understudy.engine.accounting import start_of
from understudy.engine.admitted import AdmittedStream, AttemptDenied
from understudy.engine.ceiling import MAX_COST
from understudy.engine.claims import (
    Demand,
    Due,
    Unpriced,
    due_of,
    dues_of,
    failure_of,
    limits_left,
    unavailable_failure,
    unpriced_failure,
)
from understudy.ledger.holds import Holds, LedgerUnavailable, SharedLimits, Shortage
from understudy.ledger.memory_holds import MemoryHolds
from understudy.policy.allowances import Subjects
from understudy.policy.estimate import expected_usage
from understudy.policy.hosted_tools import hosted_tools
from understudy.policy.worst_case import Rate, bound_of, dearest
from understudy.settings.budgets import Allowance, Budget

if TYPE_CHECKING:
    from understudy.engine.attempt import Attempt
    from understudy.engine.attempt_stream import AttemptStream
    from understudy.engine.backend import Backend
    from understudy.engine.engine import Engine
    from understudy.policy.plan import Plan
    from understudy.policy.targets import Target

Begin = Callable[[AttemptStart], None]

FITS = 3
"""How often the limit of an answer is lowered before the attempt is given up: others spend meanwhile."""
LEAST_OUTPUT = 16
"""Tokens: a shorter answer is not worth asking for (OpenAI's Responses API accepts no less)."""


def budgeted(engine: Engine, allowance: Allowance | None) -> Engine:
    """Have the attempts of an engine reserve what they may cost: in its ledger if that keeps budgets, else in memory.

    Also without an `allowance` of the configuration: callers and requests may have their own.
    """
    if engine.admission is not None:  # a subclass of the manager has made its own
        return engine
    sink: Any = engine.sink
    keeps = hasattr(sink, "reserve")
    holds = sink if keeps else MemoryHolds()
    engine.settle = None if keeps else holds.record
    given = allowance or Allowance()
    engine.admission = Admission(given, holds, engine.begin, engine.wall_clock, keeps_beginnings=keeps)
    return engine


class Admission:
    """Reserves what attempts may cost. One per engine."""

    def __init__(
        self, allowance: Allowance, holds: Holds, begin: Begin, clock: Callable[[], float], *, keeps_beginnings: bool
    ) -> None:
        """`allowance`: that of the configuration, which every request has. `begin`: keeps the beginning of an attempt,
        unless `holds` keeps that of one with claims (`keeps_beginnings`). `clock`: Unix seconds."""
        self.allowance = allowance
        self._own = (allowance,) if allowance else ()
        self.holds = holds
        self.begin = begin
        self.keeps_beginnings = keeps_beginnings
        self.must_keep: bool = getattr(holds, "must_keep", False)
        """Whether no attempt is sent whose beginning is not kept before, budget or not."""
        self.clock = clock
        self._shared: SharedLimits | None = cast(SharedLimits, holds) if hasattr(holds, "limits_clock") else None

    def guards(self, attempt: Attempt, plan: Plan, backends: Mapping[str, Backend]) -> bool:
        """Have an attempt wait for its admission, if a budget or limit may concern it. Return whether one may."""
        job = attempt.job
        if job.operation not in BILLED:
            return False
        allowances = self._own
        if job.allowances:
            allowances = (*allowances, *(each for each in job.allowances if each))
        if not allowances and not job.ceilings and not self.must_keep:
            return False
        attempt.was_sent = False
        attempt.stream = AdmittedStream(attempt.stream, _Case(self, attempt, plan, backends, allowances).admit)
        return True

    def concerns(self, start: AttemptStart, allowances: tuple[Allowance, ...]) -> bool:
        """Check whether a budget or limit may concern an attempt that has no plan."""
        return start.operation.billed and (self.must_keep or any((self.allowance, *allowances)))

    async def pass_on(self, start: AttemptStart, allowances: tuple[Allowance, ...]) -> tuple[Warning, ...]:
        """Admit a request that is handed on as it is: what it may cost is unknown. Raise `AttemptDenied`."""
        subjects = Subjects(provider=start.provider, session=start.session, labels=start.labels)
        demand = Demand(subjects=subjects, bound=None, rate=None, expected=0)
        try:
            dues = self.dues((self.allowance, *allowances), demand)
        except Unpriced as error:
            raise AttemptDenied(unpriced_failure(error, start.provider), final=True) from None
        if (shortage := await self.reserve(start, dues)) is not None:
            due = next(each for each in dues if each.claim == shortage.claim)
            raise AttemptDenied(failure_of(due, shortage), final=True)
        return self.warnings(start)

    def dues(self, allowances: tuple[Allowance, ...], demand: Demand, waived: Container[str] = ()) -> list[Due]:
        """Return what an attempt must reserve now. Raise `Unpriced`. `waived`: ids of budgets that only count it."""
        limits_now = None if self._shared is None else self._shared.limits_clock()
        return dues_of(allowances, demand, self.clock(), waived, limits_now=limits_now)

    def warnings(self, start: AttemptStart) -> tuple[Warning, ...]:
        """Return what is to be said of an attempt that was admitted."""
        why = None if self._shared is None else self._shared.limited_alone(start.attempt_id)
        return () if why is None else (Warning(WarningKind.DEGRADED, "limits", why),)

    async def reserve(self, start: AttemptStart, dues: list[Due], left: list[int] | None = None) -> Shortage | None:
        """Reserve what is due, and keep the beginning of the attempt. Raise `AttemptDenied` if that cannot be kept.

        `left`: as for `Holds.reserve`."""
        if dues or self.must_keep:
            durable = self.must_keep or any(isinstance(due.source, Budget) and due.source.hard for due in dues)
            try:
                shortage = await self.holds.reserve(start, [due.claim for due in dues], durable=durable, left=left)
            except LedgerUnavailable as error:
                raise AttemptDenied(unavailable_failure(error), final=True) from error
            if shortage is not None:
                return shortage
            if self.keeps_beginnings:
                return None
        self.begin(start)
        return None


class _Case:
    """The admission of one attempt."""

    def __init__(
        self,
        admission: Admission,
        attempt: Attempt,
        plan: Plan,
        backends: Mapping[str, Backend],
        allowances: tuple[Allowance, ...],
    ) -> None:
        self._admission = admission
        self._attempt = attempt
        self._plan = plan
        self._allowances = allowances
        self._backends = backends
        self._waived: set[str] = set()
        """Soft budgets that are exceeded, at whose cost the cheapest target is asked all the same."""
        self._opened = attempt.stream
        self._job = attempt.job

    async def admit(self) -> tuple[AttemptStream, tuple[Warning, ...]]:
        """Reserve what the attempt may cost, and return its stream. Raise `AttemptDenied`."""
        attempt, warnings = self._attempt, tuple[Warning, ...]()
        if (prices := attempt.backend.prices_ready(attempt.launch.target.model)) is not None:
            await prices
        start = start_of(attempt, self._plan)
        for last in (*(False,) * FITS, True):
            refused = await self._reserve(start)
            if refused is None:
                break
            due, shortage = refused
            if self._waives(due):
                continue
            fitted = None if last else self._fitted(due, shortage)
            if fitted is None:
                failure = failure_of(due, shortage, attempt.launch.target.label)
                raise AttemptDenied(failure, final=not due.may_go_on)
            warnings = (fitted,)
        attempt.was_sent = True
        return self._opened, (*warnings, *self._admission.warnings(start))

    async def _reserve(self, start: AttemptStart) -> tuple[Due, Shortage] | None:
        """Hold what is due; return what has no room for it, and hold nothing then. Raise `AttemptDenied`."""
        attempt, ceilings = self._attempt, self._job.ceilings
        own, dues = self._dues()
        for due, ceiling in zip(own, ceilings, strict=True):
            if (shortage := ceiling.take(attempt.id, [due.claim])) is not None:
                self._free()
                return due, shortage
        granted = False
        try:
            left: list[int] = []
            shortage = await self._admission.reserve(start, dues, left)
            attempt.limits = limits_left(dues, left)
            granted = shortage is None
        finally:
            if not granted:
                self._free()
        return None if shortage is None else (next(each for each in dues if each.claim == shortage.claim), shortage)

    def _free(self) -> None:
        for ceiling in self._job.ceilings:
            ceiling.free(self._attempt.id)

    def _dues(self) -> tuple[list[Due], list[Due]]:
        """Return what is due to the request's own ceilings, and what to budgets and limits. Raise `AttemptDenied`."""
        demand, now = self._demand(), self._admission.clock()
        try:
            own = [due_of(each, demand, now) for each in self._job.ceilings]
            return own, self._admission.dues(self._allowances, demand, self._waived)
        except Unpriced as error:
            target = self._attempt.launch.target.label
            raise AttemptDenied(unpriced_failure(error, target), final=False) from None

    def _waives(self, due: Due) -> bool:
        """Check whether a soft budget lets the attempt pass because no other target of the plan is cheaper."""
        budget = due.source
        if not isinstance(budget, Budget) or budget.hard or budget.on_exceeded != "cheaper":
            return False
        if due.claim.budget in self._waived or not self._is_cheapest():
            return False
        self._waived.add(due.claim.budget)
        return True

    def _is_cheapest(self) -> bool:
        """Check whether no other target of the plan may cost less."""
        request, own = self._job.request, self._attempt.launch.target
        costs: dict[str, float] = {}
        for step in self._plan.steps:
            backend, model = self._backends[step.target.name], step.target.model
            price, facts = backend.price_of(model), backend.facts(model)
            rate = dearest(price) if price is not None else None
            bound = bound_of(request, window=facts.context_window, longest=facts.longest_output)
            costs[step.target.label] = math.inf if rate is None or bound is None else rate.cost(bound)
        return costs.get(own.label, math.inf) <= min(costs.values(), default=math.inf)

    def _demand(self) -> Demand:
        attempt, request = self._attempt, self._job.request
        return demand_of(request, attempt.launch.target, attempt.backend, self._plan.route, self._opened.dialect)

    def _fitted(self, due: Due, shortage: Shortage) -> Warning | None:
        """Lower `max_tokens` to what is left, if the budget allows that; `None` if it does not, or too little is."""
        request, demand = self._job.request, self._demand()
        budget = due.source
        if not isinstance(budget, Budget) or not isinstance(request, GenerationRequest):
            return None
        if not budget.fit_max_tokens and not self._job.fit_max_tokens:
            return None
        if demand.rate is None or demand.bound is None or demand.tools.calls != 0:
            return None
        fits = demand.rate.output_within(shortage.left, demand.bound)
        if request.reasoning is not None and request.reasoning.budget:
            fits -= request.reasoning.budget
        if fits < LEAST_OUTPUT:
            return None
        whose = MAX_COST if due.ceiling is not None else f"the budget {budget.name}"
        self._reopen(replace(whole_of(request), max_tokens=fits, origin=None))
        return Warning(WarningKind.CLAMPED, "max_tokens", f"lowered to {fits} by {whose}")

    def _reopen(self, request: GenerationRequest) -> None:
        """Open the attempt again with another request; nothing of it was sent yet."""
        attempt, launch = self._attempt, self._attempt.launch
        self._job = replace(self._job, request=request)
        self._opened = attempt.backend.attempt(self._job, launch.target, launch.limits, attempt.id)


def demand_of(request: Any, target: Target, backend: Backend, route: str | None, dialect: str | None = None) -> Demand:
    """Return what an attempt at a target may need. `dialect`: the wire format, by which hosted tools are known."""
    facts = backend.facts(target.model)
    price = backend.price_of(target.model)
    rate: Rate | None = dearest(price) if price is not None else None
    return Demand(
        subjects=Subjects(
            provider=target.name, session=getattr(request, "session", None), route=route, labels=_labels(request)
        ),
        bound=bound_of(request, window=facts.context_window, longest=facts.longest_output),
        rate=rate,
        tools=hosted_tools(request, dialect, {} if price is None else price.fees),
        window=facts.context_window,
        expected=_expected(request),
    )


def _labels(request: object) -> Mapping[str, str]:
    labels: Mapping[str, str] | None = getattr(request, "labels", None)
    return labels or {}


def _expected(request: object) -> int:
    """Return how many tokens a request is likely to take."""
    if not isinstance(request, (GenerationRequest, EmbeddingRequest)):
        return 0
    return expected_usage(request).total or 0
