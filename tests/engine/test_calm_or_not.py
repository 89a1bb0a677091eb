"""The short way of a calm request changes nothing that can be seen."""

from __future__ import annotations

import pytest

from tests.engine.calm_or_not import compare
from understudy.policy.first_attempt import FirstAttempt
from understudy.policy.signals import Action, Signal


def test_a_calm_request_is_carried_out_as_any_other(request: pytest.FixtureRequest) -> None:
    for seed in range(2000 if request.config.getoption("--deep") else 60):
        compare(seed)


def test_the_comparison_sees_a_committed_stream_that_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    receive = FirstAttempt.receive

    def forgetful(self: FirstAttempt, signal: Signal, now: float) -> list[Action] | None:
        actions = receive(self, signal, now)
        self.committed = False
        return actions

    monkeypatch.setattr(FirstAttempt, "receive", forgetful)
    with pytest.raises(AssertionError, match="seed"):
        for seed in range(200):
            compare(seed)
