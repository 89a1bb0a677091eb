"""Counts what attempts and requests come to while they are served: a few microseconds for each, in bounded space.

An attempt is counted once, in the current minute of its target; a total is the minutes that are over, added up, and the
current one. So the history by the minute and the totals cannot differ.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping

from understudy.domain.attempts import AttemptRecord, Outcome
from understudy.domain.operation import BILLED, Operation
from understudy.domain.quantiles import Quantiles, RunningSketch, Sketch
from understudy.domain.usage import Usage
from understudy.telemetry.snapshot import FaceTally, Minute, RequestMinute, Tally, Tokens, add_tokens

TARGETS = 200
"""Targets that are counted by themselves: callers may name any model."""
OTHER = "other"
"""The model of an entry under which the others are counted, and the entry of those that are too many themselves."""
FACES = 500
"""Kinds of answers that are counted by themselves: faces, outcomes and statuses are few."""
UNFILED = 120
"""Minutes that are kept while they cannot be moved to the history of the fleet."""
MINUTE = 60

TargetName = tuple[str, str | None, str]
"""Entry, model, and `text` or `embedding`."""
_EMPTY = Tally()
_WON, _FAILED = Outcome.WON, Outcome.FAILED


class _Counts:
    """What the attempts at one target come to within the current minute, but for their durations."""

    __slots__ = ("aborted", "cost", "failed", "succeeded", "tokens", "unknown_costs")

    def __init__(self) -> None:
        self.succeeded = 0
        self.failed: dict[str, int] = {}
        self.aborted = 0
        self.tokens = [0, 0, 0, 0, 0]
        self.cost = 0
        self.unknown_costs = 0


class _Target:
    """What is counted of one target."""

    __slots__ = ("counts", "first_content", "former", "known", "latency", "provider_type", "token_gap")

    def __init__(self, provider_type: str) -> None:
        self.provider_type = provider_type
        self.counts: _Counts | None = None
        """Of the current minute, if there was an attempt in it."""
        self.former = _EMPTY
        """The total of the minutes before it."""
        self.latency = RunningSketch()
        self.first_content = RunningSketch()
        self.token_gap = RunningSketch()
        self.known: tuple[Tally, Tally] | None = (_EMPTY, _EMPTY)
        """The total and the current minute, as they were read last, unless something was counted since."""

    def read(self) -> tuple[Tally, Tally]:
        """Return the total, and what belongs to the current minute."""
        if self.known is None:
            self.known = self._read()
        return self.known

    def turn(self) -> Tally:
        """Begin another minute, and return the one that is over."""
        self.former, over = self.read()
        for sketch in (self.latency, self.first_content, self.token_gap):
            sketch.begin()
        self.counts, self.known = None, (self.former, _EMPTY)
        return over

    def _read(self) -> tuple[Tally, Tally]:
        counts, former = self.counts, self.former
        if counts is None:
            return former, _EMPTY
        latency, all_latency = self.latency.read()
        first, all_first = self.first_content.read()
        gap, all_gap = self.token_gap.read()
        tokens = Tokens(*counts.tokens)
        current = Tally(
            succeeded=counts.succeeded,
            failed=dict(counts.failed),
            aborted=counts.aborted,
            tokens=tokens,
            cost=counts.cost,
            unknown_costs=counts.unknown_costs,
            latency=latency,
            first_content=first,
            token_gap=gap,
        )
        if former is _EMPTY:
            return current, current
        total = Tally(
            succeeded=former.succeeded + counts.succeeded,
            failed=_both(former.failed, counts.failed),
            aborted=former.aborted + counts.aborted,
            tokens=add_tokens(former.tokens, tokens),
            cost=former.cost + counts.cost,
            unknown_costs=former.unknown_costs + counts.unknown_costs,
            latency=all_latency,
            first_content=all_first,
            token_gap=all_gap,
        )
        return total, current


def _both(one: Mapping[str, int], other: Mapping[str, int]) -> Mapping[str, int]:
    """Return the failures of two groups of attempts together, by kind."""
    if not other:
        return one
    return {kind: one.get(kind, 0) + other.get(kind, 0) for kind in sorted(one.keys() | other.keys())}


class _Answers:
    """What is counted of the answers of one face with one outcome and status."""

    __slots__ = ("count", "first", "former", "latency")

    def __init__(self) -> None:
        self.count = 0
        """Of the current minute, as `first`."""
        self.latency = RunningSketch()
        self.first: Sketch | None = None
        self.former = 0
        """Of the minutes before it."""

    def turn(self) -> None:
        """Begin another minute."""
        self.former += self.count
        self.latency.begin()
        self.count, self.first = 0, None


class Meters:
    """What one process counts. It is used by one event loop."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        """`clock`: Unix seconds."""
        self._clock = clock
        self._targets: dict[TargetName, _Target] = {}
        self._minute = 0
        self._over: list[Minute] = []
        """Minutes that are over, and not in the history yet."""
        self._faces: dict[tuple[str, str, int], _Answers] = {}
        self._requests_over: list[RequestMinute] = []

    # ---- counting ----

    def attempt(self, record: AttemptRecord) -> None:
        """Count an attempt that has ended: an observer for an engine."""
        operation = record.operation
        if operation not in BILLED:
            return
        now = self._clock()
        if now - self._minute >= MINUTE:
            self._turn(now)
        name = (record.provider, record.model, "embedding" if operation is Operation.EMBED else "text")
        target = self._targets.get(name)
        if target is None:
            target = self._new(name, record.provider_type)
        target.known = None
        counts = target.counts
        if counts is None:
            counts = target.counts = _Counts()
        if record.outcome is _WON:
            counts.succeeded += 1
            target.latency.add(record.duration)
            if record.first_event is not None:
                target.first_content.add(record.first_event)
                _count_gap(target.token_gap, record)
        elif record.outcome is _FAILED and record.failure is not None:
            kind = record.failure.kind.value
            counts.failed[kind] = counts.failed.get(kind, 0) + 1
        else:
            counts.aborted += 1
        _count_tokens(counts.tokens, record.usage)
        if record.cost is None:
            counts.unknown_costs += 1
        else:
            counts.cost += record.cost.amount.nano_usd

    def request(self, face: str, outcome: str, status: int, seconds: float, first: float | None = None) -> None:
        """Count a request of a caller that has ended, `first` seconds after which a streamed answer began. One to the
        gateway's own paths, which have no `face`, is not in the minutes."""
        answers = self._faces.get((face, outcome, status))
        if answers is None:
            name = (face, outcome, status) if len(self._faces) < FACES else (face, OTHER, 0)
            answers = self._faces.setdefault(name, _Answers())
        answers.count += 1
        answers.latency.add(seconds)
        if first is not None:
            if answers.first is None:
                answers.first = Sketch()
            answers.first.add(first)

    def _new(self, name: TargetName, provider_type: str) -> _Target:
        """Return what counts for a target that was not counted before."""
        if len(self._targets) >= TARGETS:
            name = (name[0], OTHER, name[2])
            if name not in self._targets and len(self._targets) >= 2 * TARGETS:
                name, provider_type = (OTHER, OTHER, name[2]), OTHER
        known = self._targets.get(name)
        if known is None:
            known = self._targets[name] = _Target(provider_type)
        return known

    def _look(self) -> None:
        """Begin another minute if it is time for it."""
        now = self._clock()
        if now - self._minute >= MINUTE:
            self._turn(now)

    def _turn(self, now: float) -> None:
        """Begin another minute. One never begins before another that is over, even if the clock is set back."""
        for (entry, model, _), target in self._targets.items():
            if target.counts is not None:
                self._over.append(Minute(start=self._minute, entry=entry, model=model, tally=target.turn()))
        self._requests_over.extend(self._current_requests())
        for answers in self._faces.values():
            if answers.count:
                answers.turn()
        self._minute = max(self._minute, int(now // MINUTE) * MINUTE)
        self.filed(self._minute - UNFILED * MINUTE)

    # ---- what was counted ----

    def totals(self) -> Iterator[tuple[TargetName, str, Tally]]:
        """Yield each target, the type of its provider, and what its attempts came to since the process began."""
        for name, target in self._targets.items():
            yield name, target.provider_type, target.read()[0]

    def requests(self) -> tuple[RequestMinute, ...]:
        """Return the requests of the current minute, and those before that were not `filed`."""
        self._look()
        return (*self._requests_over, *self._current_requests())

    def _current_requests(self) -> list[RequestMinute]:
        """Return the requests of the current minute, if there were any."""
        outcomes: dict[str, int] = {}
        latency, first = Quantiles(), Quantiles()
        for (face, outcome, _), answers in self._faces.items():
            if not face or not answers.count:
                continue
            outcomes[outcome] = outcomes.get(outcome, 0) + answers.count
            if outcome == "answered":
                latency += answers.latency.read()[0]
                if answers.first is not None:
                    first += answers.first.snapshot()
        return [RequestMinute(start=self._minute, outcomes=outcomes, latency=latency, first=first)] if outcomes else []

    def minutes(self) -> tuple[Minute, ...]:
        """Return the current minute of each target, and those before that were not `filed`."""
        self._look()
        current = (
            Minute(start=self._minute, entry=entry, model=model, tally=target.read()[1])
            for (entry, model, _), target in self._targets.items()
            if target.counts is not None
        )
        return (*self._over, *current)

    def clear(self) -> None:
        """Count from zero."""
        self._targets.clear()
        self._faces.clear()
        self._over.clear()
        self._requests_over.clear()

    def filed(self, before: int) -> None:
        """Forget the minutes before a moment: they are in the history."""
        if self._over and self._over[0].start < before:
            self._over = [each for each in self._over if each.start >= before]
        if self._requests_over and self._requests_over[0].start < before:
            self._requests_over = [each for each in self._requests_over if each.start >= before]

    def faces(self) -> tuple[FaceTally, ...]:
        """Return what callers got, by face, outcome and status."""
        return tuple(
            FaceTally(
                face=face,
                outcome=outcome,
                status=status,
                count=answers.former + answers.count,
                latency=answers.latency.read()[1],
            )
            for (face, outcome, status), answers in self._faces.items()
        )


def _count_gap(sketch: RunningSketch, record: AttemptRecord) -> None:
    """Count the mean time between two tokens of a stream, if it had several."""
    tokens, first = record.usage.output_total, record.first_event
    if tokens is not None and tokens > 1 and first is not None and record.duration > first:
        sketch.add((record.duration - first) / (tokens - 1))


def _count_tokens(tokens: list[int], usage: Usage) -> None:
    """Add the tokens of an attempt by class; those of audio count with the others."""
    if usage.input:
        tokens[0] += usage.input
    if usage.audio_input:
        tokens[0] += usage.audio_input
    if usage.cache_read:
        tokens[1] += usage.cache_read
    if usage.cache_read_audio:
        tokens[1] += usage.cache_read_audio
    if usage.cache_write:
        tokens[2] += usage.cache_write
    if usage.cache_write_1h:
        tokens[2] += usage.cache_write_1h
    if usage.output:
        tokens[3] += usage.output
    if usage.audio_output:
        tokens[3] += usage.audio_output
    if usage.reasoning:
        tokens[4] += usage.reasoning
