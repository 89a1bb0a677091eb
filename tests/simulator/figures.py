"""The figures by which fallback is judged, measured by simulation: `python -m tests.simulator.figures` prints them.

Every provider is modelled, and time is virtual; the same over sockets, with room, is in tests/hostile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from statistics import median

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
RECOVERY_SEEDS = 100


def runs(each: Scenario, config: Config, seeds: Iterable[int]) -> list[Measures]:
    found = [simulate(each, config, seed) for seed in seeds]
    assert not [note for measures in found for note in measures.notes]
    return found


def waves_at_a_silent_primary() -> dict[str, float]:
    """200 callers at once, three times: how many of each wave wait for the primary in vain."""
    silent = scenario(
        Incident(targets=("primary",), kind=Behaviour.SILENCE),
        duration=300.0,
        traffic=Traffic(rate=0.0, waves=(Wave(0.0, 200), Wave(100.0, 200), Wave(200.0, 200))),
        primary=USUAL,
        backup=USUAL,
    )
    found = runs(silent, configuration(), range(5))
    parts = [measures.parts for measures in found]
    return {f"wave {n + 1}": max(each[20 * n].paid for each in parts) for n in range(3)}


def ten_seconds_of_503(seeds: int = RECOVERY_SEEDS) -> dict[str, float]:
    """The primary refuses for ten seconds, at ten requests a second."""
    refusing = scenario(
        Incident(targets=("primary",), kind=K.OVERLOADED, start=20.0, end=30.0),
        duration=60.0,
        traffic=Traffic(rate=10.0),
        primary=FAST,
        backup=FAST,
    )
    found = runs(refusing, configuration(), range(seeds))
    attempts = [measures.targets["primary"].during for measures in found]
    return {"attempts, median": median(attempts), "attempts, most": max(attempts), **_recovery(found)}


def a_minute_of_503(seeds: int = RECOVERY_SEEDS) -> dict[str, float]:
    """The same for a minute, when a breaker has backed off as far as it does."""
    refusing = scenario(
        Incident(targets=("primary",), kind=K.OVERLOADED, start=20.0, end=80.0),
        duration=120.0,
        traffic=Traffic(rate=10.0),
        primary=FAST,
        backup=FAST,
    )
    found = runs(refusing, configuration(), range(seeds))
    attempts = [measures.targets["primary"].during for measures in found]
    return {"attempts, median": median(attempts), "attempts, most": max(attempts), **_recovery(found)}


def _recovery(found: list[Measures]) -> dict[str, float]:
    times = [time for measures in found for time in measures.recoveries]
    lost = sum(measures.unrecovered for measures in found)
    return {"recovery, median": median(times), "recovery, most": max(times), "never recovered": lost}


def brown_out() -> dict[str, float]:
    """30 % of the primary's requests fail: what the backup serves."""
    browned = scenario(
        Incident(targets=("primary",), kind=K.OVERLOADED, share=0.3),
        duration=200.0,
        traffic=Traffic(rate=10.0),
        primary=USUAL,
        backup=USUAL,
    )
    found = runs(browned, configuration(), range(10))
    shares = [measures.targets["backup"].won / measures.answered for measures in found]
    return {"share of the backup, most": max(shares), "errors": sum(map(_errors, found))}


def dns() -> dict[str, float]:
    """The primary's name cannot be resolved: what a call takes, where the backup answers in 0.02 s."""
    unresolved = scenario(
        Incident(targets=("primary",), kind=K.DNS),
        duration=400.0,
        traffic=Traffic(rate=0.5),
        primary=FAST,
        backup=FAST,
    )
    found = runs(unresolved, configuration(), range(10))
    return {"p50": max(_percentile(measures, 50) for measures in found), "errors": sum(map(_errors, found))}


