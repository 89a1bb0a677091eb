"""Where output goes: results to stdout, everything else to stderr, colours and clean text to terminals only."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, TextIO

from understudy.cli.sanitize import Sanitizer, clean

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

_STYLES = {"error": "1;31", "warning": "33", "dim": "2", "good": "32", "bold": "1"}
_WIDE = 1000
"""Columns of tables that do not go to a terminal: cells are not wrapped there, so that lines can be searched."""


def is_terminal(stream: TextIO | None) -> bool:
    """Tell whether a person looks at this stream."""
    return stream is not None and not stream.closed and stream.isatty()


def has_colour(stream: TextIO | None) -> bool:
    """Tell whether colours are wanted there: on terminals, unless NO_COLOR is set or the terminal is a dumb one."""
    return is_terminal(stream) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def styled(text: str, style: str, stream: TextIO) -> str:
    """Return a text in a style where the stream has colours."""
    return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if has_colour(stream) else text


def say(text: str, *, label: str = "", style: str = "dim") -> None:
    """Print a line on stderr, behind a styled label such as `warning`."""
    stream = sys.stderr
    shown = clean(text) if is_terminal(stream) else text
    start = styled(f"{label}:", style, stream) + " " if label else ""
    print(f"{start}{shown}", file=stream, flush=True)


def murmur(text: str) -> None:
    """Print a dimmed line on stderr, for what is good to know but no part of a conversation."""
    stream = sys.stderr
    print(styled(clean(text) if is_terminal(stream) else text, "dim", stream), file=stream, flush=True)


def console(stream: TextIO) -> Console:
    """Return a console for tables and panels. It takes texts as they are: nothing in them is markup."""
    from rich.console import Console

    class PipeConsole(Console):
        def on_broken_pipe(self) -> None:
            """Leave a reader that has gone to `exits.Guard`; rich would end the process with its own code."""
            raise BrokenPipeError

    interactive = is_terminal(stream)
    return PipeConsole(
        file=stream,
        force_terminal=interactive,
        color_system="auto" if has_colour(stream) else None,
        width=None if interactive else _WIDE,
        markup=False,
        highlight=False,
        emoji=False,
        legacy_windows=False if not interactive else None,
    )


def plain_table(*, header: bool = True) -> Table:
    """Return an empty table without frame."""
    from rich.table import Table

    return Table(box=None, show_header=header, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")


def show(renderable: RenderableType, stream: TextIO) -> None:
    """Print a table. Off terminals no line has blanks at its end."""
    target = console(stream)
    if is_terminal(stream):
        target.print(renderable)
        return
    with target.capture() as capture:
        target.print(renderable)
    print("\n".join(line.rstrip() for line in capture.get().splitlines()), file=stream)


class Voice:
    """Writes an answer as it arrives: text to stdout, thinking dimmed to stderr.

    On a terminal control sequences are taken out; elsewhere every character stays, because there it is data.
    """

    def __init__(self, *, thinks_aloud: bool) -> None:
        self._thinks_aloud = thinks_aloud
        self._sanitizer = Sanitizer()
        self._thoughts = Sanitizer()
        self._clean = is_terminal(sys.stdout)
        self._line_open = False
        self._thinking = False
        self.spoke = False
        """Whether anything of the answer was written."""

    def speak(self, text: str) -> None:
        """Write a piece of the answer."""
        shown = self._sanitizer.feed(text) if self._clean else text
        if not shown:
            return
        self._stop_thinking()
        sys.stdout.write(shown)
        sys.stdout.flush()
        self.spoke = True
        self._line_open = not shown.endswith("\n")

    def think(self, text: str) -> None:
        """Write a piece of the model's thinking, where that is wanted."""
        shown = self._thoughts.feed(text)
        if not self._thinks_aloud or not shown:
            return
        self.end_line()
        if not self._thinking:
            self._thinking = True
            shown = (f"\x1b[{_STYLES['dim']}m" if has_colour(sys.stderr) else "") + shown
        sys.stderr.write(shown)
        sys.stderr.flush()

    def end_line(self) -> None:
        """Finish the line that is being written."""
        if self._line_open:
            self._line_open = False
            sys.stdout.write("\n")
            sys.stdout.flush()

    def end(self) -> None:
        """Finish everything."""
        self._stop_thinking()
        self.end_line()

    def _stop_thinking(self) -> None:
        if self._thinking:
            self._thinking = False
            sys.stderr.write("\x1b[0m\n\n" if has_colour(sys.stderr) else "\n\n")
            sys.stderr.flush()


def prepare_library() -> None:
    """Keep the library's log of failed attempts off stderr, where the command line tells of them in its own way, and
    load the HTTP library now, so that the first provider's time does not include that."""
    import logging
    from importlib import import_module

    import_module("aiohttp")
    logging.getLogger("understudy").addHandler(logging.NullHandler())
