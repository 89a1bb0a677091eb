"""What a warm call costs as things become many: targets, messages, sessions, keys, rows of the ledger.

    python -m benchmarks.growth [targets] [messages] [sessions] [keys] [rows]   all of it takes some minutes

Bytecode instructions are counted, of the library and of the Python that it calls: other load on the machine does not
change them. What C does is not in them: to copy a tuple of a thousand steps takes a few microseconds. For rows of the
ledger the instructions of SQLite's virtual machine are counted, too.
"""

from __future__ import annotations

import argparse
import asyncio
import sqlite3
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

import understudy as u
from benchmarks.instructions import in_memory
from understudy.policy.health import Permit

NUMBERS = (1, 10, 100, 1_000)
COUNTED = 6
"""Calls."""
PROMPT = "Why is the sky blue?"
TOOL = u.Tool(name="weather", parameters={"type": "object", "properties": {"city": {"type": "string"}}})
STRATEGIES: Mapping[str, Mapping[str, Any]] = {
    each.value: {"strategy": each, **({"tasks": {"default": ["entry-0"]}} if each.value == "task_based" else {})}
    for each in u.FallbackStrategy
}
_LOOP = str(Path(asyncio.__file__).parent)
ROWS = 50
"""Rows that are written at once."""


class Opcodes:
    """Counts bytecode instructions, of all functions but the event loop's, which now and then tidies up its timers."""

    def __init__(self) -> None:
        self.number = 0

    def trace(self, frame: FrameType, event: str, _: Any) -> Any:
        """Count, as a function for `sys.settrace`."""
        if frame.f_code.co_filename.startswith(_LOOP):
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        if event == "opcode":
            self.number += 1
        return self.trace


async def opcodes_of(call: Callable[[], Awaitable[object]], *, warm: int = 0, counted: int = COUNTED) -> float:
    """Return the bytecode instructions of a call, after `warm` other ones."""

    async def once() -> None:
        await call()

    for _ in range(warm):
        await call()
    counter = Opcodes()
    sys.settrace(counter.trace)
    try:
        for _ in range(counted):
            await asyncio.create_task(once())  # a task has new frames, and those are traced
    finally:
        sys.settrace(None)
    return counter.number / counted


# ---- targets ----


def manager(number: int, **fallback: Any) -> u.ProviderManager:
    """Return a manager of so many entries, each with a host, a key and a price of its own, whose answers are there."""
    entries = (
        u.ProviderConfig(
            provider="openai",
            name=f"entry-{index}",
            base_url=f"https://entry-{index}.test/v1",
            api_key=u.Secret(f"sk-{index}"),
            text_model="gpt-4o-mini",
            embedding_model="text-embedding-3-small",
            price=u.Price.per_million(input=1 + index / 1000, output=2),
        )
        for index in range(number)
    )
    transport = in_memory("plain")
    providers = [u.create_provider(entry, transport=transport) for entry in entries]
    return u.ProviderManager(providers, u.FallbackConfig(whole="plain", **fallback))


def engine_of(llm: Any) -> Any:
    """Return the engine of a manager, which holds what is remembered from call to call."""
    return llm._engine


def cool(llm: Any, share: int = 10) -> None:
    """Put one of so many targets in cooldown, from the second on."""
    from understudy.domain.failures import Failure, FailureKind
    from understudy.policy.verdicts import Cooldown

    health, now = engine_of(llm).health, asyncio.get_running_loop().time()
    failure = Failure(kind=FailureKind.RATE_LIMITED, message="slow down", retry_after=600.0)
    for target in llm._catalog.text_targets()[1::share]:
        permit = health.acquire(target, now, free=True)
        health.failed(permit, failure, Cooldown.TARGET, now)
        health.release(permit)


def fail_first(llm: Any) -> None:
    """Open the circuit breaker of the first target's host."""
    from understudy.domain.failures import Failure, FailureKind
    from understudy.policy.verdicts import Cooldown, Trips

    health, now = engine_of(llm).health, asyncio.get_running_loop().time()
    first, failure = llm._catalog.text_targets()[0], Failure(kind=FailureKind.CONNECT, message="down", sent=False)
    for _ in range(20):  # probes that fail keep it open for longer than calls are counted
        permit = health.acquire(first, now, health.new_caller())
        if isinstance(permit, Permit):
            health.failed(permit, failure, Cooldown.NOTHING, now, Trips.ENDPOINT)
            health.release(permit)
        else:
            now = permit.until


async def of_targets(
    strategy: str, number: int, *, tools: bool = False, cooling: bool = False, failing: bool = False
) -> float:
    """Return what a call costs with so many targets, each of which was asked before."""
    llm = manager(number, **STRATEGIES[strategy])
    given: dict[str, Any] = {"tools": [TOOL]} if tools else {}
    for index in range(number):
        await llm.generate(PROMPT, model=f"entry-{index}")
    if cooling:
        cool(llm)
    if failing and number > 1:
        fail_first(llm)
    engine_of(llm).rng.seed(1)  # `latency` draws, and looks at all targets for one request in twenty
    return await opcodes_of(lambda: llm.generate(PROMPT, **given), warm=12)


async def of_second(number: int) -> float:
    """Return what a call of the second of so many targets costs, which it names."""
    llm = manager(number)
    return await opcodes_of(lambda: llm.generate(PROMPT, model="entry-1"), warm=12)


