"""Money is exact."""

from __future__ import annotations

import decimal
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.domain.money import Money


@pytest.mark.parametrize(
    ("nano", "usd", "text"),
    [
        (0, "0", "$0.000000000"),
        (1, "0.000000001", "$0.000000001"),
        (-1, "-0.000000001", "$-0.000000001"),
        (-2_000_000_003, "-2.000000003", "$-2.000000003"),
        (1_500_000_000, "1.5", "$1.500000000"),
        (123_456_789_012_345_678, "123456789.012345678", "$123456789.012345678"),
    ],
)
def test_dollars(nano: int, usd: str, text: str) -> None:
    assert Money(nano).usd == Decimal(usd)
    assert str(Money(nano)) == text


def test_the_caller_s_decimal_context_does_not_round_it() -> None:
    with decimal.localcontext(prec=3):
        assert Money(123_456_789_012).usd == Decimal("123.456789012")
        assert str(Money(123_456_789_012)) == "$123.456789012"


@given(st.lists(st.integers(0, 10**30)))
def test_sums_lose_nothing(amounts: list[int]) -> None:
    total = sum((Money(amount) for amount in amounts), Money())
    assert total == Money(sum(amounts))
    assert total.usd * 10**9 == sum(amounts) or total.nano_usd >= 10**28


@given(st.integers(0, 10**18), st.integers(0, 10**18))
def test_order_is_that_of_the_amounts(one: int, other: int) -> None:
    assert (Money(one) < Money(other)) == (one < other)
