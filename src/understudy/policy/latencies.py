"""How long targets take until the first content of an answer: learned from every attempt.

The average is sensitive to peaks, as that of the load balancers of Finagle and Linkerd ("peak EWMA"): a value above it
replaces it at once, one below it counts by the time that has passed since the last one. Theirs also decays while
nothing is measured, because between servers milliseconds pass between two requests. Between two requests to a model
minutes may pass, after which every average would be forgotten: this one stays, and the strategy `latency` measures old
ones anew.
"""

from __future__ import annotations

import math
from collections import deque

from understudy.domain.bounded import BoundedDict
from understudy.domain.failures import FailureKind
from understudy.policy.changes import Changes

DECAY = 10.0
"""Seconds after which an earlier average counts for 1/e: the default of Finagle's `PeakEwma` and of Linkerd's proxy."""
FAILED = 5.0
"""Seconds that count for the failure of a target of which nothing else is known."""
KEPT = 100
"""Values of which a quantile is taken."""
ENOUGH = 20
LONGEST = 60.0
"""Seconds up to which failures in a row raise an average: the usual limit for the first content."""

_K = FailureKind
_NOT_SLOW = frozenset(
    {_K.POOL, _K.NOT_SIGNED, _K.LOCAL, _K.STALE_CONNECTION}
    | {_K.INVALID_REQUEST, _K.CONTEXT_LENGTH, _K.REQUEST_TOO_LARGE, _K.CONTENT_FILTER, _K.UNSUPPORTED}
)
"""Failures of this side, of the request, or of a connection that was kept too long."""
_GIVEN_UP = frozenset({_K.CANCELLED, _K.DEADLINE})
"""The attempt was abandoned here: its target was silent at least until then."""


class Latency:
    """The average of one target."""

    __slots__ = ("latest", "measured", "seconds")

    def __init__(self, seconds: float, now: float) -> None:
        self.latest = deque([seconds], maxlen=KEPT)
        self.seconds = seconds
        self.measured = now
        """When it was measured last (monotonic seconds)."""

    def add(self, seconds: float, now: float) -> None:
        """Count a value."""
        self.latest.append(seconds)
        if seconds >= self.seconds:
            self.seconds = seconds
        else:
            kept = math.exp(-max(0.0, now - self.measured) / DECAY)
            self.seconds = seconds + kept * (self.seconds - seconds)
        self.measured = now

    def usual_silence(self) -> float | None:
        """Return the seconds within which 95 of 100 attempts have had content; `None` if too few are known."""
        if len(self.latest) < ENOUGH:
            return None
        return sorted(self.latest)[int(0.95 * (len(self.latest) - 1))]


class Latencies:
    """The averages by `Target.label`. One object per manager, called without `await`.

    Streamed answers are kept apart from whole ones, which arrive at once when they are complete: a target that was
    asked for a whole answer, because no other was left, must not look slow for it.
    """

    __slots__ = ("_streamed", "_whole", "changes")

    def __init__(self) -> None:
        self.changes: Changes | None = None
        """Where it is noted which target was measured, for those who keep orders up to date."""
        self._streamed: BoundedDict[str, Latency] = BoundedDict()
        self._whole: BoundedDict[str, Latency] = BoundedDict()

    def of(self, label: str) -> Latency | None:
        """Return the average of a target: of streamed answers, else of whole ones; `None` if nothing was measured."""
        return self._streamed.get(label) or self._whole.get(label)

    def answered(self, label: str, seconds: float, now: float, *, streamed: bool) -> None:
        """Learn that the first content arrived after `seconds`; of a whole answer, all of it."""
        kept = self._streamed if streamed else self._whole
        if self.changes is not None:
            self.changes.note(label)
        if (known := kept.get(label)) is None:
            if self.changes is not None and len(kept) >= kept.limit:
                self.changes.note_all()  # another target is forgotten
            kept[label] = Latency(seconds, now)
        else:
            known.add(seconds, now)

    def failed(self, label: str, kind: FailureKind, seconds: float, now: float, *, streamed: bool) -> None:
        """Learn from an attempt that ended after `seconds` without content: that never looks quick.

        A failure counts for twice the average, or for the time it took if that is longer. One that was abandoned here
        counts only if the target was silent for longer than usual.
        """
        if kind in _NOT_SLOW:
            return
        known = (self._streamed if streamed else self._whole).get(label)
        if kind in _GIVEN_UP:
            least = known.seconds if known is not None else FAILED
            if seconds < least:
                return
        elif known is None:
            seconds = max(seconds, FAILED)
        else:
            seconds = max(seconds, known.seconds, min(2 * known.seconds, LONGEST))
        self.answered(label, seconds, now, streamed=streamed)
