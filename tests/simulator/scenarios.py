"""Scenarios for tests: small ones by hand, and random ones that hold everything that may happen."""

from __future__ import annotations

from random import Random

import msgspec

from understudy.config import Config, parse
from understudy.domain.failures import FailureKind
from understudy.domain.prices import Price
from understudy.settings import FallbackConfig, FallbackStrategy
from understudy.simulator.draws import Constant, Draw, Empirical, LogNormal, Uniform
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

PRICE = Price.per_million(input=1, output=2)
QUICK = TargetModel(
    first_token=Constant(0.1), tokens_per_second=Constant(1000.0), output_tokens=Constant(100.0), price=PRICE
)
"""Answers in 0.2 s: the first token after 0.1 s."""


def entries(*names: str, **settings: str) -> str:
    """Return a configuration with entries in the order of their priority, each at a host of its own."""
    more = "".join(f"\n{key} = {value}" for key, value in settings.items())
    return "\n".join(
        f'[[llm.providers]]\nprovider = "openai"\nname = "{name}"\npriority = {place}\napi_key = "k"\n'
        f'base_url = "https://{name}.invalid/v1"\ntext_model = "m"{more}\n'
        for place, name in enumerate(names)
    )


def configuration(*names: str, fallback: FallbackConfig | None = None, **settings: str) -> Config:
    """Return the configuration of such entries."""
    config = parse(entries(*(names or ("primary", "backup")), **settings), environ={})
    return msgspec.structs.replace(config, fallback=fallback or FallbackConfig())


def scenario(
    *incidents: Incident,
    duration: float = 60.0,
    traffic: Traffic | None = None,
    **targets: TargetModel,
) -> Scenario:
    """Return a scenario of a quick primary and a quick backup."""
    return Scenario(
        name="test",
        duration=duration,
        traffic=traffic or Traffic(rate=10.0, poisson=False),
        targets=targets or {"primary": QUICK, "backup": QUICK},
        incidents=incidents,
    )


DISABLING = (
    *(FailureKind.AUTHENTICATION, FailureKind.PERMISSION, FailureKind.NOT_FOUND, FailureKind.BILLING),
    *(FailureKind.DAILY_QUOTA, FailureKind.TLS),
)
"""The kinds after which a target is not asked for five minutes or more."""


def random_scenario(seed: int, requests: int) -> tuple[Scenario, Config]:
    """Return a scenario of about so many requests with incidents of every kind, and a configuration for it."""
    rng = Random(f"scenario {seed}")
    names = ("first", "second", "third", "fourth")[: rng.choice((1, 2, 2, 3, 4))]
    duration = requests / (rate := rng.choice((1.0, 5.0, 20.0)))
    length = duration / 20
    traffic = Traffic(
        rate=rate,
        poisson=rng.random() < 0.8,
        steps=(RateStep(duration * 0.4, rate * 3), RateStep(duration * 0.5, rate * 0.6)),
        waves=(Wave(duration * 0.7, 100),),
        deadline=rng.choice((None, 3.0, 30.0)),
        stream=rng.choice((0.0, 0.5, 1.0)),
        input_tokens=_draw(rng, 300.0),
        sessions=rng.choice((0, 5)),
    )
    kinds = [kind for kind in (*FAILURES, *Behaviour) if kind not in DISABLING]
    incidents = [_incident(rng, kind, names, duration, length) for kind in rng.sample(kinds, 8)]
    # What disables a target for minutes comes late, or nothing would be left to happen.
    for kind in rng.sample(DISABLING, 2):
        start = rng.uniform(0.6, 0.9) * duration
        incidents.append(Incident(targets=(rng.choice(names),), kind=kind, start=start, end=start + length))
    fallback = FallbackConfig(
        deadline=rng.choice((20.0, 120.0)),
        max_retries=rng.choice((1, 2, 3, 5)),
        max_attempts=rng.choice((None, 2, 8)),
        retry_delay_ms=rng.choice((0, 200, 1000)),
        max_wait=rng.choice((0.0, 1.0, 4.0)),
        strategy=rng.choice(tuple(each for each in FallbackStrategy if each is not FallbackStrategy.TASK_BASED)),
        whole=rng.choice(("auto", "stream", "plain")),
        hedge=rng.random() < 0.3,
        hedge_after=rng.choice((None, 0.8)),
    )
    targets = {name: _target(rng, rate) for name in names}
    drawn = Scenario(
        name=f"random {seed}", duration=duration, traffic=traffic, targets=targets, incidents=tuple(incidents)
    )
    return drawn, configuration(*names, fallback=fallback, first_event_timeout="8", idle_timeout="5")


def _target(rng: Random, rate: float) -> TargetModel:
    limits = RateLimits(
        requests_per_minute=rng.choice((None, 50.0 * rate)),
        tokens_per_minute=rng.choice((None, None, 20_000.0 * rate)),
        requests_per_second=rng.choice((None, None, 2.0 * rate + 10.0)),
        concurrency=rng.choice((None, round(10 * rate) + 10)),
        hints=rng.random() < 0.7,
    )
    errors = {
        rng.choice([kind for kind in FAILURES if kind not in DISABLING]): 0.02,
        rng.choice((Behaviour.STALL, FailureKind.TRUNCATED)): 0.01,
    }
    return TargetModel(
        first_token=_draw(rng, 0.5),
        tokens_per_second=_draw(rng, 80.0),
        output_tokens=_draw(rng, 200.0),
        errors=errors,
        limits=limits,
        price=PRICE,
    )


def _draw(rng: Random, usual: float) -> Draw:
    return rng.choice(
        (
            Constant(usual),
            Uniform(0.5 * usual, 2 * usual),
            LogNormal(usual, 0.5),
            Empirical((0.0, 0.5, 0.95, 1.0), (0.2 * usual, usual, 3 * usual, 20 * usual)),
        )
    )


def _incident(
    rng: Random, kind: FailureKind | Behaviour, names: tuple[str, ...], duration: float, length: float
) -> Incident:
    affected = tuple(name for name in names if rng.random() < 0.5) or names[:1]
    common = Incident(
        targets=affected,
        kind=kind,
        share=rng.choice((1.0, 0.5, 0.2)),
        retry_after=rng.choice((None, None, 2.0, 100.0)),
        cuts=rng.random() < 0.3,
        factor=3.0,
        price=PRICE if kind is Behaviour.PRICE else None,
    )
    start = rng.uniform(0.0, duration)
    match rng.randrange(3):
        case 0:
            return msgspec.structs.replace(common, start=start, end=start + length, recovery=rng.choice((0.0, length)))
        case 1:
            return msgspec.structs.replace(common, mean_between=5 * length, mean_length=length / 4)
        case _:
            return msgspec.structs.replace(common, start=start, end=start + length, every=length / 8, lasts=length / 20)
