"""What one answer to Prometheus is made from: one gateway at one moment, as data."""

from __future__ import annotations

import msgspec

from understudy.telemetry.snapshot import Snapshot


class BudgetLevel(msgspec.Struct, frozen=True, kw_only=True):
    """The balance of a budget in its present period, in nano-USD."""

    budget: str
    subject: str
    """Whose it is, such as the name of a key; empty for all."""
    period: str
    ceiling: int
    spent: int = 0
    reserved: int = 0
    resets: int | None = None
    """Unix seconds; `None` if it never does."""


class ProcessUse(msgspec.Struct, frozen=True, kw_only=True):
    """What the operating system reports of one process; `None` where it does not."""

    pid: int
    started: float
    """Unix seconds."""
    cpu: float | None = None
    """Seconds, user and system together."""
    memory: int | None = None
    """Bytes that are resident."""
    files: int | None = None
    """Open file descriptors."""


class Scrape(msgspec.Struct, frozen=True, kw_only=True):
    """One gateway at one moment. Other gateways that share its store answer for themselves."""

    now: float
    """Unix seconds."""
    version: str
    workers: tuple[Snapshot, ...]
    """Its live processes."""
    ended: tuple[Snapshot, ...] = ()
    """Those that have ended or are silent: only their totals count. One without the name of a worker has the totals of
    all that ended long ago."""
    has_totals: bool = True
    """Whether it is known what all of them counted. If not, `workers` is the one that answers, and no counter is
    stated: one that falls, because a worker is missing, counts as one that began anew."""
    budgets: tuple[BudgetLevel, ...] = ()
    processes: tuple[ProcessUse, ...] = ()
