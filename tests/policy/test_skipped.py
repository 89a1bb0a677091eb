"""What a record says of the targets that a request went past."""

from __future__ import annotations

from tests.policy.targets import target
from understudy.policy.skipped import Skipped, why_asked


def test_nothing_is_added_where_nothing_was_passed() -> None:
    assert why_asked("priority 10", target("b"), {}) == "priority 10"


def test_a_target_that_waited_for_itself_was_not_passed() -> None:
    itself = target("b")
    assert why_asked("priority 10", itself, {itself.label: Skipped(itself.label, "429", 0.0, 5.0)}) == "priority 10"


def test_those_ahead_are_named_with_the_reason_and_for_how_long() -> None:
    ahead = {"a/m": Skipped("a/m", "circuit breaker: 503", 100.0, 128.0), "c/m": Skipped("c/m", "a budget", 100.0)}
    assert why_asked("priority 20", target("b"), ahead) == (
        "priority 20; not asked: a/m for 28 s (circuit breaker: 503); c/m (a budget)"
    )


def test_of_many_three_are_named() -> None:
    ahead = {f"t{number}": Skipped(f"t{number}", "down", 0.0) for number in range(100)}
    said = why_asked("priority 20", target("b"), ahead)
    assert said == "priority 20; not asked: t0 (down); t1 (down); t2 (down); and 97 others"
