"""How pages show numbers, money and times: short, with the exact value on hover."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote, urlencode

from markupsafe import Markup

from understudy.console.charts.text import SHORT, shortened, visible, visible_lines
from understudy.domain.failures import FailureKind

UNKNOWN = "–"
"""Shown for what is not known or does not apply."""
_NANO = 1_000_000_000
_SETTING = 1_000
"""Characters of a setting that are shown, such as of a list of prices."""
_FAILURE = re.compile(rf"(?:^|(?<=: ))({'|'.join(each.value for each in FailureKind)}): ")
"""A kind of failure of ours, in front of the provider's own words, which stay as they are."""


def number(value: float | None) -> str:
    """Return a count with separators of thousands, or a number with one decimal."""
    if value is None:
        return UNKNOWN
    return f"{value:,.0f}" if value == int(value) or abs(value) >= 100 else f"{value:,.1f}"


def short_number(value: float | None) -> str:
    """Return a count in at most four digits: 950, 12.3k, 4.56M."""
    if value is None:
        return UNKNOWN
    for unit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= unit * 0.99995:
            return f"{value / unit:.3g}{letter}" if value < unit * 999.5 else f"{value / unit:,.0f}{letter}"
    return number(value)


def seconds(value: float | None) -> str:
    """Return a duration: 830 ms, 1.24 s, 2 m 03 s, 3 h 20 m, 4 d 2 h."""
    if value is None:
        return UNKNOWN
    if value < 0.9995:
        return f"{value * 1000:.0f} ms" if value >= 0.01 or value == 0 else f"{value * 1000:.2g} ms"
    if value < 9.995:
        return f"{value:.2f} s".replace(".00 ", " ")
    if value < 59.95:
        return f"{value:.1f} s".replace(".0 ", " ")
    whole = round(value)
    if whole < 3_600:
        return f"{whole // 60} m {whole % 60:02} s"
    if whole < 86_400:
        return f"{whole // 3_600} h {whole % 3_600 // 60:02} m"
    return f"{whole // 86_400} d {whole % 86_400 // 3_600} h"


def share(value: float | None) -> str:
    """Return a part of 1 in percent; what is not quite all or nothing never reads as such."""
    if value is None:
        return UNKNOWN
    if value in (0, 1):
        return f"{value * 100:.0f} %"
    if value > 1:
        return f"{max(101, value * 100):,.0f} %"
    if not 0.0005 <= value < 0.9995:
        return "< 0.1 %" if value < 0.5 else "> 99.9 %"
    return f"{value * 100:.1f} %"


def dollars(amount: Decimal | str | float) -> str:
    """Return US dollars in three or four digits: $0, $0.000123, $0.0457, $1.23, $1,234.50."""
    value = Decimal(str(amount))
    size = abs(value)
    if size == 0:
        return "$0"
    sign = "−" if value < 0 else ""
    if size >= 1:
        return f"{sign}${size:,.2f}"
    # Three significant digits: the place of the first one is the exponent.
    places = min(9, 2 - size.adjusted())
    whole, _, part = f"{size:.{places}f}".partition(".")
    return f"{sign}${whole}.{part.rstrip('0'):0<2}"


def round_dollars(amount: float) -> str:
    """Return an amount at an axis, without cents where there are none."""
    return dollars(amount).removesuffix(".00")


def usd(amount: Decimal | str | None) -> Markup | str:
    """Return US dollars, the exact amount on hover."""
    if amount is None:
        return Markup('<span class="unknown" title="The cost is not known">unknown</span>')
    return Markup('<data class="money" value="{0}" title="${0}">{1}</data>').format(exact(amount), dollars(amount))


def nano_usd(amount: int | None) -> Markup | str:
    """Return nano-USD as US dollars."""
    return usd(None if amount is None else Decimal(amount) / _NANO)


