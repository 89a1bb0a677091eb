"""The report of one request: offsets, what was decided, and what each class of tokens cost, worked out by hand."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ledger.made import NOON, ended, start
from understudy.domain.attempts import AttemptRecord, CostBasis, Outcome
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.money import NOT_BILLED, Cost, Money
from understudy.domain.prices import PER, Price, Rates, Tier
from understudy.domain.usage import ModelUsage, Usage
from understudy.domain.warnings import Warning, WarningKind  # noqa: A004 - the public name
from understudy.ledger.captures import CapturedTexts
from understudy.ledger.entries import STATE_OF, EntryState, LedgerEntry
from understudy.reports.waterfall import RequestDetail, report_detail

PRICE = Price.per_million(input="2.5", cache_read="0.25", output=10, call="0.001", fees={"web_search": "0.01"})


def entry(record: AttemptRecord) -> LedgerEntry:
    return LedgerEntry(state=STATE_OF[record.outcome], start=record, record=record)


def priced(usage: Usage, price: Price = PRICE, **fields: Any) -> LedgerEntry:
    """Return an attempt that was charged by a price."""
    return entry(ended(start(1), usage=usage, cost=price.cost(usage), **fields))


def lost() -> AttemptRecord:
    return ended(
        start(1, request=7, why="priority 1", waited=0.25),
        Outcome.FAILED,
        duration=2.0,
        failure=Failure(
            kind=FailureKind.RATE_LIMITED, message="slow down", status=429, retry_after=9.0, request_id="r-1"
        ),
        next_step="fall back to backup",
        usage=Usage(),
        cost=NOT_BILLED,
        cost_basis=CostBasis.REFUSED,
    )


def won() -> AttemptRecord:
    return ended(
        start(2, request=7, number=2, started=NOON + 2.5, provider="backup", streamed=True, waited=0.5),
        first_event=0.4,
        answered_model="gpt-6-2026",
        warnings=(Warning(WarningKind.DROPPED, "seed", "not supported"),),
    )


def detail() -> RequestDetail:
    return report_detail([entry(lost()), entry(won())])


def test_offsets_begin_with_the_first_wait() -> None:
    found = detail()
    assert found.began == NOON - 0.25
    first, second = found.attempts
    assert (first.waits_from, first.begins, first.first_content, first.ends) == (0.0, 0.25, None, 2.25)
    assert (second.waits_from, second.begins, second.first_content, second.ends) == (2.25, 2.75, 3.15, 4.25)
    assert found.seconds == 4.25
    assert found.request.seconds == 4.0, "a request begins with its first attempt"
    assert found.request.first_seconds == 2.9


def test_it_says_why_the_next_one_was_asked() -> None:
    first, second = detail().attempts
    assert (first.state, first.why, first.next_step) == ("failed", "priority 1", "fall back to backup")
    assert first.failure is not None
    assert (first.failure.kind, first.failure.status, first.failure.retry_after) == ("rate_limited", 429, 9.0)
    assert first.failure.provider_request_id == "r-1"
    assert [each.what for each in second.warnings] == ["seed"]
    assert detail().request.warnings == 1
    assert detail().request.failure == "rate_limited"


def test_one_that_is_under_way_has_no_end() -> None:
    begun = start(3, request=7, number=3, started=NOON + 5)
    found = report_detail([entry(lost()), LedgerEntry(state=EntryState.STARTED, start=begun)])
    assert found.seconds is None
    assert found.attempts[1].ends is None
    assert found.attempts[1].begins == 5.25
    assert found.request.outcome == "started"


def test_texts_are_with_their_attempt() -> None:
    texts = CapturedTexts(prompt={"messages": []})
    found = report_detail([entry(lost()), entry(won())], {won().attempt_id: texts})
    assert [each.captured for each in found.attempts] == [None, texts]


def test_every_key_is_there() -> None:
    names = {name for each in msgspec.to_builtins(detail())["attempts"] for name in each}
    begun = LedgerEntry(state=EntryState.STARTED, start=start(1))
    assert msgspec.to_builtins(report_detail([begun]))["attempts"][0].keys() == names


def split(each: LedgerEntry, price: Price | None = PRICE) -> dict[str, tuple[int | None, str | None]]:
    (attempt,) = report_detail([each], price_of=lambda _: price).attempts
    return {one.name: (one.tokens, one.cost_usd) for one in attempt.tokens}


def test_a_cost_is_split_by_class() -> None:
    # 100 · $2.50/M = $0.00025; 1,000 · $0.25/M = $0.00025; 7 · $10/M = $0.00007; two searches and a call.
    usage = Usage(input=100, cache_read=1_000, output=7, tools={"web_search": 2})
    assert split(priced(usage)) == {
        "input": (100, "0.000250000"),
        "cache_read": (1_000, "0.000250000"),
        "output": (7, "0.000070000"),
        "call": (None, "0.001000000"),
        "tools": (None, "0.020000000"),
    }


def test_it_is_split_by_no_other_price() -> None:
    usage = Usage(input=100, output=7)
    of_today = Price.per_million(input=3, output=10, call="0.001")
    assert split(priced(usage), of_today) == {"input": (100, None), "output": (7, None)}
    assert split(priced(usage), None) == {"input": (100, None), "output": (7, None)}
    unknown = entry(ended(start(1), usage=usage, cost=None, cost_basis=CostBasis.UNKNOWN))
    assert split(unknown) == {"input": (100, None), "output": (7, None)}


def test_several_models_are_not_split() -> None:
    usage = Usage(input=100, output=7, by_model=(ModelUsage(model=None, usage=Usage(input=100, output=7)),))
    assert split(priced(usage)) == {"input": (100, None), "output": (7, None)}


def test_an_attempt_that_was_refused_cost_nothing() -> None:
    (attempt,) = report_detail([entry(lost())], price_of=lambda _: PRICE).attempts
    assert (attempt.cost_usd, attempt.cost_basis, attempt.tokens) == ("0.000000000", "refused", ())


_counts = st.integers(0, 10**7)
_rates = st.integers(0, 10**11)


@given(
    st.builds(Usage, input=_counts, cache_read=_counts, cache_write=_counts, output=_counts, reasoning=_counts),
    st.builds(Rates, input=_rates, cache_read=_rates, output=_rates, call=st.integers(0, 10**9)),
    st.builds(Rates, input=_rates, output=_rates, reasoning=_rates),
)
def test_the_parts_are_exact_and_add_up(usage: Usage, rates: Rates, above: Rates) -> None:
    price = Price(rates=rates, tiers=(Tier(10**7, above),), source="made")
    parts, cost = price.parts(usage), price.cost(usage)
    assert parts is not None
    assert cost is not None
    assert sum(parts.values()) == cost.amount.nano_usd
    used = price.rates_for(usage.input_total or 0)
    rate_of = {
        "input": used.input,
        "cache_read": used.input if used.cache_read is None else used.cache_read,
        "cache_write": used.input,
        "output": used.output,
        "reasoning": used.output if used.reasoning is None else used.reasoning,
    }
    for name, rate in rate_of.items():
        exact = Fraction(getattr(usage, name) * (rate or 0), PER)
        assert abs(parts.get(name, 0) - exact) <= 1, name


def test_an_unknown_price_has_no_parts() -> None:
    assert PRICE.parts(Usage()) is None
    assert PRICE.parts(Usage(input=1, output=1, tools={"code": 1})) is None


@pytest.mark.parametrize("amount", [0, 1, 123_456_789_012])
def test_amounts_are_exact(amount: int) -> None:
    each = entry(ended(start(1), cost=Cost(amount=Money(amount), source="made")))
    (attempt,) = report_detail([each]).attempts
    assert attempt.cost_usd is not None
    assert Decimal(attempt.cost_usd).scaleb(9) == amount
