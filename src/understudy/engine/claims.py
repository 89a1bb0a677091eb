"""What one attempt must reserve: the claims upon every budget and limit that it meets, and what it means if one of them
is not granted."""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import Literal

import msgspec
from msgspec.structs import replace

from understudy.domain.failures import Failure, FailureKind, LimitState
from understudy.domain.money import Money
from understudy.engine.ceiling import MAX_COST, Ceiling
from understudy.ledger.holds import Claim, Shortage, Unit
from understudy.policy.allowances import Subjects, carried_share, minute_at, period_at, seconds_until
from understudy.policy.hosted_tools import NONE, PASSES, HostedTools
from understudy.policy.worst_case import Bound, Rate
from understudy.settings.budgets import Allowance, Budget, Limit

BUDGET_EXCEEDED = "budget_exceeded"
LIMIT_EXCEEDED = "rate_limit_exceeded"
PRICE_UNKNOWN = "price_unknown"
LEDGER_UNAVAILABLE = "ledger_unavailable"
MAX_COST_EXCEEDED = "max_cost_exceeded"
"""Codes of refusals that come from here, and not from a provider."""


class Demand(msgspec.Struct, frozen=True, kw_only=True):
    """What an attempt may need."""

    subjects: Subjects
    bound: Bound | None
    """Without what hosted tools read; `None`: nothing limits how many tokens it takes."""
    rate: Rate | None
    """`None`: its price is unknown."""
    expected: int
    """Tokens that it is likely to take, prompt and answer."""
    tools: HostedTools = NONE
    window: int | None = None
    """Tokens of the model's context, which is all that one reading can have; `None` if it is unknown."""

    @property
    def worst(self) -> int | None:
        """The most that it can cost in nano-USD; `None` if that is unknown."""
        if self.rate is None or self.bound is None or self.tools.fees is None:
            return None
        if not self.tools.calls:
            return self.rate.cost(self.bound)
        if self.window is None:
            return None
        passes = self.tools.calls + PASSES
        read = replace(self.bound, input=self.window * passes, output=self.bound.output * passes)
        return self.rate.cost(read) + self.tools.fees

    @property
    def is_priced(self) -> bool:
        """Whether its cost is known when it has ended."""
        return self.rate is not None and self.bound is not None and self.tools.are_priced

    @property
    def is_free(self) -> bool:
        """Whether it costs nothing, however long it is."""
        rate = self.rate
        return rate is not None and not (rate.input or rate.output or rate.call or self.tools.fees)


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """One claim, and the budget or limit that it is made upon."""

    claim: Claim
    source: Budget | Limit
    ends: int | None
    """When the period or window ends, in Unix seconds."""
    now: float
    """The time by which it is counted, in Unix seconds."""
    ahead: float = 0.0
    """Seconds by which that time is ahead of this machine's."""
    ceiling: Ceiling | None = None
    """The request's own, if it is made upon that."""

    @property
    def may_go_on(self) -> bool:
        """Whether another target may be asked if it is not granted: only this provider is concerned, or a cheaper one
        is wanted."""
        source = self.source
        return source.per == "provider" or (isinstance(source, Budget) and source.on_exceeded == "cheaper")


class Unpriced(Exception):
    """A budget does not allow what has no known price."""

    def __init__(self, budget: Budget, ceiling: Ceiling | None = None) -> None:
        super().__init__(budget.name)
        self.budget = budget
        self.ceiling = ceiling


def dues_of(
    allowances: Iterable[Allowance],
    demand: Demand,
    now: float,
    waived: Container[str] = (),
    *,
    limits_now: float | None = None,
) -> list[Due]:
    """Return what an attempt must reserve at a time (Unix seconds). Raise `Unpriced`.

    `waived`: ids of budgets that only count it. `limits_now`: the time of what keeps the limits, if that differs.
    """
    ahead = 0.0 if limits_now is None else limits_now - now
    found: list[Due] = []
    for allowance in allowances:
        prefix = f"{allowance.owner}/" if allowance.owner else ""
        for budget in allowance.budgets:
            if (subject := demand.subjects.of(budget.per, budget.only)) is not None:
                due = _of_budget(budget, prefix, subject, demand, now)
                counts = due.claim.budget in waived
                found.append(replace(due, claim=replace(due.claim, ceiling=None)) if counts else due)
        for limit in allowance.limits:
            if (subject := demand.subjects.of(limit.per, limit.only)) is not None:
                found += _of_limit(limit, prefix, subject, demand, now + ahead, ahead)
    return found


