"""Reports of how targets did over time: how often they answered, what failed, how long it took, and their states."""

from __future__ import annotations

import msgspec


class WindowResult(msgspec.Struct, frozen=True, kw_only=True):
    """The attempts of a target that ended in a span of time. Durations are seconds, within 2 %."""

    since: float
    """Unix seconds."""
    seconds: float
    """Length of the span."""
    succeeded: int
    failed: int
    aborted: int
    up: float | None
    """The part of the attempts that succeeded, from 0 to 1, those aside that failed because of their request and those
    that were aborted; `None` without any."""
    failures: dict[str, int]
    """By kind, the most frequent first."""
    latency_p50: float | None
    """Of successful attempts, until the end of the answer."""
    latency_p95: float | None
    first_p50: float | None
    """Of successful streams, until the first content."""
    first_p95: float | None
    cost_usd: str
    """As far as it is known."""
    unknown_costs: int


class StateChange(msgspec.Struct, frozen=True, kw_only=True):
    """A target began to be in another state, as some process saw it."""

    at: float
    """Unix seconds."""
    state: str
    """`closed`, `half_open`, `open`, `cooldown`, `disabled` or `draining`."""
    why: str | None
    worker: str | None
    """The process that saw it, if that is known."""


class TargetHistory(msgspec.Struct, frozen=True, kw_only=True):
    """One target over time."""

    provider: str
    """Name of the entry."""
    model: str | None
    windows: tuple[WindowResult, ...]
    """The last minute, 5 and 15 minutes, hour, 6 hours and day, as far as the report reaches."""
    slices: tuple[WindowResult, ...]
    """Equal parts of the whole span, the oldest first, also those without attempts."""
    changes: tuple[StateChange, ...]
    """The newest first."""


class ProviderHistory(msgspec.Struct, frozen=True, kw_only=True):
    """Targets over time."""

    at: float
    """Unix seconds of the report."""
    since: float
    """Unix seconds; what was before is not in the report."""
    step: float
    """Seconds of a slice."""
    source: str
    """`fleet`: what the processes of the gateway measured, or `ledger`: entries."""
    is_complete: bool
    """Whether all attempts since then were read: of a ledger, the newest 100,000 at most."""
    targets: tuple[TargetHistory, ...]
    """By entry and model."""
