"""Checks an expression of Prometheus' language against the metrics that there are: names, labels, and which are left.

Prometheus itself accepts any name: an expression with a typing error is valid, and silently has no result.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import promql_parser as promql

from understudy.telemetry.prometheus.metrics import METRICS
from understudy.telemetry.prometheus.text import Kind

SCRAPED = frozenset({"job", "instance"})
"""Labels that Prometheus adds to each sample."""
Labels = frozenset[str]


class Unknown(Exception):
    """An expression names a metric or a label that does not exist, or treats a metric as what it is not."""


def metrics() -> dict[str, Labels]:
    """Return the labels of all series that the gateway has, and of `up`, which Prometheus has of each target."""
    found = {"up": SCRAPED}
    for family in METRICS:
        labels = SCRAPED | set(family.labels)
        if family.kind is Kind.HISTOGRAM:
            found[f"{family.name}_bucket"] = labels | {"le"}
            found[f"{family.name}_sum"] = found[f"{family.name}_count"] = labels
        else:
            found[family.queried] = labels
    return found


COUNTERS = tuple(
    f"{family.name}{suffix}"
    for family in METRICS
    for suffix in {Kind.COUNTER: ("_total",), Kind.HISTOGRAM: ("_bucket", "_sum", "_count")}.get(family.kind, ())
)
_RATES = {"rate", "irate", "increase", "resets"}


def labels_of(expression: str, known: Mapping[str, Labels]) -> Labels:
    """Return the labels that the result of an expression has. Raise `Unknown`, and `ValueError` if it is malformed."""
    return _labels(promql.parse(expression), known, within=None)


def _labels(node: promql.Expr, known: Mapping[str, Labels], within: str | None) -> Labels:
    """`within`: the function that the expression is an argument of."""
    match node:
        case promql.NumberLiteral() | promql.StringLiteral():
            return frozenset()
        case promql.ParenExpr() | promql.UnaryExpr() | promql.SubqueryExpr():
            return _labels(node.expr, known, within)
        case promql.MatrixSelector():
            return _labels(node.vector_selector, known, within)
        case promql.VectorSelector():
            return _selected(node, known, within)
        case promql.Call():
            return _called(node, known)
        case promql.AggregateExpr():
            return _aggregated(node, known)
        case promql.BinaryExpr():
            return _combined(node, known)
    raise Unknown(f"an expression of the type {type(node).__name__}")


def _selected(node: promql.VectorSelector, known: Mapping[str, Labels], within: str | None) -> Labels:
    name = node.name or ""
    if name not in known:
        raise Unknown(f"there is no metric {name!r}")
    labels = known[name]
    for matcher in node.matchers.matchers:
        _has(labels, {matcher.name}, f"{name} in a selector")
        if matcher.op in (promql.MatchOp.Re, promql.MatchOp.NotRe) and not matcher.value.startswith("$"):
            re.compile(matcher.value)
    if (within in _RATES) is not (name in COUNTERS) and within != "count":
        raise Unknown(f"{name} within {within}: counters have rates, gauges have none")
    return labels


def _called(node: promql.Call, known: Mapping[str, Labels]) -> Labels:
    found = [_labels(each, known, node.func.name) for each in node.args]
    if node.func.name == "histogram_quantile":
        _has(found[1], {"le"}, "histogram_quantile")
        return found[1] - {"le"}
    return frozenset().union(*found)


def _aggregated(node: promql.AggregateExpr, known: Mapping[str, Labels]) -> Labels:
    inner = _labels(node.expr, known, within=str(node.op))
    if node.modifier is None:
        return frozenset()
    named = frozenset(node.modifier.labels)
    _has(inner, named, "an aggregation")
    return named if node.modifier.type == promql.AggModifierType.By else inner - named


def _combined(node: promql.BinaryExpr, known: Mapping[str, Labels]) -> Labels:
    left, right = _labels(node.lhs, known, "operator"), _labels(node.rhs, known, "operator")
    if isinstance(node.lhs, promql.NumberLiteral) or isinstance(node.rhs, promql.NumberLiteral):
        return left | right
    matching = node.modifier.matching if node.modifier is not None else None
    if matching is not None:
        _has(left, set(matching.labels), "the left side of an operator")
        _has(right, set(matching.labels), "the right side of an operator")
    elif left != right:
        raise Unknown(f"{sorted(left)} and {sorted(right)} never match: {node.prettify()}")
    return left


def _has(labels: Labels, needed: set[str] | Labels, where: str) -> None:
    if missing := needed - labels:
        raise Unknown(f"{where}: no label {', '.join(sorted(missing))}")
