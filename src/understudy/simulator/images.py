"""Plots as PNG, with matplotlib, which the extra `plots` installs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from understudy.domain.errors import Misuse
from understudy.simulator.measures import PARTS, Measures


def write_png(path: Path, title: str, results: Mapping[str, Measures], duration: float) -> None:
    """Write availability and the share of each target over time, one column of plots for each configuration.

    Raise `Misuse` if matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure  # type: ignore[import-not-found,unused-ignore]
    except ImportError as error:
        raise Misuse("a plot needs matplotlib: pip install 'understudy[plots]'") from error
    figure: Any = Figure(figsize=(6.0 * len(results), 6.0), layout="constrained")
    axes = figure.subplots(2, len(results), squeeze=False, sharex=True, sharey="row")
    times = [(number + 0.5) * duration / PARTS for number in range(PARTS)]
    for column, (name, measures) in enumerate(results.items()):
        above, below = axes[0][column], axes[1][column]
        above.plot(times, [_share(part.answered, part.requests) for part in measures.parts])
        above.set(title=name, ylabel="availability")
        for target in measures.targets:
            shares = [_share(part.by_target.get(target, 0), part.answered) for part in measures.parts]
            below.plot(times, shares, label=target)
        below.set(xlabel="seconds", ylabel="share of answers", ylim=(-0.02, 1.02))
        below.legend()
    figure.suptitle(title)
    figure.savefig(path, format="png")


def _share(count: int, total: int) -> float:
    return count / total if total else float("nan")
