"""What the modelled providers do: latencies, incidents, limits, prices. Expectations are computed by hand."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from random import Random
from statistics import median

import msgspec
import pytest

from tests.simulator.scenarios import PRICE, QUICK, configuration, scenario
from understudy.domain.failures import FailureKind
from understudy.domain.prices import Price
from understudy.settings import FallbackConfig, FallbackStrategy, Route
from understudy.simulator.draws import Constant, Draw, Empirical, LogNormal, Uniform, sampler
from understudy.simulator.measures import Measures
from understudy.simulator.run import simulate
from understudy.simulator.scenario import (
    FAILURES,
    Behaviour,
    Incident,
    RateLimits,
    RateStep,
    Scenario,
    TargetModel,
    Traffic,
    Wave,
)
from understudy.simulator.traffic import arrivals, merged, scaled
from understudy.simulator.weather import Weather, windows_of

ONE_TRY = FallbackConfig(max_retries=1)


def test_draws() -> None:
    rng = Random(1)

    def draws(draw: Draw) -> list[float]:
        sample = sampler(draw, rng)
        return sorted(sample() for _ in range(4000))

    assert set(draws(Constant(0.5))) == {0.5}
    uniform = draws(Uniform(2.0, 4.0))
    assert 2.0 <= uniform[0] < 2.01
    assert 3.99 < uniform[-1] <= 4.0
    assert median(uniform) == pytest.approx(3.0, abs=0.05)
    lognormal = draws(LogNormal(0.5, 0.35))
    assert median(lognormal) == pytest.approx(0.5, rel=0.05)
    assert lognormal[3364] == pytest.approx(0.5 * 2.71828**0.35, rel=0.05)  # 84.1 % lie below one deviation
    empirical = draws(Empirical((0.0, 0.5, 0.9, 1.0), (1.0, 2.0, 6.0, 10.0)))
    assert empirical[2000] == pytest.approx(2.0, rel=0.05)
    assert empirical[2800] == pytest.approx(4.0, rel=0.05)
    assert empirical[3600] == pytest.approx(6.0, rel=0.05)
    assert set(draws(Empirical((0.5,), (3.0,)))) == {3.0}


def test_arrivals() -> None:
    steady = Traffic(rate=2.0, poisson=False, steps=(RateStep(10.0, 0.0), RateStep(20.0, 1.0)))
    assert list(arrivals(steady, 23.0, Random(1))) == [*(0.5 * n for n in range(1, 20)), 21.0, 22.0]
    waves = msgspec.structs.replace(steady, waves=(Wave(1.2, 2), Wave(0.0, 1), Wave(99.0, 1)))
    assert list(merged(waves, 2.1, Random(1))) == [0.0, 0.5, 1.0, 1.2, 1.2, 1.5, 2.0]
    poisson = list(arrivals(Traffic(rate=5.0, steps=(RateStep(500.0, 15.0),)), 1000.0, Random(1)))
    assert poisson == sorted(poisson)
    assert sum(at < 500 for at in poisson) == pytest.approx(2500, rel=0.08)
    assert sum(at >= 500 for at in poisson) == pytest.approx(7500, rel=0.05)
    assert len(list(arrivals(scaled(steady, 23.0, 460), 23.0, Random(1)))) == pytest.approx(460, abs=3)


def weather(*incidents: Incident, duration: float = 100.0) -> Weather:
    return Weather(window for each in incidents for window in windows_of(each, duration, Random(1)))


def shares(found: Weather, *times: float) -> list[list[float]]:
    return [[round(window.share(at), 6) for window in found.active(at)] for at in times]


def test_incidents_over_time() -> None:
    kind = FailureKind.OVERLOADED
    plain = Incident(targets=("a",), kind=kind, start=10.0, end=20.0, share=0.5, recovery=10.0)
    other = Incident(targets=("a",), kind=kind, start=15.0)
    found = weather(plain, other)
    assert shares(found, 0.0, 10.0, 14.0, 15.0, 20.0, 25.0, 30.0, 99.0, 12.0) == [
        [], [0.5], [0.5], [0.5, 1.0], [0.5, 1.0], [0.25, 1.0], [1.0], [1.0], [0.5],
    ]  # fmt: skip
    flapping = weather(Incident(targets=("a",), kind=kind, start=10.0, end=40.0, every=10.0, lasts=4.0, cuts=True))
    assert shares(flapping, 10.0, 13.9, 14.0, 19.9, 20.0, 24.0, 33.0, 40.0) == [
        [1.0], [1.0], [0.0], [0.0], [1.0], [0.0], [1.0], [],
    ]  # fmt: skip
    assert [flapping.next_cut(at) for at in (0.0, 10.0, 25.0, 31.0)] == [10.0, 20.0, 30.0, float("inf")]


def test_random_incidents_have_their_frequency_and_length_and_never_overlap() -> None:
    incident = Incident(targets=("a",), kind=FailureKind.DNS, mean_between=90.0, mean_length=10.0)
    windows = list(windows_of(incident, 100_000.0, Random(1)))
    assert len(windows) == pytest.approx(1000, rel=0.1)
    assert sum(window.end - window.start for window in windows) == pytest.approx(10_000, rel=0.15)
    assert all(one.end < next_one.start for one, next_one in pairwise(windows))


# ---- through the engine ----


def run(each: Scenario, fallback: FallbackConfig = ONE_TRY, **settings: str) -> Measures:
    measures = simulate(each, configuration(*each.targets, fallback=fallback, **settings), 1)
    assert not measures.violations, measures.notes
    return measures


def alone(*incidents: Incident, model: TargetModel = QUICK, traffic: Traffic | None = None) -> Scenario:
    return scenario(*incidents, duration=10.0, traffic=traffic, only=model)


@pytest.mark.parametrize("kind", FAILURES)
@pytest.mark.parametrize("stream", [0.0, 1.0])
def test_every_kind_of_failure_is_seen_as_it_is(kind: FailureKind, stream: float) -> None:
    traffic = Traffic(rate=0.0, waves=(Wave(1.0, 3),), stream=stream)
    measures = run(alone(Incident(targets=("only",), kind=kind), traffic=traffic))
    assert (measures.requests, measures.answered) == (3, 0)
    assert measures.targets["only"].failures.keys() == {str(kind)}


SILENT = {"first_event_timeout": "2", "idle_timeout": "1", "timeout": "4", "connect_timeout": "3"}


@pytest.mark.parametrize(
    ("kind", "whole", "stream", "expected", "took"),
    [
        (Behaviour.SILENCE, "stream", 0.0, "timeout_headers", 2.0),
        (Behaviour.SILENCE, "plain", 0.0, "timeout_headers", 4.0),
        (Behaviour.SILENCE, "auto", 1.0, "timeout_headers", 2.0),
        (Behaviour.STALL, "stream", 0.0, "stalled", 1.1),
        (Behaviour.STALL, "plain", 0.0, "timeout_body", 4.0),
        (Behaviour.STALL, "auto", 1.0, "stalled", 1.1),
        (FailureKind.CONNECT_TIMEOUT, "auto", 0.0, "connect_timeout", 3.0),
        (FailureKind.TRUNCATED, "stream", 0.0, "truncated", 0.15),
        (FailureKind.OVERLOADED, "auto", 0.0, "overloaded", 0.1),
    ],
)
def test_limits_are_those_of_the_configuration(
    kind: FailureKind | Behaviour, whole: str, stream: float, expected: str, took: float
) -> None:
    traffic = Traffic(rate=0.0, waves=(Wave(1.0, 1),), stream=stream)
    fallback = FallbackConfig(max_retries=1, whole=whole)  # type: ignore[arg-type]
    measures = run(alone(Incident(targets=("only",), kind=kind), traffic=traffic), fallback, **SILENT)
    assert measures.targets["only"].failures == {expected: 1}
    assert measures.virtual == pytest.approx(1.0 + took)


def test_a_slow_first_token_and_a_long_answer_meet_their_own_limits() -> None:
    fallback = FallbackConfig(max_retries=1, whole="stream")
    slow = TargetModel(first_token=Constant(2.5), price=PRICE)
    traffic = Traffic(rate=0.0, waves=(Wave(0.0, 1),))
    assert run(alone(model=slow, traffic=traffic), fallback, **SILENT).targets["only"].failures == {
        "timeout_first_event": 1
    }
    # Content arrives for 1.9 s, without a pause: longer than the idle limit, which does not apply.
    long = TargetModel(first_token=Constant(1.0), tokens_per_second=Constant(100.0), output_tokens=Constant(190.0))
    for stream in (0.0, 1.0):
        measures = run(
            alone(model=long, traffic=msgspec.structs.replace(traffic, stream=stream)), fallback, **SILENT, price=RATE
        )
        assert measures.answered == 1
        assert measures.latency.percentile(50) == pytest.approx(2.9)
    longer = msgspec.structs.replace(long, output_tokens=Constant(310.0))
    found = run(alone(model=longer, traffic=traffic), fallback, **SILENT, price=RATE).targets["only"].failures
    assert found == {"timeout_body": 1}


RATE = "{ input = 1, output = 2 }"


def test_latency_first_token_and_cost() -> None:
    traffic = Traffic(rate=0.0, waves=(Wave(0.0, 10),), stream=1.0, input_tokens=Constant(1000.0))
    measures = run(alone(traffic=traffic))
    assert measures.latency.percentile(50) == pytest.approx(0.2)
    assert measures.first_token.percentile(99) == pytest.approx(0.1)
    # 1000 tokens at $1 and 100 at $2 per million
    assert measures.nano_usd == 10 * 1_200_000
    assert measures.values()["cost_per_1000"] == pytest.approx(1.2)


def test_slowness_and_a_change_of_price() -> None:
    dear = Price.per_million(input=10, output=20)
    slow = Incident(targets=("only",), kind=Behaviour.SLOW, start=5.0, factor=3.0)
    price = Incident(targets=("only",), kind=Behaviour.PRICE, start=5.0, price=dear)
    waves = (Wave(0.0, 10), Wave(6.0, 10))
    measures = run(alone(slow, price, traffic=Traffic(rate=0.0, waves=waves, input_tokens=Constant(1000.0))))
    assert measures.latency.percentile(50) == pytest.approx(0.2, rel=0.02)
    assert measures.latency.percentile(99) == pytest.approx(0.6)
    assert measures.nano_usd == 10 * 1_200_000 + 10 * 12_000_000


def test_the_cheapest_target_changes_within_a_minute_after_its_price() -> None:
    dear = Price.per_million(input=10, output=20)
    fallback = FallbackConfig(strategy=FallbackStrategy.COST_OPTIMIZED)
    other = msgspec.structs.replace(QUICK, price=Price.per_million(input=2, output=4))
    change = Incident(targets=("primary",), kind=Behaviour.PRICE, start=70.0, price=dear)
    measures = run(scenario(change, primary=QUICK, other=other, duration=180.0), fallback)
    length = 180.0 / len(measures.parts)
    asked = [at * length for at, part in enumerate(measures.parts) if part.by_target.get("primary", 0)]
    # What was looked up holds for a minute: at 0 s, 60 s and 120 s.
    assert 120.0 - 2 * length <= max(asked) <= 120.0 + length
    assert measures.attempts == measures.requests


def test_rate_limits_refuse_what_exceeds_them_and_state_when_to_come_back() -> None:
    limited = msgspec.structs.replace(QUICK, limits=RateLimits(requests_per_minute=60.0))
    fallback = FallbackConfig(max_retries=1, max_wait=0.0)
    measures = run(alone(model=limited, traffic=Traffic(rate=0.0, waves=(Wave(0.0, 100),))), fallback)
    assert (measures.answered, measures.errors) == (60, {"RateLimited": 40})
    tokens = msgspec.structs.replace(QUICK, limits=RateLimits(tokens_per_minute=5000.0))
    traffic = Traffic(rate=0.0, waves=(Wave(0.0, 100),), input_tokens=Constant(500.0))
    assert run(alone(model=tokens, traffic=traffic), fallback).answered == 10
    # A bucket that is refilled evenly: three hundred in five minutes, and the first sixty at once.
    steady = Traffic(rate=10.0, poisson=False)
    measures = run(scenario(duration=300.0, traffic=steady, only=limited), fallback)
    assert measures.answered == pytest.approx(360, abs=12)


def test_a_server_that_its_refusals_choke() -> None:
    choked = msgspec.structs.replace(QUICK, limits=RateLimits(requests_per_second=20.0))
    traffic = Traffic(rate=10.0, poisson=False, steps=(RateStep(5.0, 100.0), RateStep(10.0, 10.0)))
    fallback = FallbackConfig(max_retries=1, max_wait=0.0)
    measures = run(scenario(duration=20.0, traffic=traffic, only=choked), fallback)
    answered = [part.answered == part.requests for part in measures.parts]
    assert all(answered[:15])
    assert not any(answered[16:30])
    assert all(answered[40:])


def test_requests_at_once() -> None:
    narrow = msgspec.structs.replace(QUICK, limits=RateLimits(concurrency=5))
    fallback = FallbackConfig(max_retries=1, max_wait=0.0)
    waves = (Wave(0.0, 8), Wave(5.0, 5))
    measures = run(alone(model=narrow, traffic=Traffic(rate=0.0, waves=waves)), fallback)
    assert (measures.answered, measures.targets["only"].failures) == (10, {"overloaded": 3})


def test_the_share_of_a_brown_out_and_of_errors() -> None:
    half = Incident(targets=("only",), kind=FailureKind.DNS, share=0.3, start=50.0)
    model = msgspec.structs.replace(QUICK, errors={FailureKind.CONFLICT: 0.1, Behaviour.STALL: 0.0})
    fallback = FallbackConfig(max_retries=1, max_wait=0.0)
    measures = run(scenario(half, duration=100.0, traffic=Traffic(rate=20.0), only=model), fallback)
    failures = Counter(measures.targets["only"].failures)
    attempts = measures.targets["only"].attempts
    assert failures["conflict"] == pytest.approx(0.1 * 0.85 * attempts, rel=0.25)
    assert set(failures) == {"conflict", "dns"}


def test_what_is_under_way_is_cut() -> None:
    slow = TargetModel(first_token=Constant(1.0), output_tokens=Constant(160.0), price=PRICE)
    cut = Incident(targets=("only",), kind=FailureKind.CONNECT, start=2.0, end=2.1, cuts=True)
    waves = (Wave(0.5, 4), Wave(1.5, 3), Wave(5.0, 2))
    for stream in (0.0, 1.0):
        measures = run(alone(cut, model=slow, traffic=Traffic(rate=0.0, waves=waves, stream=stream)))
        assert measures.targets["only"].failures == {"disconnected": 7}
        assert measures.answered == 2


def test_correlated_incidents_happen_at_the_same_times() -> None:
    both = Incident(targets=("one", "two"), kind=FailureKind.TRUNCATED, mean_between=50.0, mean_length=10.0)
    traffic = Traffic(rate=2.0)
    together = run(scenario(both, duration=600.0, traffic=traffic, one=QUICK, two=QUICK), FallbackConfig(max_wait=0.0))
    separate = [msgspec.structs.replace(both, targets=(name,)) for name in ("one", "two")]
    apart = run(
        scenario(*separate, duration=600.0, traffic=traffic, one=QUICK, two=QUICK), FallbackConfig(max_wait=0.0)
    )
    assert together.targets["two"].won < 0.2 * apart.targets["two"].won


def test_routes_models_and_deadlines_of_the_callers() -> None:
    config = configuration("primary", "backup")
    config = msgspec.structs.replace(config, routes=(Route(name="other", targets=("backup",)),))
    traffic = Traffic(rate=10.0, model="other", sessions=3)
    assert simulate(scenario(traffic=traffic), config, 1).values()["share.backup"] == 1.0
    silent = Incident(targets=("primary", "backup"), kind=Behaviour.SILENCE)
    hurried = Traffic(rate=0.0, waves=(Wave(0.0, 3),), deadline=4.0)
    measures = run(scenario(silent, traffic=hurried))
    assert sum(measures.errors.values()) == 3
    assert measures.virtual <= 4.001


def test_recovery_is_measured_from_the_end_of_an_incident_to_the_next_attempt_that_is_answered() -> None:
    down = Incident(targets=("primary",), kind=FailureKind.INVALID_REQUEST, start=20.05, end=30.05)
    unused = Incident(targets=("backup",), kind=FailureKind.DNS, start=5.0, end=6.0)
    measures = run(scenario(down, unused))
    assert measures.recoveries == [pytest.approx(0.05)]
    assert measures.unrecovered == 0
    # It is down from 20.05 s on: those of 20.1 to 30.0 s.
    assert measures.targets["primary"].during == 100
    for_good = msgspec.structs.replace(down, kind=FailureKind.NOT_FOUND, start=20.0, end=59.0)
    assert run(scenario(for_good)).unrecovered == 1
