"""The laws of what the reader of an answer sees: commits, breaks after the first words, and signs of life."""

from __future__ import annotations

from tests.modelcheck.faults import Fault
from tests.modelcheck.ledger import NEARLY, Broken
from understudy.domain.failures import Failure, FailureKind
from understudy.policy.signals import Commit, Launch, Rules, Settle
from understudy.policy.targets import Target


class Shown:
    """What one reader has seen."""

    def __init__(self, rules: Rules, targets: tuple[Target, ...]) -> None:
        self._rules = rules
        self._able = {target.label for target in targets if target.continues}
        self.attempt: int | None = None
        """The attempt committed to."""
        self.broken: int | None = None
        """The one before it, if it broke and no other has taken its place."""
        self.broke_at = ""
        self._failure: Failure | None = None
        self._full: set[int] = set()
        """Attempts of which the reader may see a piece."""
        self._alive_at: float | None = None
        """When content arrived, or the reader was told that it does."""

    def begins(self, attempt: int, now: float, *, full: bool) -> None:
        """Note content."""
        rules = self._rules
        if not rules.streamed:
            return
        if full or rules.on_midstream_error != "hold":
            self._full.add(attempt)
        elif self._alive_at is None and rules.heartbeat is not None and self.attempt is None:
            self._alive_at = now

    def commits(self, commit: Commit, won: int | None) -> None:
        """Check a commit, and note it."""
        if self.attempt is not None:
            raise Broken("one commit", f"attempts {self.attempt} and {commit.attempt}")
        if commit.replaces != self.broken:
            raise Broken("a later commit replaces the broken one", f"{commit.replaces} instead of {self.broken}")
        if commit.attempt not in self._full and commit.attempt != won:
            raise Broken("nothing is shown too early", f"attempt {commit.attempt}")
        self.attempt, self.broken, self._alive_at = commit.attempt, None, None

    def beats(self, now: float) -> None:
        """Check a sign of life."""
        wait = self._rules.heartbeat
        if self._alive_at is None or wait is None or now < self._alive_at + wait - NEARLY:
            raise Broken("signs of life are given while content is held back", "one too many")
        self._alive_at = now

    def breaks(self, attempt: int, label: str, fault: Fault) -> bool:
        """Note the failure of an attempt; return whether it is final, because a piece of it was shown."""
        self._full.discard(attempt)
        if attempt != self.attempt:
            return False
        mode = self._rules.on_midstream_error
        if mode in ("surface", "hold") or self._rules.has_effects or fault.final:
            return True
        if mode == "continue" and (fault.once_shown or not self._able):
            return True
        self.attempt, self.broken, self.broke_at, self._failure = None, attempt, label, fault.failure
        return False

    def bars(self, label: str) -> bool:
        """Return whether a target cannot take over."""
        return self.broken is not None and self._rules.on_midstream_error == "continue" and label not in self._able

    def launches(self, launch: Launch) -> None:
        """Check what an attempt is to do."""
        label = launch.target.label
        if self.attempt is not None:
            raise Broken("nothing is launched after the commit", label)
        if self.bars(label):
            raise Broken("only a declared target continues", label)
        if launch.continues is not (self.broken is not None and self._rules.on_midstream_error == "continue"):
            raise Broken("what was shown is continued, nothing else", f"{label}: {launch.continues}")

    def settles(self, settle: Settle, *, early: bool) -> None:
        """Check that after a break the reader gets its error. `early`: the deadline has not come."""
        failure = settle.failure
        if self.broken is None or failure is None or failure.kind is FailureKind.CANCELLED:
            return
        if failure.kind is FailureKind.DEADLINE and not early:
            return
        if settle.attempt != self.broken or failure is not self._failure:
            raise Broken("after a break its error is raised", f"{failure.kind} of attempt {settle.attempt}")

    def check(self, running: list[int], now: float) -> None:
        """Check what must be true after every move."""
        if self.attempt is None:
            if self._full & set(running):
                raise Broken("content is shown at once", f"attempts {sorted(self._full)}")
            wait = self._rules.heartbeat
            if self._alive_at is not None and wait is not None and now > self._alive_at + wait + NEARLY:
                raise Broken("signs of life are given while content is held back", f"none for {wait:g} s")
        elif running != [self.attempt]:
            raise Broken("after the commit only one attempt runs", str(running))

    def forget(self) -> None:
        """Forget what no longer makes a difference."""
        self.attempt = self.broken = self._failure = self._alive_at = None
        self.broke_at = ""
        self._full.clear()
