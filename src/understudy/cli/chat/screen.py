"""Where questions come from: an editor on a terminal, lines elsewhere."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from understudy.cli import material
from understudy.cli.chat import typed
from understudy.cli.terminal import dim, is_terminal

_DUMB = ("dumb", "unknown", "")


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
        with _plain_interrupts():
            return self._read()

    def _read(self) -> str | None:
        text = ""
        while line := sys.stdin.buffer.readline():
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


class DumbTerminal(Lines):
    """A terminal that can do nothing but show lines, such as one inside of an editor."""

    interactive = True

    async def read(self) -> str | None:
        """Return the next line that is not blank; `None` after Ctrl-D, or Ctrl-C twice."""
        for _ in range(2):
            try:
                with _plain_interrupts():
                    print("> ", end="", file=sys.stderr, flush=True)
                    return self._read()
            except KeyboardInterrupt:
                dim("\nCtrl-C again, or Ctrl-D, leaves")
        return None


@contextlib.contextmanager
def _plain_interrupts() -> Iterator[None]:
    """Let Ctrl-C raise at once: reading blocks, and asyncio's reaction would wait until a line has come."""
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


def open_screen(targets: Sequence[str], history: Path | None) -> Screen:
    """Return an editor on a terminal, else lines.

    `targets` are the names that `/model` takes; `history` is where the editor keeps what was typed, if it may.
    """
    if sys.stdin is None or not is_terminal(sys.stdin) or not (is_terminal(sys.stdout) or is_terminal(sys.stderr)):
        return Lines()
    if os.environ.get("TERM", "dumb").lower() in _DUMB and sys.platform != "win32":
        return DumbTerminal()
    from understudy.cli.chat.editor import Editor

    return Editor(targets, history)
