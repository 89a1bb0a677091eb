"""When an alert is sent, and when it is resolved: a state machine over what is observed. Pure; time is an argument.

What must last before it counts (`down_after`, `up_after`) and what must improve by a margin before it is well again
(`MARGIN`) keep an alert from flapping.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Mapping

import msgspec
from msgspec.structs import replace

from understudy.settings.alerts import AlertsConfig

WINDOW = 300.0
"""Seconds over which shares are observed."""
MARGIN = 0.8
"""A share is well again below this part of its threshold."""
MOST = 1_000
"""Conditions that are followed; budgets per session have no end."""


MOST_OF_ENTRY = 5
"""Models of one entry whose outages are reported although only callers name them, who may name any number."""


class Kind(enum.StrEnum):
    """What an alert is about."""

    TARGET_DOWN = "target_down"
    BUDGET = "budget"
    ERROR_RATE = "error_rate"
    UNKNOWN_COST = "unknown_cost"
    TEST = "test"


class TargetSeen(msgspec.Struct, frozen=True, kw_only=True):
    """A target as all processes see it together."""

    name: str
    """`entry/model`."""
    is_down: bool | None
    """`None` while it is being probed, or was not asked yet: it is neither down nor well."""
    why: str | None = None
    seen_by: int = 1
    """How many processes see it down."""
    workers: int = 1
    is_configured: bool = True
    """Whether the configuration names it, rather than callers alone."""

    @property
    def entry(self) -> str:
        """Whose model it is."""
        return self.name.partition("/")[0]


class BudgetSeen(msgspec.Struct, frozen=True, kw_only=True):
    """One balance of a budget, in nano-USD."""

    name: str
    subject: str
    """Whose it is; empty for all."""
    spent: int
    ceiling: int
    resets: int | None = None
    """Unix seconds."""


class Share(msgspec.Struct, frozen=True):
    """How many of some were so."""

    part: int
    whole: int

    @property
    def value(self) -> float:
        """The share, from 0 to 1."""
        return self.part / self.whole if self.whole else 0.0


class Observation(msgspec.Struct, frozen=True, kw_only=True):
    """What is known at one moment. What is `None` is unknown at that moment, and changes nothing."""

    targets: tuple[TargetSeen, ...] | None = None
    budgets: tuple[BudgetSeen, ...] | None = None
    failed: Share | None = None
    """Failed requests, of those that were answered or failed, within `WINDOW`."""
    unknown_costs: Share | None = None
    """Attempts of unknown cost within `WINDOW`."""


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """What is sent."""

    id: str
    """The same for the alert and its end, apart from `status`."""
    kind: Kind
    status: str
    """`firing` or `resolved`."""
    subject: str
    """The target, or the budget and whose it is; empty for the whole gateway."""
    severity: str
    """`warning` or `critical`."""
    summary: str
    """One sentence."""
    why: str | None = None
    """The failure, as the gateway noted it."""
    value: float | None = None
    threshold: float | None = None
    since: float
    """Unix seconds: when it began."""
    at: float
    """When this was sent first."""


class Followed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One condition that is, or was a moment ago, not well."""

    bad_since: float
    alert: Alert | None = None
    """The one that was sent; `None` before it has lasted long enough."""
    well_since: float | None = None


class _Condition(msgspec.Struct, frozen=True, kw_only=True):
    """What holds of one subject at this moment."""

    kind: Kind
    subject: str
    part: str = ""
    """Distinguishes several conditions of one subject."""
    is_bad: bool | None
    """`None`: neither bad nor well, so that nothing changes."""
    severity: str = "warning"
    summary: str
    well: str
    """What is said once it is well again."""
    why: str | None = None
    value: float | None = None
    threshold: float | None = None
    bad_for: float = 0.0
    """Seconds for which it must be bad."""
    well_for: float = 0.0

    @property
    def key(self) -> str:
        return f"{self.kind}:{self.subject}:{self.part}"


def step(
    followed: Mapping[str, Followed], seen: Observation, now: float, config: AlertsConfig
) -> tuple[dict[str, Followed], list[Alert]]:
    """Return the conditions that are followed from `now` on (Unix seconds), and the alerts to send."""
    conditions = {each.key: each for each in _conditions(seen, followed, config)}
    known = _known(seen)
    after: dict[str, Followed] = {}
    alerts: list[Alert] = []
    for key, was in followed.items():
        if (condition := conditions.pop(key, None)) is None and not _is_known(key, known):
            after[key] = was
            continue
        kept, alert = _next(was, condition, now, config)
        alerts += () if alert is None else (alert,)
        if kept is not None:
            after[key] = kept
    for key, condition in conditions.items():
        if condition.is_bad and len(after) < MOST:
            kept, alert = _next(Followed(bad_since=now), condition, now, config)
            alerts += () if alert is None else (alert,)
            if kept is not None:
                after[key] = kept
    return after, alerts


