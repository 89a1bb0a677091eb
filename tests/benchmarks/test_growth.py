"""What a warm call costs does not grow with how many targets, sessions and keys there are, or rows of the ledger.

Bytecode is counted, not time. `python -m benchmarks.growth` prints larger numbers.
"""

from __future__ import annotations

import asyncio

import pytest

import understudy as u
from benchmarks import growth
from understudy.ledger import writing

FLAT = 1.1
"""How much more a call may cost with many than with ten."""
MANY = 150
"""Targets: whatever looked at each of them cost twice as much and more."""
BY_REQUEST = {"cost_optimized"}
"""Strategies whose order depends on the length of each prompt: every target's price is computed for it."""
BY_CHANCE = {"weighted"}
"""Those that draw a chance for every target, which is what they spread requests by."""


def of_targets(strategy: str, number: int, **options: bool) -> float:
    return asyncio.run(growth.of_targets(strategy, number, **options))


@pytest.mark.parametrize("tools", [False, True], ids=["", "tools"])
@pytest.mark.parametrize("strategy", sorted(growth.STRATEGIES.keys() - BY_REQUEST - BY_CHANCE))
def test_a_call_costs_the_same_with_ten_targets_and_with_many(strategy: str, tools: bool) -> None:
    assert of_targets(strategy, MANY, tools=tools) <= FLAT * of_targets(strategy, 10, tools=tools)


@pytest.mark.parametrize("strategy", sorted(BY_CHANCE))
def test_a_call_of_chance_costs_a_draw_for_each_target(strategy: str) -> None:
    more = of_targets(strategy, MANY) - of_targets(strategy, 10)
    assert more <= 20 * (MANY - 10)


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
