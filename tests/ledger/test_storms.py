"""Short storms and adversaries; the long ones are commands."""

from __future__ import annotations

import logging

import pytest

from tests.ledger.adversary import CEILING, attack
from tests.ledger.storm import AMOUNT, storm


def test_two_processes_spend_exactly_what_is_allowed() -> None:
    assert storm(2, 60).spent == 12 * AMOUNT


@pytest.mark.parametrize("seed", range(10))
def test_a_provider_that_lies_does_not_break_a_budget(seed: int) -> None:
    logging.disable(logging.CRITICAL)
    try:
        spent, _ = attack(seed)
    finally:
        logging.disable(logging.NOTSET)
    assert spent <= CEILING