def _next(
    was: Followed, condition: _Condition | None, now: float, config: AlertsConfig
) -> tuple[Followed | None, Alert | None]:
    """Return what becomes of a condition, and what is to be sent. `condition`: `None` if its subject is gone."""
    if condition is not None and condition.is_bad is None:
        return was, None
    if condition is not None and condition.is_bad:
        if was.alert is not None:
            return replace(was, well_since=None), None
        if now - was.bad_since < condition.bad_for:
            return was, None
        alert = _firing(condition, was.bad_since, now)
        return Followed(bad_since=was.bad_since, alert=alert), alert
    if was.alert is None:
        return None, None  # it did not last
    well_since = was.well_since if was.well_since is not None else now
    well_for = condition.well_for if condition is not None else _patience(was.alert.kind, config)
    if now - well_since < well_for:
        return replace(was, well_since=well_since), None
    well = condition.well if condition is not None else f"{was.alert.subject or 'the gateway'}: no longer"
    value = condition.value if condition is not None else None
    return None, replace(was.alert, status="resolved", summary=well, value=value, why=None, at=now)


def _firing(condition: _Condition, since: float, now: float) -> Alert:
    return Alert(
        id=f"{condition.key}:{int(since)}",
        kind=condition.kind,
        status="firing",
        subject=condition.subject,
        severity=condition.severity,
        summary=condition.summary,
        why=condition.why,
        value=condition.value,
        threshold=condition.threshold,
        since=since,
        at=now,
    )


def _patience(kind: Kind, config: AlertsConfig) -> float:
    return 0.0 if kind is Kind.BUDGET else config.up_after


def _known(seen: Observation) -> set[Kind]:
    """Return the kinds of conditions that could be observed."""
    found = {
        Kind.TARGET_DOWN: seen.targets,
        Kind.BUDGET: seen.budgets,
        Kind.ERROR_RATE: seen.failed,
        Kind.UNKNOWN_COST: seen.unknown_costs,
    }
    return {kind for kind, value in found.items() if value is not None}


def _is_known(key: str, known: Iterable[Kind]) -> bool:
    return any(key.startswith(f"{kind}:") for kind in known)


# ---- what holds ----


def _conditions(seen: Observation, followed: Mapping[str, Followed], config: AlertsConfig) -> Iterator[_Condition]:
    for target in _reported(seen.targets or (), followed):
        yield _target(target, config)
    for budget in seen.budgets or ():
        yield from _budget(budget, config)
    if seen.failed is not None and config.error_rate > 0:
        words = "of the requests of the last 5 minutes failed"
        yield _share(Kind.ERROR_RATE, seen.failed, config.error_rate, config.error_requests, words, config)
    if seen.unknown_costs is not None and config.unknown_cost > 0:
        words = "of the attempts of the last 5 minutes have an unknown cost"
        yield _share(Kind.UNKNOWN_COST, seen.unknown_costs, config.unknown_cost, config.unknown_attempts, words, config)


def _reported(targets: Iterable[TargetSeen], followed: Mapping[str, Followed]) -> Iterator[TargetSeen]:
    """Yield those targets whose outages are reported: those of the configuration, those followed already, and a few
    more of each entry."""
    room: dict[str, int] = {}
    others: list[TargetSeen] = []
    for target in targets:
        is_followed = f"{Kind.TARGET_DOWN}:{target.name}:" in followed
        if target.is_configured or is_followed:
            yield target
        elif target.is_down:
            others.append(target)
        if is_followed and not target.is_configured:
            room[target.entry] = room.get(target.entry, MOST_OF_ENTRY) - 1
    for target in others:
        left = room.get(target.entry, MOST_OF_ENTRY)
        room[target.entry] = left - 1
        if left > 0:
            yield target


def _target(target: TargetSeen, config: AlertsConfig) -> _Condition:
    some = "" if target.seen_by >= target.workers else f" in {target.seen_by} of {target.workers} processes"
    return _Condition(
        kind=Kind.TARGET_DOWN,
        subject=target.name,
        is_bad=target.is_down,
        severity="critical",
        summary=f"{target.name} is down{some}",
        well=f"{target.name} is up again",
        why=target.why,
        bad_for=config.down_after,
        well_for=config.up_after,
    )


def _budget(budget: BudgetSeen, config: AlertsConfig) -> Iterator[_Condition]:
    subject = f"{budget.name} of {budget.subject}" if budget.subject else budget.name
    for level in config.budget_levels:
        spent = 100 * budget.spent
        yield _Condition(
            kind=Kind.BUDGET,
            subject=subject,
            part=f"{level}:{budget.resets or ''}",
            is_bad=spent >= level * budget.ceiling and budget.spent > 0,
            severity="critical" if level >= 100 else "warning",
            summary=f"{level} % of the budget {subject} is spent",
            well=f"less than {level} % of the budget {subject} is spent",
            value=round(spent / budget.ceiling, 1) if budget.ceiling else None,
            threshold=float(level),
        )


def _share(kind: Kind, share: Share, threshold: float, least: int, words: str, config: AlertsConfig) -> _Condition:
    """Return the condition of a share. Between `MARGIN` of its threshold and the threshold it is neither bad nor well;
    of too few, nothing can be said, which is well."""
    is_bad: bool | None = False
    if share.whole >= least:
        is_bad = True if share.value >= threshold else None if share.value > MARGIN * threshold else False
    return _Condition(
        kind=kind,
        subject="",
        is_bad=is_bad,
        severity="critical" if kind is Kind.ERROR_RATE else "warning",
        summary=f"{share.value:.0%} {words}",
        well=f"{share.value:.0%} {words}",
        value=round(share.value, 4),
        threshold=threshold,
        well_for=config.up_after,
    )
