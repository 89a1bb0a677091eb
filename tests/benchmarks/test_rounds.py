"""Medians and ratios of what was measured."""

from __future__ import annotations

from benchmarks.rounds import Rounds, Spread, quantile


def test_a_ratio_compares_figures_of_the_same_round() -> None:
    rounds = Rounds()
    # The machine was twice as slow in the second round, and three times as slow in the third.
    for number, slowness in enumerate((1.0, 2.0, 3.0)):
        rounds.add("1 KB", "relay", number, 100.0 * slowness)
        rounds.add("1 KB", "gateway", number, 250.0 * slowness)
    assert rounds.ratio("1 KB", "gateway", "relay") == Spread(2.5, 2.5, 2.5)
    assert rounds.figure("1 KB", "gateway") == Spread(500.0, 250.0, 750.0)


def test_a_round_that_one_of_both_lacks_does_not_count() -> None:
    rounds = Rounds()
    rounds.add("chunk", "relay", 0, 10.0)
    rounds.add("chunk", "relay", 1, 20.0)
    rounds.add("chunk", "gateway", 1, 30.0)
    assert rounds.ratio("chunk", "gateway", "relay") == Spread(1.5, 1.5, 1.5)


def test_what_was_not_measured_has_neither_figure_nor_ratio() -> None:
    rounds = Rounds()
    rounds.add("chunk", "relay", 0, 0.0)
    rounds.add("chunk", "gateway", 0, 3.0)
    assert rounds.figure("1 MB", "gateway") is None
    assert rounds.ratio("1 MB", "gateway", "relay") is None
    assert rounds.ratio("chunk", "gateway", "relay") is None, "there is no ratio to nothing"


def test_quantiles_are_values_that_were_measured() -> None:
    values = [float(number) for number in range(100, 0, -1)]
    assert quantile(values, 0.5) == 51.0
    assert quantile(values, 0.99) == 100.0
    assert quantile([7.0], 0.99) == 7.0