def exact(amount: Decimal | str) -> str:
    """Return an amount to the last digit, without an exponent or trailing zeros."""
    text = f"{Decimal(str(amount)):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def iso(at: float) -> str:
    """Return a Unix time in ISO 8601, UTC, to the second."""
    return datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(at: float | None, now: float | None = None) -> Markup | str:
    """Return a Unix time as an element: how far it is from `now`, if that is given, else date and time."""
    if at is None:
        return UNKNOWN
    words = relative(at - now) if now is not None else iso(at).replace("T", " ").removesuffix("Z")
    return Markup('<time datetime="{0}" title="{0}">{1}</time>').format(iso(at), words)


def relative(distance: float) -> str:
    """Return a distance in time in words: `12 s ago`, `in 3 m 20 s`, `now`."""
    if abs(distance) < 1:
        return "now"
    length = seconds(float(round(abs(distance))))
    return f"in {length}" if distance > 0 else f"{length} ago"


def brief(text: str | None, most: int = SHORT) -> Markup | str:
    """Return a text that may be long: its start, and all of it on demand."""
    if text is None:
        return UNKNOWN
    if len(text) <= most:
        return visible(text)
    return Markup('<details class="more"><summary>{}</summary><pre>{}</pre></details>').format(
        visible(shortened(text, most)), visible_lines(text)
    )


def lines(text: str) -> Markup:
    """Return a text of several lines, as for a `pre`."""
    return Markup("{}").format(visible_lines(text))


def short(text: str | None, most: int = SHORT) -> str:
    """Return the start of a text as it is shown, for a place where the rest is found elsewhere."""
    return UNKNOWN if text is None else shortened(visible(text), most)


def words(name: str) -> str:
    """Return a name of ours as words: `rate_limited` is `rate limited`."""
    return name.replace("_", " ")


def reason(text: str | None) -> str | None:
    """Return why a target is not asked with our names of failures as words: `rate_limited: …` is `rate limited: …`.
    What the provider's words begin with is not repeated: `overloaded: Overloaded` is `Overloaded`."""
    return None if text is None else _FAILURE.sub(_worded, text)


def _worded(found: re.Match[str]) -> str:
    kind = words(found[1])
    return "" if found.string[found.end() :].casefold().startswith(kind) else f"{kind}: "


def counted(count: int, noun: str, nouns: str | None = None) -> str:
    """Return a number with its noun: `1 attempt`, `2 attempts`. `nouns`: the plural, if it needs more than an s."""
    return f"{number(count)} {noun if count == 1 else nouns or f'{noun}s'}"


def clock(at: float, now: float) -> str:
    """Return the time of day of a Unix time in UTC, with the date if it is another one than that of `now`."""
    moment, today = datetime.fromtimestamp(at, UTC), datetime.fromtimestamp(now, UTC)
    return f"{moment:%H:%M:%S}" if moment.date() == today.date() else f"{moment.day} {moment:%b %H:%M:%S}"


def document(value: object) -> Markup:
    """Return JSON with indents, in which texts of several lines stay readable."""
    return lines(json.dumps(value, ensure_ascii=False, indent=2, default=str).replace("\\n", "\n"))


def setting(value: object) -> Markup | str:
    """Return the value of a setting as JSON in one line, from the start if it is long."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    if len(text) > _SETTING:
        text = f"{text[:_SETTING]}… and {len(text) - _SETTING:,} more characters, which the admin API has"
    return brief(text)


def path(*parts: str) -> str:
    """Return a path of the console whose parts are quoted, such as `/console/providers/a%2Fb`."""
    return "/console" + "".join(f"/{quote(_encodable(each), safe='')}" for each in parts)


def query(given: Mapping[str, Any], **changed: Any) -> str:
    """Return a query with some values changed; what is `None` or empty is left out."""
    values = {**given, **changed}
    kept = {name: _encodable(str(value)) for name, value in values.items() if value is not None and value != ""}
    return f"?{urlencode(kept)}" if kept else ""


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


FILTERS = {
    each.__name__: each
    for each in (
        *(number, short_number, seconds, share, usd, nano_usd, iso, moment, clock),
        *(brief, short, lines, words, reason, counted, document, setting),
    )
}
"""What templates call."""
