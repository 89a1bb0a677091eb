from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.policy.pace import Pace, parse_rate


@pytest.mark.parametrize(
    ("text", "per_second"),
    [("60", 1), ("60/min", 1), ("2/s", 2), ("1800/h", 0.5), ("0.5/s", 0.5), (" 120 / minute ", 2), ("3/SEC", 3)],
)
def test_a_rate_is_a_number_and_a_unit(text: str, per_second: float) -> None:
    assert parse_rate(text) == per_second


@pytest.mark.parametrize("text", ["", "0", "-1", "fast", "60/day", "60/", "/s", "1e3", "nan"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a rate; write 60, 60/min"):
        parse_rate(text)


@given(st.floats(0.01, 1000), st.lists(st.floats(0, 5), min_size=2, max_size=50))
def test_no_window_holds_more_than_the_rate(per_second: float, gaps: list[float]) -> None:
    """Over every window that begins with one, so many go as the rate allows, whenever they come."""
    pace = Pace(per_second)
    now, starts = 0.0, []
    for gap in gaps:
        now += gap
        starts.append(now + pace.take(now))
    for first, start in enumerate(starts):
        for count, later in enumerate(starts[first:]):
            assert later - start >= count / per_second - 1e-6


def test_without_a_rate_nothing_waits() -> None:
    pace = Pace(None)
    assert [pace.take(0.0) for _ in range(5)] == [0.0] * 5


def test_one_unit_is_taken_unless_more_are_named() -> None:
    pace = Pace(10.0)
    assert [pace.take(0.0) for _ in range(3)] == [0.0, 0.1, 0.2]


def test_a_large_one_makes_the_next_wait_and_what_it_did_not_use_is_given_back() -> None:
    pace = Pace(10.0)
    assert pace.take(0.0, 50) == 0.0
    assert pace.take(1.0, 10) == 4.0
    pace.correct(-30)
    assert pace.take(1.0, 10) == 2.0


def test_an_estimate_that_was_too_low_is_made_up_for() -> None:
    pace = Pace(10.0)
    assert pace.take(0.0, 50) == 0.0
    pace.correct(20)
    assert pace.take(0.0) == 7.0
    unlimited = Pace(None)
    unlimited.correct(20)
    assert unlimited.take(0.0) == 0.0


def test_a_pause_is_extended_when_it_ends_more_than_a_second_later() -> None:
    pace = Pace(None)
    assert [pace.hold(until) for until in (5.0, 6.0, 7.1, 3.0, 8.1, 9.2)] == [True, False, True, False, False, True]
    assert pace.hold_left(0.0) == 9.2


def test_a_pause_holds_everything() -> None:
    pace = Pace(None)
    pace.hold(5.0)
    pace.hold(3.0)
    assert pace.take(1.0) == 4.0
    assert pace.hold_left(2.0) == 3.0
    assert pace.hold_left(6.0) == 0.0
