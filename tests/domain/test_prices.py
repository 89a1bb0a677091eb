"""A cost is what an exact sum says, rounded once; rates are exact."""

from __future__ import annotations

from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.domain.attempts import AttemptRecord, total_cost
from understudy.domain.money import NOT_BILLED, Cost, Money
from understudy.domain.prices import FREE, Price, Rates, Tier, rate_of
from understudy.domain.usage import Usage

INPUT = ("input", "cache_read", "cache_write", "cache_write_1h", "audio_input")
OUTPUT = ("output", "reasoning", "audio_output")
WIDER = {"cache_write_1h": "cache_write", **dict.fromkeys(INPUT[1:3], "input"), "audio_input": "input"} | dict.fromkeys(
    OUTPUT[1:], "output"
)

counts = st.none() | st.integers(0, 3_000_000)
usages = st.builds(Usage, **dict.fromkeys((*INPUT, *OUTPUT), counts))
rates = st.builds(
    Rates,
    **dict.fromkeys((*INPUT, *OUTPUT), st.none() | st.integers(0, 200_000_000_000)),
    call=st.integers(0, 10**9),
)
tiers = st.lists(st.tuples(st.integers(0, 4_000_000), rates), max_size=3, unique_by=lambda pair: pair[0]).map(
    lambda pairs: tuple(Tier(above, each) for above, each in sorted(pairs, key=lambda pair: pair[0]))
)


def by_hand(price: Price, usage: Usage) -> int | None:
    """The sum in exact fractions, class by class."""
    prompt = sum(getattr(usage, name) or 0 for name in INPUT)
    chosen = price.rates
    for tier in price.tiers:
        if prompt > tier.above:
            chosen = tier.rates
    known = {name: getattr(chosen, name) for name in (*INPUT, *OUTPUT)}
    if known["input"] == 0 and known["output"] == 0 and not any(known.values()):
        return chosen.call
    if all(getattr(usage, name) is None for name in INPUT):
        return None
    total = Fraction(0)
    for name in (*INPUT, *OUTPUT):
        tokens, rate, place = getattr(usage, name), known[name], name
        while rate is None and place in WIDER:
            place = WIDER[place]
            rate = known[place]
        if tokens and rate is None:
            return None
        total += Fraction(tokens or 0) * Fraction(rate or 0, 1_000_000)
    return round(total) + chosen.call  # of a fraction: half to even


@given(st.builds(Price, rates=rates, tiers=tiers, source=st.just("x")), usages)
def test_a_cost_is_the_exact_sum_rounded_once(price: Price, usage: Usage) -> None:
    cost = price.cost(usage)
    assert (cost.amount.nano_usd if cost else None) == by_hand(price, usage)


@given(usages, st.integers(1, 10**6))
def test_the_same_answer_in_other_classes_at_one_rate_costs_the_same(usage: Usage, rate: int) -> None:
    """Classes are disjoint: nothing is billed twice, whichever way the tokens are told apart."""
    price = Price(rates=Rates(input=rate, output=rate), source="x")
    plain = Usage(input=usage.input_total, output=usage.output_total)
    assert price.cost(usage) == price.cost(plain)


def test_a_tier_is_for_the_whole_call() -> None:
    """Gemini and Anthropic: beyond the mark every token, of the answer and the cache too, has the other rate."""
    price = Price.per_million(
        input="1.25", cache_read="0.125", output="10", tiers={200_000: {"input": 2.5, "cache_read": 0.25, "output": 15}}
    )
    at_the_mark = price.cost(Usage(input=150_000, cache_read=50_000, output=1_000))
    beyond = price.cost(Usage(input=150_001, cache_read=50_000, output=1_000))
    assert at_the_mark is not None
    assert beyond is not None
    assert at_the_mark.amount.usd == Decimal("0.1875") + Decimal("0.00625") + Decimal("0.01")
    assert beyond.amount.usd == Decimal("0.3750025") + Decimal("0.0125") + Decimal("0.015")


def test_what_a_tier_does_not_name_is_as_in_the_price_itself() -> None:
    price = Price.per_million(input=1, output=2, call=3, tiers={20: {"input": 4}, 10: {"output": 5}})
    assert [(tier.above, tier.rates.input, tier.rates.output, tier.rates.call) for tier in price.tiers] == [
        (10, 10**9, 5 * 10**9, 3 * 10**9),
        (20, 4 * 10**9, 2 * 10**9, 3 * 10**9),
    ]


