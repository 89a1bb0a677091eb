"""The built-in strategies, and the ways of fetching an answer."""

from __future__ import annotations

import enum
from typing import Literal


class FallbackStrategy(enum.StrEnum):
    """How targets are ordered: see docs/choosing.md. Any callable with `Strategy`'s signature is a strategy, too."""

    PRIORITY = "priority"
    """By `priority`, lower values first, then as written."""
    ROUND_ROBIN = "round_robin"
    """In turns, strictly even over concurrent callers."""
    COST_OPTIMIZED = "cost_optimized"
    """By the expected cost of this request, the lowest first."""
    WEIGHTED = "weighted"
    """By chance, in proportion to the `weight` of each target."""
    LATENCY = "latency"
    """The quicker of two targets drawn at random, by time to the first token and attempts in flight."""
    LEAST_BUSY = "least_busy"
    """By attempts in flight, fewest first."""
    TASK_BASED = "task_based"
    """By the task of the request: the one that the caller names, or that of the first matching rule."""


Whole = Literal["auto", "stream", "plain"]
"""How `generate` fetches its answers: see `FallbackConfig.whole`."""
