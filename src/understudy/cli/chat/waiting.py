"""What a terminal does while an answer is written: Ctrl-C stops the answer, and typed text waits unseen."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Awaitable, Iterator
from typing import Any, TypeVar

from understudy.cli.interrupts import woken_by_signals
from understudy.cli.sanitize import clean

T = TypeVar("T")


class Interrupted(Exception):
    """Ctrl-C was pressed while something was awaited."""


async def run_until_interrupted(work: Awaitable[T]) -> T:
    """Await `work`, and cancel it at Ctrl-C. Raises `Interrupted` then."""
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()

    def stop(*_: object) -> None:
        loop.call_soon_threadsafe(task.cancel)

    previous = signal.signal(signal.SIGINT, stop)
    try:
        with woken_by_signals():
            return await task
    except asyncio.CancelledError:
        current = asyncio.current_task()
        if current is not None and current.cancelling():
            raise
        raise Interrupted from None
    finally:
        signal.signal(signal.SIGINT, previous)


@contextlib.contextmanager
def ignoring_interrupts() -> Iterator[None]:
    """Ignore Ctrl-C, except where another handler is set: one that arrives just after an answer has ended was meant
    for the answer, not for the program."""
    previous = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


class TypeAhead:
    """Keeps what is typed while an answer is written off the screen, for the next question.

    It is offered for editing, never sent by itself: a paste at the wrong moment must not become many questions.
    A context manager; Ctrl-C stays a signal.
    """

    def __init__(self) -> None:
        self._before: list[Any] | None = None

    def __enter__(self) -> None:
        try:
            import termios
        except ImportError:  # Windows
            return
        file = sys.stdin.fileno()
        before = termios.tcgetattr(file)
        silent = [*before[:6], [*before[6]]]
        silent[3] &= ~(termios.ECHO | termios.ICANON)
        silent[6][termios.VMIN], silent[6][termios.VTIME] = 0, 0
        termios.tcsetattr(file, termios.TCSADRAIN, silent)
        self._before = before

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            import termios

            with contextlib.suppress(termios.error):  # the terminal is gone
                termios.tcsetattr(sys.stdin.fileno(), termios.TCSADRAIN, self._before)

    def read(self) -> str:
        """Return what was typed meanwhile, without control characters."""
        if self._before is None:
            return ""
        data = b""
        with contextlib.suppress(OSError):
            while piece := os.read(sys.stdin.fileno(), 65536):
                data += piece
        return clean(data.decode(errors="replace").replace("\r", "\n")).strip()
