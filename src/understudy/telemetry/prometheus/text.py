"""The text formats that Prometheus reads: its own, and OpenMetrics, which it prefers.

https://prometheus.io/docs/instrumenting/exposition_formats/
https://github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Iterator
from math import inf, isnan

import msgspec

from understudy.telemetry.prometheus.histograms import Histogram

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPEN_METRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


class Kind(enum.StrEnum):
    """What a metric is, as both formats name it."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    INFO = "info"
    """Always 1: what matters are the labels. Prometheus' own format calls it a gauge."""


_SUFFIXES = {Kind.COUNTER: "_total", Kind.INFO: "_info"}


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """One metric: all samples of one name."""

    name: str
    """Without the suffix that its kind demands, such as `_total`."""
    kind: Kind
    labels: tuple[str, ...] = ()
    help: str

    @property
    def queried(self) -> str:
        """The name by which it is queried; the buckets of a histogram have `_bucket` behind it."""
        return self.name + _SUFFIXES.get(self.kind, "")


Sample = tuple[tuple[str, ...], int | float | str | Histogram]
"""The values of a family's labels, in their order, and its own: a string is a decimal number."""


def rendered(metrics: Iterable[tuple[Family, Iterable[Sample]]], *, is_open: bool) -> bytes:
    """Return metrics as text: in OpenMetrics, or in Prometheus' own format. Families without samples are omitted."""
    lines: list[str] = []
    for family, samples in metrics:
        written = [line for values, value in samples for line in _lines(family, values, value)]
        if written:
            lines += _head(family, is_open)
            lines += written
    if is_open:
        lines.append("# EOF")
    return ("\n".join(lines) + "\n").encode()


def _head(family: Family, is_open: bool) -> tuple[str, ...]:
    name = family.name if is_open else family.queried
    kind = Kind.GAUGE if family.kind is Kind.INFO and not is_open else family.kind
    text = family.help.replace("\\", "\\\\").replace("\n", "\\n")
    return f"# HELP {name} {text}", f"# TYPE {name} {kind}"


def _lines(family: Family, values: tuple[str, ...], value: int | float | str | Histogram) -> Iterator[str]:
    labels = ",".join(f'{name}="{escaped(text)}"' for name, text in zip(family.labels, values, strict=True))
    shown = f"{{{labels}}}" if labels else ""
    if not isinstance(value, Histogram):
        yield f"{family.queried}{shown} {number(value)}"
        return
    before = labels + "," if labels else ""
    for bound, count in zip(value.bounds, value.counts, strict=True):
        yield f'{family.name}_bucket{{{before}le="{number(bound)}"}} {count}'
    yield f"{family.name}_sum{shown} {number(value.sum)}"
    yield f"{family.name}_count{shown} {value.count}"


def number(value: float | str) -> str:
    """Return a number as both formats write it."""
    if isinstance(value, str):
        return value
    if value == inf:
        return "+Inf"
    if value == -inf:
        return "-Inf"
    return "NaN" if isnan(value) else repr(value)


def escaped(value: str) -> str:
    """Return the value of a label as it stands between quotes."""
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


_LONGEST = 128
"""Characters of a label's value; the rest is cut off. Callers name models, sessions and tags."""
_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff\U000e0000-\U000e007f]"
)
"""Control characters, marks of direction, other characters without a shape, and lone surrogates."""


def label(value: str | None) -> str:
    """Return what a label may state of a name: nothing invisible, and not too much of it. Different names may
    become the same, and count together then."""
    return _UNSEEN.sub("\ufffd", value[:_LONGEST]) if value else ""


def wants_open_metrics(accept: str | None) -> bool:
    """Check whether a client prefers OpenMetrics, by its header `Accept`."""
    best = {"application/openmetrics-text": 0.0, "text/plain": 0.0}
    for each in (accept or "").lower().split(","):
        kind, *parameters = (part.strip() for part in each.split(";"))
        if kind in best:
            best[kind] = max(best[kind], _quality(parameters))
    return best["application/openmetrics-text"] > best["text/plain"]


def _quality(parameters: Iterable[str]) -> float:
    for each in parameters:
        name, _, value = each.partition("=")
        if name.strip() == "q":
            return float(value) if re.fullmatch(r"[01](\.\d{0,3})?", value.strip()) else 0.0
    return 1.0
