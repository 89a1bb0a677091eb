"""Output: results to stdout, everything else to stderr, colours and sanitised text to terminals only."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, TextIO

from understudy.cli.sanitize import Sanitizer, clean, escaped_json

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

    from understudy.domain.events import Event

_STYLES = {"error": "1;31", "warning": "33", "dim": "2"}
_WIDE = 1000
"""Width of tables that do not go to a terminal: cells are not wrapped there, so that lines can be searched."""


def is_terminal(stream: TextIO | None) -> bool:
    """Check whether a person looks at this stream."""
    return stream is not None and not stream.closed and stream.isatty()


def require_output() -> None:
    """Raise `OSError` if stdout is closed, before anything is sent for a result that it cannot take."""
    if not sys.stdout.writable():
        sys.stdout.write("")


def has_colour(stream: TextIO | None) -> bool:
    """Check whether a stream shows colours: on terminals, unless NO_COLOR is set or the terminal is dumb."""
    return is_terminal(stream) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def styled(text: str, style: str, stream: TextIO) -> str:
    """Return the text in a style if the stream shows colours."""
    return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if has_colour(stream) else text


def say(text: str, *, label: str = "", style: str = "dim") -> None:
    """Print a line on stderr, after a styled label such as `warning`."""
    stream = sys.stderr
    shown = clean(text) if is_terminal(stream) else text
    start = styled(f"{label}:", style, stream) + " " if label else ""
    print(f"{start}{shown}", file=stream, flush=True)


def dim(text: str) -> None:
    """Print a dimmed line on stderr, for what is good to know but not part of a conversation."""
    stream = sys.stderr
    print(styled(clean(text) if is_terminal(stream) else text, "dim", stream), file=stream, flush=True)


def print_json(value: Any) -> None:
    """Print a value as indented JSON on stdout; a terminal interprets nothing that a model or provider wrote."""
    import msgspec

    text = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    sys.stdout.write((escaped_json(text) if is_terminal(sys.stdout) else text) + "\n")
    sys.stdout.flush()


def console(stream: TextIO) -> Console:
    """Return a console for tables and panels, which interprets no markup."""
    from rich.console import Console

    class PipeConsole(Console):
        def on_broken_pipe(self) -> None:
            """Leave a closed pipe to `exits.Guard`; rich would end the process with a code of its own."""
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


def plain_table(*titles: str) -> Table:
    """Return an empty table without a frame, with columns of these titles whose cells may be wrapped."""
    from rich.table import Column, Table

    columns = (Column(title, overflow="fold") for title in titles)
    return Table(*columns, box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")


def show(renderable: RenderableType, stream: TextIO) -> None:
    """Print a table. If the stream is not a terminal, lines have no trailing blanks."""
    target = console(stream)
    if is_terminal(stream):
        target.print(renderable)
        return
    with target.capture() as capture:
        target.print(renderable)
    print("\n".join(line.rstrip() for line in capture.get().splitlines()), file=stream)


class AnswerWriter:
    """Writes an answer as it arrives: text to stdout, thinking dimmed to stderr.

    On a terminal, control sequences are removed; elsewhere every character stays, because there it is data.
    """

    def __init__(self, *, shows_thinking: bool) -> None:
        self._shows_thinking = shows_thinking
        self._sanitizer = Sanitizer()
        self._thoughts = Sanitizer()
        self._clean = is_terminal(sys.stdout)
        self._line_open = False
        self._thinking = False

    def write(self, text: str) -> None:
        """Write a piece of the answer."""
        shown = self._sanitizer.feed(text) if self._clean else text
        if not shown:
            return
        self._end_thinking()
        sys.stdout.write(shown)
        sys.stdout.flush()
        self._line_open = not shown.endswith("\n")

    def write_event(self, event: Event) -> None:
        """Write what an event of a stream adds to the answer or to the model's thinking."""
        from understudy.domain.events import RefusalDelta, Restarted, TextDelta, ThinkingDelta

        match event:
            case TextDelta(text=text) | RefusalDelta(text=text):
                self.write(text)
            case ThinkingDelta(text=text):
                self.write_thinking(text)
            case Restarted():
                self.end()
                self._sanitizer, self._thoughts = Sanitizer(), Sanitizer()
                failed, kind = event.failed_provider, event.failure.kind
                say(f"{failed} was interrupted ({kind}), and {event.provider} answers anew", label="restarted")
            case _:
                pass

    def write_thinking(self, text: str) -> None:
        """Write a piece of the model's thinking, if thinking is shown."""
        shown = self._thoughts.feed(text)
        if not self._shows_thinking or not shown:
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
        self._end_thinking()
        self.end_line()

    def _end_thinking(self) -> None:
        if self._thinking:
            self._thinking = False
            sys.stderr.write("\x1b[0m\n\n" if has_colour(sys.stderr) else "\n\n")
            sys.stderr.flush()


def prepare_library() -> None:
    """Keep the library's log of failed attempts off stderr, because the command line reports them itself, and load the
    HTTP library now, so that its import does not count as the first provider's time."""
    import logging
    from importlib import import_module

    import_module("aiohttp")
    logging.getLogger("understudy").addHandler(logging.NullHandler())
