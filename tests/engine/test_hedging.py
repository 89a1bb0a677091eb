"""Hedging through the public API, in virtual time: when a second target is asked too, and who pays."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

import pytest

import understudy as u
from tests.engine.servers import chunk
from tests.engine.test_throughput import END, Line, Piece
from tests.policy.desk import Desk, failure
from understudy import providers
from understudy.domain.failures import FailureKind
from understudy.policy.budgets import Budgets, RetryBudget
from understudy.policy.health import Health, Permit
from understudy.policy.targets import Target
from understudy.policy.verdicts import Cooldown, Trips
from understudy.virtual_time import run

HEDGED = u.FallbackConfig(hedge=True)


class Changing(Line):
    """A transport whose silence before an answer can be changed."""

    def __init__(self, silence: float, text: str) -> None:
        self.silence, self._text = silence, text
        self.asked = 0
        super().__init__()

    async def send(self, request: Any, *, connect: float) -> Any:
        self.asked += 1
        first: Piece = (self.silence, chunk(self._text))
        return await Line(first, END).send(request, connect=connect)


class Pair:
    """A manager over a primary and a backup that answers within half a second."""

    def __init__(self, silence: float, fallback: u.FallbackConfig = HEDGED) -> None:
        self.primary, self.backup = Changing(silence, "first"), Changing(0.5, "second")
        self.manager = u.ProviderManager([self._entry("a", self.primary), self._entry("b", self.backup)], fallback)

    def _entry(self, name: str, line: Line) -> u.Provider:
        config = u.ProviderConfig(provider="openai", name=name, api_key="sk-test", text_model="gpt-5", whole="stream")
        return u.create_provider(config, transport=line)

    def ask(self, *, streamed: bool = False) -> tuple[u.GenerationResponse, float]:
        """Ask once, on a loop of its own; return the answer and the seconds it took."""

        async def asking() -> tuple[u.GenerationResponse, float]:
            answer = await (self.manager.stream("Hi").collect() if streamed else self.manager.generate("Hi"))
            seconds = asyncio.get_running_loop().time()
            await self.manager.aclose()
            return answer, seconds

        return run(asking())[0]


@pytest.mark.parametrize("streamed", [False, True])
def test_a_target_of_which_nothing_is_known_is_late_after_ten_seconds(streamed: bool) -> None:
    answer, seconds = Pair(40.0).ask(streamed=streamed)
    assert answer.text == "second"
    assert seconds == pytest.approx(10.5)
    lost, won = answer.attempts
    assert (lost.provider, lost.outcome, won.provider, won.outcome) == ("a", "aborted", "b", "won")
    assert lost.next_step == "silent for 10 s: ask b/gpt-5 too"
    assert lost.cost_basis is u.CostBasis.UNKNOWN


def test_a_target_that_is_known_is_late_when_95_of_100_would_have_spoken() -> None:
    pair = Pair(0.3)
    for _ in range(20):
        assert pair.ask()[0].text == "first"
    pair.primary.silence = 40.0
    answer, seconds = pair.ask()
    assert answer.text == "second"
    assert seconds == pytest.approx(0.3 + 0.5)


def test_the_time_of_silence_can_be_set() -> None:
    answer, seconds = Pair(40.0, u.FallbackConfig(hedge=True, hedge_after=2.0)).ask()
    assert answer.text == "second"
    assert seconds == pytest.approx(2.5)


def test_the_first_to_speak_answers_even_if_it_was_late() -> None:
    pair = Pair(10.2)
    answer, seconds = pair.ask()
    assert answer.text == "first"
    assert seconds == pytest.approx(10.2)
    assert [attempt.outcome for attempt in answer.attempts] == ["won", "aborted"]
    assert pair.backup.asked == 1


def test_it_is_off_unless_it_is_asked_for() -> None:
    answer, _ = Pair(40.0, u.FallbackConfig()).ask()
    assert answer.text == "first"


def test_the_first_request_and_a_fifth_of_the_others_may_be_hedged() -> None:
    pair = Pair(15.0)
    texts = [pair.ask()[0].text for _ in range(16)]
    assert texts.count("second") == 4


def test_of_usual_answers_about_one_in_twenty_is_hedged() -> None:
    pair, rng = Pair(0.3), Random(7)
    for _ in range(100):
        pair.primary.silence = rng.lognormvariate(0.0, 0.5)
        pair.ask()
    assert 1 <= pair.backup.asked <= 8


@pytest.mark.parametrize("which", ["late", "other"])
def test_a_target_whose_abandoned_attempts_go_on_is_neither_hedged_nor_a_hedge(which: str) -> None:
    """As Replicate's predictions, which are created before their id is known."""
    assert [kind for kind in u.ProviderType if not providers.row(kind).idempotent] == ["replicate"]
    lasting, usual = Target(name="r", model="m", idempotent=False), Target(name="o", model="m", index=1)
    targets = (lasting, usual) if which == "late" else (usual, lasting)
    desk = Desk(*targets, hedge=True, hedge_after=1.0)
    assert desk.call.timer() == (desk.now + 600.0 if which == "late" else desk.now + 1.0)
    desk.wake()
    assert desk.order == targets[0].name


def test_a_suspect_target_is_no_hedge() -> None:
    """One whose breaker is open, or half-open: a hedge is no probe."""
    one, other = Target(name="a", model="m"), Target(name="b", model="m", index=1)
    health = Health()
    for _ in range(5):
        permit = health.acquire(other, 90.0)
        assert isinstance(permit, Permit)
        health.failed(permit, failure(FailureKind.SERVER_ERROR), Cooldown.NOTHING, 90.0, Trips.TARGET)
        health.release(permit)
    for now in (90.1, 100.0):
        desk = Desk(one, other, health=health, now=now, hedge=True, hedge_after=1.0)
        desk.wake()
        assert desk.order == "a"


def test_hedges_are_saved_up_to_ten() -> None:
    budget = RetryBudget()
    for _ in range(1000):
        budget.deposit(1.0)
    assert [budget.withdraw_hedge() for _ in range(12)] == [True] * 10 + [False] * 2
    assert Budgets().retry("new").withdraw_hedge()
