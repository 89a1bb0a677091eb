"""Measures one client in a process of its own: CPU seconds a call and a chunk, so that other load matters little.

`python -m benchmarks.worker NAME PORT CALLS STREAMS` prints one JSON line.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable

from benchmarks.answers import ANSWER
from benchmarks.clients import CLIENTS

CONCURRENCY = 64
STREAM_CONCURRENCY = 8


async def cpu_of(call: Callable[[], Awaitable[int]], count: int, concurrency: int) -> tuple[float, int]:
    """Return the CPU seconds of this process for `count` calls, and the sum of what they returned."""
    total, left = 0, count

    async def worker() -> None:
        nonlocal total, left
        while left > 0:
            left -= 1
            returned = await call()
            total += returned

    before = time.process_time()
    await asyncio.gather(*(worker() for _ in range(concurrency)))
    return time.process_time() - before, total


async def main(name: str, port: int, calls: int, streams: int) -> None:
    pair = await CLIENTS[name](port)
    await cpu_of(pair.plain, min(calls, 2 * CONCURRENCY), CONCURRENCY)
    await cpu_of(pair.streamed, STREAM_CONCURRENCY, STREAM_CONCURRENCY)
    plain, characters = await cpu_of(pair.plain, calls, CONCURRENCY)
    streamed, chunks = await cpu_of(pair.streamed, streams, STREAM_CONCURRENCY)
    await pair.close()
    assert characters == len(ANSWER) * calls, "the answer is not the stub's"
    result = {"name": name, "call_us": plain / calls * 1e6, "chunk_us": streamed / chunks * 1e6}
    print(json.dumps(result))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], *(int(argument) for argument in sys.argv[2:5])))
