"""The statistics of a provider, attempt by attempt."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import understudy as u
from understudy.ledger.tally import StatsCounter


def attempt(**fields: Any) -> u.AttemptRecord:
    known: dict[str, Any] = {
        "request_id": "r", "attempt_id": "a", "number": 1, "provider": "p", "provider_type": "openai", "model": "m",
        "operation": "chat", "outcome": u.Outcome.WON, "started": 0.0, "duration": 1.0,
    }  # fmt: skip
    return u.AttemptRecord(**{**known, **fields})


def tallied(*attempts: u.AttemptRecord) -> u.ProviderStats:
    tally = StatsCounter()
    for each in attempts:
        tally.record(each)
    return tally.stats()


def test_before_the_first_attempt_nothing_is_known() -> None:
    stats = tallied()
    assert stats == u.ProviderStats()
    assert stats.mean_latency is None
    assert stats.mean_first_event is None
    assert (stats.latency_p50, stats.latency_p95) == (None, None)
    assert (stats.first_event_p50, stats.first_event_p95) == (None, None)


def test_every_outcome_counts_and_only_successes_have_a_latency() -> None:
    stats = tallied(
        attempt(duration=1.0),
        attempt(duration=3.0, streamed=True, first_event=0.5),
        attempt(outcome=u.Outcome.FAILED, duration=600.0),
        attempt(outcome=u.Outcome.ABORTED, duration=600.0, first_event=0.1),
    )
    assert stats.total_requests == 4
    assert (stats.successful_requests, stats.failed_requests, stats.aborted_requests) == (2, 1, 1)
    assert (stats.streamed_requests, stats.mean_first_event) == (1, 0.5)
    assert stats.mean_latency == 2.0
    assert stats.latency_p50 == pytest.approx(1.0, rel=0.02)
    assert stats.latency_p95 == pytest.approx(3.0, rel=0.02)
    assert (stats.first_event_p50, stats.first_event_p95) == (0.5, 0.5)


def test_lost_attempts_have_used_and_cost_what_they_have() -> None:
    cost = u.Cost(amount=u.Money(7), source="test")
    usage = u.Usage(input=2, cache_read=3, output=4, reasoning=5)
    stats = tallied(attempt(usage=usage, cost=cost), attempt(usage=usage, cost=cost, outcome=u.Outcome.FAILED))
    assert (stats.total_tokens_input, stats.total_tokens_output, stats.cached_tokens) == (10, 18, 6)
    assert (stats.estimated_cost, stats.calls_of_unknown_cost) == (u.Money(14), 0)


@pytest.mark.parametrize(
    ("basis", "unknown"),
    [
        (u.CostBasis.EXACT, 1),
        (u.CostBasis.ESTIMATED, 1),
        (u.CostBasis.UNKNOWN, 1),
        (u.CostBasis.REFUSED, 0),
        (u.CostBasis.NOT_SENT, 0),
    ],
)
def test_what_nobody_can_have_billed_has_no_unknown_cost(basis: u.CostBasis, unknown: int) -> None:
    assert tallied(attempt(cost_basis=basis)).calls_of_unknown_cost == unknown


@pytest.mark.parametrize(("operation", "counts"), [("chat", 1), ("embed", 1), ("models", 0), ("count_tokens", 0)])
def test_free_operations_are_no_part_of_it(operation: str, counts: int) -> None:
    assert tallied(attempt(operation=operation)).total_requests == counts


ATTEMPTS = st.builds(
    attempt,
    outcome=st.sampled_from(u.Outcome),
    # Binary fractions, so that sums of floats are exact in any order.
    duration=st.integers(0, 4096).map(lambda n: n / 16),
    first_event=st.none() | st.integers(0, 64).map(lambda n: n / 16),
    usage=st.builds(u.Usage, input=st.none() | st.integers(0, 99), output=st.none() | st.integers(0, 99)),
    cost=st.none() | st.integers(0, 999).map(lambda n: u.Cost(amount=u.Money(n), source="test")),
    cost_basis=st.sampled_from(u.CostBasis),
)


@given(st.lists(ATTEMPTS, max_size=30), st.lists(ATTEMPTS, max_size=30))
def test_the_sum_of_statistics_is_the_statistics_of_all(one: list[u.AttemptRecord], two: list[u.AttemptRecord]) -> None:
    assert tallied(*one) + tallied(*two) == tallied(*one, *two)


def test_statistics_survive_json() -> None:
    stats = tallied(attempt(first_event=0.25), attempt(outcome=u.Outcome.FAILED))
    assert msgspec.json.decode(msgspec.json.encode(stats), type=u.ProviderStats) == stats
