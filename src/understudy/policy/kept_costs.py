"""The order of `cost_optimized`, kept from plan to plan.

What a request costs at a target is linear in its tokens of each class, with rates that only the tier of its length
changes. So the costs at all targets are sums of products of a few lists, which are made once; a plan makes no step for
each target but those in C. The order and the reasons are those of the strategy, to the letter.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import compress, repeat
from operator import add, is_not, mul
from random import Random
from typing import cast

import msgspec

from understudy.domain.bounded import BoundedDict
from understudy.domain.prices import CLASSES, Price, rate_in, rounded_all
from understudy.domain.requests import EmbeddingRequest, GenerationRequest
from understudy.policy.cost_order import FREE, PRICED, UNPRICED, CostOptimized, by_cost
from understudy.policy.estimate import USUAL_OUTPUT, expected_usage
from understudy.policy.known import Known
from understudy.policy.plan import Plan, Step
from understudy.policy.strategies import place
from understudy.policy.targets import Target

RECENT = 60.0
"""Seconds for which a price that was looked up holds; prices may change with the date or the hour."""
_TABLES = 32
"""Lists of rates that are kept: by tier, and by the classes of tokens that a request has."""
_LAST = 10**40
"""More than any cost."""


class _Table(msgspec.Struct, frozen=True):
    """Of all targets, what a request of a kind costs. Where that is unknown, all rates are 0."""

    rates: tuple[list[int], ...]
    """By class of its tokens."""
    base: list[int]
    """What the call itself costs; where the cost is unknown, the place of such targets."""
    steps: list[Step]
    unknown_first: int
    free: int
    """How many targets cost nothing, as their steps state."""


class ByCost:
    """As `CostOptimized`."""

    def __init__(self, strategy: CostOptimized, targets: tuple[Target, ...], known: Known) -> None:
        self._unknown = strategy.unknown
        self._targets = targets
        self._known = known
        self._places = sorted(range(len(targets)), key=lambda at: place(targets[at]))
        self._outputs = _Outputs(targets, known)
        self._prices: list[Price | None] = []
        self._priced_until = -1.0
        self._tiers: list[int] = []
        """The numbers of tokens above which other rates apply, at any target."""
        self._tables: BoundedDict[tuple[int, tuple[str, ...]], _Table] = BoundedDict(_TABLES)

    def plan(
        self, request: GenerationRequest | EmbeddingRequest, now: float, rng: Random, in_cooldown: frozenset[str]
    ) -> Plan:
        """Return the plan that the strategy would make now, but for the costs in its steps."""
        if now >= self._priced_until:
            self._look_up(now)
        usage = expected_usage(request)
        prompt = usage.input_total or 0
        limit = None if isinstance(request, EmbeddingRequest) else request.max_tokens
        names = tuple(name for name in CLASSES if getattr(usage, name))
        table = self._table(prompt, names)
        sums: Sequence[int] = [0] * len(self._targets)
        for name, rates in zip(names, table.rates, strict=True):
            tokens = self._outputs.tokens(limit) if name == "output" else repeat(getattr(usage, name))
            sums = list(map(add, sums, map(mul, rates, tokens)))
        amounts = list(map(add, rounded_all(sums), table.base))
        order = sorted(self._places, key=amounts.__getitem__)
        steps = list(map(table.steps.__getitem__, order))
        if (free := amounts.count(0)) > table.free:
            for at in range(table.unknown_first, table.unknown_first + free):
                steps[at] = self._known.step(steps[at].target, FREE)
        return Plan(tuple(steps), why=by_cost(prompt))

    def _look_up(self, now: float) -> None:
        """Look all prices up."""
        self._priced_until = now + RECENT
        prices = list(map(self._known.price_of, self._targets))
        if prices != self._prices:
            self._prices = prices
            self._tiers = sorted({tier.above for price in prices if price is not None for tier in price.tiers})
            self._tables.clear()

    def _table(self, prompt: int, names: tuple[str, ...]) -> _Table:
        key = bisect_left(self._tiers, prompt), names
        table = self._tables.get(key)
        if table is None:
            table = self._tables[key] = self._make(prompt, names)
        return table

    def _make(self, prompt: int, names: tuple[str, ...]) -> _Table:
        """Return the rates for a prompt of that many tokens, and of the others of its tier."""
        found = [None if price is None else price.rates_for(prompt) for price in self._prices]
        all_of = [None if rates is None else [rate_in(rates, name) for name in names] for rates in found]
        rows = [None if row is None or None in row else row for row in all_of]
        unknown = -1 if self._unknown == "first" else _LAST
        base = [unknown if row is None or rates is None else rates.call for row, rates in zip(rows, found, strict=True)]
        is_free = [row is not None and not call and not any(row) for row, call in zip(rows, base, strict=True)]
        whys = (UNPRICED if row is None else FREE if free else PRICED for row, free in zip(rows, is_free, strict=True))
        return _Table(
            tuple([row[at] or 0 if row is not None else 0 for row in rows] for at in range(len(names))),
            base,
            [self._known.step(target, why) for target, why in zip(self._targets, whys, strict=True)],
            base.count(-1),
            sum(is_free),
        )


class _Outputs:
    """The tokens that are expected of each target's answer."""

    def __init__(self, targets: tuple[Target, ...], known: Known) -> None:
        self._of = known.health.lengths.of
        self._changes = known.health.lengths.note_changes()
        self._seen = -1
        self._places = {each.label: at for at, each in enumerate(targets)}
        considered = known.considered or targets
        self._considered = {each.label: at for at, each in enumerate(considered)}
        self._lengths: list[float | None] = [None] * len(considered)
        self._learned = [0] * len(targets)
        self._new = [1] * len(targets)
        """1 for each target of which nothing was learned."""
        self._tokens: list[int] = []

    def tokens(self, limit: int | None) -> list[int]:
        """Return them, in the order of the targets; `limit`: the most that the request allows."""
        if self._seen != self._changes.count:
            self._refresh()
        return self._tokens if limit is None else list(map(min, self._tokens, repeat(limit)))

    def _refresh(self) -> None:
        labels = self._changes.since(self._seen) if self._seen >= 0 else None
        self._seen = self._changes.count
        for label in self._considered if labels is None else labels:
            self._note(label)
        known = cast("list[float]", list(compress(self._lengths, map(is_not, self._lengths, repeat(None)))))
        usual = _whole(sum(known) / len(known)) if known else USUAL_OUTPUT
        self._tokens = list(map(add, self._learned, map(mul, self._new, repeat(usual))))

    def _note(self, label: str) -> None:
        length = self._of(label)
        if (at := self._considered.get(label)) is not None:
            self._lengths[at] = length
        if (at := self._places.get(label)) is not None:
            self._new[at], self._learned[at] = (1, 0) if length is None else (0, _whole(length))


def _whole(tokens: float) -> int:
    return max(1, round(tokens))
