"""Where the input of a chat comes from, except for the line editor: lines of standard input, or of a dumb terminal."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Iterator
from typing import Protocol, Self

from understudy.cli import material
from understudy.cli.chat import syntax
from understudy.cli.terminal import dim


class Input(Protocol):
    """A source of questions and commands. A context manager, for as long as the chat lasts."""

    @property
    def interactive(self) -> bool:
        """Whether a person types at a terminal: then errors are shown and the chat continues."""
        ...

    async def read(self) -> str | None:
        """Return the next input, one or more lines; `None` at the end."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


class LineInput:
    """Standard input that is not a terminal: each line is a turn, unless it is continued in the next."""

    interactive = False

    async def read(self) -> str | None:
        """Return the next line that is not blank. Raises `Misuse` if it is not UTF-8."""
        with _immediate_interrupts():
            return self._read()

    def _read(self) -> str | None:
        text = ""
        if sys.stdin is None:  # the caller has closed it
            return None
        while line := sys.stdin.buffer.readline():
            text += material.text_of(line, "standard input").rstrip("\r\n")
            incomplete = syntax.continue_line(text)
            if incomplete is None and text.strip():
                return text
            text = incomplete or ""
        return text if text.strip() else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None


class DumbTerminalInput(LineInput):
    """A terminal that can only show lines, such as one inside an editor."""

    interactive = True

    async def read(self) -> str | None:
        """Return the next line that is not blank; `None` after Ctrl-D, or Ctrl-C twice."""
        for _ in range(2):
            try:
                with _immediate_interrupts():
                    print("> ", end="", file=sys.stderr, flush=True)
                    return self._read()
            except KeyboardInterrupt:
                dim("\npress Ctrl-C again, or Ctrl-D, to exit")
        return None


@contextlib.contextmanager
def _immediate_interrupts() -> Iterator[None]:
    """Let Ctrl-C raise at once: reading blocks, and asyncio's handler would wait for the next line."""
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
