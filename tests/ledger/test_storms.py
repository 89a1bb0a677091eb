"""Storms and adversaries: short ones, and with `--deep` twenty rounds; the long ones are commands."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from tests.ledger.adversary import CEILING, attack, attack_and_kill
from tests.ledger.storm import AMOUNT, SHARE, Crew, storm

PROCESSES, REQUESTS, ROUNDS = 16, 500, 20


@pytest.fixture
def quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture(scope="module")
def crew() -> Iterator[Crew]:
    """Processes that live over all storms."""
    with Crew(PROCESSES) as found:
        yield found


def test_two_processes_spend_exactly_what_is_allowed() -> None:
    with Crew(2) as crew:
        assert storm(crew, 60).spent == 12 * AMOUNT


@pytest.mark.parametrize("number", range(ROUNDS))
def test_a_storm_spends_exactly_what_is_allowed(number: int, crew: Crew, deep: bool) -> None:
    if not deep:
        pytest.skip("twenty storms of 16 processes take long: --deep, or python -m tests.ledger.storm")
    with Crew(1) as alone:
        found = storm(crew if number % 4 else alone, REQUESTS, seed=number)
    assert found.spent == (REQUESTS // SHARE) * AMOUNT


@pytest.mark.parametrize("number", range(4))
def test_a_storm_with_cancels_and_kills_loses_nothing(number: int, crew: Crew, deep: bool) -> None:
    if not deep:
        pytest.skip("storms of 16 processes take long: --deep, or python -m tests.ledger.storm --cancels 5 --kills 3")
    storm(crew, REQUESTS, cancels=5, kills=3, seed=number)


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("seed", range(10))
def test_a_provider_that_lies_does_not_break_a_budget(seed: int) -> None:
    spent, _ = attack(seed)
    assert spent <= CEILING


@pytest.mark.usefixtures("quiet")
def test_neither_does_one_whose_callers_are_killed() -> None:
    attack(0)  # loads what the forked processes need
    assert max(attack_and_kill(seed)[0] for seed in range(5)) <= CEILING
