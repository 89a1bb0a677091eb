from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.cli.batch.ceiling import Ceiling, Reserve, Verdict
from understudy.cli.batch.pace import Pace, read_rate


@pytest.mark.parametrize(
    ("text", "per_second"),
    [("60", 1), ("60/min", 1), ("2/s", 2), ("1800/h", 0.5), ("0.5/s", 0.5), (" 120 / minute ", 2), ("3/SEC", 3)],
)
def test_a_rate_is_a_number_and_a_unit(text: str, per_second: float) -> None:
    assert read_rate(text) == per_second


@pytest.mark.parametrize("text", ["", "0", "-1", "fast", "60/day", "60/", "/s", "1e3", "nan"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no rate: write 60, 60/min"):
        read_rate(text)


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


def test_a_large_one_makes_the_next_wait_and_what_it_did_not_use_is_given_back() -> None:
    pace = Pace(10.0)
    assert pace.take(0.0, 50) == 0.0
    assert pace.take(1.0, 10) == 4.0
    pace.correct(-30)
    assert pace.take(1.0, 10) == 2.0


def test_a_pause_holds_everything() -> None:
    pace = Pace(None)
    pace.hold(5.0)
    pace.hold(3.0)
    assert pace.take(1.0) == 4.0
    assert pace.held(2.0) == 3.0
    assert pace.held(6.0) == 0.0


# ---- the ceiling ----


def test_without_a_limit_everything_goes() -> None:
    ceiling = Ceiling(None, spent=10)
    assert ceiling.judge("chat", None)[0] is Verdict.GO


def test_a_line_of_known_price_goes_as_long_as_all_on_the_way_stay_below() -> None:
    ceiling = Ceiling(100, spent=20)
    reserve = Reserve("chat", 40)
    for _ in range(2):
        assert ceiling.judge("chat", 40) == (Verdict.GO, reserve)
        ceiling.go(reserve)
    assert ceiling.judge("chat", 1)[0] is Verdict.WAIT
    ceiling.settle(reserve, 10, known=True)
    assert ceiling.judge("chat", 30)[0] is Verdict.GO
    assert ceiling.judge("chat", 31)[0] is Verdict.WAIT
    ceiling.settle(reserve, 40, known=True)
    assert ceiling.judge("chat", 31)[0] is Verdict.STOP


def test_of_an_unknown_kind_one_goes_ahead_and_the_others_cost_what_it_did() -> None:
    ceiling = Ceiling(100)
    verdict, first = ceiling.judge("chat", None)
    assert verdict is Verdict.GO
    ceiling.go(first)
    assert ceiling.judge("chat", None)[0] is Verdict.WAIT
    ceiling.settle(first, 33, known=True)
    assert ceiling.judge("chat", None) == (Verdict.GO, Reserve("chat", 33))
    assert ceiling.judge("embeddings", None) == (Verdict.GO, Reserve("embeddings", None))


def test_what_never_tells_its_cost_cannot_be_held() -> None:
    ceiling = Ceiling(100)
    _, first = ceiling.judge("chat", None)
    ceiling.go(first)
    ceiling.settle(first, 0, known=False)
    for _ in range(5):
        verdict, reserve = ceiling.judge("chat", None)
        assert verdict is Verdict.GO
        ceiling.go(reserve)
    assert ceiling.unknown == 1


def test_a_line_that_was_given_up_is_on_its_way_no_longer() -> None:
    ceiling = Ceiling(100)
    _, reserve = ceiling.judge("chat", 90)
    ceiling.go(reserve)
    ceiling.withdraw(reserve)
    assert ceiling.judge("chat", 100)[0] is Verdict.GO


@given(
    st.integers(1, 1000),
    st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), max_size=40),
    st.integers(1, 8),
)
def test_costs_never_pass_the_limit_by_more_than_the_estimates_were_wrong(
    limit: int, lines: list[tuple[int, int]], at_once: int
) -> None:
    ceiling = Ceiling(limit)
    on_the_way: list[tuple[Reserve, int]] = []
    error = 0
    for expected, actual in lines:
        if len(on_the_way) == at_once:
            settled, cost = on_the_way.pop(0)
            ceiling.settle(settled, cost, known=True)
        verdict, reserve = ceiling.judge("chat", expected)
        if verdict is not Verdict.GO:
            continue
        ceiling.go(reserve)
        on_the_way.append((reserve, actual))
        error += max(0, actual - expected)
    for settled, cost in on_the_way:
        ceiling.settle(settled, cost, known=True)
    assert ceiling.spent <= limit + error
