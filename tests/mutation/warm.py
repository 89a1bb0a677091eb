"""A process that runs pytest in forks of itself, because most of a short run of pytest is the import of packages.

It imports the packages of others that a sound run used, and nothing of the repository: each fork imports that afresh,
with the mutant in it.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, Any, NamedTuple

LONGEST_TEST = 5.0
"""Seconds of processor time for one test of decisions, which takes a fraction of one if the code is sound."""
_WITHOUT_LOOPS = "tests/policy/"
_UNCOMPILED = "PYTHONDONTWRITEBYTECODE"


class Finished(NamedTuple):
    """How a run of pytest ended."""

    code: int | None
    """`None` when the run took too long and was killed."""
    output: str


class Runner:
    """Runs pytest in a folder, one run at a time."""

    def __init__(self, folder: Path, longest_test: float = LONGEST_TEST) -> None:
        self._longest_test = longest_test
        environ = {**os.environ, "PYTHONPATH": str(folder / "src"), "HYPOTHESIS_DATABASE_FILE": os.devnull}
        environ.pop(_UNCOMPILED, None)
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-W", "ignore", __file__], cwd=folder, env=environ, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def run(self, arguments: list[str], limit: float | None, *, sound: bool) -> Finished:
        """Run pytest; `sound` code may be compiled, and shows what is worth importing before the next run."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps([arguments, limit, sound, self._longest_test]), file=self._process.stdin, flush=True)
        return Finished(*json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        """Close the process."""
        self._process.communicate()


def _serve() -> None:
    for line in sys.stdin:
        print(json.dumps(_answer(*json.loads(line))), flush=True)


def _answer(arguments: list[str], limit: float | None, sound: bool, longest_test: float) -> Finished:
    with tempfile.TemporaryFile("w+", errors="replace") as output, tempfile.TemporaryFile("w+") as used:
        fork = multiprocessing.get_context("fork").Process(
            target=_run, args=(arguments, output, used, None if sound else longest_test)
        )
        fork.start()
        fork.join(limit)
        code = fork.exitcode
        with contextlib.suppress(ProcessLookupError):
            os.killpg(fork.pid or 0, signal.SIGKILL)  # and what it started
        fork.join()
        if sound:
            used.seek(0)
            _import(used.read().split())
        output.seek(0)
        return Finished(code, output.read())


def _run(arguments: list[str], output: IO[str], used: IO[str], longest_test: float | None) -> None:
    os.setsid()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output.fileno(), 1)
    os.dup2(output.fileno(), 2)
    if longest_test is not None:
        sys.dont_write_bytecode = True
        os.environ[_UNCOMPILED] = "1"
    import pytest

    code = pytest.main(arguments, plugins=[] if longest_test is None else [_Patience(longest_test)])
    used.write("\n".join(_foreign_modules()))
    used.flush()
    sys.exit(code)


class _Patience:
    """A plugin for pytest: a test of decisions that uses seconds of processor time was sent into an endless loop."""

    def __init__(self, longest_test: float) -> None:
        self._longest_test = longest_test
        self._output = os.dup(1)  # pytest captures the other

    def pytest_runtest_setup(self, item: Any) -> None:
        if item.nodeid.startswith(_WITHOUT_LOOPS):
            signal.signal(signal.SIGVTALRM, lambda *_: self._give_up(item.nodeid))
            signal.setitimer(signal.ITIMER_VIRTUAL, self._longest_test)

    def pytest_runtest_teardown(self) -> None:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0.0)

    def _give_up(self, test: str) -> None:
        os.write(self._output, f"FAILED {test} - it does not end\n".encode())
        os._exit(1)


def _foreign_modules() -> list[str]:
    """Return the modules from outside the folder that have been imported, in their order."""
    files = {name: getattr(module, "__file__", None) for name, module in sys.modules.items() if name != "__main__"}
    return [name for name, file in files.items() if file and not Path(file).is_relative_to(Path.cwd())]


def _import(names: list[str]) -> None:
    for name in names:
        with contextlib.suppress(Exception):  # a module that a test made is gone by now
            importlib.import_module(name)
    gc.freeze()


if __name__ == "__main__":
    _serve()
