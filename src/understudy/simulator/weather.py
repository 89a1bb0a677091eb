"""When which incident is active at a target: windows of time, some of them drawn at random."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from math import inf
from random import Random

import msgspec

from understudy.simulator.scenario import Incident


class Window(msgspec.Struct, frozen=True):
    """A stretch of time in which an incident is active, and fades out after it."""

    incident: Incident
    start: float
    end: float
    gone: float
    """When the last effect has ended: `recovery` seconds after `end`."""

    def share(self, now: float) -> float:
        """Return the share of requests that is affected at a time within the window."""
        incident = self.incident
        if incident.every is not None and (now - self.start) % incident.every >= (incident.lasts or 0.0):
            return 0.0
        if now < self.end:
            return incident.share
        return incident.share * (self.gone - now) / incident.recovery

    def next_start(self, now: float) -> float:
        """Return when the incident begins for the first time after `now`; infinity if it does not."""
        every = self.incident.every
        if now < self.start:
            return self.start
        if every is None:
            return inf
        following = self.start + ((now - self.start) // every + 1) * every
        return following if following < self.end else inf


def windows_of(incident: Incident, duration: float, rng: Random) -> Iterator[Window]:
    """Yield the windows of an incident in their order; random ones do not overlap."""
    last = duration if incident.end is None else incident.end
    if incident.mean_between is None:
        yield Window(incident, incident.start, last, last + incident.recovery)
        return
    at = incident.start
    while True:
        at += rng.expovariate(1.0 / incident.mean_between)
        if at >= last:
            return
        length = rng.expovariate(1.0 / (incident.mean_length or 1.0))
        end = min(at + length, last)
        yield Window(incident, at, end, end + incident.recovery)
        at = end + incident.recovery


class Weather:
    """The incidents of one target over time. Times are asked for in rising order, mostly."""

    def __init__(self, windows: Iterable[Window]) -> None:
        self.windows = tuple(sorted(windows, key=lambda window: window.start))
        self._points = sorted({0.0, *(each.start for each in self.windows), *(each.gone for each in self.windows)})
        self._active = self._segments()
        self._from, self._until = 0.0, -1.0
        self._now: tuple[Window, ...] = ()
        self.cutting = tuple(window for window in self.windows if window.incident.cuts)
        """Those that interrupt what is under way when they begin."""

    def _segments(self) -> list[tuple[Window, ...]]:
        """Return the active windows between each point and the next, in one pass."""
        found: list[tuple[Window, ...]] = []
        active: list[Window] = []
        waiting = list(reversed(self.windows))
        for point in self._points:
            active = [window for window in active if window.gone > point]
            while waiting and waiting[-1].start <= point:
                window = waiting.pop()
                if window.gone > point:
                    active.append(window)
            found.append(tuple(active))
        return found

    def active(self, now: float) -> tuple[Window, ...]:
        """Return the windows that a time lies in, including those that fade out."""
        if not self._from <= now < self._until:
            at = bisect_right(self._points, now) - 1
            self._now = self._active[at]
            self._from = self._points[at]
            self._until = self._points[at + 1] if at + 1 < len(self._points) else inf
        return self._now

    def next_cut(self, now: float) -> float:
        """Return when what is under way is interrupted for the next time."""
        return min((window.next_start(now) for window in self.cutting), default=inf)
