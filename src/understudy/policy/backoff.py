"""How long to wait before a retry."""

from __future__ import annotations

from random import Random

LONGEST = 8.0
"""Seconds; a provider's own hint may be longer."""
SPREAD = 0.1
"""The most that is added to a hint or a cooldown, as a fraction of it, so that callers do not all return at once."""
_MOST_DOUBLINGS = 16


def delay(tries: int, first: float, hint: float | None, rng: Random) -> float:
    """Return the seconds to wait after that many attempts at a target: full jitter, or the provider's hint if
    longer."""
    drawn = rng.uniform(0.0, longest(tries, first))
    return drawn if hint is None else max(hint, drawn) + rng.uniform(0.0, SPREAD * hint)


def longest(tries: int, first: float) -> float:
    """Return the most seconds that a wait without a hint can take after that many attempts at a target."""
    return min(LONGEST, first * 2.0 ** min(tries - 1, _MOST_DOUBLINGS))


def after(cooldown: float, rng: Random) -> float:
    """Return the seconds to wait for the end of a cooldown."""
    return cooldown + rng.uniform(0.0, SPREAD * cooldown)
