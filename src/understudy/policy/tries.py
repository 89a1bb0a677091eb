"""The targets of one request and what is left for them: attempts, and shares of the deadline.

A target that stays silent must not use up the time that the targets after it need: while others are untried, it has
only its own share, the remaining time divided by their number and itself. An attempt that makes progress is not cut.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from understudy.policy.cooldowns import Denial
from understudy.policy.health import Health, Permit
from understudy.policy.plan import Plan, Step
from understudy.policy.skipped import Skipped
from understudy.policy.targets import Limits
from understudy.policy.verdicts import Cooldown, Retry, Verdict

LEAST = 1.0
"""Seconds that an attempt needs to be worth starting; no share is smaller."""
LATE = 0.1
"""Seconds by which an event loop's timer may be late without costing the next target its attempt."""


class Try:
    """What has become of one step of the plan."""

    __slots__ = (
        "closed",
        "count",
        "dead_keys",
        "denied",
        "failed_keys",
        "launched",
        "may_come_back",
        "own_cooldown",
        "share_ends",
        "step",
    )

    def __init__(self, step: Step) -> None:
        self.step = step
        self.count = 0
        """Attempts that count towards `max_retries`."""
        self.launched = False
        self.closed = False
        """Not to be tried: its window is known to be no larger than one that was too small."""
        self.share_ends: float | None = None
        """When its share of the deadline ends; `None` when no other target needed one at its first attempt."""
        self.may_come_back = False
        """It was tried, and the way in which it failed may pass."""
        self.denied = False
        """What is known of its health forbade to try it again."""
        self.failed_keys: tuple[str, ...] = ()
        """Of a pool, those that were limited or refused."""
        self.own_cooldown = 0.0
        """Until when its latest failure here put the target in cooldown; a longer one is due to other requests."""
        self.dead_keys: tuple[str, ...] = ()
        """Those among them that are not used again for this request."""

    def failed(self, verdict: Verdict, max_tries: int, key: str = "", denial: Denial | None = None) -> None:
        """Note a failure, and whether it may pass. `key`: that of the pool which was limited or refused; `denial`: what
        follows from the failure."""
        self.denied = denial is not None
        if denial is not None and verdict.cooldown is Cooldown.TARGET:
            self.own_cooldown = denial.until
        most = max_tries if verdict.retries is None else min(max_tries, verdict.retries + 1)
        again = verdict.retry is not Retry.NEVER
        if key:
            self.failed_keys = (*self.failed_keys, key)
            self.dead_keys = self.dead_keys if again else (*self.dead_keys, key)
            again = any(each not in self.dead_keys for each in self.step.target.credentials)
        self.may_come_back = again and self.count < most

    @property
    def untried(self) -> bool:
        """Whether it may still get its first attempt."""
        return not self.launched and not self.closed


class Running(msgspec.Struct, frozen=True):
    """An attempt under way."""

    target: Try
    permit: Permit
    launched_at: float


class Begun(msgspec.Struct, frozen=True):
    """The first attempt of a request, under way."""

    permit: Permit
    deadline: float
    share: float | None
    """Seconds that it has for itself."""
    at: int
    """The place of its target in the plan."""
    denials: dict[str, Skipped]
    """By label, the targets before it."""


