"""The library in a process of its own, which calls the bombs that it is given and prints what each of them did to it.

    python -m tests.hostile.bombs.client PORT

Takes `["bomb", "wire"]` a line, and answers each with a line. Each bomb is met in a forked process, so that memory
which an earlier one has left does not hide what it takes.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any
from urllib.parse import quote

import understudy as u
from tests.hostile.bombs.table import BOMBS, Bomb
from tests.hostile.bombs.wires import VECTORS, WIRES

STATUS = Path("/proc/self/status")
HANGS = 60.0
"""Seconds past its deadline after which a call is held to hang."""


def peak(field: str) -> int:
    """Bytes of resident memory, now (`VmRSS`) or at most (`VmHWM`)."""
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) * 1024


class Ticking:
    """Ticks as often as the loop lets it, and notes what the whole process computed between two ticks.

    The time that it computes does not depend on what else the machine does, and it holds what another thread does
    while it keeps the interpreter.
    """

    def __init__(self) -> None:
        self.longest = 0.0

    async def run(self) -> None:
        last = time.process_time()
        while True:
            await asyncio.sleep(0.001)
            now = time.process_time()
            self.longest = max(self.longest, now - last)
            last = now


def pace() -> float:
    """Seconds that the machine computes for a fixed piece of work. Threads that share a core slow each other down."""
    start = time.process_time()
    sum(number * number for number in range(100_000))
    return time.process_time() - start


def config(name: str, bomb: Bomb, wire: str, port: int) -> u.ProviderConfig:
    one = WIRES[wire]
    provider, model = (VECTORS[wire].provider, "m") if bomb.mode == "embed" else (one.provider, bomb.model or one.model)
    return u.ProviderConfig(
        provider=u.ProviderType(provider),
        base_url=f"http://127.0.0.1:{port}/{quote(name, safe='')}/{wire}",
        api_key=u.Secret("sk-test"),
        text_model=model,
        embedding_model=model,
        max_tokens=bomb.max_tokens,
        timeout=bomb.deadline,
        first_event_timeout=bomb.silence,
        idle_timeout=bomb.silence,
    )


async def call(llm: u.LLMProvider, bomb: Bomb, texts: int) -> int:
    """Make the call; return the size of what it gave."""
    options: u.RequestOptions = {} if bomb.logprobs is None else {"logprobs": True, "top_logprobs": bomb.logprobs}
    match bomb.mode:
        case "plain":
            answer = await llm.generate("hi", **options)
            if bomb.logprobs is not None:
                return len(answer.extra["logprobs"]["content"])
            return len(answer.text) + len(answer.message.parts)
        case "list":
            return len(await llm.list_models())
        case "embed":
            found = await llm.embed(["text"] * texts)
            return sum(map(len, found.embeddings))
    size = 0
    async for event in llm.stream("hi", **options):
        size += len(getattr(event, "text", ""))
    return size


async def meet(name: str, wire: str, port: int) -> dict[str, Any]:
    bomb = BOMBS[name]
    rules = u.FallbackConfig(max_retries=1, deadline=bomb.deadline, max_wait=0)
    tick = Ticking()
    ticking = asyncio.create_task(tick.run())
    result: dict[str, Any] = {"bomb": name, "wire": wire, "kind": "", "size": 0, "said": ""}
    async with u.create_provider(config(name, bomb, wire, port), fallback=rules) as llm:
        await asyncio.sleep(0.01)
        tick.longest = 0.0
        paces = [pace()]
        before, start = peak("VmRSS"), time.process_time()
        Path("/proc/self/clear_refs").write_text("5")
        try:
            async with asyncio.timeout(bomb.deadline + HANGS):
                result["size"] = await call(llm, bomb, VECTORS[wire].texts if wire in VECTORS else 0)
        except u.LLMError as error:
            result["kind"] = str(error.failure.kind) if error.failure else type(error).__name__
            result["said"] = str(error)[:200]
        result["work"] = time.process_time() - start
        result["growth"] = (peak("VmHWM") - before) / (1 << 20)
        await asyncio.sleep(0.01)
        result["stall"] = tick.longest * 1000
        result["pace"] = max(*paces, pace()) * 1000
    ticking.cancel()
    return result


async def warm(port: int) -> None:
    """Load what a first call loads, prices included."""
    name = "a good answer"
    for wire in WIRES:
        async with u.create_provider(config(name, BOMBS[name], wire, port)) as llm:
            await llm.generate("hi")


def main() -> None:
    port = int(sys.argv[1])
    asyncio.run(warm(port))
    for line in sys.stdin:
        name, wire = json.loads(line)
        gc.collect()
        gc.freeze()
        child = os.fork()
        if child == 0:
            signal.alarm(int(BOMBS[name].deadline) + 60)
            try:
                print(json.dumps(asyncio.run(meet(name, wire, port))), flush=True)
            except BaseException:  # noqa: BLE001 - a forked child ends here, whatever happened
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        if os.waitpid(child, 0)[1]:
            print("null", flush=True)


if __name__ == "__main__":
    main()
