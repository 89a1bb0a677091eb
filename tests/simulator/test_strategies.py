"""The strategies that spread requests, in the real engine under modelled traffic."""

from __future__ import annotations

import msgspec
import pytest

from tests.simulator.scenarios import QUICK, configuration, scenario
from understudy.settings import FallbackConfig, FallbackStrategy
from understudy.simulator import simulate
from understudy.simulator.draws import Constant
from understudy.simulator.measures import Measures, Part
from understudy.simulator.scenario import Behaviour, Incident, TargetModel, Traffic

SLOW = msgspec.structs.replace(QUICK, first_token=Constant(4.0))


def run(
    strategy: FallbackStrategy,
    *incidents: Incident,
    stream: float = 0.0,
    duration: float = 60.0,
    **targets: TargetModel,
) -> Measures:
    """Ask ten times a second, for a minute unless another `duration` is given."""
    config = configuration(*targets, fallback=FallbackConfig(strategy=strategy))
    traffic = Traffic(rate=10.0, poisson=True, stream=stream)
    measures = simulate(scenario(*incidents, duration=duration, traffic=traffic, **targets), config, 1)
    assert not measures.violations, measures.notes
    assert measures.answered == measures.requests > 500
    return measures


def shares(measures: Measures) -> dict[str, float]:
    """Return the share of the attempts at each target."""
    return {name: each.attempts / measures.attempts for name, each in measures.targets.items()}


@pytest.mark.parametrize("stream", [0.0, 1.0], ids=["plain", "streamed"])
def test_a_slow_target_of_three_gets_little_by_latency(stream: float) -> None:
    found = shares(run(FallbackStrategy.LATENCY, stream=stream, a=QUICK, slow=SLOW, c=QUICK))
    assert found["slow"] < 0.10
    assert min(found["a"], found["c"]) > 0.25


def test_a_target_that_slows_down_is_avoided_until_it_is_quick_again() -> None:
    """Cautiously: the average of 4 s falls with a time constant of 10 s."""
    slowed = Incident(targets=("a",), kind=Behaviour.SLOW, start=20.0, end=40.0, factor=40.0)
    measures = run(FallbackStrategy.LATENCY, slowed, duration=120.0, a=QUICK, b=QUICK)
    before, during, after = (_share(measures.parts[begin:end]) for begin, end in ((0, 10), (12, 20), (50, 60)))
    assert (before > 0.25, during < 0.05, after > 0.25) == (True, True, True)


def _share(parts: list[Part]) -> float:
    """Return the share of `a` in the answers of some time. A part is 2 s."""
    return sum(part.by_target.get("a", 0) for part in parts) / sum(part.answered for part in parts)


def test_least_busy_asks_the_slow_one_less_often() -> None:
    # 0.2 s against 4.1 s an answer, ten a second: about one in flight at each of them, so a twentieth for the slow one.
    assert shares(run(FallbackStrategy.LEAST_BUSY, a=QUICK, slow=SLOW, c=QUICK))["slow"] < 0.15


def test_weights_share_the_attempts() -> None:
    assert shares(run(FallbackStrategy.WEIGHTED, a=QUICK, b=QUICK))["a"] == pytest.approx(0.5, abs=0.06)
