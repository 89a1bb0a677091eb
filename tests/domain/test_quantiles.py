"""Quantiles in little space, held against the exact ones."""

from __future__ import annotations

from functools import reduce
from operator import add

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.domain.quantiles import ERROR, LEAST, MOST, Quantiles, RunningSketch, Sketch

SECONDS = st.floats(min_value=LEAST, max_value=MOST)
PERCENT = st.integers(min_value=0, max_value=100)


def counted(seconds: list[float]) -> Quantiles:
    sketch = Sketch()
    for each in seconds:
        sketch.add(each)
    return sketch.snapshot()


def exact(seconds: list[float], percent: int) -> float:
    """The nearest rank: the smallest value that so many percent of all do not exceed."""
    ordered = sorted(seconds)
    return next(each for rank, each in enumerate(ordered, 1) if 100 * rank >= percent * len(ordered))


@given(st.lists(SECONDS, min_size=1, max_size=200), PERCENT)
def test_a_percentile_is_the_exact_one_within_the_error(seconds: list[float], percent: int) -> None:
    assert counted(seconds).percentile(percent) == pytest.approx(exact(seconds, percent), rel=ERROR + 1e-9)


@given(st.lists(SECONDS, min_size=1))
def test_a_percentile_lies_among_the_durations_and_rises_with_the_percentage(seconds: list[float]) -> None:
    quantiles = counted(seconds)
    found = [quantiles.percentile(percent) or 0.0 for percent in range(101)]
    assert found == sorted(found)
    assert min(seconds) <= found[0]
    assert found[-1] == pytest.approx(max(seconds), rel=ERROR + 1e-9)
    assert found[-1] <= max(seconds)


@given(st.lists(st.lists(SECONDS, max_size=30), max_size=6))
def test_what_is_counted_apart_and_added_is_what_is_counted_together(parts: list[list[float]]) -> None:
    together = counted([each for part in parts for each in part])
    apart = [counted(part) for part in parts]
    assert reduce(add, apart, Quantiles()) == together
    assert reduce(add, reversed(apart), Quantiles()) == together


@given(SECONDS, PERCENT)
def test_a_single_duration_is_told_exactly(seconds: float, percent: int) -> None:
    assert counted([seconds]).percentile(percent) == seconds


def test_of_nothing_there_is_no_percentile() -> None:
    assert Quantiles().percentile(50) is None
    assert Quantiles().count == 0
    assert counted([]) == Quantiles()


@pytest.mark.parametrize(("seconds", "told"), [(0.0, LEAST), (-1.0, LEAST), (1e-9, LEAST), (1e9, MOST)])
def test_what_is_out_of_range_counts_as_its_end(seconds: float, told: float) -> None:
    assert counted([seconds]).percentile(50) == told


def test_the_space_is_bounded() -> None:
    every = [LEAST * 1.001**power for power in range(30_000)]
    assert len(counted(every).buckets) <= 692
    assert counted(every).count == len(every)


def test_a_snapshot_stays_as_it_was() -> None:
    sketch = Sketch()
    sketch.add(1.0)
    before = sketch.snapshot()
    sketch.add(2.0)
    assert (before.count, sketch.snapshot().count) == (1, 2)


@pytest.mark.parametrize("quantiles", [Quantiles(), counted([0.5, 1.5, 1.5])])
def test_it_survives_json(quantiles: Quantiles) -> None:
    assert msgspec.json.decode(msgspec.json.encode(quantiles), type=Quantiles) == quantiles


@given(st.lists(st.lists(st.tuples(SECONDS, st.booleans()), max_size=20), min_size=1, max_size=5))
def test_a_running_sketch_is_one_sketch_for_each_span_and_one_for_all(spans: list[list[tuple[float, bool]]]) -> None:
    """Whenever it is read: what was read before, and what came since, is all there is."""
    running, total = RunningSketch(), Sketch()
    for span in spans:
        alone = Sketch()
        for seconds, reads in span:
            for each in (running, total, alone):
                each.add(seconds)
            if reads:
                assert running.read() == (alone.snapshot(), total.snapshot())
        assert running.read() == (alone.snapshot(), total.snapshot())
        before = running.read()
        running.begin()
        assert running.read() == (Quantiles(), total.snapshot())
        assert before[0] == alone.snapshot(), "what was read stays as it was"
