"""What the blocking face costs over the asynchronous one, one call after another, in one process of its own.

`python -m benchmarks.blocking PORT CALLS STREAMS` prints one JSON line: microseconds of CPU, of both threads together.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable

import understudy
from benchmarks.answers import MODEL, PROMPT
from understudy import blocking

ROUNDS = 3


def cpu_of(work: Callable[[], int]) -> float:
    """Return the CPU time of each of what `work` counts, in microseconds."""
    before = time.process_time()
    count = work()
    return (time.process_time() - before) / count * 1e6


def main(port: str, calls: int, streams: int) -> None:
    entry = understudy.ProviderConfig(
        provider="openai",
        base_url=f"http://127.0.0.1:{port}/v1",
        api_key=understudy.Secret("test-key"),
        text_model=MODEL,
    )

    async def plain_async() -> int:
        async with understudy.create_provider(entry) as llm:
            for _ in range(calls):
                await llm.generate(PROMPT)
        return calls

    async def streamed_async() -> int:
        chunks = 0
        async with understudy.create_provider(entry) as llm:
            for _ in range(streams):
                async for _ in llm.stream(PROMPT):
                    chunks += 1
        return chunks

    def plain() -> int:
        with blocking.create_provider(entry) as llm:
            for _ in range(calls):
                llm.generate(PROMPT)
        return calls

    def streamed() -> int:
        with blocking.create_provider(entry) as llm:
            return sum(1 for _ in range(streams) for _ in llm.stream(PROMPT))

    works: dict[tuple[str, str], Callable[[], int]] = {
        ("async", "call_us"): lambda: asyncio.run(plain_async()),
        ("blocking", "call_us"): plain,
        ("async", "chunk_us"): lambda: asyncio.run(streamed_async()),
        ("blocking", "chunk_us"): streamed,
    }
    figures: dict[str, dict[str, float]] = {"async": {}, "blocking": {}}
    for _ in range(ROUNDS):  # rounds alternate; the smallest figure counts
        for (face, figure), work in works.items():
            figures[face][figure] = min(figures[face].get(figure, float("inf")), cpu_of(work))
    print(json.dumps(figures))


if __name__ == "__main__":
    main(sys.argv[1], *(int(argument) for argument in sys.argv[2:4]))