def due_of(ceiling: Ceiling, demand: Demand, now: float) -> Due:
    """Return what an attempt must hold of what its request may cost. Raise `Unpriced`."""
    try:
        return replace(_of_budget(ceiling.budget, "", "", demand, now), ceiling=ceiling)
    except Unpriced:
        raise Unpriced(ceiling.budget, ceiling) from None


def _of_budget(budget: Budget, prefix: str, subject: str, demand: Demand, now: float) -> Due:
    span, worst = period_at(budget.period, now), demand.worst
    is_counted = worst is not None if budget.hard else demand.is_priced
    if not is_counted and not demand.is_free and budget.unpriced == "refuse":
        raise Unpriced(budget)
    # What is not bound by a hard budget needs no more than that something is left.
    amount, if_unknown, is_bound = 1, 0, False
    if demand.is_free or worst == 0:
        amount = 0
    elif worst is not None and budget.hard:
        amount, if_unknown, is_bound = worst, worst, True
    elif demand.rate is not None and demand.bound is not None:
        if_unknown = demand.rate.input_cost(demand.bound)
    claim = Claim(
        budget=f"{prefix}{budget.name}",
        subject=subject,
        start=span.start,
        amount=amount,
        ceiling=budget.ceiling,
        if_unknown=if_unknown,
        is_bound=is_bound,
    )
    return Due(claim=claim, source=budget, ends=span.end, now=now)


def _of_limit(limit: Limit, prefix: str, subject: str, demand: Demand, now: float, ahead: float) -> Iterator[Due]:
    name, minute, share = f"{prefix}{limit.name}", minute_at(now), carried_share(now)
    tokens = limit.tokens_per_minute
    wanted = ((Unit.REQUESTS, limit.requests_per_minute, 1), (Unit.TOKENS, tokens, min(demand.expected, tokens or 0)))
    for unit, ceiling, amount in wanted:
        if ceiling is not None:
            claim = Claim(
                budget=name,
                subject=subject,
                unit=unit,
                start=minute.start,
                amount=amount,
                ceiling=ceiling,
                if_unknown=amount,
                is_bound=False,
                previous_share=share,
            )
            yield Due(claim=claim, source=limit, ends=minute.end, now=now, ahead=ahead)
    if limit.concurrent is not None:
        claim = Claim(
            budget=name, subject=subject, unit=Unit.CONCURRENT, amount=1, ceiling=limit.concurrent, is_bound=False
        )
        yield Due(claim=claim, source=limit, ends=None, now=now)


def limits_left(dues: Sequence[Due], left: Sequence[int]) -> tuple[LimitState, ...]:
    """Return what is left of the requests and tokens of a minute once all dues are held; of several limits upon one of
    them, that of which the least is left."""
    found: dict[Unit, LimitState] = {}
    for due, remaining in zip(dues, left, strict=False):
        claim = due.claim
        if claim.unit not in _WORDS or claim.ceiling is None or due.ends is None:
            continue
        known = found.get(claim.unit)
        if known is None or (remaining, claim.ceiling) < (known.remaining, known.limit):
            found[claim.unit] = LimitState(
                unit=_WORDS[claim.unit], limit=claim.ceiling, remaining=remaining, resets_at=due.ends - due.ahead
            )
    return tuple(found.values())


_WORDS: Mapping[Unit, Literal["requests", "tokens"]] = {Unit.REQUESTS: "requests", Unit.TOKENS: "tokens"}


# ---- what is said if one of them is not granted ----


def failure_of(due: Due, shortage: Shortage, target: str = "") -> Failure:
    """Return the failure of an attempt that was not made. `target`: whom it would have asked."""
    if due.ceiling is not None:
        return _over_ceiling(due, due.ceiling, shortage, target)
    if isinstance(due.source, Budget):
        return _over_budget(due, due.source, shortage)
    return _over_limit(due, shortage)


