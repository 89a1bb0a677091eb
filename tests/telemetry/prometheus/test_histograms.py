"""Durations by fixed bounds: cumulative, and never falling."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.telemetry.prometheus.made import times
from understudy.domain.quantiles import Quantiles
from understudy.telemetry.prometheus.histograms import DURATIONS, FIRST_CONTENT, TOKEN_GAPS, histogram

BOUNDS = (0.1, 1.0, 10.0)
DURATION = st.floats(1e-6, 1e5)


def test_counts_are_cumulative() -> None:
    found = histogram(times(0.05, 0.5, 0.6, 3.0, 40.0), BOUNDS)
    assert found.bounds == (0.1, 1.0, 10.0, inf)
    assert found.counts == (1, 3, 4, 5)
    assert found.count == 5
    assert found.sum == pytest.approx(44.15, rel=0.02)


def test_without_durations_all_is_zero() -> None:
    found = histogram(Quantiles(), BOUNDS)
    assert (found.counts, found.count, found.sum) == ((0, 0, 0, 0), 0, 0)


@pytest.mark.parametrize("bounds", [DURATIONS, FIRST_CONTENT, TOKEN_GAPS])
def test_bounds_rise(bounds: tuple[float, ...]) -> None:
    assert list(bounds) == sorted(set(bounds))


@given(st.lists(DURATION, max_size=30))
def test_each_count_is_right_but_for_durations_close_to_its_bound(durations: list[float]) -> None:
    found = histogram(times(*durations), DURATIONS)
    for bound, count in zip(found.bounds, found.counts, strict=True):
        assert sum(each <= bound * 0.959 for each in durations) <= count
        assert count <= sum(each <= bound * 1.041 for each in durations)
    assert found.count == len(durations)
    assert found.sum == pytest.approx(sum(durations), rel=0.0201, abs=1e-12)


@given(st.lists(DURATION, max_size=30), DURATION)
def test_nothing_falls_as_durations_are_added(durations: list[float], another: float) -> None:
    before, after = histogram(times(*durations), DURATIONS), histogram(times(*durations, another), DURATIONS)
    assert all(one <= other for one, other in zip(before.counts, after.counts, strict=True))
    assert before.sum <= after.sum
