"""What must hold in every state and of every action, written from the documentation and not from the code.

A book is kept of each request: what was launched, committed, ended. It shares nothing with the machine that it judges,
which it sees as its users do: the actions that a call returns, its timer, and what `Health` says of a target.
"""

from __future__ import annotations

from typing import Any

from tests.modelcheck.faults import STALE, Fault
from tests.modelcheck.keys import Keys
from tests.modelcheck.ledger import NEARLY, Broken, Ledger, Run, Seen
from tests.modelcheck.shown import Shown
from understudy.domain.failures import FailureKind
from understudy.policy.breaker import BreakerState
from understudy.policy.call import Call
from understudy.policy.health import Health
from understudy.policy.signals import Abort, Beat, Commit, Launch, Rules, Settle
from understudy.policy.targets import Target

LEAST = 1.0
"""Seconds that an attempt needs to be worth starting."""
LATE = 0.1
"""Seconds by which it may be late all the same."""
_INVALID = FailureKind.INVALID_REQUEST
LONGEST_BACKOFF = 4.0
"""Seconds, after three attempts with a `retry_delay` of one second."""
SOON, PLENTY = 1.0, 6.0
"""Seconds since the beginning, and until the deadline, within which no target's time is short."""
SLOW = 5.0
"""Seconds after which a failure counts as late."""
TICKS = 3
"""How often a request may look at the time without anything that changes."""


