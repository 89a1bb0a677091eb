"""What alerts are decided on, from what processes report: numbers that are written down."""

from __future__ import annotations

from msgspec.structs import replace

from understudy.fleet.store import History
from understudy.ledger.holds import Balance, Unit
from understudy.policy.allowances import period_at
from understudy.reports.alerting import observe
from understudy.settings.budgets import Budget
from understudy.telemetry.alerts.rules import BudgetSeen, Share, TargetSeen
from understudy.telemetry.snapshot import Minute, RequestMinute, Snapshot, Tally, TargetSnapshot, TargetState

NOW = 1_700_000_000.0
ASKED = Tally(succeeded=1)


def process(*targets: TargetSnapshot, worker: str = "one") -> Snapshot:
    return Snapshot(
        instance="i", worker=worker, host="h", pid=1, version="0", started=NOW - 100, at=NOW, targets=targets
    )


def target(state: TargetState, why: str | None = None, total: Tally = ASKED) -> TargetSnapshot:
    return TargetSnapshot(entry="openai", model="gpt-5", provider_type="openai", state=state, why=why, total=total)


def seen(*snapshots: Snapshot) -> TargetSeen:
    targets = observe(snapshots, None, None, (), NOW).targets
    assert targets is not None
    (found,) = targets
    return found


def test_a_target_is_down_if_one_process_may_not_ask_it() -> None:
    open_ = process(target(TargetState.OPEN, "server_error: HTTP 500"))
    closed = process(target(TargetState.CLOSED), worker="two")
    assert seen(open_, closed) == TargetSeen(
        name="openai/gpt-5", is_down=True, why="server_error: HTTP 500", seen_by=1, workers=2
    )
    assert seen(process(target(TargetState.COOLDOWN))).is_down is True
    assert seen(closed).is_down is False


def test_what_an_operator_switched_off_is_not_down() -> None:
    assert seen(process(target(TargetState.DISABLED, "alice"))).is_down is False
    assert seen(process(target(TargetState.DRAINING, "alice"))).is_down is False


def test_of_a_target_that_is_probed_or_was_never_asked_nothing_is_said() -> None:
    assert seen(process(target(TargetState.HALF_OPEN))).is_down is None
    assert seen(process(target(TargetState.CLOSED, total=Tally()))).is_down is None
    entry_is_down = process(target(TargetState.OPEN, total=Tally()))
    assert seen(entry_is_down).is_down is None, "once it is closed it is still unknown: the alert would never end"


def test_shares_are_of_requests_that_were_answered_or_failed_and_of_all_attempts() -> None:
    outcomes = {"answered": 6, "failed": 2, "interrupted": 1, "shutdown": 1, "refused": 50, "client_left": 50}
    history = History(
        requests=(RequestMinute(start=0, outcomes=outcomes),),
        minutes=(
            Minute(start=0, entry="a", tally=Tally(succeeded=5, failed={"server_error": 2}, unknown_costs=2)),
            Minute(start=60, entry="b", tally=Tally(succeeded=2, aborted=1, unknown_costs=1)),
        ),
    )
    found = observe((), history, None, (), NOW)
    assert found.failed == Share(4, 10)
    assert found.unknown_costs == Share(3, 10)
    assert found.budgets is None


def test_without_a_history_shares_are_unknown() -> None:
    found = observe((), None, None, (), NOW)
    assert (found.failed, found.unknown_costs) == (None, None)


def test_budgets_are_those_of_the_present_period() -> None:
    budget = Budget(name="day", max=1.5, per="key", period="day")
    span = period_at("day", NOW)
    now = Balance(budget="day", subject="alice", unit=Unit.MONEY, start=span.start, spent=1_200_000_000)
    before = replace(now, start=(span.start or 0) - 86_400)
    assert observe((), None, (before, now), (budget,), NOW).budgets == (
        BudgetSeen(name="day", subject="alice", spent=1_200_000_000, ceiling=1_500_000_000, resets=span.end),
    )
