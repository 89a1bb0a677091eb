"""The words for what happened in a request: one row of the timeline for each signal, decision, wait and action."""

from __future__ import annotations

import math
from collections.abc import Iterator

import msgspec

from understudy.domain.explanation import Happening, TimelineEvent
from understudy.domain.failures import Failure
from understudy.policy.signals import (
    Abort,
    Action,
    Beat,
    Began,
    Cancelled,
    Commit,
    Denied,
    Ended,
    Failed,
    Launch,
    Settle,
    Signal,
)
from understudy.policy.skipped import Skipped

_LAUNCHES = ("launched", "probed", "hedged")


Note = tuple[float, "Signal | None", list[Action]]
"""The first three fields of a `Moment`: a tuple costs a request without failures less."""


class Moment(msgspec.Struct, frozen=True):
    """A signal, or `None` for the beginning and the timer, and what the `Call` decided then."""

    at: float
    """In the clock of the call."""
    signal: Signal | None
    actions: list[Action]
    decisions: dict[int, str] = {}
    """All decisions so far in words, by the attempt that they follow."""
    skipped: tuple[Skipped, ...] = ()
    """The targets that could not be asked when it looked for one."""
    until: float | None = None
    """When it goes on, if it waits."""

    @property
    def awaited(self) -> frozenset[tuple[str, bool]]:
        """The targets of which one must be back before it goes on, and whether another request probes them."""
        return frozenset((each.label, each.probed) for each in self.skipped)


class Timeline:
    """Turns moments into `events`. `began` is when the request began, in the clock of its calls."""

    def __init__(self, batch: int | None, began: float) -> None:
        self.events: list[TimelineEvent] = []
        self._batch = batch
        self._began = began
        self._now = began
        self._launches: dict[int, Launch] = {}
        self._running: set[int] = set()
        self._begun: set[int] = set()
        self._skips: dict[str, Skipped] = {}
        self._decisions: dict[int, str] = {}

    def add(self, moment: Moment) -> list[TimelineEvent]:
        """Add the events of the next moment, and return them."""
        if isinstance(moment.signal, Denied):
            self._unlaunch(moment.signal.attempt)
        events = list(self._of(moment))
        self.events += events
        return events

    def _of(self, moment: Moment) -> Iterator[TimelineEvent]:
        """Yield the events of a moment."""
        self._now = moment.at
        if moment.signal is not None and not self._is_told(moment.signal):
            yield self._signal(moment.signal)
        for skipped in moment.skipped:
            before, self._skips[skipped.label] = self._skips.get(skipped.label), skipped
            if before is None or (before.why, before.until) != (skipped.why, skipped.until):
                yield self._event("skipped", target=skipped.label, why=skipped.why, until=skipped.until)
        for attempt, words in moment.decisions.items():
            known = self._decisions.get(attempt, "")
            if words != known:
                yield self._event("decided", attempt, why=words.removeprefix(known).removeprefix("; "))
        self._decisions = moment.decisions or self._decisions
        for action in moment.actions:
            if not isinstance(action, Beat):
                yield self._action(action)
        if moment.until is not None:
            yield self._event("waiting", why=self._awaited(moment), until=moment.until)

    def _is_told(self, signal: Signal) -> bool:
        """Return whether it is reported that content of the attempt arrives."""
        if not isinstance(signal, Began):
            return False
        told = signal.attempt in self._begun
        self._begun.add(signal.attempt)
        return told

    def _unlaunch(self, attempt: int) -> None:
        """Take back the launch of an attempt that was not made."""
        last = self.events[-1] if self.events else None
        if last is not None and last.attempt == attempt and last.what in _LAUNCHES:
            self.events.pop()

    # ---- the rows ----

    def _signal(self, signal: Signal) -> TimelineEvent:
        match signal:
            case Began(attempt):
                return self._event("began", attempt, why="content arrives")
            case Ended(attempt):
                self._running.discard(attempt)
                return self._event("ended", attempt, why="the answer is whole and valid")
            case Failed(attempt, failure):
                self._running.discard(attempt)
                return self._event("failed", attempt, why=_words(failure))
            case Denied(attempt, failure):
                self._running.discard(attempt)
                return self._event("denied", attempt, why=failure.message)
            case Cancelled(failure):
                return self._event("cancelled", why=failure.message)

    def _action(self, action: Launch | Abort | Commit | Settle) -> TimelineEvent:
        match action:
            case Launch():
                return self._launch(action)
            case Abort(attempt, failure):
                self._running.discard(attempt)
                return self._event("aborted", attempt, why=failure.message)
            case Commit(attempt, replaces):
                return self._commit(attempt, replaces)
            case Settle(attempt, failure):
                why = "answered" if failure is None else _words(failure)
                return self._event("settled", attempt, why=why)

    def _launch(self, launch: Launch) -> TimelineEvent:
        label, number = launch.target.label, launch.attempt
        earlier = sum(each.target.label == label for each in self._launches.values() if each.attempt < number)
        what: Happening = "probed" if launch.probes else "hedged" if self._running else "launched"
        why = launch.why if not earlier else f"attempt {earlier + 1} at this target"
        if launch.probes:
            why = f"{why}; other requests wait for the outcome of this probe"
        if launch.continues:
            why = f"{why}; to continue the interrupted answer"
        self._launches[number] = launch
        self._running.add(number)
        return self._event(what, number, why=why)

    def _commit(self, attempt: int, replaces: int | None) -> TimelineEvent:
        if replaces is None:
            return self._event("committed", attempt, why="its answer is the answer")
        if self._launches[attempt].continues:
            return self._event("continued", attempt, why=f"it continues the answer of attempt {replaces}")
        return self._event("restarted", attempt, why=f"its answer replaces that of attempt {replaces}")

    def _awaited(self, moment: Moment) -> str:
        """Return what a request waits for."""
        labels = ", ".join(each.label for each in moment.skipped)
        if not labels:
            launch = self._launches.get(getattr(moment.signal, "attempt", 0))
            return f"before the retry of {launch.target.label}" if launch else ""
        if any(each.probed for each in moment.skipped):
            return f"another request probes {labels}"
        return f"for the end of the cooldown of {labels}"

    def _event(
        self,
        what: Happening,
        attempt: int | None = None,
        *,
        target: str | None = None,
        why: str,
        until: float | None = None,
    ) -> TimelineEvent:
        launch = self._launches.get(attempt) if attempt is not None else None
        if target is None and launch is not None:
            target = launch.target.label
        key = launch.target.key_number if launch is not None and what in _LAUNCHES else 0
        return TimelineEvent(
            at=self._since(self._now),
            what=what,
            attempt=attempt,
            batch=self._batch,
            target=target,
            key=f"{key} of {len(launch.target.credentials)}" if launch is not None and key else None,
            why=why,
            until=None if until is None or math.isinf(until) else self._since(until),
        )

    def _since(self, when: float) -> float:
        """Return the seconds since the request began, to the microsecond."""
        return round(when - self._began, 6)


def _words(failure: Failure) -> str:
    status = f" (HTTP {failure.status})" if failure.status else ""
    return f"{failure.kind}{status}: {failure.message}"