def _over_budget(due: Due, budget: Budget, shortage: Shortage) -> Failure:
    claim, spent = due.claim, Money(shortage.spent)
    held = f", {Money(shortage.reserved)} are reserved" if shortage.reserved else ""
    needs = f", and this request may cost {Money(claim.amount)}" if claim.is_bound else ""
    resets = f"; it resets at {_utc(due.ends)}" if due.ends is not None else ""
    message = (
        f"the budget {_named(claim)} is exceeded: of {Money(budget.ceiling)} a {budget.period} {spent} are spent"
        f"{held}{needs}{resets}"
    ).replace(" a total", "")
    if due.ends is None:
        return Failure(kind=FailureKind.BILLING, message=message, status=402, code=BUDGET_EXCEEDED, sent=False)
    return Failure(
        kind=FailureKind.DAILY_QUOTA,
        message=message,
        status=429,
        code=BUDGET_EXCEEDED,
        retry_after=max(1.0, due.ends - due.now),
        should_retry=False,
        sent=False,
    )


def _over_ceiling(due: Due, ceiling: Ceiling, shortage: Shortage, target: str) -> Failure:
    used = shortage.spent + shortage.reserved
    before = f", of which its other attempts may have used {Money(used)}" if used else ""
    message = (
        f"at {target} this request may cost {Money(due.claim.amount)}, and its {MAX_COST} is "
        f"{Money(ceiling.budget.ceiling)}{before}; nothing was sent: set or lower max_tokens, or raise {MAX_COST}"
    )
    return Failure(
        kind=FailureKind.BILLING,
        message=message,
        status=402,
        code=MAX_COST_EXCEEDED,
        should_retry=False,
        sent=False,
    )


def _over_limit(due: Due, shortage: Shortage) -> Failure:
    claim = due.claim
    what = {Unit.REQUESTS: "requests a minute", Unit.TOKENS: "tokens a minute", Unit.CONCURRENT: "requests at once"}
    wait = 1.0
    if due.ends is not None and claim.ceiling is not None:
        over = shortage.spent + shortage.reserved + claim.amount - claim.ceiling
        wait = seconds_until(over, shortage.spent, claim.ceiling, due.now)
    note = f"; {shortage.note}" if shortage.note else ""
    message = (
        f"the limit of {claim.ceiling} {what[claim.unit]} for {_whom(claim)} is reached; "
        f"try again in {math.ceil(wait)} s{note}"
    )
    return Failure(
        kind=FailureKind.RATE_LIMITED,
        message=message,
        status=429,
        code=LIMIT_EXCEEDED,
        retry_after=wait,
        sent=False,
        limit=LimitState(
            unit="tokens" if claim.unit is Unit.TOKENS else "requests",
            limit=claim.ceiling or 0,
            remaining=shortage.left,
            resets_in=None if due.ends is None else max(0.0, due.ends - due.now),
        ),
    )


def unpriced_failure(error: Unpriced, target: str) -> Failure:
    """Return the failure of an attempt whose price is unknown."""
    if error.ceiling is not None:
        whose, remedy = f"its {MAX_COST}", f"or leave {MAX_COST} out"
    else:
        whose, remedy = f"the budget {error.budget.name}", 'or unpriced = "allow" in the budget'
    message = (
        f"the price of {target} is unknown or without a bound, and {whose} allows only what it can "
        f"count: set its price in the entry, {remedy}"
    )
    return Failure(kind=FailureKind.INVALID_REQUEST, message=message, status=400, code=PRICE_UNKNOWN, sent=False)


def unavailable_failure(error: Exception) -> Failure:
    """Return the failure of an attempt that may not be made because the ledger cannot be written."""
    return Failure(
        kind=FailureKind.OVERLOADED,
        message=str(error),
        status=503,
        code=LEDGER_UNAVAILABLE,
        retry_after=5.0,
        sent=False,
    )


def _named(claim: Claim) -> str:
    return f"{claim.budget} of {claim.subject}" if claim.subject else claim.budget


def _whom(claim: Claim) -> str:
    """Return whom a limit is for: "all", or "the key alice". `Limit.name` begins with what it is kept for each of."""
    kind = claim.budget.partition(" ")[0]
    return _named(claim) if ":" in kind or not claim.subject else f"the {kind} {claim.subject}"


def _utc(moment: int | None) -> str:
    from datetime import UTC, datetime

    return "" if moment is None else datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M UTC")
