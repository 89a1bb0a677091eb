"""What a terminal does while an answer is being written: Ctrl-C stops it, and what is typed waits unseen."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Awaitable, Iterator
from types import TracebackType
from typing import Any, TypeVar

from understudy.cli.sanitize import clean

T = TypeVar("T")


class Stopped(Exception):
    """Ctrl-C, while something was awaited."""


async def until_interrupted(work: Awaitable[T]) -> T:
    """Await something that Ctrl-C cancels. Raises `Stopped` then."""
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()

    def stop(*_: object) -> None:
        loop.call_soon_threadsafe(task.cancel)

    previous = signal.signal(signal.SIGINT, stop)
    try:
        return await task
    except asyncio.CancelledError:
        current = asyncio.current_task()
        if current is not None and current.cancelling():
            raise
        raise Stopped from None
    finally:
        signal.signal(signal.SIGINT, previous)


@contextlib.contextmanager
def unbothered() -> Iterator[None]:
    """Let Ctrl-C do nothing, except where something else is said: one that comes just after an answer has ended was
    meant for the answer, not for the program."""
    previous = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


class Hush:
    """Keeps what is typed while an answer is being written off the screen, for the next question.

    It is put where it can be edited, never sent by itself: a paste at the wrong moment must not become many questions.
    A context manager; Ctrl-C goes on to be a signal.
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

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._before is not None:
            import termios

            with contextlib.suppress(termios.error):  # the terminal has gone
                termios.tcsetattr(sys.stdin.fileno(), termios.TCSADRAIN, self._before)

    def taken(self) -> str:
        """Return what was typed meanwhile, as far as it is text."""
        return "" if self._before is None else _drained(sys.stdin.fileno())


def _drained(file: int) -> str:
    data = b""
    with contextlib.suppress(OSError):
        while piece := os.read(file, 65536):
            data += piece
    return clean(data.decode(errors="replace").replace("\r", "\n")).strip()
