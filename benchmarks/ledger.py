"""What a ledger in a file costs: CPU of an attempt that is kept, and of one that a hard budget holds besides.

python -m benchmarks.ledger [--attempts N] [--rounds N]

First the CPU, with 64 attempts under way at once. The time of making the records, which is also that of a ledger in
memory, is taken off. The writer's thread counts. Then what a request waits for the ledger, before it is sent and after
its end, with 1, 64 and 512 attempts under way, each of which its provider answers after 20 ms.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from statistics import quantiles
from typing import Any

from understudy.domain.attempts import AttemptRecord, AttemptStart, CostBasis, Outcome
from understudy.domain.money import Cost, Money
from understudy.domain.operation import Operation
from understudy.domain.usage import Usage
from understudy.engine.job import new_id
from understudy.ledger.holds import Claim
from understudy.ledger.sqlite.store import SqliteLedger

CONCURRENT = 64
AT_ONCE = (1, 64, 512)
ANSWER = 0.02
"""Seconds after which a provider answers."""
COST = Cost(amount=Money(1_234), source="benchmark")
CLAIM = Claim(budget="team", subject="", amount=5_000, ceiling=10**15, if_unknown=5_000)

Ask = Callable[[Any, AttemptStart], Any]


async def _memory(_: Any, start: AttemptStart) -> None:
    await asyncio.sleep(0)


async def _kept(ledger: SqliteLedger, start: AttemptStart) -> None:
    ledger.begin(start)
    await asyncio.sleep(0)


async def _held(ledger: SqliteLedger, start: AttemptStart) -> None:
    assert await ledger.reserve(start, [CLAIM], durable=True) is None


KINDS: Mapping[str, Ask] = {"records alone": _memory, "kept": _kept, "held by a hard budget": _held}


def cpu(ask: Ask, ledger: SqliteLedger | None, attempts: int) -> float:
    """Return the microseconds of CPU an attempt takes."""

    async def one_after_another() -> None:
        for _ in range(attempts // CONCURRENT):
            start = _start()
            await ask(ledger, start)
            record = _ended(start)
            if ledger is not None:
                ledger.record(record)

    async def all_of_them() -> None:
        await asyncio.gather(*(one_after_another() for _ in range(CONCURRENT)))

    before = time.process_time()
    asyncio.run(all_of_them())
    if ledger is not None:
        ledger.flush(60)
    return (time.process_time() - before) / attempts * 1e6


def waits(ask: Ask, ledger: SqliteLedger | None, concurrent: int, attempts: int) -> tuple[float, float]:
    """Return the milliseconds that an attempt waits for the ledger: the median, and the 99th percentile."""
    waited: list[float] = []

    async def one_after_another() -> None:
        for _ in range(max(1, attempts // concurrent)):
            start = _start()
            began = time.perf_counter()
            await ask(ledger, start)
            before = time.perf_counter() - began
            await asyncio.sleep(ANSWER)
            record = _ended(start)
            began = time.perf_counter()
            if ledger is not None:
                ledger.record(record)
            waited.append((before + time.perf_counter() - began) * 1_000)

    async def all_of_them() -> None:
        await asyncio.gather(*(one_after_another() for _ in range(concurrent)))

    asyncio.run(all_of_them())
    shares = quantiles(waited, n=100)
    return shares[49], shares[98]


def _start() -> AttemptStart:
    return AttemptStart(
        request_id=new_id(), attempt_id=new_id(), number=1, provider="primary", provider_type="openai", model="gpt-6",
        operation=Operation.CHAT, started=time.time(), labels={"key": "alice"},
    )  # fmt: skip


def _ended(start: AttemptStart) -> AttemptRecord:
    beginning = {name: getattr(start, name) for name in AttemptStart.__struct_fields__}
    usage = Usage(input=100, output=30)
    how: dict[str, Any] = {"outcome": Outcome.WON, "duration": 1.5, "cost_basis": CostBasis.EXACT}
    return AttemptRecord(**beginning, **how, usage=usage, cost=COST)


def _with_ledger(ask: Ask, measure: Callable[[SqliteLedger | None], Any]) -> Any:
    """Measure with a new ledger in a file; with none for what is kept in memory."""
    if ask is _memory:
        return measure(None)
    with tempfile.TemporaryDirectory() as folder:
        ledger = SqliteLedger(Path(folder) / "ledger.db")
        try:
            return measure(ledger)
        finally:
            ledger.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ledger", description=__doc__)
    parser.add_argument("--attempts", type=int, default=6_400)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    best: dict[str, float] = {}
    for _ in range(given.rounds):
        for name, ask in KINDS.items():
            took = _with_ledger(ask, partial(cpu, ask, attempts=given.attempts))
            best[name] = min(best.get(name, float("inf")), took)
    base = best["records alone"]
    print(f"{f'CPU µs an attempt, {CONCURRENT} at once':<36}{'in all':>9}{'ledger':>9}")
    for name, took in best.items():
        print(f"{name:<36}{took:>9.1f}{took - base:>9.1f}")
    print(
        f"\n{'ms that an attempt waits, at once':<36}" + "".join(f"{f'{each}: p50':>10}{'p99':>8}" for each in AT_ONCE)
    )
    for name, ask in KINDS.items():
        line = ""
        for concurrent in AT_ONCE:
            attempts = min(given.attempts, 200 * concurrent)
            half, most = _with_ledger(ask, partial(waits, ask, concurrent=concurrent, attempts=attempts))
            line += f"{half:>10.3f}{most:>8.3f}"
        print(f"{name:<36}{line}")


if __name__ == "__main__":
    main()
