"""Exchanges through the short ways and through the general one: a sample of what the command plays a million of."""

from __future__ import annotations

import pytest

from tests.conftest import RECORDINGS
from tests.contract.recordings import load
from tests.gateway.exchanges.comparing import difference, differing
from tests.gateway.exchanges.playing import play
from tests.gateway.exchanges.scenario import Answers, scenario
from tests.gateway.exchanges.ways import general
from understudy.policy.first_attempt import FirstAttempt

SEEDS = 40
"""Scenarios, of five exchanges on average."""


@pytest.fixture(scope="module")
def answers(request: pytest.FixtureRequest) -> Answers:
    return Answers(load(request.config.stash[RECORDINGS]))


@pytest.mark.parametrize("part", range(4))
def test_both_ways_are_the_same(answers: Answers, part: int, deep: bool) -> None:
    seeds = range(part, SEEDS * (10 if deep else 1), 4)
    assert [(seed, found) for seed in seeds if (found := difference(scenario(seed, answers)))] == []


def test_a_scenario_is_the_same_each_time(answers: Answers) -> None:
    for seed in range(5):
        assert differing(play(scenario(seed, answers)), play(scenario(seed, answers))) is None


def test_most_usual_requests_take_the_short_way(answers: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[bool] = []
    start = FirstAttempt.start

    def noted(self: FirstAttempt, now: float) -> object:
        actions = start(self, now)
        taken.append(actions is not None)
        return actions

    monkeypatch.setattr(FirstAttempt, "start", noted)
    for seed in range(20):
        play(scenario(seed, answers))
    assert sum(taken) > len(taken) / 3


def test_a_difference_is_seen(answers: Answers) -> None:
    """What one way does otherwise shows, wherever it is."""
    seen = play(scenario(1, answers))
    with general():
        other = play(scenario(2, answers))
    assert differing(seen, other) is not None
    changed = play(scenario(1, answers))
    changed.rows[-1] = (*changed.rows[-1][:-1], "another price date")
    found = differing(seen, changed)
    assert found is not None
    assert found.startswith("rows[")
