"""All clients in one run: the same calls, at the same stub, by turns.

Each client has a process of its own, in an environment of its own, on uvloop. In each round each is measured once for
each figure, in another order each time, and ratios compare figures of the same round.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.certificates import certificates
from benchmarks.clients.worker import Work
from benchmarks.compared import Compared, progress
from benchmarks.environments import Environment
from benchmarks.processes import Cores, stop
from benchmarks.upstream import upstream

PATIENCE = 600.0
"""Seconds until a client must have done a piece of work."""
SHORT, LONG = 20, 220
"""Chunks of a short stream, and of a long one."""
PAUSE_MS = 5
"""Between two chunks of a paced stream."""
ROOT = Path(__file__).resolve().parents[2]


class Library(NamedTuple):
    """One of the clients that are compared."""

    name: str
    module: str
    about: str
    environment: Environment | None = None
    """What must be installed; None: it runs in the environment of this project."""

    @property
    def missing(self) -> str | None:
        """Why it cannot be measured, if it is not installed."""
        if self.environment is None or self.environment.installed:
            return None
        return "is not installed (`python -m benchmarks --install`)"


class WorkerError(Exception):
    """A client raised something, or its process ended."""


class Worker:
    """The process of one client."""

    def __init__(self, library: Library, cores: Cores, folder: Path, certificates: Path) -> None:
        python = library.environment.python if library.environment else sys.executable
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT) if library.environment else f"{ROOT}:{ROOT / 'src'}",
            "SSL_CERT_FILE": str(certificates),
        }
        self._log = folder / f"{library.module}.log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                cores.pinned([python, "-m", "benchmarks.clients.worker", library.module]),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment,
                cwd=ROOT,
            )
        try:
            self._read()
        except WorkerError:
            self.close()
            raise

    def perform(self, work: Work) -> float:
        """Return microseconds of CPU. Raise `WorkerError` with what went wrong."""
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps(work).encode() + b"\n")
            self.process.stdin.flush()
        result = self._read()
        if "error" in result:
            raise WorkerError(result["error"])
        return float(result["us"])

    def _read(self) -> Any:
        watch = threading.Timer(PATIENCE, self.process.kill)
        watch.start()
        try:
            return self._found()
        finally:
            watch.cancel()

    def _found(self) -> Any:
        assert self.process.stdout is not None
        while line := self.process.stdout.readline():
            with contextlib.suppress(ValueError):  # libraries print what they like
                found = json.loads(line)
                if isinstance(found, dict):
                    return found
        words = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        raise WorkerError(f"its process ended: {words[-1] if words else 'without a word'}")

    def close(self) -> None:
        """End the process."""
        stop(self.process)
        for pipe in filter(None, (self.process.stdin, self.process.stdout)):
            with contextlib.suppress(OSError):  # what was not written may be lost
                pipe.close()


class Comparison:
    """A run, as it goes on."""

    def __init__(self, libraries: Sequence[Library], folder: Path, seconds: float, cores: Cores) -> None:
        self.found = Compared(libraries)
        self._libraries = libraries
        self._folder = folder
        self._seconds = seconds
        self._cores = cores

    def run(self, rounds: int) -> Compared:
        """Measure all clients, in so many rounds."""
        trusted, certificate = certificates(self._folder)
        with upstream() as plain, upstream(str(certificate)) as tls, contextlib.ExitStack() as stack:
            urls = {"http": f"http://127.0.0.1:{plain}/v1", "https": f"https://127.0.0.1:{tls}/v1"}
            workers = {each.name: self._worker(stack, each, trusted) for each in self.found.turn(self._libraries, 0)}
            for number in range(rounds):
                for figure, work in works(urls, self._seconds).items():
                    progress(f"round {number + 1} of {rounds}: {figure}")
                    for library in self.found.turn(self._libraries, number):
                        if worker := workers[library.name]:
                            with self.found.stated(library.name, WorkerError):
                                self.found.note(library.name, number, {figure: worker.perform(work)})
        return self.found

    def _worker(self, stack: contextlib.ExitStack, library: Library, trusted: Path) -> Worker | None:
        with self.found.stated(library.name, WorkerError):
            worker = Worker(library, self._cores, self._folder, trusted)
            stack.callback(worker.close)
            return worker
        return None


CALLS = ("1 KB", "40 KB", "1 MB", "answer of 200 KB", "1 KB over TLS")
"""The figures that are CPU microseconds of a call."""
CHUNKS = ("chunk", "chunk of a burst", "chunk of a tool call", "chunk over TLS")
"""The figures that are CPU microseconds of a chunk."""


def works(urls: Mapping[str, str], seconds: float) -> dict[str, Work]:
    """Return what is measured, by what it is called."""

    def call(size: int, answer: int | None = None, scheme: str = "http") -> Work:
        return Work(
            base_url=urls[scheme], size=size, answer=answer, kind=None, pause_ms=0, chunks=(0, 0), seconds=seconds
        )

    def chunk(kind: str, pause_ms: int, scheme: str = "http") -> Work:
        chunks, size = (SHORT, LONG), 1_000
        return Work(
            base_url=urls[scheme], size=size, answer=None, kind=kind, pause_ms=pause_ms, chunks=chunks, seconds=seconds
        )

    calls = (call(1_000), call(40_000), call(1_000_000), call(1_000, 200_000), call(1_000, scheme="https"))
    chunks = (chunk("words", PAUSE_MS), chunk("words", 0), chunk("tools", 0), chunk("words", PAUSE_MS, "https"))
    return dict(zip((*CALLS, *CHUNKS), (*calls, *chunks), strict=True))
