"""The life of a calm request, decided in short.

Nearly every request needs one attempt, at a time when nothing is remembered against any target. For these few moments
`FirstAttempt` decides what a `Call` decides, without the tables that only retries and fallback need. Whatever else
happens, it returns `None`, and the `Call` that it makes goes on, as if that had launched the attempt itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

from understudy.policy.budgets import Budgets
from understudy.policy.call import Call
from understudy.policy.health import Health, Permit
from understudy.policy.picker import Skipped
from understudy.policy.plan import Plan
from understudy.policy.signals import Action, Began, Commit, Ended, Launch, Rules, Settle, Signal
from understudy.policy.tries import most_attempts, own_share, within


class FirstAttempt:
    """A request until its first attempt ends, or something else happens than an answer."""

    __slots__ = (
        "_budgets",
        "_health",
        "_plan",
        "_rng",
        "_rules",
        "committed",
        "deadline",
        "permit",
        "settled",
        "share",
    )

    decisions: Mapping[int, str] = {}
    """As of a `Call`; nothing is decided that is worth a note."""
    denials: Mapping[str, Skipped] = {}
    waits_until: float | None = None

    def __init__(self, plan: Plan, rules: Rules, *, health: Health, budgets: Budgets, rng: Random) -> None:
        self._plan = plan
        self._rules = rules
        self._health = health
        self._budgets = budgets
        self._rng = rng
        self.permit: Permit | None = None
        """That of the attempt, once it is launched."""
        self.share: float | None = None
        """Seconds that it has for itself while others wait for their turn, as in `Tries.share`."""
        self.committed = False
        self.settled = False

    def start(self, now: float) -> list[Action] | None:
        """Launch the attempt; `None` unless all is calm."""
        rules, health, steps = self._rules, self._health, self._plan.steps
        if not health.calm or not steps or rules.hedges:
            return None
        self.deadline = now + rules.deadline - rules.spent
        step, others = steps[0], len(steps) - 1
        permit = health.acquire(step.target, now, health.new_caller())
        if not isinstance(permit, Permit):
            raise AssertionError("nothing is denied while all is calm")
        self.permit = permit
        self._budgets.retry(step.target.credential or step.target.name).deposit(now)
        remaining = self.deadline - now
        if others:
            self.share = own_share(remaining, min(others, most_attempts(rules.max_attempts, steps) - 1))
        limits = within(step.target.limits, remaining, self.share, has_others=self.share is not None)
        return [Launch(1, permit.target, limits, 0.0, step.why)]

    def receive(self, signal: Signal, now: float) -> list[Action] | None:
        """Handle an answer, or its beginning; `None` for all else."""
        permit, kind = self.permit, type(signal)
        if permit is None or self.settled:
            return None
        if kind is Ended:
            self._health.succeeded(permit, now, free=self._rules.free)
            self._health.release(permit)
            self.settled = True
            return [_SETTLED] if self.committed else [_COMMITTED, _SETTLED]
        if kind is Began and self._rules.on_midstream_error != "hold":
            self._health.begun(permit)
            if self.committed or not self._rules.streamed:
                return []
            self.committed = True
            return [_COMMITTED]
        return None

    def call(self) -> Call:
        """Return the call that goes on from here."""
        call = Call(self._plan, self._rules, health=self._health, budgets=self._budgets, rng=self._rng)
        if self.permit is not None:
            call.follow(self.permit, self.deadline, self.share, committed=self.committed)
        return call


_COMMITTED = Commit(1)
_SETTLED = Settle(1)