class Book:
    """One request."""

    def __init__(self, number: int, targets: tuple[Target, ...], rules: Rules, ledger: Ledger) -> None:
        self.number = number
        self.targets = targets
        self.rules = rules
        self.ledger = ledger
        self.began = self.deadline = 0.0
        self.running: dict[int, Run] = {}
        self.late: list[int] = []
        """Attempts that were aborted, whose answer may have been on its way."""
        self.attempts = 0
        self.tries: dict[str, int] = {}
        self.closed: set[str] = set()
        """Targets that were denied on this side."""
        self.shown = Shown(rules, targets)
        self.keys = Keys(targets)
        self.most: dict[str, int] = {}
        """Attempts that a target gets at most after the way in which it failed."""
        self.outrun: set[str] = set()
        """Targets whose attempt was abandoned for another one: they count as untried."""
        self.denied: set[str] = set()
        """Targets that have failed, and could not be asked again at some time since."""
        self.shut: set[str] = set()
        """Those among them that could not since they failed: they are asked again without a back-off."""
        self.settled = False
        self.final = False
        """Nothing may follow."""
        self.won: int | None = None
        self.latest: str = ""
        """The target that failed last."""
        self.others_first = ""
        """It, if the others come before it is asked again; until the machine has acted."""
        self.may_repeat = False
        """It failed with a kept-alive connection that was closed, for the first time."""
        self.repeated = 0
        self.was_free = False
        """It could have been asked again when it failed."""
        self.waits_since: float | None = None
        self.no_progress = 0
        self.ended: tuple[Run, Fault | None] | None = None

    # ---- what the world does ----

    def start(self, now: float) -> None:
        """Note the beginning."""
        self.began, self.deadline = now, now + self.rules.deadline
        self.waits_since = now

    def begins(self, attempt: int, now: float, *, full: bool) -> None:
        """Note content: the first, or as much as is held back."""
        run = self.running[attempt]
        run.begun, run.full, run.limit = True, full, run.total
        self.ledger.begins(run)
        self.shown.begins(attempt, now, full=full)

    def ends(self, attempt: int, fault: Fault | None, now: float) -> None:
        """Note the end of an attempt."""
        run = self._remove(attempt)
        self.waits_since = now if not self.running else None
        self.no_progress = 0
        self.ended = run, fault
        if fault is None:
            self.won = attempt
            return
        label = self.latest = run.target.label
        acted = self.rules.has_effects and run.begun
        # The one before a break accepted the same request, so that another may accept it too.
        final = fault.final and not (self.shown.broken is not None and fault.failure.kind is _INVALID)
        self.final = self.shown.breaks(attempt, label, fault) or acted or (final and not self.running)
        late = fault.last or now - run.launched > SLOW
        self.others_first = label if late or self.shown.broken is not None else ""
        self.may_repeat = fault == STALE and self.repeated == 0
        hint = fault.failure.retry_after
        self.most[label] = 1 if hint is not None and hint > self.rules.max_wait else fault.tries
        self.denied.discard(label)
        self.shut.discard(label)
        self.keys.fails(run, fault)

    def _remove(self, attempt: int) -> Run:
        run = self.running.pop(attempt)
        self.ledger.running.remove(run)
        return run

    def is_denied(self, attempt: int) -> None:
        """Note an attempt that this side did not make."""
        run = self._remove(attempt)
        self.closed.add(run.target.label)
        self.tries[run.target.label] -= 1
        self.attempts -= attempt == self.attempts
        self.waits_since = run.launched if not self.running else None
        self.latest = ""

    # ---- what the machine does ----

    def perform(self, actions: list[Any], health: Health, now: float, before: Seen) -> list[str]:
        """Note actions and check each; return them for the reader."""
        said: list[str] = []
        if self.ended is not None:
            (run, fault), self.ended = self.ended, None
            if fault is None:
                self.ledger.succeeds(run, health, now, before)
            else:
                self.ledger.fails(run, fault, health, now, before)
                self._note_shut(run.target.label, health, now)
        for action in actions:
            if self.settled:
                raise Broken("nothing follows the settle", str(action))
            match action:
                case Launch():
                    self._launch(action, health, now, before)
                    key = f" with {action.target.credential}" if action.target.credentials else ""
                    said.append(f"launch attempt {action.attempt} at {action.target.name}{key}")
                case Commit(attempt, replaces):
                    self._commit(action)
                    said.append(f"commit attempt {attempt}{f' in place of {replaces}' if replaces else ''}")
                case Beat():
                    self.shown.beats(now)
                    said.append("a sign of life")
                case Abort(attempt):
                    if attempt not in self.running:
                        raise Broken("only what runs is aborted", f"attempt {attempt}")
                    self.outrun.add(self._remove(attempt).target.label)
                    self.late.append(attempt)
                    said.append(f"abort attempt {attempt}")
                case Settle(failure=failure):
                    self._settle(action, health, now)
                    said.append("settle: won" if failure is None else f"settle: {failure.kind}")
        self._elsewhere(actions, health, now, before)
        self._switch(actions, health, now)
        if self.won is not None and not self.settled:
            raise Broken("an answer ends the request", f"attempt {self.won} ended well")
        if self.final and not self.settled:
            raise Broken("a failure that is final ends the request", f"at {self.latest}")
        return said

    def _commit(self, commit: Commit) -> None:
        if commit.attempt not in self.running and commit.attempt != self.won:
            raise Broken("only what runs is committed", f"attempt {commit.attempt}")
        self.shown.commits(commit, self.won)

    def _elsewhere(self, actions: list[Any], health: Health, now: float, before: Seen) -> None:
        """Check that no target is asked again, or waited for, where another one comes first."""
        label, self.others_first = self.others_first, ""
        others = (each for each in self._untried() if before.free[each.label] and health.denial(each, now) is None)
        if not label or self.running or self.settled or next(others, None) is None:
            return
        raise Broken("a target is asked again after the others", f"{label} is waited for")

    def _switch(self, actions: list[Any], health: Health, now: float) -> None:
        """Check that another key is used at once after one was limited or refused, if there are attempts and time."""
        label = self.keys.unused(actions)
        if label is None or self.running or self.final or self.shown.broken is not None:
            return
        plenty = now <= self.began + SOON and self.deadline - now >= PLENTY
        if self._left() <= len(self._untried()) or not plenty:
            return
        target = next(each for each in self.targets if each.label == label)
        if health.denial(target, now, but=self.keys.failed_at(label)) is None:
            raise Broken("another key is used at once", f"not so at {label}")

    def _launch(self, launch: Launch, health: Health, now: float, before: Seen) -> None:
        label = launch.target.label
        self.shown.launches(launch)
        if self.final:
            raise Broken("a failure that is final ends the request", f"{label} is asked")
        if now >= self.deadline or now + launch.limits.total > self.deadline + NEARLY:
            raise Broken("no attempt outlives the deadline", label)
        if self.attempts and self.deadline - now < LEAST - 0.1 - NEARLY:
            raise Broken("no attempt is launched too late", f"{self.deadline - now:.2f} s before the deadline")
        run = Run(launch, now, streamed=self.rules.streamed)
        switched = self.keys.launches(run)
        again = self._is_retry(label) and not switched
        self.ledger.draws(label, now, again=again, first=label not in self.tries)
        fresh = any(each.label == label for each in self._untried())
        self._count(launch, label, switched=switched, fresh=fresh)
        self._order(label, health, now, before, fresh=fresh)
        self.ledger.launches(run, health, now, barred=self.keys.barred(label, switched=switched))
        if self.running:
            self.ledger.hedges(next(iter(self.running.values())), run, health, now)
        self.running[launch.attempt] = run
        self.denied.discard(label)
        self.shut.discard(label)
        self.outrun.discard(label)
        self.waits_since = None
        self.no_progress = 0

    def _count(self, launch: Launch, label: str, *, switched: bool, fresh: bool) -> None:
        self.attempts += 1
        self.tries[label] = self.tries.get(label, 0) + (not switched)
        if launch.attempt != self.attempts:
            raise Broken("attempts are numbered", f"{launch.attempt} follows {self.attempts - 1}")
        if self.attempts > (self.rules.max_attempts or 5):
            raise Broken("max_attempts", f"attempt {self.attempts}")
        if self.may_repeat and label == self.latest:
            self.repeated += 1
        if self.tries[label] > self.rules.max_tries + self.repeated:
            raise Broken("max_retries", f"try {self.tries[label]} at {label}")
        if len(self.running) >= (1 if self.rules.hedge_after is None or self.rules.has_effects else 2):
            raise Broken("no more attempts at once than the rules allow", label)
        if any(run.target.label == label for run in self.running.values()):
            raise Broken("a hedge asks another target", label)
        if label in self.closed:
            raise Broken("a denied target is not asked again", label)
        if self._left() < len(self._untried()) and not fresh and not self.closed:
            raise Broken("an attempt is kept for each untried target", f"{label} is asked again")

    def _left(self) -> int:
        return (self.rules.max_attempts or 5) - self.attempts

    def _untried(self) -> list[Target]:
        """Return the targets that may still have their first attempt."""
        return [
            each
            for each in self.targets
            if self.tries.get(each.label, 0) < (1 if each.label not in self.outrun else self.rules.max_tries)
            and each.label not in self.closed
            and not self.shown.bars(each.label)
        ]

    def _is_retry(self, label: str) -> bool:
        """Return whether an attempt is a retry that the budget must grant."""
        return label == self.latest and self.was_free and not self.may_repeat and not self.running

    def _order(self, label: str, health: Health, now: float, before: Seen, *, fresh: bool) -> None:
        """Check that no target that may be asked is passed over."""
        broken = label == self.shown.broke_at and self.shown.broken is not None
        if label == self.latest and not before.cooling[label] and not broken:
            return
        for each in self.targets:
            if each.label == label:
                if fresh and not before.cooling[label] and not broken:
                    return
                continue
            suspect = bool(self.running) and before.states[each.label] is not BreakerState.CLOSED  # for a hedge
            free = before.free[each.label] and not suspect and health.denial(each, now) is None
            if each in self._untried() and free:
                if broken:
                    raise Broken("after a break the other targets come first", f"{label} before {each.label}")
                raise Broken("targets are asked in order", f"{label} is asked before {each.label}")

    def _settle(self, settle: Settle, health: Health, now: float) -> None:
        self.settled = True
        since = now if self.waits_since is None else self.waits_since
        self.waits_since = None
        if self.running:
            raise Broken("what runs is aborted before the settle", str(list(self.running)))
        if settle.failure is None:
            if self.won is None or self.won != self.shown.attempt or settle.attempt != self.won:
                raise Broken("only a whole answer wins", f"attempt {settle.attempt}")
            return
        if self.won is not None:
            raise Broken("a whole answer wins", str(settle))
        self.shown.settles(settle, early=now < self.deadline - NEARLY)
        if settle.failure.kind is FailureKind.DEADLINE:
            if now < self.deadline - LEAST:
                raise Broken("the deadline is not early", f"{self.deadline - now:.2f} s are left")
        elif settle.failure.kind is not FailureKind.CANCELLED and not self.final:
            self._starved(health, now, since)

    def _starved(self, health: Health, now: float, since: float) -> None:
        if self.shown.broken is not None and self.deadline - now < LEAST - LATE + NEARLY:
            return  # too late for another attempt, and the reader gets the error of the break
        latest = min(since + self.rules.max_wait, self.deadline - LEAST) - NEARLY
        for each in self._untried():
            denial = health.denial(each, now)
            if denial is None:
                raise Broken("no target is starved", f"{each.label} may be asked, and was not")
            if denial.until <= latest:
                raise Broken("requests wait", f"for {each.label}, which is back in {denial.until - now:.2f} s")
        if self._left() > len(self._untried()) and now <= self.deadline - LEAST:
            self._forsaken(health, now, latest)

    def _forsaken(self, health: Health, now: float, latest: float) -> None:
        """Check that no target is given up that failed and is back, or soon will be."""
        for each in self.targets:
            label, tries = each.label, self.tries.get(each.label, 0)
            barred = label in self.closed or self.shown.bars(label) or self.keys.all_refused(label)
            if not tries or barred or tries >= min(self.rules.max_tries, self.most[label]):
                continue
            denial = health.denial(each, now, but=self.keys.refused_at(label))
            # That of one which was denied later, while nobody looked, is a retry as others: it waits for its back-off.
            in_time = now + 2.0 ** (tries - 1) <= self.deadline - LEAST
            retried = label in self.shut or (label in self.denied and in_time)
            if retried if denial is None else denial.until <= latest:
                until = "is back" if denial is None else f"is back in {denial.until - now:.2f} s"
                raise Broken("a target that comes back is asked again", f"{label} {until}")

    # ---- every state ----

    def check(self, call: Call, health: Health, now: float) -> None:
        """Check what must be true after every move."""
        if self.latest:
            target = next(each for each in self.targets if each.label == self.latest)
            if self.waits_since == now:
                self.was_free = health.denial(target, now) is None
        if set(call.running) != set(self.running):
            raise Broken("the call knows what runs", f"{list(call.running)} instead of {list(self.running)}")
        timer = call.timer()
        if self.settled:
            if timer is not None:
                raise Broken("nothing follows the settle", "the timer")
            self._forget()
            return
        self.shown.check(list(self.running), now)
        self._note_denied(health, now)
        if timer is None or timer > self.deadline + NEARLY:
            raise Broken("a timer always exists", f"{timer}")
        if timer < now - NEARLY:
            raise Broken("the timer is not in the past", f"by {now - timer:.2f} s")
        if not self.running and timer >= self.deadline - NEARLY:
            raise Broken("nobody waits for the deadline", "nothing runs")
        if self.no_progress > TICKS:
            raise Broken("time makes progress", f"{self.no_progress} looks at the same time")
        if self.waits_since is not None:
            longest = max(self.rules.max_wait, LONGEST_BACKOFF)
            if now - self.waits_since > longest + NEARLY:
                raise Broken("max_wait", f"waits for {now - self.waits_since:.2f} s")

    def _note_shut(self, label: str, health: Health, now: float) -> None:
        denial = health.denial(next(each for each in self.targets if each.label == label), now)
        if denial is not None and not denial.probed:
            self.shut.add(label)

    def _note_denied(self, health: Health, now: float) -> None:
        for each in self.targets:
            failed = each.label in self.tries and not any(
                run.target.label == each.label for run in self.running.values()
            )
            if failed and health.denial(each, now, but=self.keys.refused_at(each.label)) is not None:
                self.denied.add(each.label)

    def _forget(self) -> None:
        """Forget what no longer makes a difference."""
        self.tries.clear()
        self.closed.clear()
        self.latest, self.was_free, self.may_repeat, self.repeated = "", False, False, 0
        self.won = None
        self.shown.forget()
        self.keys.forget()
        self.most.clear()
        self.outrun.clear()
        self.denied.clear()
        self.shut.clear()
        self.attempts, self.no_progress, self.began, self.deadline = 0, 0, 0.0, 0.0
