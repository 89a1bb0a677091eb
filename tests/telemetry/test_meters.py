"""Counting attempts: what is counted, by minute and in all, in bounded space."""

from __future__ import annotations

from typing import Any

from tests.fleet.made import Clock
from understudy.domain.attempts import AttemptRecord, Outcome
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.money import Cost, Money
from understudy.domain.operation import Operation
from understudy.domain.usage import Usage
from understudy.telemetry.meters import OTHER, TARGETS, UNFILED, Meters
from understudy.telemetry.snapshot import Tally, Tokens, add_tallies


def record(outcome: Outcome = Outcome.WON, model: str = "m", **fields: Any) -> AttemptRecord:
    given: dict[str, Any] = {
        "request_id": "r", "attempt_id": "a", "number": 1, "provider": "one", "provider_type": "openai",
        "operation": Operation.CHAT, "started": 0.0, "duration": 2.0, "cost": Cost(amount=Money(7), source="s"),
    }  # fmt: skip
    return AttemptRecord(outcome=outcome, model=model, **(given | fields))


def failure(kind: FailureKind) -> Failure:
    return Failure(kind=kind, message="no")


def total_of(meters: Meters) -> Tally:
    (found,) = meters.totals()
    assert found[:2] == (("one", "m", "text"), "openai")
    return found[2]


def test_an_attempt_is_counted_by_outcome_tokens_and_cost() -> None:
    meters = Meters(Clock())
    usage = Usage(input=10, cache_read=3, cache_read_audio=2, cache_write=4, cache_write_1h=1, audio_input=6)
    meters.attempt(record(usage=usage))
    meters.attempt(record(first_event=0.5, usage=Usage(output=4, reasoning=5, audio_output=2)))
    meters.attempt(record(Outcome.FAILED, failure=failure(FailureKind.RATE_LIMITED)))
    meters.attempt(record(Outcome.FAILED, failure=failure(FailureKind.RATE_LIMITED), cost=None))
    meters.attempt(record(Outcome.ABORTED))
    found = total_of(meters)
    assert (found.succeeded, found.failed, found.aborted) == (2, {"rate_limited": 2}, 1)
    assert found.tokens == Tokens(input=16, cache_read=5, cache_write=5, output=6, reasoning=5)
    assert (found.cost, found.unknown_costs) == (28, 1)
    assert (found.latency.count, found.latency.longest) == (2, 2.0)
    assert (found.first_content.count, found.first_content.longest) == (1, 0.5)
    assert (found.token_gap.count, found.token_gap.longest) == (1, 0.15), "1.5 s between eleven tokens"


def test_what_is_not_billed_is_not_counted() -> None:
    meters = Meters(Clock())
    meters.attempt(record(operation=Operation.MODELS))
    assert list(meters.totals()) == []


def test_embeddings_of_a_model_are_counted_by_themselves() -> None:
    meters = Meters(Clock())
    meters.attempt(record())
    meters.attempt(record(operation=Operation.EMBED))
    assert {name: each.succeeded for name, _, each in meters.totals()} == {
        ("one", "m", "text"): 1, ("one", "m", "embedding"): 1,
    }  # fmt: skip


def test_minutes_add_up_to_the_total() -> None:
    clock = Clock()
    meters, start = Meters(clock), int(clock.now)
    for seconds in (0, 59, 60, 130):
        clock.now = start + seconds
        meters.attempt(record())
    found = meters.minutes()
    assert [(each.start - start, each.tally.succeeded) for each in found] == [(0, 2), (60, 1), (120, 1)]
    total = Tally()
    for each in found:
        total = add_tallies(total, each.tally)
    assert total == total_of(meters)
    meters.filed(start + 120)
    assert [each.start - start for each in meters.minutes()] == [120]
    assert total_of(meters) == total
    meters.attempt(record())
    assert total_of(meters).succeeded == 5


def test_a_minute_without_attempts_is_empty() -> None:
    clock = Clock()
    meters = Meters(clock)
    meters.attempt(record())
    clock.now += 60
    assert [each.tally.succeeded for each in meters.minutes()] == [1]
    assert total_of(meters).succeeded == 1


def test_a_clock_that_is_set_back_begins_no_earlier_minute() -> None:
    clock = Clock()
    meters, start = Meters(clock), int(clock.now)
    meters.attempt(record())
    clock.now -= 3600
    meters.attempt(record())
    assert [(each.start, each.tally.succeeded) for each in meters.minutes()] == [(start, 2)]


def test_minutes_that_cannot_be_moved_are_bounded() -> None:
    clock = Clock()
    meters = Meters(clock)
    for _ in range(UNFILED + 50):
        meters.attempt(record())
        clock.now += 60
    meters.attempt(record())
    assert len(meters.minutes()) == UNFILED + 1
    assert total_of(meters).succeeded == UNFILED + 51


def test_models_that_callers_name_freely_are_bounded() -> None:
    meters = Meters(Clock())
    for number in range(3 * TARGETS):
        meters.attempt(record(model=f"m{number}"))
        meters.attempt(record(model=f"m{number}", provider=f"entry {number}"))
    found = {name: each.succeeded for name, _, each in meters.totals()}
    assert len(found) <= 2 * TARGETS + 1
    assert sum(found.values()) == 6 * TARGETS
    assert found["one", OTHER, "text"] > TARGETS
    assert found[OTHER, OTHER, "text"] > 0


def test_requests_are_counted_by_face_outcome_and_status() -> None:
    meters = Meters(Clock())
    meters.request("openai", "answered", 200, 0.5)
    meters.request("openai", "answered", 200, 1.5)
    meters.request("", "refused", 404, 0.1)
    found = {(each.face, each.outcome, each.status): (each.count, each.latency.longest) for each in meters.faces()}
    assert found == {("openai", "answered", 200): (2, 1.5), ("", "refused", 404): (1, 0.1)}
