"""Runs `python -m understudy` in forks of a process that has loaded its modules: a tenth of the time of a new process.
Programs that use the library (`python -c`) can be run likewise.

The forks are processes of their own, with pipes, environment, folder, exit code and end of their own; only the start of
the interpreter and the imports are shared. What depends on those (a variable of the interpreter, the time of an import)
needs a new process, and `--deep` runs everything in new ones.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

import understudy

SOURCE = Path(understudy.__file__).parents[1]
INTERPRETER = {"PYTHONPATH": str(SOURCE), "PYTHONWARNINGS": "error", "PYTHONIOENCODING": "utf-8"}
"""The variables with which the interpreter has started."""
_ITS_OWN = ("PYTHON", "LC_", "LANG", "TZ", "LD_", "MALLOC", "COVERAGE")
"""How the names of variables begin that matter when an interpreter starts."""


class Forks:
    """The process that forks."""

    allowed = True
    """Whether it may be used in this run."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ours, theirs = socket.socketpair()
        path = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, str(Path(__file__).with_name("forked.py")), str(theirs.fileno())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=path | INTERPRETER,
                pass_fds=[theirs.fileno()],
            )
        self._replies = self._ours.makefile("r", encoding="ascii")
        assert self._replies.readline() == "ready\n"
        atexit.register(self._end)

    def run(
        self, words: Sequence[str], data: bytes | None, folder: Path, environment: Mapping[str, str], patience: float
    ) -> subprocess.CompletedProcess[bytes] | None:
        """Run a command, or `-c` and a program, as `subprocess.run` does; return None if that needs a new process."""
        if {name: environment[name] for name in environment if name.startswith(_ITS_OWN)} != INTERPRETER:
            return None
        if not self._lock.acquire(blocking=False):
            return None
        try:
            return self._run(words, data, folder, environment, patience)
        finally:
            self._lock.release()

    def _run(
        self, words: Sequence[str], data: bytes | None, folder: Path, environment: Mapping[str, str], patience: float
    ) -> subprocess.CompletedProcess[bytes]:
        stdin, into = os.pipe()
        out, stdout = os.pipe()
        err, stderr = os.pipe()
        order = json.dumps({"words": list(words), "folder": str(folder), "environment": dict(environment)}).encode()
        given = os.open(os.devnull, os.O_RDONLY) if data is None else os.dup(stdin)
        try:
            socket.send_fds(self._ours, [len(order).to_bytes(4, "big")], [given, stdout, stderr])
        finally:
            for descriptor in (stdin, given, stdout, stderr):
                os.close(descriptor)
        self._ours.sendall(order)
        child = int(self._replies.readline())
        try:
            texts = _talk(
                os.fdopen(into, "wb", 0), data or b"", [os.fdopen(out, "rb", 0), os.fdopen(err, "rb", 0)], patience
            )
        except TimeoutError:
            os.kill(child, signal.SIGKILL)
            self._replies.readline()
            raise subprocess.TimeoutExpired(list(words), patience) from None
        return subprocess.CompletedProcess(list(words), int(self._replies.readline()), *texts)

    def _end(self) -> None:
        self._replies.close()
        self._ours.close()
        self._process.communicate()


@functools.cache
def forks() -> Forks:
    """Return the process that forks, which is started for the first that needs it."""
    return Forks()


def _talk(into: IO[bytes], data: bytes, outs: Sequence[IO[bytes]], patience: float) -> list[bytes]:
    """Write the data and read all that comes. Raise `TimeoutError` after so many seconds."""
    end, texts = time.monotonic() + patience, {each: bytearray() for each in outs}
    with contextlib.ExitStack() as stack, selectors.DefaultSelector() as selector:
        for each in (into, *outs):
            stack.enter_context(each)
        os.set_blocking(into.fileno(), False)
        if data:
            selector.register(into, selectors.EVENT_WRITE)
        else:
            into.close()
        for each in outs:
            selector.register(each, selectors.EVENT_READ)
        while selector.get_map():
            ready = selector.select(max(0.0, end - time.monotonic()))
            if not ready:
                raise TimeoutError
            for key, _ in ready:
                if key.fileobj is into:
                    data = _written(into, data)
                    if not data:
                        selector.unregister(into)
                        into.close()
                    continue
                pipe = next(each for each in outs if each is key.fileobj)
                if piece := os.read(pipe.fileno(), 65536):
                    texts[pipe] += piece
                else:
                    selector.unregister(pipe)
    return [bytes(text) for text in texts.values()]


def _written(into: IO[bytes], data: bytes) -> bytes:
    """Write some; return what is left."""
    try:
        return data[os.write(into.fileno(), data[:65536]) :]
    except BrokenPipeError:  # the program reads no more, which is its right
        return b""
