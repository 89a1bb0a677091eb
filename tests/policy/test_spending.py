from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from understudy.policy.spending import Admission, Reservation, SpendingLimit


def test_without_a_limit_everything_goes() -> None:
    spending = SpendingLimit(None, spent=10)
    assert spending.judge("chat", None)[0] is Admission.GO


def test_a_line_of_known_price_goes_as_long_as_all_on_the_way_stay_below() -> None:
    spending = SpendingLimit(100, spent=20)
    reservation = Reservation("chat", 40)
    for _ in range(2):
        assert spending.judge("chat", 40) == (Admission.GO, reservation)
        spending.reserve(reservation)
    assert spending.judge("chat", 1)[0] is Admission.WAIT
    spending.charge(reservation, 10, known=True)
    assert spending.judge("chat", 30)[0] is Admission.GO
    assert spending.judge("chat", 31)[0] is Admission.WAIT
    spending.charge(reservation, 40, known=True)
    assert spending.judge("chat", 31)[0] is Admission.STOP


def test_of_an_unknown_kind_one_goes_ahead_and_the_others_cost_what_it_did() -> None:
    spending = SpendingLimit(100)
    admission, first = spending.judge("chat", None)
    assert admission is Admission.GO
    spending.reserve(first)
    assert spending.judge("chat", None)[0] is Admission.WAIT
    spending.charge(first, 33, known=True)
    assert spending.judge("chat", None) == (Admission.GO, Reservation("chat", 33))
    assert spending.judge("embeddings", None) == (Admission.GO, Reservation("embeddings", None))


def test_what_never_tells_its_cost_cannot_be_held() -> None:
    spending = SpendingLimit(100)
    _, first = spending.judge("chat", None)
    spending.reserve(first)
    spending.charge(first, 0, known=False)
    for _ in range(5):
        admission, reservation = spending.judge("chat", None)
        assert admission is Admission.GO
        spending.reserve(reservation)
    assert spending.unknown == 1


def test_what_is_unknown_reserves_nothing() -> None:
    spending = SpendingLimit(100)
    _, unknown = spending.judge("chat", None)
    spending.reserve(unknown)
    assert spending.judge("embeddings", 100)[0] is Admission.GO
    assert spending.judge("embeddings", 101)[0] is Admission.WAIT
    spending.release(unknown)
    assert spending.judge("embeddings", 100)[0] is Admission.GO
    assert spending.judge("embeddings", 101)[0] is Admission.STOP


def test_when_the_limit_is_reached_nothing_more_goes() -> None:
    spending = SpendingLimit(100, spent=100)
    assert spending.judge("chat", None)[0] is Admission.STOP
    assert spending.judge("chat", 0)[0] is Admission.STOP
    nearly = SpendingLimit(100, spent=99)
    _, reservation = nearly.judge("chat", 1)
    nearly.reserve(reservation)
    nearly.reserve(reservation)
    nearly.charge(reservation, 1, known=True)
    assert nearly.judge("chat", 0)[0] is Admission.WAIT, "one is still under way"
    nearly.charge(reservation, 0, known=True)
    assert nearly.judge("chat", 0)[0] is Admission.STOP


def test_the_average_of_a_group_is_rounded_up() -> None:
    spending = SpendingLimit(1000)
    for cost in (3, 4, 4):
        reservation = Reservation("chat", cost)
        spending.reserve(reservation)
        spending.charge(reservation, cost, known=True)
    assert spending.judge("chat", None)[1] == Reservation("chat", 4)
    assert spending.spent == 11
    assert spending.unknown == 0


def test_a_line_that_was_given_up_is_on_its_way_no_longer() -> None:
    spending = SpendingLimit(100)
    _, reservation = spending.judge("chat", 90)
    spending.reserve(reservation)
    spending.release(reservation)
    assert spending.judge("chat", 100)[0] is Admission.GO


@given(
    st.integers(1, 1000),
    st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), max_size=40),
    st.integers(1, 8),
)
def test_costs_never_pass_the_limit_by_more_than_the_estimates_were_wrong(
    limit: int, lines: list[tuple[int, int]], at_once: int
) -> None:
    spending = SpendingLimit(limit)
    on_the_way: list[tuple[Reservation, int]] = []
    error = 0
    for expected, actual in lines:
        if len(on_the_way) == at_once:
            settled, cost = on_the_way.pop(0)
            spending.charge(settled, cost, known=True)
        admission, reservation = spending.judge("chat", expected)
        if admission is not Admission.GO:
            continue
        spending.reserve(reservation)
        on_the_way.append((reservation, actual))
        error += max(0, actual - expected)
    for settled, cost in on_the_way:
        spending.charge(settled, cost, known=True)
    assert spending.spent <= limit + error
