"""How a command ends when it fails: the same for all of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from understudy.cli.exits import exit_code_of
from understudy.cli.messages import show_error
from understudy.cli.results import ErrorResult, print_json
from understudy.domain.errors import LLMError


@contextmanager
def told(*, as_json: bool = False, verbose: bool = False) -> Iterator[None]:
    """End the command with the exit code of the error that is raised in here: told on stderr, with `as_json` also as an
    object on stdout."""
    try:
        yield
    except LLMError as error:
        if as_json:
            print_json(ErrorResult.of(error))
        show_error(error, verbose=verbose)
        raise typer.Exit(exit_code_of(error)) from error
