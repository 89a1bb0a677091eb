"""Plots for the terminal: one character for each part of the time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from understudy.simulator.measures import Measures

_BLOCKS = "▁▂▃▄▅▆▇█"
_NOTHING = " "


def line(shares: Iterable[float | None]) -> str:
    """Return shares from 0 to 1 as blocks; a blank where there is nothing to show.

    Only a whole share is a whole block, and only 0 is the lowest, so that a single failure among thousands is seen.
    """
    return "".join(_NOTHING if share is None else _block(share) for share in shares)


def _block(share: float) -> str:
    if share <= 0.0:
        return _BLOCKS[0]
    return _BLOCKS[-1] if share >= 1.0 else _BLOCKS[1 + min(5, int(share * 6))]


def charts(measures: Measures) -> Iterator[tuple[str, str]]:
    """Yield a title and a line for availability, and for the share of answers of each target."""
    parts = measures.parts
    yield "availability", line(part.answered / part.requests if part.requests else None for part in parts)
    for name in measures.targets:
        yield name, line(part.by_target.get(name, 0) / part.answered if part.answered else None for part in parts)
