"""What happened in one request: what went into its `Call` and what came out, noted as it happens.

The words are made when they are read: a request without failures must not pay for what is rarely looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import msgspec

from understudy.domain.explanation import Explanation, PlannedTarget, SkippedTarget, TimelineEvent
from understudy.policy.call import Call
from understudy.policy.first_attempt import FirstAttempt
from understudy.policy.plan import Plan
from understudy.policy.signals import Action, Beat, Began, Signal
from understudy.policy.timeline import Moment, Note, Timeline

_NEWS = frozenset({"probed", "hedged", "denied", "skipped", "waiting"})
"""What no record of an attempt reports."""


def note(
    moments: list[Moment | Note], call: Call | FirstAttempt, signal: Signal | None, actions: list[Action], now: float
) -> bool:
    """Note a signal, or `None` for the timer, and what the call decided; return whether that is worth a note.

    Signs of life are not, and neither are further pieces of content and looks at a target that is not back yet.
    """
    if actions and isinstance(actions[0], Beat):
        return False
    until = None if call.settled else call.waits_until
    skipped = tuple(each for each in call.denials.values() if each.at == now and not each.refused)
    moment = Moment(now, signal, actions, dict(call.decisions), skipped, until)
    if not actions and moments and _is_known(moment, moments):  # a request may begin with a wait
        return False
    moments.append(moment)
    return True


def _is_known(moment: Moment, earlier: list[Moment | Note]) -> bool:
    """Return whether nothing is new in a moment without actions."""
    if isinstance(moment.signal, Began):
        return any(each.signal == moment.signal for each in map(_moment, reversed(earlier)))
    if moment.signal is not None:
        return False
    if moment.until is None or not moment.skipped:
        return True  # a timer a moment early
    last = _moment(earlier[-1])
    return last.until is not None and moment.awaited == last.awaited


def _moment(noted: Moment | Note) -> Moment:
    return noted if isinstance(noted, Moment) else Moment(*noted)


class Journal(msgspec.Struct, frozen=True):
    """The moments of one request, or of one batch of it. It holds neither the prompt nor the answer."""

    request_id: str
    batch: int | None
    started: float
    """Unix seconds."""
    plan: Plan
    moments: list[Moment | Note]

    @property
    def began(self) -> float:
        """When the request began, in the clock of its calls; 0 for one that has not begun."""
        return _moment(self.moments[0]).at if self.moments else 0.0

    def events(self, began: float) -> list[TimelineEvent]:
        """Return all events; `began` is when the request began."""
        timeline = Timeline(self.batch, began)
        for noted in self.moments:
            timeline.add(_moment(noted))
        return timeline.events

    def news(self) -> list[TimelineEvent]:
        """Return of the latest moment what no record of an attempt reports; of waits, back-off is reported there."""
        timeline, latest = Timeline(self.batch, self.began), _moment(self.moments[-1])
        for noted in self.moments[:-1]:
            timeline.add(_moment(noted))
        events = timeline.add(latest)
        return [each for each in events if each.what in _NEWS and (each.what != "waiting" or latest.skipped)]

    def explanation(self) -> Explanation:
        """Return all of it in words."""
        return explain([self])


def explain(journals: Sequence[Journal]) -> Explanation:
    """Return the explanation of one request: of its only journal, or of those of its batches."""
    first, began = journals[0], min(each.began for each in journals)
    steps, skipped = first.plan.steps, first.plan.skipped
    return Explanation(
        request_id=first.request_id,
        started=min(each.started for each in journals),
        why=first.plan.why,
        route=first.plan.route,
        task=first.plan.task,
        steps=tuple(
            PlannedTarget(place=place, target=step.target.label, why=step.why)
            for place, step in enumerate(steps, start=1)
        ),
        skipped=tuple(SkippedTarget(target=skip.target.label, why=skip.why) for skip in skipped),
        timeline=tuple(
            sorted(chain.from_iterable(each.events(began) for each in journals), key=lambda event: event.at)
        ),
    )
