"""The figures by which fallback is judged, measured by simulation: `python -m tests.simulator.figures` prints them.

Every provider is modelled, and time is virtual; the same over sockets, with room, is in tests/hostile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from statistics import median

import msgspec

from tests.simulator.scenarios import PRICE, configuration, scenario
from understudy.config import Config
from understudy.domain.failures import FailureKind
from understudy.settings import FallbackConfig
from understudy.simulator.draws import Constant, LogNormal
from understudy.simulator.measures import Measures
from understudy.simulator.run import simulate
from understudy.simulator.scenario import (
    Behaviour,
    Incident,
    RateLimits,
    RateStep,
    Scenario,
    TargetModel,
    Traffic,
    Wave,
)

K = FailureKind
FAST = TargetModel(
    first_token=Constant(0.01), tokens_per_second=Constant(20_000.0), output_tokens=Constant(200.0), price=PRICE
)
"""Answers in 0.02 s, so that what a failure costs is all that a call takes."""
USUAL = TargetModel(first_token=LogNormal(0.5, 0.35), output_tokens=Constant(80.0), price=PRICE)
"""Answers in 1.5 s."""
Figures = dict[str, float]


def runs(each: Scenario, config: Config, seeds: Iterable[int]) -> list[Measures]:
    found = [simulate(each, config, seed) for seed in seeds]
    assert not [note for measures in found for note in measures.notes]
    return found


def waves_at_a_silent_primary(seeds: int = 5) -> Figures:
    """200 callers at once, three times: how many of each wave wait for the primary in vain."""
    silent = scenario(
        Incident(targets=("primary",), kind=Behaviour.SILENCE),
        duration=300.0,
        traffic=Traffic(rate=0.0, waves=(Wave(0.0, 200), Wave(100.0, 200), Wave(200.0, 200))),
        primary=USUAL,
        backup=USUAL,
    )
    parts = [measures.parts for measures in runs(silent, configuration(), range(seeds))]
    return {f"wave {n + 1}": max(each[20 * n].paid for each in parts) for n in range(3)}


def ten_seconds_of_503(seeds: int = 100) -> Figures:
    """The primary refuses for ten seconds, at ten requests a second."""
    return _outage(10.0, seeds)


def a_minute_of_503(seeds: int = 100) -> Figures:
    """The same for a minute, when a breaker has backed off as far as it does."""
    return _outage(60.0, seeds)


def _outage(length: float, seeds: int) -> Figures:
    refusing = scenario(
        Incident(targets=("primary",), kind=K.OVERLOADED, start=5.0, end=5.0 + length),
        duration=25.0 + length,
        traffic=Traffic(rate=10.0),
        primary=FAST,
        backup=FAST,
    )
    found = runs(refusing, configuration(), range(seeds))
    attempts = [measures.targets["primary"].during for measures in found]
    times = [time for measures in found for time in measures.recoveries]
    return {
        "attempts, median": median(attempts),
        "attempts, most": max(attempts),
        "recovery, median": median(times),
        "recovery, most": max(times),
        "never recovered": seeds - len(times),
        "errors": sum(map(_errors, found)),
    }


def brown_out(seeds: int = 10) -> Figures:
    """30 % of the primary's requests fail: what the backup serves."""
    browned = scenario(
        Incident(targets=("primary",), kind=K.OVERLOADED, share=0.3),
        duration=200.0,
        traffic=Traffic(rate=10.0),
        primary=USUAL,
        backup=USUAL,
    )
    found = runs(browned, configuration(), range(seeds))
    shares = [measures.targets["backup"].won / measures.answered for measures in found]
    return {"share of the backup, most": max(shares), "errors": sum(map(_errors, found))}


def dns(seeds: int = 10) -> Figures:
    """The primary's name cannot be resolved: what a call takes, where the backup answers in 0.02 s."""
    unresolved = scenario(
        Incident(targets=("primary",), kind=K.DNS),
        duration=400.0,
        traffic=Traffic(rate=0.5),
        primary=FAST,
        backup=FAST,
    )
    found = runs(unresolved, configuration(), range(seeds))
    return {"p50": max(_percentile(measures, 50) for measures in found), "errors": sum(map(_errors, found))}


def both_flapping(seeds: int = 10) -> Figures:
    """Both targets fail together for 5 s of every 10 s; 200 calls with the default deadline."""
    flapping = scenario(
        Incident(targets=("primary", "backup"), kind=K.OVERLOADED, every=10.0, lasts=5.0),
        duration=20.0,
        traffic=Traffic(rate=10.0, poisson=False),
        primary=FAST,
        backup=FAST,
    )
    found = runs(flapping, configuration(), range(seeds))
    return {"errors of 200, most": max(map(_errors, found)), "p99": max(_percentile(each, 99) for each in found)}


