"""Plots of what was used, as PNG, with matplotlib, which the extra `plots` installs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from understudy.domain.errors import Misuse
from understudy.reports.usage import UsageResult

_SHOWN = 30
"""Bars."""
_LONGEST = 40
"""Characters of a name."""


def write_usage_png(path: Path, by: str, results: Sequence[UsageResult]) -> None:
    """Write bars of tokens, and of money where any was spent: by day in order, else the dearest of them.

    Raise `Misuse` if matplotlib is not installed, or the file cannot be written.
    """
    try:
        from matplotlib.figure import Figure  # type: ignore[import-not-found,unused-ignore]
    except ImportError as error:
        raise Misuse("a plot needs matplotlib: pip install 'understudy[plots]'") from error
    shown = results[-_SHOWN:] if by == "day" else results[:_SHOWN]
    places, costs = range(len(shown)), [float(each.cost_usd) for each in shown]
    has_costs = any(costs)
    figure: Any = Figure(figsize=(max(6.0, 0.4 * len(shown) + 2), 6.0 if has_costs else 4.0), layout="constrained")
    axes = figure.subplots(2 if has_costs else 1, 1, squeeze=False, sharex=True)
    read, written = [each.input_tokens for each in shown], [each.output_tokens for each in shown]
    tokens = axes[-1][0]
    tokens.bar(places, read, label="in")
    tokens.bar(places, written, bottom=read, label="out")
    tokens.set(ylabel="tokens")
    tokens.yaxis.set_major_formatter("{x:,.0f}")
    tokens.legend(loc="upper left", bbox_to_anchor=(1, 1))
    names = [_label(each.value) for each in shown]
    # Names come from callers: a dollar sign in them does not begin a formula.
    tokens.set_xticks(places, names, rotation=60, ha="right", rotation_mode="anchor", parse_math=False)
    if has_costs:
        axes[0][0].bar(places, costs)
        axes[0][0].set(ylabel="US dollars")
    axes[0][0].set(title=f"usage by {by}")
    try:
        figure.savefig(path, format="png")
    except OSError as error:
        raise Misuse(f"{path} cannot be written: {error.strerror or error}") from error


def _label(name: str) -> str:
    """Return a name as it fits below a bar."""
    plain = "".join(each if each.isprintable() else "?" for each in name)
    return plain if len(plain) <= _LONGEST else f"{plain[: _LONGEST - 1]}…"
