"""Reads a distribution: a number, or a table with the name of one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from understudy.config.lines import KeyPath
from understudy.config.report import did_you_mean
from understudy.config.tables import Context
from understudy.simulator.draws import Constant, Draw, Empirical, LogNormal, Uniform
from understudy.simulator.schema import DISTRIBUTIONS

DISTRIBUTED = frozenset({"first_token", "tokens_per_second", "output_tokens", "input_tokens"})
"""The keys whose values are distributions."""


def read_draw(context: Context, value: Any, path: KeyPath, *, zero: bool) -> Draw | None:
    """Return a distribution; report an invalid one. `zero`: whether values of 0 are possible."""
    key, report = path[-1], context.report
    if isinstance(value, dict) and len(value) == 1:
        ((name, given),) = value.items()
    elif _is_number(value):
        name, given = "constant", value
    else:
        hint = f"write a number, or one of {'; '.join(DISTRIBUTIONS.values())}"
        report.error(path, f"{key} must be a number or a distribution", hint)
        return None
    if name not in DISTRIBUTIONS:
        report.error((*path, name), f'unknown distribution "{name}"', did_you_mean(name, DISTRIBUTIONS))
        return None
    draw = _draw(name, given)
    if draw is None:
        report.error(path, f"{key} is not a valid distribution", f"for example: {DISTRIBUTIONS[name]}")
    elif _least(draw) < 0 or (_least(draw) == 0 and not zero):
        report.error(path, f"{key} must be greater than 0", f"for example: {DISTRIBUTIONS[name]}")
    else:
        return draw
    return None


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _draw(name: str, given: Any) -> Draw | None:
    """Return a distribution; `None` if its parameters are invalid."""
    match name, given:
        case "constant", value if _is_number(value):
            return Constant(float(value))
        case "uniform", [low, high] if _is_number(low) and _is_number(high) and low <= high:
            return Uniform(float(low), float(high))
        case "lognormal", [median, sigma] if _is_number(median) and _is_number(sigma) and median > 0 and sigma >= 0:
            return LogNormal(float(median), float(sigma))
        case "quantiles", dict(table) if table:
            return _empirical(table)
        case _:
            return None


def _empirical(table: Mapping[str, Any]) -> Empirical | None:
    points: list[tuple[float, float]] = []
    for name, value in table.items():
        try:
            share = float(name.removeprefix("p")) / 100
        except ValueError:
            return None
        if not name.startswith("p") or not 0 <= share <= 1 or not _is_number(value):
            return None
        points.append((share, float(value)))
    points.sort()
    values = [value for _, value in points]
    return Empirical(tuple(share for share, _ in points), tuple(values)) if values == sorted(values) else None


def _least(draw: Draw) -> float:
    match draw:
        case Constant(value):
            return value
        case Uniform(low, _):
            return low
        case LogNormal(median, _):
            return median
        case Empirical(_, values):
            return values[0]
