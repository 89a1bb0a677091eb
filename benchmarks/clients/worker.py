"""Measures one client in a process of its own, in the environment of that client: CPU of the process, threads included.

`python -m benchmarks.clients.worker MODULE` reads works from its standard input, a JSON object a line, and prints a
JSON object for each: microseconds of CPU of a call or of a chunk, or what went wrong. MODULE is one beside this file.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypedDict

from benchmarks.answers import ANSWER, Wanted
from benchmarks.bodies import request_of
from benchmarks.clients.client import Client

CONCURRENCY, LARGE, STREAMS = 64, 8, 8
"""Calls, calls of a megabyte, and streams that are under way at once."""


class Work(TypedDict):
    """What is measured."""

    base_url: str
    size: int
    """Bytes of the request, about."""
    answer: int | None
    """Characters of the answer, or the one sentence."""
    kind: str | None
    """The kind of stream (`benchmarks.answers`), or None for a whole answer."""
    pause_ms: int
    chunks: tuple[int, int]
    """Chunks of a short and of a long stream. A chunk is the difference between them, without what a call takes."""
    seconds: float
    """CPU seconds that one figure shall take, about."""


class Measured:
    """A client that is measured, at each endpoint that it is asked for."""

    def __init__(self, module: str) -> None:
        self._create: Callable[[str], Client] = importlib.import_module(f"benchmarks.clients.{module}").client
        self._clients: dict[str, Client] = {}

    async def perform(self, work: Work) -> float:
        """Return microseconds of CPU."""
        base_url = work["base_url"]
        client = self._clients.get(base_url) or self._clients.setdefault(base_url, self._create(base_url))
        if work["kind"] is None:
            return await self._calls(client, work)
        return await self._chunks(client, work)

    async def _calls(self, client: Client, work: Work) -> float:
        asked = Wanted(size=work["answer"]).line if work["answer"] else ""
        prepared = client.prepare(request_of(work["size"], asked))
        expected = work["answer"] or len(ANSWER)

        async def call() -> None:
            found = await client.plain(prepared)
            if found != expected:
                raise ValueError(f"the answer has {found} characters instead of {expected}")

        at_once = LARGE if work["size"] >= 1_000_000 else CONCURRENCY
        first = await _cpu_of(call, at_once, at_once)
        count = max(at_once, min(4000, int(work["seconds"] / first)))
        return await _cpu_of(call, count, at_once) * 1e6

    async def _chunks(self, client: Client, work: Work) -> float:
        used = []
        for chunks in work["chunks"]:
            wanted = Wanted(str(work["kind"]), chunks, work["pause_ms"])
            prepared = client.prepare(request_of(work["size"], wanted.line))

            async def call(prepared: Any = prepared, chunks: int = chunks) -> None:
                found = await client.streamed(prepared)
                if found < chunks - 2:  # a library may leave out an empty piece, or put two together
                    raise ValueError(f"the stream has {found} pieces instead of {chunks}")

            first = await _cpu_of(call, STREAMS, STREAMS)
            count = max(STREAMS, min(160, int(work["seconds"] / first))) if not work["pause_ms"] else 2 * STREAMS
            used.append(await _cpu_of(call, count, STREAMS))
        short, long = work["chunks"]
        return (used[1] - used[0]) / (long - short) * 1e6

    async def close(self) -> None:
        for client in self._clients.values():
            await client.close()


async def _cpu_of(call: Callable[[], Awaitable[None]], count: int, concurrency: int) -> float:
    """Return the CPU seconds of this process for each of `count` calls."""
    left = count

    async def caller() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            await call()

    before = time.process_time()
    await asyncio.gather(*(caller() for _ in range(concurrency)))
    return (time.process_time() - before) / count


async def main(module: str) -> None:
    measured = Measured(module)
    print(json.dumps({"ready": True}), flush=True)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        try:
            result: dict[str, Any] = {"us": await measured.perform(json.loads(line))}
        except Exception as error:  # noqa: BLE001  # a client may raise whatever it likes; the report states it
            result = {"error": f"{type(error).__name__}: {error}"[:500]}
        print(json.dumps(result), flush=True)
    await measured.close()


if __name__ == "__main__":
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(sys.argv[1]))