class Tries:
    """All steps of a plan, the attempts made and the deadline."""

    def __init__(self, plan: Plan, *, max_attempts: int | None, health: Health) -> None:
        self.all = [Try(step) for step in plan.steps]
        """In the order of the plan."""
        self._max_attempts = most_attempts(max_attempts, plan.steps)
        self._health = health
        self.attempts = 0
        """Those made so far, all of them."""
        self.deadline = 0.0

    def follow(self, begun: Begun) -> Running:
        """Note that a target has its first attempt."""
        self.deadline, self.attempts, one, launched = begun.deadline, 1, self.all[begun.at], begun.permit.launched
        one.launched, one.count = True, 1
        one.share_ends = None if begun.share is None else launched + begun.share
        return Running(one, begun.permit, launched)

    def untried(self) -> list[Try]:
        """Return those that may still get their first attempt."""
        return [each for each in self.all if each.untried]

    def tried(self) -> list[Try]:
        """Return those that had an attempt."""
        return [each for each in self.all if each.launched and not each.closed]

    @property
    def may_answer(self) -> bool:
        """Return whether a target is left that was not tried yet, or that failed and may come back."""
        return any(not each.closed and (not each.launched or each.may_come_back) for each in self.all)

    @property
    def left(self) -> int:
        """How many attempts may still be made."""
        return self._max_attempts - self.attempts

    @property
    def kept_for_others(self) -> bool:
        """Whether the attempts that are left are all reserved for targets that were not tried yet."""
        return self.left <= len(self.untried())

    def may_start(self, now: float) -> bool:
        """Return whether enough of the deadline is left for another attempt."""
        return self.deadline - now >= LEAST - LATE

    def close_smaller(self, step: Step) -> None:
        """Close the targets that are known to hold no more than the one whose window was too small."""
        for other in self.all:
            same = other.step.target.label == step.target.label
            known = step.context_window is not None and other.step.context_window is not None
            if same or (known and (other.step.context_window or 0) <= (step.context_window or 0)):
                other.closed = True

    def put_off(self, current: Try | None, now: float, *, last: bool) -> list[Try]:
        """Return the targets whose retry was put off until no other target is left, those with the fewest attempts
        first. `last`: the one that has just failed may be among them."""
        found = [each for each in self.tried() if (last if each is current else self._is_put_off(each, now))]
        return sorted(found, key=lambda each: each.count)

    def _is_put_off(self, each: Try, now: float) -> bool:
        return each.may_come_back and not each.denied and self._health.denial(each.step.target, now) is None

    def close_unable(self) -> None:
        """Close the targets that are not declared to continue an answer that has begun."""
        for each in self.all:
            each.closed = each.closed or not each.step.target.continues

    def others(self, current: Try, now: float) -> int:
        """Count the other targets that were not tried yet and can be before the deadline."""
        others = [each for each in self.all if not each.launched and not each.closed and each is not current]
        if self._health.calm:
            return min(len(others), self.left)
        targets = [each.step.target for each in others]
        return min(self._health.back_by(self.deadline - LEAST, targets, now), self.left)

    def share(self, each: Try, now: float) -> float | None:
        """Return the seconds for which a target may stay silent; `None` when no other target waits for its turn.

        All tries at a target have one share together, so retries do not use up the time of the others either.
        """
        share = own_share(self.deadline - now, self.others(each, now))
        if share is None or each.share_ends is None:
            return share
        return min(share, max(LEAST, each.share_ends - now))

    def limits(self, each: Try, now: float) -> Limits:
        """Return the time-outs of an attempt: within the deadline, and within its share while others are untried."""
        limits, remaining = each.step.target.limits, self.deadline - now
        is_alone = len(self.all) == 1
        share = None if is_alone else self.share(each, now)
        if share is not None and not each.launched:
            each.share_ends = now + share
        each.launched = True
        has_others = share is not None or (not is_alone and self.left > 0 and self._may_come_back(each))
        return within(limits, remaining, share, has_others=has_others)

    def _may_come_back(self, current: Try) -> bool:
        return any(each.may_come_back and not each.closed for each in self.all if each is not current)

    def latest_retry(self, each: Try, now: float) -> float:
        """Return until when a retry may be put off: it needs time itself, and the other targets need their shares."""
        others = self.others(each, now)
        if not others:
            return self.deadline - LEAST
        end = now + (own_share(self.deadline - now, others) or 0.0)
        return (end if each.share_ends is None else min(end, each.share_ends)) - LEAST


def most_attempts(maximum: int | None, steps: Sequence[Step]) -> int:
    """Return how many attempts a plan allows; `maximum` is what the rules state."""
    return maximum or max(5, len(steps))


def within(limits: Limits, remaining: float, share: float | None, *, has_others: bool) -> Limits:
    """Return limits within the remaining time and within a share of it."""
    if not has_others and limits.total <= remaining:
        return limits
    total = min(limits.total, remaining)
    return msgspec.structs.replace(limits, total=total, yield_by=share, has_others=has_others)


def own_share(remaining: float, others: int) -> float | None:
    """Return the seconds that a target may use without progress while `others` are untried; `None` for all of them.

    Targets for which no `LEAST` seconds would be left get no share: cutting the attempt would help none of them.
    """
    if not others:
        return None
    share = remaining / (others + 1)
    if share >= LEAST:
        return share
    others = int((remaining + LATE) / LEAST) - 1
    return remaining / (others + 1) if others > 0 else None
