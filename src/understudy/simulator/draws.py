"""Distributions from which latencies, speeds and lengths are drawn."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from math import log
from random import Random

import msgspec


class Constant(msgspec.Struct, frozen=True, tag="constant"):
    """Always the same value."""

    value: float


class Uniform(msgspec.Struct, frozen=True, tag="uniform"):
    """Any value between two bounds, all equally likely."""

    low: float
    high: float


class LogNormal(msgspec.Struct, frozen=True, tag="lognormal"):
    """Half of the values are below `median`; `sigma` is the standard deviation of their logarithm."""

    median: float
    sigma: float


class Empirical(msgspec.Struct, frozen=True, tag="quantiles"):
    """Measured quantiles, such as p50 and p95; values between two of them lie on a straight line."""

    shares: tuple[float, ...]
    """From 0 to 1, rising."""
    values: tuple[float, ...]


Draw = Constant | Uniform | LogNormal | Empirical


def sampler(draw: Draw, rng: Random) -> Callable[[], float]:
    """Return a function that draws a value. A constant draws no random number."""
    match draw:
        case Constant(value):
            return lambda: value
        case Uniform(low, high):
            width, chance = high - low, rng.random
            return lambda: low + width * chance()
        case LogNormal(median, sigma):
            mu, lognormal = log(median), rng.lognormvariate
            return lambda: lognormal(mu, sigma)
        case Empirical(shares, values):
            return lambda: _interpolated(shares, values, rng.random())


def _interpolated(shares: tuple[float, ...], values: tuple[float, ...], at: float) -> float:
    after = bisect_right(shares, at)
    if after == 0:
        return values[0]
    if after == len(shares):
        return values[-1]
    low, high = shares[after - 1], shares[after]
    return values[after - 1] + (values[after] - values[after - 1]) * (at - low) / (high - low)
