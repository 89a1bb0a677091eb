"""The arithmetic of the retry budget: a fifth of the last ten seconds' requests, and one a second, three at once."""

from __future__ import annotations

import tracemalloc

import pytest

from understudy.policy.budgets import Budgets, RetryBudget


def granted(budget: RetryBudget, now: float, asked: int = 100) -> int:
    """How many retries are granted at one moment."""
    return sum(budget.withdraw(now) for _ in range(asked))


def test_without_any_traffic_three_are_granted_at_once() -> None:
    assert granted(RetryBudget(), 1000.0) == 3


@pytest.mark.parametrize(("later", "more"), [(0.0, 0), (0.9, 0), (1.0, 1), (2.5, 2), (3.0, 3), (3600.0, 3)])
def test_the_three_come_back_at_one_a_second(later: float, more: int) -> None:
    budget = RetryBudget()
    granted(budget, 1000.0)
    assert granted(budget, 1000.0 + later) == more


def test_a_second_that_is_not_over_is_not_lost() -> None:
    budget = RetryBudget()
    granted(budget, 1000.0)
    assert [budget.withdraw(1000.0 + tenths / 10) for tenths in range(1, 22)] == [
        *[False] * 9, True, *[False] * 9, True, False
    ]  # fmt: skip


def test_a_clock_that_goes_back_grants_nothing() -> None:
    budget = RetryBudget()
    granted(budget, 1000.0)
    assert granted(budget, 990.0) == 0
    assert granted(budget, 991.0) == 1


@pytest.mark.parametrize(("requests", "share"), [(4, 0), (5, 1), (9, 1), (10, 2), (100, 20)])
def test_a_fifth_of_the_traffic_is_granted_on_top(requests: int, share: int) -> None:
    budget = RetryBudget()
    for _ in range(requests):
        budget.deposit(1000.0)
    assert granted(budget, 1000.0) == share + 3


def test_the_share_is_taken_first() -> None:
    budget = RetryBudget()
    for _ in range(10):
        budget.deposit(1000.0)
    assert granted(budget, 1000.0, asked=2) == 2
    assert granted(budget, 1009.0) == 3  # the share is used up for the window, the reserve untouched


def test_requests_and_retries_are_forgotten_after_ten_seconds() -> None:
    budget = RetryBudget()
    for _ in range(10):
        budget.deposit(1000.0)
    assert granted(budget, 1000.0) == 2 + 3
    assert granted(budget, 1009.9) == 3  # the window still holds both retries of the share
    for _ in range(10):
        budget.deposit(1010.0)
    assert granted(budget, 1010.0) == 2 + 0  # the old ten and their two are gone together

    young, old = RetryBudget(), RetryBudget()
    for _ in range(10):
        young.deposit(1000.0)
    assert granted(young, 1009.9) == 2 + 3

    for _ in range(10):
        old.deposit(1000.0)
    assert granted(old, 1010.0) == 3


def test_only_what_is_old_is_forgotten() -> None:
    budget = RetryBudget()
    for _ in range(5):
        budget.deposit(1000.0)
    for _ in range(10):
        budget.deposit(1005.0)
    assert granted(budget, 1012.0) == 2 + 3


def test_every_key_has_a_budget_of_its_own_and_keeps_it() -> None:
    budgets = Budgets()
    assert budgets.retry("one") is budgets.retry("one")
    assert granted(budgets.retry("one"), 1000.0) == 3
    assert granted(budgets.retry("two"), 1000.0) == 3
    assert granted(budgets.retry("one"), 1000.0) == 0


def test_endless_requests_do_not_fill_the_memory() -> None:
    budget = RetryBudget()
    tracemalloc.start()
    try:
        for number in range(3_000):
            budget.deposit(1000.0 + number)
        grown, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert grown < 10_000


def test_endless_keys_do_not_fill_the_memory() -> None:
    budgets = Budgets()
    first = budgets.retry("first")
    for number in range(2000):
        budgets.retry(f"key {number}")
    assert budgets.retry("first") is not first
