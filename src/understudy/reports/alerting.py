"""What alerts are decided on: of what the processes of a gateway report, of budgets and of the last minutes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from understudy.fleet.store import History, merged_requests
from understudy.ledger.holds import Balance, Unit
from understudy.policy.allowances import period_at
from understudy.reports.traffic import FAULTS
from understudy.settings.budgets import Budget
from understudy.telemetry.alerts.rules import BudgetSeen, Observation, Share, TargetSeen
from understudy.telemetry.snapshot import Snapshot, TargetSnapshot, TargetState

_DOWN = frozenset({TargetState.OPEN, TargetState.COOLDOWN})
"""States that nobody asked for. What an operator has switched off is not down."""


def observe(
    snapshots: Iterable[Snapshot],
    history: History | None,
    balances: Sequence[Balance] | None,
    budgets: Iterable[Budget],
    now: float,
    *,
    configured: Collection[str] | None = None,
) -> Observation:
    """Return what is known at a moment (`now`: Unix seconds). `history` of the last minutes, and `balances`, are `None`
    if they are unknown. `configured`: the targets that the configuration names; `None` if callers can name no others.
    """
    return Observation(
        targets=_targets(snapshots, configured),
        budgets=None if balances is None else _budgets(balances, budgets, now),
        failed=None if history is None else _failed(history),
        unknown_costs=None if history is None else _unknown_costs(history),
    )


def _targets(snapshots: Iterable[Snapshot], configured: Collection[str] | None) -> tuple[TargetSeen, ...]:
    found: dict[tuple[str, str | None], list[TargetSnapshot]] = {}
    for snapshot in snapshots:
        for target in snapshot.targets:
            found.setdefault((target.entry, target.model), []).append(target)
    return tuple(
        _target(f"{entry}/{model}" if model else entry, seen, configured) for (entry, model), seen in found.items()
    )


def _target(name: str, seen: Sequence[TargetSnapshot], configured: Collection[str] | None) -> TargetSeen:
    down = [each for each in seen if each.state in _DOWN]
    # A process that has just started knows nothing of a target: that it is not down is no news. Nor is it that its
    # entry cannot be reached, if nobody asks for this model: the alert would not end before somebody does.
    is_unknown = not any(map(_was_asked, seen))
    is_probed = not down and any(each.state is TargetState.HALF_OPEN for each in seen)
    return TargetSeen(
        name=name,
        is_down=None if is_unknown or is_probed else bool(down),
        why=next((each.why for each in down if each.why), None),
        seen_by=len(down),
        workers=len(seen),
        is_configured=configured is None or name in configured,
    )


def _was_asked(target: TargetSnapshot) -> bool:
    total = target.total
    return bool(total.succeeded or total.failed or total.aborted)


def _budgets(balances: Sequence[Balance], budgets: Iterable[Budget], now: float) -> tuple[BudgetSeen, ...]:
    found: list[BudgetSeen] = []
    for budget in budgets:
        span = period_at(budget.period, now)
        found += [
            BudgetSeen(
                name=budget.name, subject=each.subject, spent=each.spent, ceiling=budget.ceiling, resets=span.end
            )
            for each in balances
            if each.unit is Unit.MONEY and (each.budget, each.start) == (budget.name, span.start)
        ]
    return tuple(found)


def _failed(history: History) -> Share:
    outcomes: dict[str, int] = {}
    for each in merged_requests(history.requests):
        for name, count in each.outcomes.items():
            outcomes[name] = outcomes.get(name, 0) + count
    faults = sum(outcomes.get(name, 0) for name in FAULTS)
    return Share(faults, faults + outcomes.get("answered", 0))


def _unknown_costs(history: History) -> Share:
    tallies = [each.tally for each in history.minutes]
    attempts = sum(each.succeeded + each.aborted + sum(each.failed.values()) for each in tallies)
    return Share(sum(each.unknown_costs for each in tallies), attempts)
