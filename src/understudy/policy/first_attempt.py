"""The life of a request that needs one attempt, decided in short.

Nearly every request needs one attempt: at its first target, or, where others failed before, at the first that may be
asked. For these few moments `FirstAttempt` decides what a `Call` decides, without the tables that only retries and
fallback need. Whatever else happens, it returns `None`, and the `Call` that it makes goes on, as if that had launched
the attempt itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter
from random import Random

from understudy.policy.budgets import Budgets
from understudy.policy.call import Call
from understudy.policy.cooldowns import Denial
from understudy.policy.health import Health, Permit
from understudy.policy.plan import Plan
from understudy.policy.signals import Action, Began, Commit, Ended, Launch, Rules, Settle, Signal
from understudy.policy.skipped import Skipped, skipped, why_asked
from understudy.policy.tries import LEAST, Begun, most_attempts, own_share, within


class FirstAttempt:
    """A request until its first attempt ends, or something else happens than an answer."""

    __slots__ = (
        "_at",
        "_budgets",
        "_health",
        "_plan",
        "_rng",
        "_rules",
        "committed",
        "deadline",
        "denials",
        "noted",
        "permit",
        "settled",
        "share",
    )

    decisions: Mapping[int, str] = {}
    """As of a `Call`; nothing is decided that is worth a note."""
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
        self.denials: dict[str, Skipped] = {}
        """As of a `Call`."""
        self.committed = False
        self.settled = False
        self.noted: float | None = None
        """When more was decided than the actions show: which targets were skipped, or that this one is probed."""
        self._at = 0

    def start(self, now: float) -> list[Action] | None:
        """Launch the attempt; `None` if no target may be asked, or two might be at once."""
        rules, health, steps = self._rules, self._health, self._plan.steps
        if not steps or rules.hedges:
            return None
        self.deadline = now + rules.deadline - rules.spent
        remaining, others = self.deadline - now, len(steps) - 1
        permit: Permit | Denial | None
        if health.calm:
            permit = health.acquire(steps[0].target, now, health.new_caller())
        else:
            permit, others = self._first_open(now)
        if not isinstance(permit, Permit):
            return None
        self.permit, step = permit, steps[self._at]
        self._budgets.retry(step.target.credential or step.target.name).deposit(now)
        if others:
            self.share = own_share(remaining, min(others, most_attempts(rules.max_attempts, steps) - 1))
        limits = within(step.target.limits, remaining, self.share, has_others=self.share is not None)
        why = why_asked(step.why, step.target, self.denials) if self.denials else step.why
        return [Launch(1, permit.target, limits, 0.0, why, permit.leases != ())]

    def _first_open(self, now: float) -> tuple[Permit | None, int]:
        """Return the permit for the first target that may be asked, and how many others can be before the deadline;
        `None` if none may, or only a `Call` knows."""
        health, steps, denials = self._health, self._plan.steps, self.denials
        if self._rules.free:
            return None, 0
        caller, latest, others, at = health.new_caller(), self.deadline - LEAST, 0, 0
        while isinstance(permit := health.acquire(steps[at].target, now, caller), Denial):
            denials[steps[at].target.label] = skipped(steps[at].target, permit, now)
            others += permit.until <= latest
            at += 1
            if permit.proven or at == len(steps):  # one without another target may go on beside a probe
                return None, 0
        if denials or permit.leases:
            self.noted = now
        self._at, rest = at, steps[at + 1 :]
        if permit.leases:  # what is probed from now on denies others, too
            others, rest = 0, (*steps[:at], *rest)
        if rest:
            others += health.back_by(latest, list(map(_TARGET, rest)), now)
        return permit, others

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
            begun = Begun(self.permit, self.deadline, self.share, self._at, self.denials)
            call.follow(begun, 1 if self.committed else None)
        return call


_TARGET = attrgetter("target")
_COMMITTED = Commit(1)
_SETTLED = Settle(1)
