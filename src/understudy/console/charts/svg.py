"""Elements of SVG, and the chart that a page shows: a picture, its legend, and the same values as a table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from markupsafe import Markup, escape

from understudy.console.charts.text import shortened, visible

MOST_POINTS = 400
"""Points or bars of a chart that are drawn: the last ones."""
_LONGEST = 200
"""Characters of a text inside a picture."""


class Key(NamedTuple):
    """A row of a legend."""

    style: str
    """The class of its colour."""
    name: str


class Chart(NamedTuple):
    """A picture, and its values in words."""

    title: str
    svg: Markup
    columns: tuple[str, ...]
    """Titles of the table's columns: the first one is that of the rows."""
    rows: tuple[tuple[str, ...], ...]
    legend: tuple[Key, ...] = ()
    is_empty: bool = False


def element(tag: str, *children: str, **attributes: object) -> Markup:
    """Return an element. Underscores of attributes become hyphens (a last one is dropped); `None` omits one.

    Children that are not markup are text: they are escaped, and cut where they are too long.
    """
    given = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(_value(value))}"'
        for name, value in attributes.items()
        if value is not None
    )
    inner = "".join(each if isinstance(each, Markup) else escape(label(each)) for each in children)
    return Markup(f"<{tag}{given}>{inner}</{tag}>")  # noqa: S704 - all parts are escaped above


def joined(parts: Iterable[Markup]) -> Markup:
    """Return elements one after the other."""
    return Markup("").join(parts)


def label(text: str) -> str:
    """Return a text as it may stand in a picture."""
    return shortened(visible(text), _LONGEST)


def number(value: float) -> str:
    """Return a coordinate with two decimals at most, without trailing zeros."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def percent(value: float) -> str:
    """Return a share of the width, so that a picture fits any page while its text keeps its size."""
    return f"{number(100 * value)}%"


def picture(title: str, height: float, parts: Sequence[Markup], *, style: str = "chart") -> Markup:
    """Return a picture as wide as its place on the page."""
    return element(
        "svg",
        element("title", title),
        *parts,
        **{"class": style, "role": "img", "width": "100%", "height": number(height), "aria_label": label(title)},
    )


def _value(value: object) -> str:
    return number(value) if isinstance(value, float) else visible(str(value))