async def of_embedding(strategy: str, number: int) -> float:
    """Return what a plan of an embedding costs with so many targets."""
    planner = manager(number, **STRATEGIES[strategy])._planner  # pyright: ignore[reportPrivateUsage]
    request = u.EmbeddingRequest(texts=(PROMPT,))
    return await opcodes_of(lambda: planner.embedding_plan(request), warm=3)


def targets() -> Iterator[tuple[str, list[float]]]:
    """Return the costs by number of targets, of every strategy."""
    kinds = {
        "": {},
        ", with tools": {"tools": True},
        ", a tenth in cooldown": {"cooling": True},
        ", the first is down": {"failing": True},
    }
    yield from (
        (strategy + name, [asyncio.run(of_targets(strategy, number, **options)) for number in NUMBERS])
        for name, options in kinds.items()
        for strategy in STRATEGIES
    )
    yield from (
        (f"embedding, {name}", [asyncio.run(of_embedding(name, number)) for number in NUMBERS])
        for name in STRATEGIES
        if name != "task_based"
    )


# ---- messages, sessions, keys ----


async def of_messages(number: int) -> float:
    """Return what a call with so many messages costs."""
    llm = manager(2)
    messages = [u.Message.user(PROMPT), u.Message.assistant("Because of scattering.")] * (number // 2)
    given = [*messages, u.Message.user(PROMPT)]
    return await opcodes_of(lambda: llm.generate(given), warm=3)


async def of_sessions(number: int) -> float:
    """Return what a call of a session costs after so many others."""
    from understudy.policy.affinity import SessionKey

    llm = manager(10, affinity=True)
    await llm.generate(PROMPT, session="mine")
    sessions, now = engine_of(llm).sessions, asyncio.get_running_loop().time()
    for index in range(number):
        sessions.answered(SessionKey(None, None, f"s-{index}"), "entry-1/gpt-4o-mini", first=True, begins=True, now=now)
    return await opcodes_of(lambda: llm.generate(PROMPT, session="mine"), warm=6)


async def of_keys(number: int) -> float:
    """Return what a request through a gateway with so many keys costs."""
    from benchmarks.served import CONCURRENCY, SIZES, Served

    body = SIZES["1 KB"]()
    with tempfile.TemporaryDirectory() as folder:
        served = Served(in_memory("1 KB"), Path(folder), keys=number)
        cost = await opcodes_of(lambda: served.ask(body), warm=4, counted=2)
        served.close()
    return cost / CONCURRENCY


# ---- rows ----


def of_rows(number: int) -> tuple[float, float]:
    """Return what a row costs, of bytecode and of SQLite's, in a ledger with so many."""
    from benchmarks.long_ledger import COPIES, fill, records
    from understudy.ledger.sqlite.opening import open_for_writing
    from understudy.ledger.sqlite.transaction import Transaction

    steps, counter = 0, Opcodes()

    def step() -> int:
        nonlocal steps
        steps += 1
        return 0

    def write(connection: sqlite3.Connection, batch: list[Any]) -> None:
        connection.execute("BEGIN IMMEDIATE")
        transaction = Transaction(connection, owner=1)
        transaction.write(batch)
        transaction.finish()
        connection.execute("COMMIT")

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "ledger.db")
        fill(path, records(number // COPIES))
        connection = open_for_writing(path)
        connection.row_factory = sqlite3.Row
        made = list(records(3 * ROWS, first=number))
        write(connection, made[:ROWS])
        connection.set_progress_handler(step, 1)
        write(connection, made[ROWS : 2 * ROWS])
        connection.set_progress_handler(None, 0)
        sys.settrace(counter.trace)
        try:
            write(connection, made[2 * ROWS :])
        finally:
            sys.settrace(None)
        connection.close()
    return counter.number / ROWS, steps / ROWS


# ---- the table ----


def line(name: str, costs: list[float]) -> str:
    """Return a line of the table: the costs, and the last one as a multiple of the one at ten."""
    return f"{name:36}" + "".join(f"{cost:14,.0f}" for cost in costs) + f"{costs[-1] / costs[1]:10.2f} ×"


def table(what: str, rows_of_ledger: int) -> Iterator[str]:
    """Yield the lines of one kind of growth."""
    numbers: tuple[int, ...] = NUMBERS
    lines: Iterator[tuple[str, list[float]]]
    if what == "targets":
        lines = targets()
    elif what == "rows":
        numbers = (10, 1_000, rows_of_ledger)
        found = [of_rows(number) for number in numbers]
        lines = iter([("a row", [cost for cost, _ in found]), ("a row, in SQLite", [steps for _, steps in found])])
    else:
        of, numbers = {
            "messages": (of_messages, NUMBERS),
            "sessions": (of_sessions, (1, 1_000, 100_000)),
            "keys": (of_keys, (1, 100, 10_000)),
        }[what]
        lines = iter([("a request" if what == "keys" else "a call", [asyncio.run(of(number)) for number in numbers])])
    yield f"{what:36}" + "".join(f"{number:14,}" for number in numbers)
    yield from (line(*each) for each in lines)


def main() -> None:
    kinds = ("targets", "messages", "sessions", "keys", "rows")
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description="Count what grows.")
    parser.add_argument("what", nargs="*", choices=[*kinds, []], default=[], help="what becomes many; unset: all")
    parser.add_argument("--ledger", type=int, default=1_000_000, metavar="ROWS", help="rows of the longest ledger")
    given = parser.parse_args()
    for what in given.what or kinds:
        for text in table(what, given.ledger):
            print(text, flush=True)
        print()


if __name__ == "__main__":
    main()
