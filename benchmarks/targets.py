"""Measures what a plain call costs when the manager has one, ten or a hundred targets, by strategy.

`python -m benchmarks.targets PORT CALLS` prints one JSON line: microseconds of CPU a call, by strategy and number.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

import understudy as u
from benchmarks.answers import MODEL, PROMPT

NUMBERS = (1, 10, 100)
STRATEGIES = (u.FallbackStrategy.PRIORITY, u.FallbackStrategy.ROUND_ROBIN, u.FallbackStrategy.COST_OPTIMIZED)
ROUNDS = 3


def manager(port: int, number: int, strategy: u.FallbackStrategy) -> u.ProviderManager:
    """Return a manager of so many entries, all at the stub, each with a price of its own."""
    entries = (
        u.ProviderConfig(
            provider="openai",
            name=f"entry-{index}",
            base_url=f"http://127.0.0.1:{port}/v1",
            api_key=u.Secret("test-key"),
            text_model=MODEL,
            price=u.Price.per_million(input=1 + index / 1000, output=2),
        )
        for index in range(number)
    )
    fallback = u.FallbackConfig(strategy=strategy, whole="plain")  # what a stream costs is measured elsewhere
    return u.ProviderManager([u.create_provider(entry) for entry in entries], fallback)


async def cpu_per_call(llm: u.ProviderManager, calls: int) -> float:
    """Return microseconds of CPU a call, one after another."""
    async with llm:
        for _ in llm.providers:
            await llm.generate(PROMPT)
        before = time.process_time()
        for _ in range(calls):
            await llm.generate(PROMPT)
        return (time.process_time() - before) / calls * 1e6


def main() -> None:
    port, calls = int(sys.argv[1]), int(sys.argv[2])
    best: dict[str, dict[int, float]] = {}
    for _ in range(ROUNDS):
        for strategy in STRATEGIES:
            for number in NUMBERS:
                took = asyncio.run(cpu_per_call(manager(port, number, strategy), calls))
                known = best.setdefault(strategy, {})
                known[number] = min(known.get(number, took), took)
    print(json.dumps(best))


if __name__ == "__main__":
    main()
