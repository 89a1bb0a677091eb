"""The state of each target of a manager at one moment, and which targets stand in for others."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from msgspec.structs import replace

from understudy.domain.errors import ConfigError
from understudy.domain.quotas import Quota
from understudy.policy.breaker import BreakerState
from understudy.policy.health import DISABLED, Health
from understudy.policy.strategies import place
from understudy.policy.targets import Target
from understudy.settings import FallbackConfig, FallbackStrategy, Route
from understudy.telemetry.meters import TargetName
from understudy.telemetry.snapshot import StandIn, Tally, TargetSnapshot, TargetState

if TYPE_CHECKING:
    from understudy.planning.catalog import TargetCatalog

PROBED = "one request at a time probes it"
LONGEST = 300
"""Characters of a reason, which may quote a provider, that are kept."""


class TargetStates:
    """The targets of one manager."""

    def __init__(
        self, catalog: TargetCatalog, health: Health, fallback: FallbackConfig, routes: Iterable[Route]
    ) -> None:
        self._catalog = catalog
        self._health = health
        self._orders: list[tuple[str | None, tuple[Target, ...], FallbackConfig]] = []
        """Each configured route, and all entries together, with its targets by their priority."""
        texts = (_made(catalog.text_target, name) for name, each in catalog.backends.items() if each.generates)
        everything = sorted((target for target in texts if target is not None), key=place)
        self._orders.append((None, tuple(everything), fallback))
        for route in routes:
            with suppress(ConfigError):  # a target without a model, which requests are refused for
                self._orders.append((route.name, catalog.route_targets(route), route.fallback))
        self._configured: dict[TargetName, Target] = {}
        for _, targets, _ in self._orders:
            for target in targets:
                self._configured.setdefault((target.name, target.model, "text"), target)
        for name, each in catalog.backends.items():
            if each.embeds() and (vectors := _made(catalog.embedding_target, name)) is not None:
                self._configured[name, vectors.model, "embedding"] = vectors

    def of_entry(self, entry: str, counted: Iterable[TargetName] = ()) -> tuple[Target, ...]:
        """Return the targets of an entry: those of the configuration, and those `counted` that callers named."""
        names = dict.fromkeys((*self._configured, *counted))
        found = (self._target(name) for name in names if name[0] == entry)
        return tuple(target for target in found if target is not None)

    def at(
        self,
        now: float,
        wall: float,
        counted: Iterable[tuple[TargetName, str, Tally]],
        out: Mapping[str, str],
        draining: Collection[str] = (),
    ) -> tuple[TargetSnapshot, ...]:
        """Return each target that is configured or was asked.

        `now`: seconds of the event loop's clock, and `wall`: the same moment in Unix seconds. `out`: why entries are
        not asked that an operator took out, in the words that operators see; `draining`: those that may be under way.
        """
        tallies = {name: (type_, tally) for name, type_, tally in counted}
        names = dict.fromkeys((*self._configured, *tallies))
        busy = self._in_flight(names) if draining else {}
        return tuple(
            _taken_out(
                self._snapshot(name, now, wall, tallies.get(name)),
                out.get(name[0]),
                is_busy=name[0] in draining and busy[name[0]] > 0,
            )
            for name in names
        )

    def stand_ins(self, now: float, wall: float, out: Mapping[str, str]) -> tuple[StandIn, ...]:
        """Return which targets are asked in place of others, by route.

        Where the order is fixed, that concerns the first target of a route; elsewhere each target has its part of the
        requests, and one that may not be asked is replaced by those after it. `out`: as for `at`.
        """
        return () if self._health.calm else tuple(self._stand_ins(now, wall, out))

    def _stand_ins(self, now: float, wall: float, out: Mapping[str, str]) -> Iterator[StandIn]:
        for route, targets, fallback in self._orders:
            ready = [target for target in targets if not self._health.is_suspect(target, now)]
            if fallback.enabled is False:
                ready = []
            is_fixed = fallback.strategy == FallbackStrategy.PRIORITY
            for at, primary in enumerate(targets[:1] if is_fixed else targets):
                if not self._health.is_suspect(primary, now):
                    continue
                after = [target for target in (*targets[at + 1 :], *targets[:at]) if target in ready]
                denial = self._health.denial(primary, now)
                if not after and denial is None:
                    continue  # a probe of it is the next request
                yield StandIn(
                    route=route,
                    primary=primary.label,
                    acting=after[0].label if after else None,
                    why=out.get(primary.name) or (_cut(denial.why) if denial is not None else PROBED),
                    until=_wall(denial.until, now, wall) if denial is not None else None,
                )

    def _snapshot(self, name: TargetName, now: float, wall: float, counted: tuple[str, Tally] | None) -> TargetSnapshot:
        target = self._target(name)
        type_, tally = counted if counted is not None else (target.provider_type if target is not None else "", Tally())
        found = TargetSnapshot(entry=name[0], model=name[1], operation=name[2], provider_type=type_, total=tally)
        if target is None:
            return found
        state, why, until = self._state(target, now)
        return replace(
            found,
            state=state,
            why=_cut(why) if why is not None else None,
            until=_wall(until, now, wall),
            in_flight=self._health.in_flight(target),
            quotas=self._quotas(target, now),
        )

    def _state(self, target: Target, now: float) -> tuple[TargetState, str | None, float]:
        """Return the state of a target, why, and until when."""
        health = self._health
        if health.calm:
            return TargetState.CLOSED, None, math.inf
        denial, breaker = health.denial(target, now), health.breaker_state(target, now)
        if target.name in health.disabled:
            return TargetState.DISABLED, DISABLED, math.inf
        if denial is None:
            is_half_open = breaker is BreakerState.HALF_OPEN
            return TargetState.HALF_OPEN if is_half_open else TargetState.CLOSED, None, math.inf
        if not denial.breaker:
            return TargetState.COOLDOWN, denial.why, denial.until
        state = TargetState.OPEN if breaker is BreakerState.OPEN else TargetState.HALF_OPEN
        return state, denial.why, denial.until

    def _quotas(self, target: Target, now: float) -> tuple[Quota, ...]:
        """Return what is left of the limits of a target; of a pool of keys, of all that are known together."""
        by_unit: dict[str, Quota] = {}
        for _, quotas in self._health.quotas.left(target, now):
            for quota in quotas:
                known = by_unit.get(quota.unit)
                by_unit[quota.unit] = quota if known is None else _sum(known, quota)
        return tuple(by_unit.values())

    def _in_flight(self, names: Iterable[TargetName]) -> Mapping[str, int]:
        """Return how many attempts are under way at each entry."""
        labels: dict[str, dict[str, int]] = {}
        for name in names:
            by_label = labels.setdefault(name[0], {})
            if (target := self._target(name)) is not None:
                by_label[target.label] = self._health.in_flight(target)
        return {entry: sum(by_label.values()) for entry, by_label in labels.items()}

    def _target(self, name: TargetName) -> Target | None:
        """Return a target by its name; `None` for what is counted of targets that are not known one by one."""
        if (known := self._configured.get(name)) is not None:
            return known
        entry, model, operation = name
        if entry not in self._catalog.backends or model is None:
            return None
        return _made(self._catalog.text_target if operation == "text" else self._catalog.embedding_target, entry, model)


def _taken_out(found: TargetSnapshot, why: str | None, *, is_busy: bool) -> TargetSnapshot:
    """Return a target as operators see it: with who took it out, and whether attempts are still under way."""
    if found.state is not TargetState.DISABLED:
        return found
    return replace(found, state=TargetState.DRAINING if is_busy else found.state, why=why or found.why)


def _made(target_of: Callable[[str, str | None], Target], entry: str, model: str | None = None) -> Target | None:
    """Return an entry as a target; `None` if no model of it is known."""
    try:
        return target_of(entry, model)
    except ConfigError:
        return None


def _sum(one: Quota, other: Quota) -> Quota:
    """Return what is left of one limit of two keys together, which is whole again when both are."""
    limit = None if one.limit is None or other.limit is None else one.limit + other.limit
    resets = None if one.resets is None or other.resets is None else max(one.resets, other.resets)
    return Quota(unit=one.unit, left=one.left + other.left, limit=limit, resets=resets)


def _wall(until: float, now: float, wall: float) -> float | None:
    return wall + until - now if math.isfinite(until) else None


def _cut(why: str) -> str:
    return why if len(why) <= LONGEST else f"{why[: LONGEST - 1]}…"
