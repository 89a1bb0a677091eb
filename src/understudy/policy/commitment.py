"""What the caller of a stream has been shown, and what may still become of it when the attempt behind it breaks."""

from __future__ import annotations

import msgspec

from understudy.domain.failures import Failure, FailureKind
from understudy.policy.signals import Action, Beat, Began, Commit, Failed, Rules, Settle
from understudy.policy.tries import Tries, Try
from understudy.policy.verdicts import Fallback, Retry, Verdict

OUTRUN = Failure(kind=FailureKind.CANCELLED, message="another attempt answered first")
"""How an attempt ends that a hedged request no longer needs."""
_NOT_CONTINUED = frozenset(
    {FailureKind.TOO_LARGE, FailureKind.EMPTY, FailureKind.SCHEMA_MISMATCH, FailureKind.RESAMPLE}
)
"""The pieces themselves are wrong after these, so more of the same does not help."""
_OF_THE_REQUEST = frozenset({FailureKind.DEADLINE, FailureKind.CANCELLED})
"""Ends of the whole request, however many attempts there were."""


class Commitment:
    """Whose answer the caller sees. `attempt` is the attempt committed to, `None` before that and after a break."""

    __slots__ = ("_rules", "attempt", "beat_at", "broken", "continues")

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self.attempt: int | None = None
        self.broken: tuple[int, Failure] | None = None
        """The attempt whose pieces the caller has, and how it broke, until another one is committed to."""
        self.continues = False
        """Whether further attempts continue what was shown."""
        self.beat_at: float | None = None
        """When the caller is due a sign of life."""

    def begins(self, signal: Began, now: float) -> bool:
        """Note that content has arrived; return whether the caller may see it."""
        rules = self._rules
        if rules.on_midstream_error != "hold" or signal.full:
            return rules.streamed
        if self.beat_at is None and self.attempt is None:
            self._await_beat(now)
        return False

    def _await_beat(self, now: float) -> None:
        if self._rules.streamed and self._rules.heartbeat is not None:
            self.beat_at = now + self._rules.heartbeat

    def tick(self, now: float) -> list[Action]:
        """Give a sign of life if it is due."""
        if self.beat_at is None or now < self.beat_at:
            return []
        self._await_beat(now)
        return [Beat()]

    def commit(self, attempt: int) -> Commit:
        """Commit to an attempt, perhaps in place of one that broke."""
        broken, self.broken, self.beat_at = self.broken, None, None
        self.attempt = attempt
        return Commit(attempt) if broken is None else Commit(attempt, broken[0])

    def break_off(self, signal: Failed, verdict: Verdict, tries: Tries) -> str | None:
        """Take the failure of the attempt committed to: let others follow it, or return why none may."""
        if (why := self._why_final(signal, verdict, tries)) is not None:
            return why
        self.attempt, self.broken = None, (signal.attempt, signal.failure)
        self.continues = self._rules.on_midstream_error == "continue"
        if self.continues:
            tries.close_unable()
        return None

    def _why_final(self, signal: Failed, verdict: Verdict, tries: Tries) -> str | None:
        mode, kind = self._rules.on_midstream_error, signal.failure.kind
        if not self._rules.streamed or mode in ("surface", "hold"):
            return "the answer had started, so nothing may replace it"
        if self._rules.has_effects:
            return "hosted tools may have had side effects, so nothing is repeated"
        if verdict.fallback is Fallback.NEVER:
            return "another target would not help"
        if mode == "continue":
            if not signal.continuable or kind in _NOT_CONTINUED:
                return "what was shown cannot be continued by another target"
            if not any(each.step.target.continues for each in tries.all):
                return "no target is declared to continue an answer that has begun"
        return None

    def retries(self, verdict: Verdict, current: Try) -> tuple[bool, bool]:
        """Return whether a target may be tried again before the untried ones, and whether after them.

        Where an answer broke, the others come first.
        """
        if verdict.retry is Retry.NEVER or current.closed:
            return False, False
        first = verdict.retry is not Retry.LAST and self.broken is None
        return first, not first

    def excused(self, signal: Failed) -> Failed:
        """Return the failure of an attempt that follows a break: the one before had accepted the same request."""
        return signal if self.broken is None else msgspec.structs.replace(signal, translated=True)

    def real(self, late: Failure) -> Failure:
        """Return why a request ends that has too little time for another attempt: the break, if there was one."""
        return late if self.broken is None else self.broken[1]

    def surfaced(self, settle: Settle) -> Settle:
        """Return how a request ends. After a break the caller gets its error, not that of a target behind it."""
        if self.broken is None or settle.failure is None or settle.failure.kind in _OF_THE_REQUEST:
            return settle
        return Settle(*self.broken, surfaced=True)
