"""Plots of what was used, as PNG, with matplotlib, which the extra `plots` installs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from understudy.domain.errors import Misuse
from understudy.reports.usage import UsageResult

_SHOWN = 30


def write_usage_png(path: Path, by: str, results: Sequence[UsageResult]) -> None:
    """Write bars of tokens, and of money where any was spent: by day in order, else the dearest of them.

    Raise `Misuse` if matplotlib is not installed, or the file cannot be written.
    """
    try:
        from matplotlib.figure import Figure  # type: ignore[import-not-found,unused-ignore]
    except ImportError as error:
        raise Misuse("a plot needs matplotlib: pip install 'understudy[plots]'") from error
    shown = results[-_SHOWN:] if by == "day" else results[:_SHOWN]
    names, costs = [each.value for each in shown], [float(each.cost_usd) for each in shown]
    has_costs = any(costs)
    figure: Any = Figure(figsize=(max(6.0, 0.4 * len(shown) + 2), 6.0 if has_costs else 3.5), layout="constrained")
    axes = figure.subplots(2 if has_costs else 1, 1, squeeze=False, sharex=True)
    read, written = [each.input_tokens for each in shown], [each.output_tokens for each in shown]
    tokens = axes[-1][0]
    tokens.bar(names, read, label="in")
    tokens.bar(names, written, bottom=read, label="out")
    tokens.set(ylabel="tokens")
    tokens.legend()
    tokens.tick_params(axis="x", rotation=60)
    if has_costs:
        axes[0][0].bar(names, costs)
        axes[0][0].set(ylabel="US dollars", title=f"usage by {by}")
    try:
        figure.savefig(path, format="png")
    except OSError as error:
        raise Misuse(f"{path} cannot be written: {error.strerror or error}") from error
