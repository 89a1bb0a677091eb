"""When the next unit may start: rates that are kept evenly, and pauses that a provider asks for. Pure."""

from __future__ import annotations

import re

_RATE = re.compile(r"(?P<count>\d+(?:\.\d+)?)\s*(?:/\s*(?P<unit>s|sec|second|m|min|minute|h|hour))?", re.IGNORECASE)
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}


def parse_rate(text: str) -> float:
    """Parse `60`, `60/min`, `2/s` or `1000/h`; return units per second. Raise `ValueError` for anything else."""
    found = _RATE.fullmatch(text.strip())
    if found is None or float(found["count"]) <= 0:
        raise ValueError(f"{text!r} is not a rate; write 60, 60/min, 2/s or 1000/h")
    return float(found["count"]) / _SECONDS[(found["unit"] or "m")[0].lower()]


class Pace:
    """Spreads units (requests, or tokens) evenly over time.

    Providers count over windows far shorter than the minute by which they state their limits, so there is no burst: a
    unit starts when those before it have had their share of time.
    """

    def __init__(self, per_second: float | None) -> None:
        """Without a rate there is no limit."""
        self._per_second = per_second
        self._free = float("-inf")
        """When the next unit may start."""
        self._held = float("-inf")

    def take(self, now: float, units: float = 1.0) -> float:
        """Reserve units; return in how many seconds they may start."""
        start = max(now, self._free, self._held)
        if self._per_second is not None:
            self._free = start + units / self._per_second
        return start - now

    def correct(self, units: float) -> None:
        """Reserve that many more units, or free them if negative: the first reservation was an estimate."""
        if self._per_second is not None:
            self._free += units / self._per_second

    def hold(self, until: float) -> bool:
        """Start nothing before that time. Return whether this extends the current hold by more than a second."""
        extends = until > self._held + 1.0
        self._held = max(self._held, until)
        return extends

    def hold_left(self, now: float) -> float:
        """Return the seconds until the hold is over; 0 if there is none."""
        return max(0.0, self._held - now)
