"""A `Call` with its surroundings, and a clock that the test moves."""

from __future__ import annotations

from random import Random
from typing import Any

from understudy.domain.failures import Failure, FailureKind
from understudy.policy.budgets import Budgets
from understudy.policy.call import Call
from understudy.policy.health import Health, Permit
from understudy.policy.plan import Plan, Step
from understudy.policy.signals import Action, Ended, Failed, Launch, Rules, Settle
from understudy.policy.targets import Target
from understudy.policy.verdicts import Cooldown, Trips

A, B, C = (
    Target(name=name, model="m", index=i, credential=f"key-{name}", endpoint=f"host-{name}")
    for i, name in enumerate("abc")
)


def failure(kind: FailureKind, **fields: Any) -> Failure:
    """A failure of a kind."""
    return Failure(**{"kind": kind, "message": "no", **fields})


class Longest(Random):
    """Chance that always draws the longest wait."""

    def uniform(self, a: float, b: float) -> float:
        """Return the upper end."""
        return max(a, b)


class Unbroken(Health):
    """Without circuit breakers, for what is decided while they are closed."""

    def failed(
        self, permit: Permit, failure: Failure, cooldown: Cooldown, now: float, trips: Trips = Trips.NOTHING
    ) -> None:
        """Note a failure that no breaker counts."""
        super().failed(permit, failure, cooldown, now)


class Desk:
    """One call. `actions` are the latest; `health` and `budgets` may be shared with earlier calls."""

    def __init__(
        self,
        *targets: Target,
        windows: dict[str, int] | None = None,
        health: Health | None = None,
        budgets: Budgets | None = None,
        rng: Random | None = None,
        now: float = 100.0,
        **rules: Any,
    ) -> None:
        self.health = health or Health()
        steps = tuple(Step(target, "test", (windows or {}).get(target.name)) for target in targets)
        self.call = Call(
            Plan(steps),
            Rules(**{"retry_delay": 0.0, **rules}),
            health=self.health,
            budgets=budgets or Budgets(),
            rng=rng or Random(1),
        )
        self.now = now
        self.order = ""
        """The names of the targets that were launched, in order."""
        self.actions: list[Action] = []
        self.note(self.call.start(now))

    def fail(
        self, kind: FailureKind, *, after: float = 0.0, answered: bool = False, translated: bool = False, **fields: Any
    ) -> list[Action]:
        """Let the running attempt fail, after some seconds."""
        self.now += after
        signal = Failed(self.launched.attempt, failure(kind, **fields), answered, translated)
        return self.note(self.call.receive(signal, self.now))

    def succeed(self) -> list[Action]:
        """Let the running attempt win."""
        return self.note(self.call.receive(Ended(self.launched.attempt), self.now))

    def wake(self) -> float:
        """Go on to the timer; return how long that took."""
        due = self.call.timer()
        assert due is not None
        waited, self.now = due - self.now, due
        self.note(self.call.tick(self.now))
        return waited

    def fail_always(self, kind: FailureKind, **fields: Any) -> str:
        """Let every attempt fail alike until the request is settled; return the order of the targets."""
        for _ in range(200):
            if self.call.settled:
                return self.order
            if self.running:
                self.fail(kind, **fields)
            else:
                self.wake()
        raise AssertionError("the request never settled")

    def note(self, actions: list[Action]) -> list[Action]:
        self.actions = actions
        self.order += "".join(action.target.name for action in actions if isinstance(action, Launch))
        return actions

    @property
    def running(self) -> bool:
        """Whether the latest actions launched an attempt."""
        return any(isinstance(action, Launch) for action in self.actions)

    @property
    def launched(self) -> Launch:
        """The launch among the latest actions."""
        (launch,) = [action for action in self.actions if isinstance(action, Launch)]
        return launch

    @property
    def settled(self) -> Settle:
        """The settle among the latest actions."""
        (settle,) = [action for action in self.actions if isinstance(action, Settle)]
        return settle

    @property
    def decided(self) -> str:
        """What was decided after the latest attempt that failed."""
        return self.call.decisions[max(self.call.decisions)]
