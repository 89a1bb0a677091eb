"""Snapshots of processes that never ran."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from understudy.domain.quantiles import Sketch
from understudy.fleet.orders import Order, OrderKind
from understudy.telemetry.snapshot import FaceTally, Minute, Snapshot, Tally, TargetSnapshot


class Clock:
    """Unix time that passes when it is told to."""

    def __init__(self, now: float = 1_700_000_000.0 // 60 * 60) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def tally(succeeded: int = 0, cost: int = 0, seconds: float = 0.5, **failed: int) -> Tally:
    """Return what some attempts came to."""
    sketch = Sketch()
    for _ in range(succeeded):
        sketch.add(seconds)
    return Tally(succeeded=succeeded, failed=failed, cost=cost, latency=sketch.snapshot())


def snapshot(
    worker: str, at: float, total: Tally | None = None, minutes: dict[int, Tally] | None = None, **fields: Any
) -> Snapshot:
    """Return what a worker knows of one target, `one/m`."""
    target = TargetSnapshot(entry="one", model="m", provider_type="openai", total=total or Tally())
    found = Snapshot(
        instance="gateway",
        worker=worker,
        host="here",
        pid=1,
        version="0",
        started=at - 100,
        at=at,
        targets=(target,),
        faces=(FaceTally(face="openai", outcome="answered", status=200, count=target.total.succeeded),),
        minutes=tuple(
            Minute(start=start, entry="one", model="m", tally=each) for start, each in sorted((minutes or {}).items())
        ),
    )
    return replace(found, **fields)


def order(kind: OrderKind, entry: str = "one", at: float = 0.0) -> Order:
    """Return an order that has no number yet."""
    return Order(kind=kind, entry=entry, by="ann", at=at)
