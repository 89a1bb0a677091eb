"""Random scenarios of everything that may happen: nothing happens that must never happen, whatever the seed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import understudy
from tests.simulator.scenarios import configuration, random_scenario, scenario
from understudy.domain.attempts import AttemptRecord, Outcome
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.operation import Operation
from understudy.policy.health import Health, Permit
from understudy.policy.signals import Rules
from understudy.policy.targets import Target
from understudy.simulator.invariants import Exchange, Invariants
from understudy.simulator.run import simulate

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("seed", range(10))
def test_no_invariant_is_violated(seed: int, deep: bool) -> None:
    requests = 100_000 if deep else 2_500
    drawn, config = random_scenario(seed, requests)
    measures = simulate(drawn, config, seed)
    assert not measures.violations, measures.notes
    assert measures.requests > 0.8 * requests
    assert measures.requests == measures.answered + sum(measures.errors.values())
    assert measures.attempts == sum(each.attempts for each in measures.targets.values())


def test_random_scenarios_differ_and_fail_in_many_ways() -> None:
    kinds: set[str] = set()
    for seed in range(10):
        drawn, config = random_scenario(seed, 200)
        measures = simulate(drawn, config, seed)
        kinds.update(*(each.failures for each in measures.targets.values()))
        assert measures.attempts > 0.2 * measures.requests
    assert len(kinds) > 15, kinds


def test_the_same_seed_gives_the_same_trace_and_another_seed_another() -> None:
    drawn, config = random_scenario(3, 500)
    first, again, other = (simulate(drawn, config, seed) for seed in (1, 1, 2))
    assert first.traces == again.traces != other.traces
    assert first.values() == again.values()


TRACE = """
from tests.simulator.scenarios import random_scenario
from understudy.simulator.run import simulate
drawn, config = random_scenario(3, 250)
print(simulate(drawn, config, 1).traces[0])
"""


def test_the_trace_is_the_same_in_every_process() -> None:
    """Hashes of strings differ among processes, and so does the order of sets: no decision may depend on it."""
    source = Path(understudy.__file__).parents[1]
    traces = {
        subprocess.run(
            [sys.executable, "-c", TRACE],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": f"{source}:{ROOT}"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(traces) == 1


# ---- the watcher notices ----

TARGET = Target(name="primary")


def record(attempt: str, outcome: Outcome, duration: float = 1.0) -> AttemptRecord:
    return AttemptRecord(
        request_id="r",
        attempt_id=attempt,
        number=1,
        provider="primary",
        provider_type="openai",
        model=None,
        operation=Operation.CHAT,
        outcome=outcome,
        started=0.0,
        duration=duration,
        failure=Failure(kind=FailureKind.OVERLOADED, message="x") if outcome is Outcome.FAILED else None,
    )


def watched(rules: Rules | None = None) -> tuple[Invariants, Exchange]:
    invariants, exchange = Invariants(), Exchange("1", 0.0, 10)
    invariants.launched(exchange, TARGET, rules or Rules(deadline=10.0, max_tries=2), "a", 1.0)
    assert not invariants.count
    return invariants, exchange


def test_a_regular_request_is_not_noted() -> None:
    invariants, exchange = watched()
    invariants.recorded(exchange, record("a", Outcome.FAILED), 2.0)
    invariants.launched(exchange, TARGET, Rules(deadline=10.0, max_tries=2), "b", 3.0)
    invariants.recorded(exchange, record("b", Outcome.WON), 4.0)
    invariants.settled(exchange, 4.0, answered=True, targets=1)
    invariants.ended(Health(), {"primary": TARGET}, 4.0)
    assert not invariants.count


def test_launches_that_must_not_be_are_noted() -> None:
    rules = Rules(deadline=10.0, max_tries=2)
    for words, change in (
        ("beside another", {}),
        ("after the end", {"settled": True}),
        ("after the commit", {"committed": True}),
    ):
        invariants, exchange = watched()
        for name, value in change.items():
            setattr(exchange, name, value)
        invariants.launched(exchange, TARGET, rules, "b", 2.0)
        assert words in " ".join(invariants.noted)
    invariants, exchange = watched()
    invariants.recorded(exchange, record("a", Outcome.FAILED), 2.0)
    invariants.launched(exchange, TARGET, rules, "b", 10.0)
    assert "after the deadline" in invariants.noted[0]
    invariants.recorded(exchange, record("b", Outcome.FAILED), 10.0)
    invariants.launched(exchange, TARGET, rules, "c", 2.0)
    assert "was tried 3 times, more than 2" in invariants.noted[-1]


def test_ends_that_must_not_be_are_noted() -> None:
    invariants, exchange = watched()
    invariants.settled(exchange, 11.0, answered=True, targets=1)
    assert [note.partition(": ")[2] for note in invariants.noted] == [
        "it ended while primary was under way",
        "0 attempts won, and it was answered: True",
        "it ended 1.000000 s after the deadline",
    ]
    invariants.settled(exchange, 11.0, answered=True, targets=1)
    assert "it ended twice" in " ".join(invariants.noted)
    invariants, exchange = watched(Rules(max_attempts=1, max_tries=3))
    invariants.recorded(exchange, record("a", Outcome.FAILED, duration=-1.0), 2.0)
    assert "negative duration" in invariants.noted[-1]
    invariants.recorded(exchange, record("a", Outcome.FAILED), 2.0)
    assert "not under way" in invariants.noted[-1]
    invariants.launched(exchange, TARGET, Rules(max_attempts=1, max_tries=3), "b", 3.0)
    invariants.recorded(exchange, record("b", Outcome.WON), 4.0)
    invariants.settled(exchange, 4.0, answered=True, targets=1)
    assert "2 attempts, more than 1" in invariants.noted[-1]


def test_permits_that_are_not_returned_are_noted() -> None:
    health = Health()
    assert isinstance(health.acquire(TARGET, 0.0), Permit)
    invariants = Invariants()
    invariants.ended(health, {"primary": TARGET}, 1.0)
    assert invariants.noted == ["the simulation at 1.000000 s: 1 permits of primary were not returned"]


def test_an_engine_that_keeps_permits_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a whole, under the real engine."""
    assert not simulate(scenario(), configuration(), 1).violations
    monkeypatch.setattr(Health, "release", lambda *_: None)
    assert "permits of primary were not returned" in simulate(scenario(), configuration(), 1).notes[0]
