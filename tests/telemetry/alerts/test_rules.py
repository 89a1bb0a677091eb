"""When alerts are sent, at times that are written down: 1,000 is when each story begins."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from understudy.settings.alerts import AlertsConfig, Webhook
from understudy.telemetry.alerts.rules import (
    MOST,
    Alert,
    BudgetSeen,
    Followed,
    Kind,
    Observation,
    Share,
    TargetSeen,
    step,
)

CONFIG = AlertsConfig(webhooks=(Webhook(name="w", url="http://127.0.0.1/"),), down_after=30, up_after=60)


class Story:
    """Looks at what is written down, and keeps what was sent."""

    def __init__(self, config: AlertsConfig = CONFIG) -> None:
        self.config = config
        self.followed: Mapping[str, Followed] = {}

    def look(self, at: float, **seen: object) -> list[str]:
        """Return what is sent at a moment, as `status kind subject`."""
        return [f"{each.status} {each.kind} {each.subject}".strip() for each in self.alerts(at, **seen)]

    def alerts(self, at: float, **seen: object) -> list[Alert]:
        self.followed, alerts = step(self.followed, Observation(**seen), 1_000 + at, self.config)  # type: ignore[arg-type]
        return alerts


def target(is_down: bool | None, name: str = "openai/gpt-5", **more: object) -> tuple[TargetSeen, ...]:
    return (TargetSeen(name=name, is_down=is_down, **more),)  # type: ignore[arg-type]


def test_a_target_that_stays_down_is_reported_once_and_its_return_once() -> None:
    story = Story()
    assert story.look(0, targets=target(True)) == []
    assert story.look(29.9, targets=target(True)) == []
    assert story.look(30, targets=target(True)) == ["firing target_down openai/gpt-5"]
    assert story.look(300, targets=target(True)) == []
    assert story.look(310, targets=target(False)) == []
    assert story.look(369.9, targets=target(False)) == []
    assert story.look(370, targets=target(False)) == ["resolved target_down openai/gpt-5"]
    assert story.look(500, targets=target(False)) == []
    assert story.followed == {}


def test_a_short_failure_is_not_reported() -> None:
    story = Story()
    assert story.look(0, targets=target(True)) == []
    assert story.look(20, targets=target(False)) == []
    assert story.look(25, targets=target(True)) == []
    assert story.look(54, targets=target(True)) == []
    assert story.look(55, targets=target(True)) == ["firing target_down openai/gpt-5"]


def test_a_target_that_flaps_is_one_alert() -> None:
    story = Story()
    story.look(0, targets=target(True))
    assert story.look(30, targets=target(True)) == ["firing target_down openai/gpt-5"]
    sent = [story.look(at, targets=target(at % 40 >= 20)) for at in range(40, 1_000, 10)]
    assert [each for each in sent if each] == []
    assert story.look(1_000, targets=target(False)) == []
    assert story.look(1_060, targets=target(False)) == ["resolved target_down openai/gpt-5"]


def test_while_it_is_probed_nothing_changes() -> None:
    story = Story()
    story.look(0, targets=target(None))
    assert story.look(100, targets=target(None)) == []
    story.look(100, targets=target(True))
    assert story.look(130, targets=target(True)) != []
    assert story.look(500, targets=target(None)) == []
    story.look(500, targets=target(False))
    assert story.look(540, targets=target(None)) == []
    assert story.look(560, targets=target(False)) == ["resolved target_down openai/gpt-5"]


def test_what_is_unknown_changes_nothing() -> None:
    story = Story()
    story.look(0, targets=target(True))
    story.look(30, targets=target(True))
    assert story.look(40, targets=None) == []
    assert story.look(5_000, targets=None) == []
    assert story.look(5_001, targets=target(True)) == []


def test_a_target_that_is_configured_no_longer_is_resolved() -> None:
    story = Story()
    story.look(0, targets=target(True))
    story.look(30, targets=target(True))
    assert story.look(40, targets=()) == []
    (alert,) = story.alerts(100, targets=())
    assert (alert.status, alert.subject) == ("resolved", "openai/gpt-5")


def test_an_alert_states_since_when_and_in_how_many_processes() -> None:
    story = Story()
    story.alerts(0, targets=target(True, seen_by=1, workers=2, why="server_error: HTTP 500"))
    (alert,) = story.alerts(31, targets=target(True, seen_by=1, workers=2, why="server_error: HTTP 500"))
    assert alert.summary == "openai/gpt-5 is down in 1 of 2 processes"
    assert (alert.since, alert.at, alert.why) == (1_000, 1_031, "server_error: HTTP 500")
    assert alert.severity == "critical"


def budget(spent: int, ceiling: int = 10_000, resets: int | None = 86_400) -> tuple[BudgetSeen, ...]:
    return (BudgetSeen(name="monthly", subject="alice", spent=spent, ceiling=ceiling, resets=resets),)


def test_a_budget_is_reported_at_80_and_at_100_percent_and_once_it_resets() -> None:
    story = Story()
    assert story.look(0, budgets=budget(7_999)) == []
    (warning,) = story.alerts(1, budgets=budget(8_000))
    assert (warning.severity, warning.value, warning.threshold) == ("warning", 80.0, 80.0)
    assert warning.summary == "80 % of the budget monthly of alice is spent"
    assert story.look(2, budgets=budget(9_999)) == []
    (critical,) = story.alerts(3, budgets=budget(10_000))
    assert (critical.severity, critical.value, critical.threshold) == ("critical", 100.0, 100.0)
    assert story.look(4, budgets=budget(10_500)) == []
    ended = story.alerts(5, budgets=budget(0, resets=172_800))
    assert sorted(each.status for each in ended) == ["resolved", "resolved"]
    assert {each.id for each in ended} == {warning.id, critical.id}


def test_a_budget_without_anything_spent_is_no_alert() -> None:
    assert Story().look(0, budgets=budget(0, ceiling=0)) == []


def test_without_a_warning_only_the_end_of_a_budget_is_reported() -> None:
    story = Story(AlertsConfig(webhooks=CONFIG.webhooks, budget_warning=0))
    assert story.look(0, budgets=budget(9_000)) == []
    assert story.look(1, budgets=budget(10_000)) == ["firing budget monthly of alice"]


@pytest.mark.parametrize("kind", [Kind.ERROR_RATE, Kind.UNKNOWN_COST])
def test_a_share_needs_enough_to_be_one_and_must_fall_well_below_its_threshold(kind: Kind) -> None:
    name = "failed" if kind is Kind.ERROR_RATE else "unknown_costs"
    story = Story(AlertsConfig(webhooks=CONFIG.webhooks, error_rate=0.1, unknown_cost=0.1, up_after=60))
    assert story.look(0, **{name: Share(10, 19)}) == []  # of fewer than 20, nothing can be said
    assert story.look(5, **{name: Share(1, 20)}) == []  # 5 %
    assert story.look(10, **{name: Share(2, 20)}) == [f"firing {kind}"]  # 10 %
    assert story.look(20, **{name: Share(9, 100)}) == []  # 9 %: above 8 % it is not well yet
    assert story.look(500, **{name: Share(9, 100)}) == []
    assert story.look(510, **{name: Share(8, 100)}) == []
    assert story.look(570, **{name: Share(8, 100)}) == [f"resolved {kind}"]


def test_a_share_of_zero_switches_the_rule_off() -> None:
    story = Story(AlertsConfig(webhooks=CONFIG.webhooks, error_rate=0, unknown_cost=0))
    assert story.look(0, failed=Share(100, 100), unknown_costs=Share(100, 100)) == []


def test_subjects_without_end_are_bounded() -> None:
    story = Story()
    many = tuple(BudgetSeen(name="per session", subject=str(at), spent=10, ceiling=10) for at in range(3 * MOST))
    assert len(story.alerts(0, budgets=many)) <= 2 * MOST
    assert len(story.followed) == MOST


def test_models_that_callers_invent_cause_few_alerts() -> None:
    """A provider is down, and callers ask for a hundred models of it; the one that is configured comes last."""
    invented = [TargetSeen(name=f"openai/m{number}", is_down=True, is_configured=False) for number in range(100)]
    other = [TargetSeen(name="groq/x", is_down=True, is_configured=False)]
    both = (*invented, *other, *target(True))
    story = Story()
    assert story.look(0, targets=both) == []
    sent = [f"firing target_down openai/m{number}" for number in range(5)]
    assert sorted(story.look(30, targets=both)) == sorted(
        [*sent, "firing target_down groq/x", "firing target_down openai/gpt-5"]
    )
    assert story.look(60, targets=tuple(reversed(both))) == [], "whichever are seen first, no other ones are reported"
    well = tuple(TargetSeen(name=each.name, is_down=False, is_configured=False) for each in (*invented, *other))
    story.look(100, targets=(*well, *target(False)))
    assert len(story.look(160, targets=(*well, *target(False)))) == 7
    assert story.followed == {}
