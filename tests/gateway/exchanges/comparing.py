"""A scenario played both ways."""

from __future__ import annotations

from tests.gateway.exchanges.playing import Seen, play
from tests.gateway.exchanges.scenario import Scenario
from tests.gateway.exchanges.ways import general

AROUND = 200
"""Characters that are shown on each side of a difference."""


def difference(played: Scenario) -> str | None:
    """Return where the short ways and the general one differ; `None` if they are the same."""
    short = play(played)
    with general():
        return differing(short, play(played))


def differing(one: Seen, other: Seen) -> str | None:
    """Return where two plays of a scenario differ."""
    for name in Seen.__struct_fields__:
        ours, theirs = getattr(one, name), getattr(other, name)
        if len(ours) != len(theirs):
            return f"{name}: {len(ours)} or {len(theirs)}"
        for at, (short, long) in enumerate(zip(ours, theirs, strict=True)):
            if short != long:
                return f"{name}[{at}]: {_where(repr(short), repr(long))}"
    return None


def _where(one: str, other: str) -> str:
    """Return the surroundings of the first difference."""
    at = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    shown = slice(max(0, at - AROUND), at + AROUND)
    return f"…{one[shown]}… or …{other[shown]}…"
