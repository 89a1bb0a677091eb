"""What a warm call costs does not grow with how many targets, sessions and keys there are, or rows of the ledger.

Bytecode is counted, not time. `python -m benchmarks.growth` prints larger numbers.
"""

from __future__ import annotations

import asyncio
import logging

import pytest

import understudy as u
from benchmarks import growth
from understudy.ledger import writing

FLAT = 1.1
"""How much more a call may cost with many than with ten."""
MANY = 150
"""Targets: whatever looked at each of them cost twice as much and more."""


def of_targets(strategy: str, number: int, **options: bool) -> float:
    return asyncio.run(growth.of_targets(strategy, number, **options))


@pytest.mark.parametrize("kind", ["", "tools", "cooling"])
@pytest.mark.parametrize("strategy", sorted(growth.STRATEGIES))
def test_a_call_costs_the_same_with_ten_targets_and_with_many(strategy: str, kind: str) -> None:
    options = {kind: True} if kind else {}
    assert of_targets(strategy, MANY, **options) <= FLAT * of_targets(strategy, 10, **options)


@pytest.mark.parametrize("strategy", sorted(growth.STRATEGIES.keys() - {"task_based"}))
def test_an_embedding_is_planned_at_the_same_cost_with_ten_targets_and_with_many(strategy: str) -> None:
    few, many = (asyncio.run(growth.of_embedding(strategy, number)) for number in (10, MANY))
    assert many <= FLAT * few


def test_a_first_target_that_is_down_costs_little_more_than_to_name_the_second(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING, "understudy")  # each line about it would count, too
    assert of_targets("priority", 2, failing=True) <= 1.1 * asyncio.run(growth.of_second(2))


def test_a_call_costs_the_same_whether_few_sessions_are_remembered_or_many() -> None:
    few, many = (asyncio.run(growth.of_sessions(number)) for number in (1, 5_000))
    assert many <= 1.01 * few


def test_a_request_costs_the_same_with_one_key_of_the_gateway_and_with_many() -> None:
    pytest.importorskip("uvloop", reason="the gateway is counted on uvloop's loop")
    few, many = (asyncio.run(growth.of_keys(number)) for number in (1, 500))
    assert many <= 1.01 * few


def test_a_row_costs_the_same_in_a_short_ledger_and_in_a_long_one() -> None:
    (few, few_steps), (many, many_steps) = (growth.of_rows(number) for number in (10, 5_000))
    assert many <= FLAT * few
    assert many_steps <= FLAT * few_steps


def test_a_call_costs_no_more_for_the_hundredth_message_than_for_the_tenth() -> None:
    ten, hundred, more = (asyncio.run(growth.of_messages(number)) for number in (10, 100, 190))
    assert more - hundred <= 1.05 * (hundred - ten), "linear: as much again for as many more"
    assert hundred - ten <= 90 * 300


def test_every_strategy_is_measured() -> None:
    assert set(growth.STRATEGIES) == {each.value for each in u.FallbackStrategy}


def test_other_ledgers_of_the_process_gather_as_before() -> None:
    before = writing.GATHER, writing.GATHER_BUSY
    asyncio.run(growth.of_keys(1))
    assert before == (writing.GATHER, writing.GATHER_BUSY) < (1.0, 1.0)
