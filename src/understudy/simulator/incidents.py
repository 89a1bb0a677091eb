"""Reads what happens to targets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from understudy.config.lines import KeyPath
from understudy.config.prices import read_price
from understudy.config.report import did_you_mean
from understudy.config.tables import Context, read_table
from understudy.domain.failures import FailureKind
from understudy.simulator.scenario import Behaviour, Incident
from understudy.simulator.schema import INCIDENT

_RENAMED = {"from": "start", "to": "end"}


def read_incidents(
    context: Context, tables: list[dict[str, Any]], targets: Mapping[str, object]
) -> tuple[Incident, ...]:
    """Return the incidents; report those that are incomplete or name unknown targets."""
    return tuple(_incidents(context, tables, targets))


def _incidents(context: Context, tables: list[dict[str, Any]], targets: Mapping[str, object]) -> Iterator[Incident]:
    for index, table in enumerate(tables):
        here: KeyPath = ("incidents", index)
        context.report.unknown_keys(table, here, "[[incidents]]", INCIDENT)
        values = read_table(context, table, here, INCIDENT)
        for key in ("targets", "kind"):
            if key not in table:
                context.report.error(here, f'the incident has no "{key}"', f"for example: {key} = {_example(key)}")
        for name in values.get("targets", ()):
            if name not in targets:
                context.report.error((*here, "targets"), f'unknown target "{name}"', did_you_mean(name, targets))
        if "kind" in values and "targets" in values:
            yield _incident(context, values, here)


def _example(key: str) -> str:
    return INCIDENT[key].example


def _incident(context: Context, values: dict[str, Any], path: KeyPath) -> Incident:
    kind: str = values.pop("kind")
    _check(context, kind, values, path)
    if "price" in values:
        values["price"] = read_price(context, values["price"], (*path, "price"))
    every = values.get("every")
    if every is not None:
        values.setdefault("lasts", every / 2)
    if "mean_between" in values:
        values.setdefault("mean_length", 60.0)
    if kind == Behaviour.SLOW:
        values.setdefault("factor", 2.0)
    return Incident(
        targets=tuple(values.pop("targets")),
        kind=Behaviour(kind) if kind in list(Behaviour) else FailureKind(kind),
        **{_RENAMED.get(key, key): value for key, value in values.items()},
    )


def _check(context: Context, kind: str, values: Mapping[str, Any], path: KeyPath) -> None:
    """Report values that contradict each other, or that the kind does not have."""
    error = context.report.error
    if "to" in values and values["to"] <= values.get("from", 0):
        error((*path, "to"), "the incident ends before it begins", "write a `to` that is greater than `from`")
    if "every" in values and values.get("lasts", 0) >= values["every"]:
        error((*path, "lasts"), "lasts must be less than every", "omit both if the incident does not pause")
    if "lasts" in values and "every" not in values:
        error((*path, "lasts"), "lasts has no effect without every", "write `to` for the end")
    if "mean_length" in values and "mean_between" not in values:
        error((*path, "mean_length"), "mean_length has no effect without mean_between", "write `from` and `to`")
    if "mean_between" in values and "every" in values:
        error((*path, "every"), "every and mean_between contradict each other", "keep one of them")
    if kind == Behaviour.PRICE and "price" not in values:
        error(path, "the incident has no price", f"for example: price = {INCIDENT['price'].example}")
    if "price" in values and kind != Behaviour.PRICE:
        error((*path, "price"), f"price has no effect on {kind}", 'it applies to kind = "price"')
    if "factor" in values and kind != Behaviour.SLOW:
        error((*path, "factor"), f"factor has no effect on {kind}", 'it applies to kind = "slow"')