def both_flapping() -> dict[str, float]:
    """Both targets fail together for 5 s of every 10 s; 200 calls with the default deadline."""
    flapping = scenario(
        Incident(targets=("primary", "backup"), kind=K.OVERLOADED, every=10.0, lasts=5.0),
        duration=20.0,
        traffic=Traffic(rate=10.0, poisson=False),
        primary=FAST,
        backup=FAST,
    )
    found = runs(flapping, configuration(), range(10))
    return {"errors of 200, most": max(map(_errors, found)), "p99": max(_percentile(each, 99) for each in found)}


def both_down() -> dict[str, float]:
    """Both targets are down for 8 s; 20 callers wait for at most 30 s."""
    down = scenario(
        Incident(targets=("primary", "backup"), kind=K.OVERLOADED, end=8.0),
        duration=12.0,
        traffic=Traffic(rate=0.0, waves=(Wave(0.0, 20),), deadline=30.0),
        primary=FAST,
        backup=FAST,
    )
    found = runs(down, configuration(), range(10))
    return {"errors of 20, most": max(map(_errors, found)), "longest": max(_percentile(each, 100) for each in found)}


def speed_of_fallback() -> dict[str, float]:
    """The primary is silent for long: p95 of a call, relative to calling the backup directly."""
    silent = scenario(
        Incident(targets=("primary",), kind=Behaviour.SILENCE),
        duration=3000.0,
        traffic=Traffic(rate=2.0),
        primary=USUAL,
        backup=USUAL,
    )
    direct = scenario(duration=3000.0, traffic=Traffic(rate=2.0), backup=USUAL)
    (through,), (alone,) = runs(silent, configuration(), (1,)), runs(direct, configuration("backup"), (1,))
    return {"p95 relative to direct": _percentile(through, 95) / _percentile(alone, 95)}


def amplification() -> dict[str, float]:
    """One target, 1,000 requests a second, and every one fails; then all is well again."""
    failing = scenario(
        Incident(targets=("only",), kind=K.OVERLOADED, start=10.0, end=20.0),
        duration=80.0,
        traffic=Traffic(rate=20.0, steps=(RateStep(10.0, 1000.0), RateStep(20.0, 20.0)), poisson=False, deadline=20.0),
        only=FAST,
    )
    fallback = FallbackConfig(max_wait=0.0)
    (measures,) = runs(failing, configuration("only", fallback=fallback), (1,))
    during = measures.targets["only"].during
    return {"attempts per request": during / 10_000, **_normal(measures, 20.0, 80.0)}


def congestion() -> dict[str, float]:
    """One server that chokes on more than 200 requests a second, refused ones counted, and 1,000 a second for 10 s."""
    choked = scenario(
        duration=80.0,
        traffic=Traffic(rate=20.0, steps=(RateStep(10.0, 1000.0), RateStep(20.0, 20.0)), poisson=False, deadline=20.0),
        only=TargetModel(
            first_token=Constant(0.01),
            tokens_per_second=Constant(20_000.0),
            price=PRICE,
            limits=RateLimits(requests_per_second=200.0),
        ),
    )
    (measures,) = runs(choked, configuration("only"), (1,))
    return {"attempts per request": measures.attempts / measures.requests, **_normal(measures, 20.0, 80.0)}


def _normal(measures: Measures, end: float, duration: float) -> dict[str, float]:
    """Return how many seconds after `end` the last part of the time ends in which a request went unanswered."""
    length = duration / len(measures.parts)
    bad = [n for n, part in enumerate(measures.parts) if part.answered < part.requests]
    return {"normal after": max(0.0, (max(bad, default=-1) + 1) * length - end)}


def _errors(measures: Measures) -> int:
    return measures.requests - measures.answered


def _percentile(measures: Measures, percent: int) -> float:
    found = measures.latency.percentile(percent)
    return float("nan") if found is None else found


FIGURES: Mapping[str, Callable[[], dict[str, float]]] = {
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
        amplification,
        congestion,
    )
}


if __name__ == "__main__":
    for name, figure in FIGURES.items():
        found = ", ".join(f"{what} {value:.4g}" for what, value in figure().items())
        print(f"{name.replace('_', ' '):28} {found}", flush=True)
