"""The exit codes of the command line, and the one place where errors are mapped to them."""

from __future__ import annotations

import contextlib
import enum
import io
import os
import sys
from types import TracebackType
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from understudy.domain.errors import LLMError

DEBUG_VARIABLE = "UNDERSTUDY_DEBUG"
_CLICK_EXCEPTION = typer.BadParameter.__mro__[2]
"""The root of typer's usage errors, which typer reports itself. Its module depends on typer's version."""


class ExitCode(enum.IntEnum):
    """The exit codes, as docs/cli.md lists them."""

    OK = 0
    UNAVAILABLE = 1
    MISUSE = 2
    REFUSED = 3
    INTERNAL = 70
    OUTPUT_FAILED = 74
    INTERRUPTED = 130
    BROKEN_PIPE = 141


MEANINGS = {
    ExitCode.OK: "done",
    ExitCode.UNAVAILABLE: "no target could answer: every attempt failed, or the deadline passed",
    ExitCode.MISUSE: "invalid usage or configuration; nothing was sent",
    ExitCode.REFUSED: "a provider refused and a retry will not help: key, credit, filter, context window, …",
    ExitCode.INTERNAL: "a bug",
    ExitCode.OUTPUT_FAILED: "the output could not be written",
    ExitCode.INTERRUPTED: "Ctrl-C; the request to the provider is cancelled",
    ExitCode.BROKEN_PIPE: "the reader closed the output, as with `| head`",
}


def exit_code_of(error: LLMError) -> ExitCode:
    """Return the exit code of an error, by its group."""
    from understudy.reports.results import group_of

    return ExitCode[group_of(error).upper()]


class Guard:
    """Ends a command with the exit code of an error raised in it, and a message instead of a traceback.

    With UNDERSTUDY_DEBUG set, unexpected errors are shown with their traceback.
    """

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        from understudy.domain.errors import LLMError

        if error is None or isinstance(error, (SystemExit, typer.Exit, typer.Abort, _CLICK_EXCEPTION)):
            return
        if isinstance(error, KeyboardInterrupt):
            if sys.stderr is not None and sys.stderr.isatty():
                print(file=sys.stderr)
            raise typer.Exit(ExitCode.INTERRUPTED)
        if isinstance(error, BrokenPipeError):
            _forget_stdout()
            raise typer.Exit(ExitCode.BROKEN_PIPE)
        if isinstance(error, LLMError):
            from understudy.cli.messages import show_error

            show_error(error)
            raise typer.Exit(exit_code_of(error)) from error
        if isinstance(error, OSError) and not os.environ.get(DEBUG_VARIABLE):
            words = ": ".join(str(each) for each in (error.filename, error.strerror or error) if each)
            print(f"error: {words}", file=sys.stderr)
            _forget_stdout()
            raise typer.Exit(ExitCode.OUTPUT_FAILED) from error
        if not os.environ.get(DEBUG_VARIABLE):
            print(f"understudy: unexpected {kind.__name__ if kind else 'error'}: {error}", file=sys.stderr)
            print(f"this is a bug; run with {DEBUG_VARIABLE}=1 for the traceback", file=sys.stderr)
            raise typer.Exit(ExitCode.INTERNAL) from error


def _forget_stdout() -> None:
    """Redirect stdout to the null device, or the interpreter would report the closed pipe again at shutdown."""
    with contextlib.suppress(io.UnsupportedOperation):  # a closed stdout has no descriptor
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
