"""What `benchmarks.counts` counts: a warm call, chunks of streams, requests through the gateway, rows of the ledger.

    python benchmarks/works.py          runs all of it between marks, for callgrind
    python benchmarks/works.py opcodes  prints the bytecode instructions of each, as JSON

Each work is run until it is warm, and then a few times more, which count. Streams are run at two lengths: the
difference is the cost of their chunks alone.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, NamedTuple

from benchmarks.callgrind import ROOT, mark
from benchmarks.instructions import in_memory, library_call
from benchmarks.served import CONCURRENCY, SIZES, Served
from benchmarks.start import start

START = "import and a manager"
ROWS = 50
"""Rows of one transaction of the ledger."""
_OWN = str(ROOT / "src" / "understudy")


class Plan(NamedTuple):
    """How often a work is run before it counts, how often it counts, and how much one run does."""

    warm: int
    counted: int
    units: int = 1
    """Requests, or rows, of one run."""


PLANS = {
    "call": Plan(20, 20),
    "stream": Plan(3, 3),
    "longer": Plan(3, 3),
    "proxied": Plan(3, 3, CONCURRENCY),
    "proxied 40 KB": Plan(3, 2, CONCURRENCY),
    "proxied 1 MB": Plan(3, 1, CONCURRENCY),
    "proxied stream": Plan(1, 1, CONCURRENCY),
    "proxied longer": Plan(1, 1, CONCURRENCY),
    "row": Plan(3, 3, ROWS),
}
"""The works, in the order in which they are run."""
_SIZES = {
    "proxied": "1 KB",
    "proxied 40 KB": "40 KB",
    "proxied 1 MB": "1 MB",
    "proxied stream": "stream",
    "proxied longer": "longer",
}

Run = Callable[[], Awaitable[object]]


@contextmanager
def prepared(name: str) -> Iterator[Run]:
    """Prepare a work, inside an event loop."""
    with tempfile.TemporaryDirectory() as folder:
        if name == "row":
            connection = _ledger(Path(folder, "ledger.db"))
            yield _writing(connection)
            connection.close()
        elif name in _SIZES:
            served = Served(in_memory(_SIZES[name]), Path(folder))
            body = SIZES["stream" if name == "proxied longer" else _SIZES[name]]()
            yield lambda: served.ask(body)
            served.close()
        else:
            yield library_call("plain" if name == "call" else name)


def _ledger(path: Path) -> sqlite3.Connection:
    from understudy.ledger.sqlite.opening import open_for_writing

    connection = open_for_writing(path)
    connection.row_factory = sqlite3.Row
    return connection


def _writing(connection: sqlite3.Connection) -> Callable[[], Awaitable[None]]:
    """Return what writes the next rows as the ledger's thread does, in one transaction."""
    from benchmarks.long_ledger import records
    from understudy.ledger.sqlite.transaction import Transaction

    made = list(records(6 * ROWS))  # before anything counts
    batches = (made[at : at + ROWS] for at in range(0, len(made), ROWS))

    async def write() -> None:
        batch = next(batches)
        connection.execute("BEGIN IMMEDIATE")
        transaction = Transaction(connection, owner=1)
        transaction.write(batch)
        transaction.finish()
        connection.execute("COMMIT")

    return write


async def between_marks() -> None:
    """Run all works, with marks before and after what counts."""
    for name, plan in PLANS.items():
        with prepared(name) as run:
            for _ in range(plan.warm):
                await run()
            mark()
            for _ in range(plan.counted):
                await run()
            mark()


class OwnOpcodes:
    """Counts the bytecode instructions of this library's own functions, and no others'."""

    def __init__(self) -> None:
        self.number = 0
        self._is_own: dict[CodeType, bool] = {}

    def trace(self, frame: FrameType, event: str, _: Any) -> Any:
        """Count, as a function for `sys.settrace`."""
        code = frame.f_code
        if (is_own := self._is_own.get(code)) is None:
            is_own = self._is_own[code] = code.co_filename.startswith(_OWN)
        if not is_own:
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        if event == "opcode":
            self.number += 1
        return self.trace


async def opcodes() -> dict[str, float]:
    """Return the bytecode instructions of each work."""
    found: dict[str, float] = {}
    for name, plan in PLANS.items():
        with prepared(name) as run:
            for _ in range(plan.warm):
                await run()
            counter = OwnOpcodes()
            sys.settrace(counter.trace)
            try:
                for _ in range(plan.counted):
                    await asyncio.create_task(_awaited(run))  # a task has new frames, and those are traced
            finally:
                sys.settrace(None)
            found[name] = counter.number / plan.counted / plan.units
    return found


async def _awaited(run: Run) -> None:
    await run()


def opcodes_of_start() -> float:
    """Return the bytecode instructions of the import and the manager."""
    counter = OwnOpcodes()
    sys.settrace(counter.trace)
    try:
        start()
    finally:
        sys.settrace(None)
    return counter.number


def main(what: str) -> None:
    began = opcodes_of_start() if what == "opcodes" else 0.0  # before anything else has imported the library
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        if what == "opcodes":
            json.dump({START: began, **runner.run(opcodes())}, sys.stdout)
        else:
            runner.run(between_marks())


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "")
