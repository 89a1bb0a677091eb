"""Runs an agent in the foreground: the terminal and its keys are the agent's, and its exit code is ours."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from understudy.cli.failing import usable

_ENDINGS = tuple(number for name in ("SIGTERM", "SIGHUP") if (number := getattr(signal, name, None)) is not None)


@contextmanager
def orderly_end() -> Iterator[None]:
    """Leave the block at a signal to end, so that what was started is ended and removed."""

    def leave(number: int, _: Any) -> None:
        raise SystemExit(128 + number)

    with _handled(dict.fromkeys(_ENDINGS, leave)):
        yield


def run(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a program and return its exit code, 128 and the number of the signal if one ended it. Raise `Misuse` if it
    cannot be started.

    The terminal sends Ctrl-C to the agent as to this process, which ignores it; a signal to end is passed on.
    """
    process: subprocess.Popen[bytes] | None = None
    early: list[int] = []

    def pass_on(number: int, _: Any) -> None:
        if process is None:
            early.append(number)
        else:
            process.send_signal(number)

    # A function, because the agent would inherit an ignored signal.
    with _handled({signal.SIGINT: lambda *_: None, **dict.fromkeys(_ENDINGS, pass_on)}):
        with usable(f"{command[0]} cannot be started"):
            process = subprocess.Popen(command, env=dict(environment))  # noqa: S603 - the agent that the user asked for
        for number in early:
            process.send_signal(number)
        code = process.wait()
    return code if code >= 0 else 128 - code


@contextmanager
def _handled(handlers: Mapping[int, Any]) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