def test_what_is_charged_counts_where_it_is_not_what_was_counted() -> None:
    """Cohere: a prompt of 1,501 tokens, of which 84 are billed."""
    cost = Price.per_million(input="2.5", output="10").cost(
        Usage(input=493, cache_read=1_008, output=346, billed=Usage(input=84, output=314))
    )
    assert cost is not None
    assert cost.amount.nano_usd == 84 * 2_500 + 314 * 10_000


@pytest.mark.parametrize(
    ("usage", "why"),
    [
        (Usage(), "nothing is known"),
        (Usage(output=10), "the prompt is not known"),
        (Usage(input=10, output=10), "answers have no rate"),
        (Usage(input=10, reasoning=1), "thinking has none either"),
    ],
)
def test_an_unknown_cost_is_none(usage: Usage, why: str) -> None:
    assert Price.per_million(input=1).cost(usage) is None, why


def test_vectors_have_no_answer_tokens() -> None:
    for usage in (Usage(input=1_000_000), Usage(input=1_000_000, output=0)):
        cost = Price.per_million(input="0.02").cost(usage)
        assert cost is not None
        assert str(cost.amount) == "$0.020000000"


def test_what_is_free_needs_no_count() -> None:
    assert FREE.cost(Usage()) == Cost(amount=Money(0), source="local")
    only_the_call = Price.per_million(input=0, output=0, call="0.003").cost(Usage())
    assert only_the_call is not None
    assert only_the_call.amount == Money(3_000_000)


@given(st.integers(0, 10**18 - 1))
def test_rates_are_exact(nano: int) -> None:
    with localcontext(prec=3):  # whatever the caller's context is
        assert rate_of(Decimal(f"{nano}E-9")) == nano


@given(st.integers(0, 10**9), st.integers(0, 9))
def test_a_rate_written_as_a_float_is_what_was_written(digits: int, places: int) -> None:
    text = f"{digits}E-{places}"
    assert rate_of(float(text)) == rate_of(text)


@pytest.mark.parametrize(
    ("computed", "meant"), [(0.1 + 0.2, "0.3"), (0.15 + 2 / 100, "0.17"), (1.25 * 1.1, "1.375"), (3 * 1.1, "3.3")]
)
def test_a_rate_that_was_worked_out_in_floats_is_what_was_meant(computed: float, meant: str) -> None:
    """A discount or a mark-up on a list price ends in digits that nobody wrote."""
    assert rate_of(computed) == rate_of(meant)


def test_a_tier_begins_somewhere() -> None:
    with pytest.raises(ValueError, match="a tier begins above -1 tokens"):
        Price.per_million(input=1, tiers={-1: {"input": 2}})


@pytest.mark.parametrize("wrong", ["", "a lot", "-1", "NaN", "Infinity", "1e30", "0.0000000001", float("nan")])
def test_what_is_no_price_is_refused(wrong: str | float) -> None:
    with pytest.raises(ValueError, match=r"not a valid price|finer"):
        rate_of(wrong)


def record(cost: Cost | None) -> AttemptRecord:
    return msgspec.convert(
        {
            "request_id": "r", "attempt_id": "a", "number": 1, "provider": "p", "provider_type": "openai", "model": "m",
            "operation": "chat", "outcome": "won", "started": 0, "duration": 0, "cost": msgspec.to_builtins(cost),
        },
        AttemptRecord,
    )  # fmt: skip


def test_the_cost_of_all_attempts_names_every_source() -> None:
    published = Cost(amount=Money(5), source="genai-prices", as_of="2026-11-09", estimated=True)
    own = Cost(amount=Money(7), source="configuration", as_of="2026-01-01")
    assert total_cost([record(NOT_BILLED), record(published), record(own), record(published)]) == Cost(
        amount=Money(17), source="genai-prices + configuration", as_of="2026-01-01", estimated=True
    )
    assert total_cost([record(NOT_BILLED)]) == NOT_BILLED
    assert total_cost([record(NOT_BILLED), record(own)]) == own


def test_one_unknown_cost_makes_the_sum_unknown() -> None:
    assert total_cost([record(NOT_BILLED), record(None), record(Cost(amount=Money(5), source="x"))]) is None


@pytest.mark.parametrize("wrong", ["sk-proj-abcdefghijklmnopqrst", {"sk-proj-abcdefghijklmnopqrst": 1}])
def test_a_value_in_the_place_of_a_price_is_not_shown(wrong: Any) -> None:
    with pytest.raises(ValueError, match="is not a valid price") as caught:
        rate_of(wrong)
    assert "abcdef" not in str(caught.value)