def both_down(seeds: int = 10) -> Figures:
    """Both targets are down for 8 s; 20 callers wait for at most 30 s."""
    down = scenario(
        Incident(targets=("primary", "backup"), kind=K.OVERLOADED, end=8.0),
        duration=12.0,
        traffic=Traffic(rate=0.0, waves=(Wave(0.0, 20),), deadline=30.0),
        primary=FAST,
        backup=FAST,
    )
    found = runs(down, configuration(), range(seeds))
    return {"errors of 20, most": max(map(_errors, found)), "longest": max(_percentile(each, 100) for each in found)}


def speed_of_fallback(rate: float = 10.0, requests: float = 3000.0) -> Figures:
    """The primary is silent, which twenty callers have learned: p95 of the next ones, relative to the backup's own."""
    first = 70.0
    duration = first + requests / rate
    traffic = Traffic(rate=0.0, waves=(Wave(0.0, 20),), steps=(RateStep(first, rate),))
    silent = scenario(
        Incident(targets=("primary",), kind=Behaviour.SILENCE),
        duration=duration,
        traffic=traffic,
        primary=USUAL,
        backup=USUAL,
    )
    direct = scenario(duration=duration, traffic=traffic, backup=USUAL)
    (through,), (alone,) = runs(silent, configuration(), (1,)), runs(direct, configuration("backup"), (1,))
    return {
        "p95 relative to direct": _percentile(through, 95) / _percentile(alone, 95),
        "share that pays": sum(part.paid for part in through.parts[1:]) / requests,
    }


def two_requests_a_second() -> Figures:
    """The same with so few requests that the probes are many of them."""
    return speed_of_fallback(rate=2.0)


def amplification(max_wait: float = 20.0, seconds: float = 10.0) -> Figures:
    """One target, 1,000 requests a second for ten seconds, and every one fails; then all is well again."""
    end = 10.0 + seconds
    failing = scenario(
        Incident(targets=("only",), kind=K.OVERLOADED, start=10.0, end=end),
        duration=end + 40.0,
        traffic=Traffic(rate=20.0, steps=(RateStep(10.0, 1000.0), RateStep(end, 20.0)), poisson=False),
        only=FAST,
    )
    (measures,) = runs(failing, configuration("only", fallback=FallbackConfig(max_wait=max_wait)), (1,))
    return {
        "attempts at it while down, per request": measures.targets["only"].during / (1000.0 * seconds),
        "attempts per request": measures.attempts / measures.requests,
        **_normal(measures, end, end + 40.0),
    }


def amplification_without_waiting() -> Figures:
    """The same if callers do not wait (`max_wait = 0`)."""
    return amplification(max_wait=0.0)


def congestion() -> Figures:
    """One server that chokes on more than 200 requests a second, refused ones counted, and 1,000 a second for 10 s."""
    choked = scenario(
        duration=60.0,
        traffic=Traffic(rate=20.0, steps=(RateStep(10.0, 1000.0), RateStep(20.0, 20.0)), poisson=False, deadline=20.0),
        only=msgspec.structs.replace(FAST, limits=RateLimits(requests_per_second=200.0)),
    )
    (measures,) = runs(choked, configuration("only"), (1,))
    return {"attempts per request": measures.attempts / measures.requests, **_normal(measures, 20.0, 60.0)}


def _normal(measures: Measures, end: float, duration: float) -> Figures:
    """Return how many seconds after `end` the last part of the time ends in which a request went unanswered."""
    length = duration / len(measures.parts)
    bad = [n for n, part in enumerate(measures.parts) if part.answered < part.requests]
    return {"normal after": max(0.0, (max(bad, default=-1) + 1) * length - end)}


def _errors(measures: Measures) -> int:
    return measures.requests - measures.answered


def _percentile(measures: Measures, percent: int) -> float:
    found = measures.latency.percentile(percent)
    return float("nan") if found is None else found


FIGURES: Mapping[str, Callable[[], Figures]] = {
    each.__name__: each
    for each in (
        waves_at_a_silent_primary,
        ten_seconds_of_503,
        a_minute_of_503,
        brown_out,
        dns,
        both_flapping,
        both_down,
        speed_of_fallback,
        two_requests_a_second,
        amplification,
        amplification_without_waiting,
        congestion,
    )
}


if __name__ == "__main__":
    for name, figure in FIGURES.items():
        found = ", ".join(f"{what} {value:.4g}" for what, value in figure().items())
        print(f"{name.replace('_', ' '):28} {found}", flush=True)
