"""The command line. One module for each command, which `app` lists; see docs/cli.md."""

from __future__ import annotations

import io
import os
import sys


def main() -> None:
    """Run the command line and leave with its exit code."""
    try:
        _prepare_streams()
        from understudy.cli.app import app

        if os.environ.get("_UNDERSTUDY_COMPLETE") == "complete_bash":
            from understudy.cli.completion import complete_in_bash

            complete_in_bash(lambda: app(prog_name="understudy"))
        app(prog_name="understudy")
    except KeyboardInterrupt:
        # Before the command has started; from then on `exits.Guard` handles it.
        sys.exit(130)


def _prepare_streams() -> None:
    """Open streams that the caller has closed, and replace characters that a stream cannot encode."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - for the life of the process
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    for stream, errors in ((sys.stdout, "replace"), (sys.stderr, "backslashreplace")):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=errors)
