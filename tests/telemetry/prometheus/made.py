"""A gateway with two workers, made by hand: what its metrics must be can be added up on paper."""

from __future__ import annotations

from understudy.domain.quantiles import Quantiles, Sketch
from understudy.domain.quotas import Quota
from understudy.telemetry.prometheus.scrape import BudgetLevel, ProcessUse, Scrape
from understudy.telemetry.snapshot import (
    FaceTally,
    Snapshot,
    StandIn,
    Tally,
    TargetSnapshot,
    TargetState,
    Tokens,
)

NOW = 1_800_000_000.0


def times(*seconds: float) -> Quantiles:
    """Return durations as the meters count them."""
    sketch = Sketch()
    for each in seconds:
        sketch.add(each)
    return sketch.snapshot()


def target(entry: str = "main", model: str | None = "gpt", **fields: object) -> TargetSnapshot:
    """Return a target of a process."""
    return TargetSnapshot(entry=entry, model=model, provider_type="openai", **fields)  # type: ignore[arg-type]


def worker(number: int = 1, **fields: object) -> Snapshot:
    """Return a process that started `number` seconds after the first could have."""
    return Snapshot(
        instance="i",
        worker=f"w{number}",
        host="h",
        pid=100 + number,
        version="1.2.3",
        started=NOW - 3600 + number,
        at=NOW,
        **fields,  # type: ignore[arg-type]
    )


FIRST = worker(
    1,
    config="c1",
    ledger_works=True,
    under_way=3,
    waiting=1,
    targets=(
        target(
            in_flight=2,
            state=TargetState.COOLDOWN,
            until=NOW + 12.5,
            why="rate_limited",
            quotas=(Quota(unit="requests", left=40, limit=500, resets=30.0), Quota(unit="tokens", left=9_000)),
            total=Tally(
                succeeded=2,
                failed={"rate_limited": 1, "server_error": 2},
                tokens=Tokens(input=100, cache_read=20, output=30),
                cost=1_500_000_001,
                latency=times(0.3, 4.0),
                first_content=times(0.2),
                token_gap=times(0.02),
            ),
        ),
        target("backup", None, total=Tally(succeeded=1, aborted=1, unknown_costs=1, latency=times(1.9))),
    ),
    stand_ins=(StandIn(route="fast", primary="main/gpt", acting="backup", why="rate_limited", until=NOW + 12.5),),
    faces=(
        FaceTally(face="openai", outcome="answered", status=200, count=3, latency=times(0.3, 1.9, 4.0)),
        FaceTally(face="openai", outcome="refused", status=429, count=1, latency=times(0.001)),
        FaceTally(face="", outcome="answered", status=200, count=7),
    ),
)
SECOND = worker(
    2,
    config="c2",
    ledger_works=True,
    under_way=1,
    targets=(
        target(
            in_flight=1,
            quotas=(Quota(unit="requests", left=39, limit=500, resets=20.0),),
            total=Tally(
                succeeded=1,
                failed={"server_error": 1},
                tokens=Tokens(input=1, cache_write=7, reasoning=5),
                cost=2,
                latency=times(0.3),
            ),
        ),
    ),
    faces=(FaceTally(face="openai", outcome="answered", status=200, count=1, latency=times(0.3)),),
)
SCRAPE = Scrape(
    now=NOW,
    version="1.2.3",
    workers=(FIRST, SECOND),
    ended=(
        worker(
            0,
            targets=(target(total=Tally(succeeded=10, cost=7, tokens=Tokens(input=1_000))),),
            faces=(FaceTally(face="openai", outcome="client_left", status=499, count=2),),
        ),
    ),
    budgets=(
        BudgetLevel(
            budget="team",
            subject="",
            period="month",
            ceiling=25_500_000_000,
            spent=1_500_000_010,
            reserved=500_000_000,
            resets=1_801_440_000,
        ),
        BudgetLevel(budget="ever", subject="alice", period="total", ceiling=1, spent=5),
    ),
    processes=(
        ProcessUse(pid=101, started=NOW - 3599, cpu=1.25, memory=52_428_800, files=17),
        ProcessUse(pid=102, started=NOW - 3598),
    ),
)

HOSTILE = (
    'quo"te',
    "back\\slash",
    "new\nline",
    "carriage\rreturn",
    "nul\0",
    "\x1b[31mred",
    "\u202eright to left",
    "\ud800",
    "</script><script>alert(1)</script>",
    "=cmd|' /C calc'!A0",
    '"} 1\nunderstudy_workers 99',
    "x" * 10_000,
    '{le="+Inf"}',
    "\u2028",
    "emoji 🎭",
    "\\n",
    "\\",
)
"""Names that would end a sample, begin another one, or do something where they are shown."""
