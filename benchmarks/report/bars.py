"""Bars on a logarithmic scale, as SVG: one for each name, and a line from the least to the most."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape
from typing import NamedTuple

from benchmarks.rounds import Spread

_WIDTH, _LEFT, _RIGHT = 720, 150, 90
_TOP, _STEP, _HEIGHT = 44, 28, 16
_OWN, _OTHER = "#2b6cb0", "#a0aec0"
_LEAST = 0.001
"""A lesser ratio is drawn at this one. What is the difference of two measurements may also be none, or less."""


class Bar(NamedTuple):
    """What one bar shows."""

    name: str
    ratio: Spread


def bars(title: str, shown: Sequence[Bar], *, own: str = "understudy") -> str:
    """Return a picture of ratios. The bar of `own` has another colour."""
    low = max(_LEAST, min([1.0, *(bar.ratio.least for bar in shown)]))
    high = max([2.0, *(bar.ratio.most for bar in shown)])
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))

    def place(ratio: float) -> float:
        share = (math.log10(max(_LEAST, ratio)) - first) / (last - first)
        return round(_LEFT + share * (_WIDTH - _LEFT - _RIGHT), 1)

    bottom = _TOP + _STEP * len(shown)
    parts = [f'<text x="12" y="22" font-size="14" font-weight="bold">{escape(title)}</text>']
    for power in range(first, last + 1):
        at = place(10.0**power)
        parts.append(f'<line x1="{at}" x2="{at}" y1="{_TOP - 6}" y2="{bottom}" stroke="#cbd5e0"/>')
        parts.append(f'<text x="{at}" y="{bottom + 14}" text-anchor="middle">{10.0**power:g}×</text>')
    for number, bar in enumerate(shown):
        top = _TOP + _STEP * number
        parts += _bar(bar, top, place, _OWN if bar.name == own else _OTHER)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{bottom + 24}" '
    style = 'font-family="sans-serif" font-size="12" fill="#1a202c">'
    return f'{head}{style}<rect width="100%" height="100%" fill="#ffffff"/>{"".join(parts)}</svg>\n'


def _bar(bar: Bar, top: int, place: Callable[[float], float], colour: str) -> list[str]:
    begin, end = sorted((place(1.0), place(bar.ratio.middle)))
    middle = top + _HEIGHT / 2
    least, most = place(bar.ratio.least), place(bar.ratio.most)
    return [
        f'<text x="{_LEFT - 8}" y="{middle + 4}" text-anchor="end">{escape(bar.name)}</text>',
        f'<rect x="{begin}" y="{top}" width="{max(1.0, round(end - begin, 1))}" height="{_HEIGHT}" fill="{colour}"/>',
        f'<line x1="{least}" x2="{most}" y1="{middle}" y2="{middle}" stroke="#1a202c"/>',
        f'<text x="{max(end, most) + 6}" y="{middle + 4}">{bar.ratio.middle:.3g}×</text>',
    ]
