"""Where questions come from: an editor on a terminal, lines elsewhere."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from understudy.cli import material
from understudy.cli.chat import typed
from understudy.cli.terminal import is_terminal


class Screen(Protocol):
    """Somebody to talk with. A context manager, for as long as the talk lasts."""

    @property
    def interactive(self) -> bool:
        """Whether it is a person at a terminal: then what goes wrong is told, and the conversation goes on."""
        ...

    async def read(self) -> str | None:
        """Return what is typed next, one or more lines; `None` at the end."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Lines:
    """Standard input that is no terminal: each line is a turn, unless it goes on in the next."""

    interactive = False

    async def read(self) -> str | None:
        """Return the next line that is not blank. Raises `Misuse` when it is no text."""
        text = ""
        while line := _read_line():
            text += material.text_of(line, "standard input").rstrip("\r\n")
            going_on = typed.continued(text)
            if going_on is None and text.strip():
                return text
            text = going_on or ""
        return text if text.strip() else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


def _read_line() -> bytes:
    # Blocking, and so with the plain reaction to Ctrl-C: asyncio's would wait until the line has come.
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return sys.stdin.buffer.readline()
    finally:
        signal.signal(signal.SIGINT, previous)


def open_screen(targets: Callable[[], list[str]], history: Path | None) -> Screen:
    """Return an editor on a terminal, else lines.

    `targets` are the names that `/model` takes; `history` is where the editor keeps what was typed, if it may.
    """
    if sys.stdin is None or not is_terminal(sys.stdin) or not (is_terminal(sys.stdout) or is_terminal(sys.stderr)):
        return Lines()
    from understudy.cli.chat.editor import Editor

    return Editor(targets, history)
