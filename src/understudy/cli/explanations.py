"""Saved explanations: `ask --explain` writes them, `explain --from` reads and prints them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from understudy.cli.failing import usable
from understudy.cli.sanitize import clean_line
from understudy.cli.terminal import plain_table, show
from understudy.domain.errors import LLMError, Misuse
from understudy.domain.explanation import Explanation, utc

if TYPE_CHECKING:
    from rich.table import Table

    from understudy.domain.runs import RunStep
    from understudy.protocol import LLMProvider

EXPECTED = (
    "expected what `ask --explain` or `explanation.to_dict()` writes, an object with it under `explanation`, "
    "or a line of JSON for each request"
)


_ENDING = 1.0
"""Seconds in which an interrupted request must end, so that it can be explained."""

T = TypeVar("T")


# ---- writing ----


@contextmanager
def saving(path: Path | None) -> Iterator[list[Explanation]]:
    """Yield a list, and write the explanations in it to a file, also if the block fails: then with that of the error.

    The file is opened at once, before anything is sent; without an explanation it stays as it was. Raise `Misuse` if it
    cannot be written.
    """
    explanations: list[Explanation] = []
    if path is None:
        yield explanations
        return
    if str(path) == "-":
        raise Misuse("--explain needs the name of a file: stdout is for the answer")
    is_new = not path.exists()
    with usable(f"--explain {path}"):
        path.open("ab").close()
    try:
        yield explanations
    except LLMError as error:
        explanations += of_error(error)
        raise
    finally:
        with usable(f"--explain {path}"):
            if explanations:
                path.write_bytes(written(explanations))
            elif is_new:
                path.unlink(missing_ok=True)


async def interruptible(work: Coroutine[Any, Any, T], provider: LLMProvider, explanations: list[Explanation]) -> T:
    """Return the result of what asks a provider. If that is interrupted (Ctrl-C), add the explanation of the request
    under way: a provider that is closed ends it with an error, which has one."""
    asking = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(asking)
    except asyncio.CancelledError:
        await provider.aclose()
        await asyncio.wait((asking,), timeout=_ENDING)
        if not asking.done():
            asking.cancel()
        elif not asking.cancelled() and isinstance(error := asking.exception(), LLMError):
            explanations += of_error(error)
        raise


def written(explanations: Sequence[Explanation]) -> bytes:
    """Return one explanation as JSON, or several as lines of JSON."""
    encoded = [msgspec.json.encode(each.to_dict()) for each in explanations]
    if len(encoded) == 1:
        encoded = [msgspec.json.format(encoded[0], indent=2)]
    return b"".join(each + b"\n" for each in encoded)


def of_steps(steps: Sequence[RunStep]) -> list[Explanation]:
    """Return the explanations of the requests of a tool loop."""
    return [each for step in steps if (each := step.response.explanation) is not None]


def of_error(error: LLMError) -> list[Explanation]:
    """Return the explanation of a request that failed, after those of the earlier steps of its tool loop."""
    earlier = of_steps(error.run.steps) if error.run is not None else []
    return earlier if error.explanation is None else [*earlier, error.explanation]


# ---- reading ----


def read(source: str) -> list[Explanation]:
    """Return the explanations in a file, or in standard input for `-`. Raise `Misuse` if it holds no explanation."""
    name = "standard input" if source == "-" else source
    with usable(f"--from {name}"):
        data = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
    try:
        found = list(_held(msgspec.json.decode(data), name))
    except msgspec.DecodeError as error:
        if data.strip().count(b"\n") == 0 or data.lstrip().startswith((b"{\n", b"[")):
            raise Misuse(f"{name} is not valid JSON: {error}; {EXPECTED}") from error
        found = list(_of_lines(data, name))
    if not found:
        raise Misuse(f"{name} does not contain an explanation: {EXPECTED}")
    return found


def _of_lines(data: bytes, name: str) -> Iterator[Explanation]:
    for number, line in enumerate(data.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            value = msgspec.json.decode(line)
        except msgspec.DecodeError as error:
            raise Misuse(f"{name}, line {number} is not valid JSON: {error}; {EXPECTED}") from error
        yield from _held(value, f"{name}, line {number}")


def _held(value: Any, where: str) -> Iterator[Explanation]:
    """Yield the explanation that a JSON value is, or holds as an answer, an error or a step of a tool loop does."""
    if not isinstance(value, dict):
        return
    if "timeline" in value:
        try:
            yield Explanation.from_dict(value)
        except msgspec.ValidationError as error:
            raise Misuse(f"{where} is not a valid explanation: {error}") from error
        return
    steps = value.get("steps")
    for part in (value.get("explanation"), value.get("error"), value.get("response")):
        yield from _held(part, where)
    for step in steps if isinstance(steps, list) else ():
        yield from _held(step, where)


# ---- printing ----


def show_explanation(explanation: Explanation) -> None:
    """Print an explanation as tables: the plan, what it leaves out, and the timeline."""
    decisions = ("route", explanation.route), ("task", explanation.task), ("order", explanation.why)
    lines = [f"request {explanation.request_id}, started {utc(explanation.started)}"]
    lines += [f"{name}: {value}" for name, value in decisions if value]
    print("\n".join(map(clean_line, lines)), end="\n\n")
    for table in (_plan(explanation), _skipped(explanation), _timeline(explanation)):
        if table.row_count:
            show(table, sys.stdout)
            print()


def _plan(explanation: Explanation) -> Table:
    table = plain_table("#", "target", "why")
    for step in explanation.steps:
        table.add_row(str(step.place), clean_line(step.target), clean_line(step.why))
    return table


def _skipped(explanation: Explanation) -> Table:
    table = plain_table("skipped", "why")
    for skip in explanation.skipped:
        table.add_row(clean_line(skip.target), clean_line(skip.why))
    return table


def _timeline(explanation: Explanation) -> Table:
    table = plain_table()
    table.add_column("seconds", justify="right", no_wrap=True)
    for title in ("what", "attempt"):
        table.add_column(title, no_wrap=True)
    for title in ("target", "why"):
        table.add_column(title, overflow="fold")
    for event in explanation.timeline:
        number = "" if event.attempt is None else str(event.attempt)
        table.add_row(
            f"{event.at:.3f}",
            event.what,
            number if event.batch is None else f"{number} (batch {event.batch})",
            clean_line(f"{event.target or ''}{f' (key {event.key})' if event.key else ''}"),
            clean_line(f"{'' if event.until is None else f'until {event.until:.3f} s: '}{event.why}"),
        )
    return table
