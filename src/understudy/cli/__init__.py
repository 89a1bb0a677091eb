"""The command line. One module for each command, which `app` lists; see docs/cli.md."""

from __future__ import annotations

import errno
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


class ClosedOutput(io.TextIOBase):
    """A stdout that the caller has closed: writing to it is an error, because a result would be lost."""

    def writable(self) -> bool:
        """Return `False`."""
        return False

    def write(self, _: str, /) -> int:
        """Raise `OSError`."""
        raise OSError(errno.EBADF, "standard output is closed")


def _prepare_streams() -> None:
    """Replace streams that the caller has closed, and characters that a stream cannot encode."""
    if None in (sys.stdin, sys.stdout, sys.stderr):
        _occupy_descriptors()
    if sys.stdout is None:
        sys.stdout = ClosedOutput()
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - for the life of the process
    for stream, errors in ((sys.stdout, "replace"), (sys.stderr, "backslashreplace")):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=errors)


def _occupy_descriptors() -> None:
    """Open the null device in place of closed descriptors, so that no socket or file gets the number of stdout."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:  # the descriptor of stderr
        pass
    os.close(descriptor)
