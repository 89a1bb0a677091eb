"""The figures by which fallback is judged, each with its goal. Seeds are fixed: only the code changes a figure."""

from __future__ import annotations

import pytest

from tests.simulator import figures
from understudy.policy.breaker import LONGEST_OPEN

AN_ATTEMPT = 0.15
"""Seconds within which an attempt at a target that refuses, or at a quick one, is over: at 10 requests a second, the
next caller comes within that time of a breaker's end, mostly."""


@pytest.fixture
def seeds(deep: bool) -> int:
    return 100 if deep else 10


def test_only_the_first_callers_wait_for_a_silent_primary(deep: bool) -> None:
    found = figures.waves_at_a_silent_primary(10 if deep else 1)
    assert found["wave 1"] == 200
    assert found["wave 2"] <= 10
    assert found["wave 3"] <= 2


def test_few_attempts_are_lost_at_a_primary_that_refuses_and_it_is_back_soon(seeds: int) -> None:
    found = figures.ten_seconds_of_503(seeds)
    assert found["attempts, most"] <= 20
    assert found["recovery, median"] <= 3.0
    # The breaker's longest pause, and an attempt that began just before the target was back; then the next caller.
    assert found["recovery, most"] <= LONGEST_OPEN + AN_ATTEMPT + 1.0
    assert found["never recovered"] == found["errors"] == 0


def test_a_long_outage_costs_little_more(deep: bool) -> None:
    found = figures.a_minute_of_503(100 if deep else 2)
    assert found["attempts, most"] <= 30
    assert found["recovery, most"] <= LONGEST_OPEN + AN_ATTEMPT + 1.0
    assert found["never recovered"] == found["errors"] == 0


def test_a_brown_out_leaves_the_primary_in_use(deep: bool) -> None:
    found = figures.brown_out(10 if deep else 1)
    assert found["share of the backup, most"] <= 0.6
    assert found["errors"] == 0


def test_a_name_that_cannot_be_resolved_costs_nothing() -> None:
    found = figures.dns(2)
    assert found["p50"] <= 0.1
    assert found["errors"] == 0


def test_nothing_fails_while_time_and_attempts_are_left() -> None:
    assert figures.both_flapping(3)["errors of 200, most"] == 0
    assert figures.both_down(3)["errors of 20, most"] == 0


def test_a_fallback_is_as_fast_as_the_second_target(deep: bool) -> None:
    found = figures.speed_of_fallback(requests=6000.0 if deep else 700.0)
    assert found["p95 relative to direct"] <= 1.2


def test_an_outage_is_not_amplified(deep: bool) -> None:
    measured = [figures.amplification(seconds=10.0 if deep else 1.0)]
    measured += [figures.amplification_without_waiting()] if deep else []
    for found in measured:
        assert found["attempts per request"] <= 1.2
        assert found["attempts at it while down, per request"] <= 0.2
        assert found["normal after"] <= 30.0


def test_a_server_that_chokes_is_not_kept_choked(deep: bool) -> None:
    if deep:
        assert figures.congestion()["normal after"] <= 30.0
