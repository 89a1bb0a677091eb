"""Counts the bytecode instructions of a served request, by module and function: where the interpreter's time goes.

python -m benchmarks.opcodes [SIZE] [--rows N]

SIZE is one of `benchmarks.served.SIZES`. Unlike `benchmarks.instructions` it needs no valgrind and takes seconds, names
functions, and sees nothing of what C does. Other load on the machine does not change its counts. The ledger's thread is
not counted.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from benchmarks.instructions import in_memory
from benchmarks.served import CONCURRENCY, SIZES, Served, path_of

WARM, COUNTED = 6, 5
"""Rounds of requests."""


class Opcodes:
    """What was counted since `count` began."""

    def __init__(self) -> None:
        self.instructions: Counter[CodeType] = Counter()
        self.calls: Counter[CodeType] = Counter()

    def trace(self, frame: FrameType, event: str, _: Any) -> Any:
        """Count, as a function for `sys.settrace`."""
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        if event == "call":
            self.calls[frame.f_code] += 1
        elif event == "opcode":
            self.instructions[frame.f_code] += 1
        return self.trace


async def count(size: str) -> Opcodes:
    """Count what some rounds of requests take."""
    found, body, path = Opcodes(), SIZES[size](), path_of(size)
    with tempfile.TemporaryDirectory() as folder:
        served = Served(in_memory(size), Path(folder))
        for _ in range(WARM):
            await served.ask(body, path)
        sys.settrace(found.trace)
        try:
            for _ in range(COUNTED):
                await asyncio.create_task(served.ask(body, path))  # a task has new frames, and those are traced
        finally:
            sys.settrace(None)
        served.close()
    return found


def place_of(code: CodeType) -> str:
    """Return the file of a function as it is known inside its package."""
    path = Path(code.co_filename)
    names = path.parts
    return "/".join(names[next((at + 1 for at, name in enumerate(names) if name == "site-packages"), -3) :])


def table(counts: Mapping[str, float], calls: Mapping[str, float], rows: int) -> str:
    """Return the largest counts as text."""
    largest = sorted(counts.items(), key=lambda each: -each[1])[:rows]
    return "".join(f"{number:9.1f} {calls[name]:7.1f}  {name}\n" for name, number in largest)


def main() -> None:
    import uvloop

    parser = argparse.ArgumentParser(prog="python -m benchmarks.opcodes", description=__doc__)
    parser.add_argument("size", nargs="?", default="1 KB", choices=list(SIZES))
    parser.add_argument("--rows", type=int, default=40)
    given = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        found = runner.run(count(given.size))
    requests = COUNTED * CONCURRENCY
    total, calls = sum(found.instructions.values()) / requests, sum(found.calls.values()) / requests
    sys.stdout.write(f"{given.size}: {total:,.0f} bytecode instructions a request, {calls:,.0f} calls of functions\n")
    for name in (place_of, lambda code: f"{place_of(code)}: {code.co_qualname}"):
        numbers, called = Counter[str](), Counter[str]()
        for code, number in found.instructions.items():
            numbers[name(code)] += number
            called[name(code)] += found.calls[code]
        each = {key: number / requests for key, number in numbers.items()}
        sys.stdout.write("\n" + table(each, {key: number / requests for key, number in called.items()}, given.rows))


if __name__ == "__main__":
    main()
