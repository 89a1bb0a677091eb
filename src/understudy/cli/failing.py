"""How a command ends if it fails, and how a file that cannot be used is reported: the same for all of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from understudy.cli.exits import exit_code_of
from understudy.cli.messages import show_error
from understudy.cli.terminal import print_json
from understudy.domain.errors import LLMError, Misuse
from understudy.reports.results import report_error


@contextmanager
def report_errors(*, as_json: bool = False, verbose: bool = False) -> Iterator[None]:
    """Report an error raised in the block on stderr and end the command with its exit code. With `as_json` also print
    it as an object on stdout."""
    try:
        yield
    except LLMError as error:
        if as_json:
            print_json(report_error(error))
        show_error(error, verbose=verbose)
        raise typer.Exit(exit_code_of(error)) from error


@contextmanager
def usable(what: str) -> Iterator[None]:
    """Raise `Misuse` for an `OSError` in the block, with the system's reason why `what` cannot be used."""
    try:
        yield
    except OSError as error:
        raise Misuse(f"{what}: {error.strerror or error}") from error
