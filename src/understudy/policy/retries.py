"""Whether a target may be tried again, and after which wait; and whether another may follow it."""

from __future__ import annotations

from random import Random

import msgspec

from understudy.policy import backoff
from understudy.policy.budgets import Budgets
from understudy.policy.signals import Rules
from understudy.policy.tries import Tries, Try
from understudy.policy.verdicts import Fallback, Verdict


class Retry(msgspec.Struct, frozen=True):
    """Permission to try the same target again, `delay` seconds from now."""

    delay: float


class NoRetry(msgspec.Struct, frozen=True):
    """What forbids a retry."""

    why: str


class Retries:
    """The arithmetic of retries: ceilings, shares of the deadline, and the retry budget."""

    __slots__ = ("_budgets", "_repeated_at_once", "_rng", "_rules", "_tries")

    def __init__(self, tries: Tries, rules: Rules, budgets: Budgets, rng: Random) -> None:
        self._tries = tries
        self._rules = rules
        self._budgets = budgets
        self._rng = rng
        self._repeated_at_once = False

    def at_once(self, current: Try, now: float) -> bool:
        """Check whether an attempt that failed with its connection may be repeated at once, and note it.

        Once per request; it does not count towards `max_retries`.
        """
        if self._repeated_at_once or self._tries.kept_for_others or now > self._tries.latest_retry(current, now):
            return False
        self._repeated_at_once = True
        current.count -= 1
        return True

    def again(self, current: Try, hint: float | None, most: int | None, now: float) -> Retry | NoRetry:
        """Ask for a retry after a failure: with the provider's `hint`, if it gave one, and with at most so many
        retries. The retry budget is drawn on if it is granted."""
        delay = backoff.delay(current.count, self._rules.retry_delay, hint, self._rng)
        why_not = self._why_not(current, most, delay, now)
        return Retry(delay) if why_not is None else NoRetry(why_not)

    def may_fall_back(self, current: Try, verdict: Verdict, *, translated: bool) -> bool:
        """Return whether another target may be asked after a failure of this one."""
        match verdict.fallback:
            case Fallback.ALWAYS:
                return True
            case Fallback.NEVER:
                return False
            case Fallback.ON_FILTER:
                return self._rules.fallback_on_filter
            case Fallback.IF_TRANSLATED:
                return translated
            case Fallback.LARGER_WINDOW:
                self._tries.close_smaller(current.step)
                return self._tries.may_answer

    def _why_not(self, current: Try, most: int | None, delay: float, now: float) -> str | None:
        tries = self._tries
        if current.count >= self._rules.max_tries:
            made = "1 attempt was" if current.count == 1 else f"{current.count} attempts were"
            return f"{made} made (max_retries)"
        if most is not None and current.count > most:
            return f"this kind of failure gets at most {most + 1} attempts"
        if tries.kept_for_others:
            whose = "left" if tries.left <= 0 else "left besides those for the other targets"
            return f"no attempt is {whose} (max_attempts)"
        if now + delay > tries.latest_retry(current, now):
            others = "use the time that other targets need" if tries.others(current, now) else "exceed the deadline"
            return f"a wait of {delay:.1f} s would {others}"
        target = current.step.target
        if not self._budgets.retry(target.credential or target.name).withdraw(now):
            return "the retry budget is used up"
        return None
