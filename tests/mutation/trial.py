"""Trying mutants: each in a copy of the repository, against the tests that can notice it."""

from __future__ import annotations

import os
import re
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from tests.mutation.mutants import Mutant
from tests.mutation.suites import NEEDED, suite_of
from tests.mutation.warm import Runner

Verdict = Literal["killed", "killed by time", "survived"]

MEMORY = 4 << 30
"""Bytes that a mutant may use: some never stop to allocate."""
_STEADY = ("tests/policy/", "tests/dialects/", "tests/sending/")
"""Tests without a clock."""
PATIENCE = 3.0
"""Times the sound code's duration, and some seconds, after which a mutant counts as killed."""


class Trial(msgspec.Struct, frozen=True):
    """What became of one mutant."""

    mutant: Mutant
    verdict: Verdict
    seconds: float
    by: str | None = None
    """The test that failed."""


class TookTooLong(Exception):
    """The tests of a mutant did not end."""


class Copy:
    """A copy of the repository in which one module at a time is wrong."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.folder = folder
        for name in NEEDED:
            source = root / name
            if source.is_dir():
                shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
            elif source.exists():
                shutil.copy2(source, folder / name)
        self._pytest = Runner(folder)
        self._sound: dict[str, float] = {}

    def close(self) -> None:
        """End the process that runs the tests."""
        self._pytest.close()

    def check(self, path: str) -> float:
        """Run a module's tests against the sound code, once; return how long they take. Raises `RuntimeError`.

        The very first run is for what the others, like those of the mutants, find imported.
        """
        tests = suite_of(self.folder, path)
        key = " ".join(tests)
        if key not in self._sound:
            for _ in range(1 if self._sound else 2):
                began = time.monotonic()
                if (failed := self._failing(tests, None, sound=True)) is not None:
                    raise RuntimeError(f"the tests of {path} fail without any change: {failed}")
                self._sound[key] = time.monotonic() - began
        return self._sound[key]

    def try_out(self, mutant: Mutant) -> Trial:
        """Run the tests against a mutant."""
        limit = PATIENCE * self.check(mutant.path) + 10.0
        file = self.folder / mutant.path
        source = file.read_bytes()
        for stale in file.parent.glob(f"__pycache__/{file.stem}.*.pyc"):
            stale.unlink()
        began = time.monotonic()
        verdict: Verdict
        failed = None
        try:
            file.write_bytes(mutant.apply(source))
            own, *others = suite_of(self.folder, mutant.path)  # most are killed by the first, quicker by itself
            failed = self._failing([own], limit, sound=False) or self._failing(others, limit, sound=False)
            verdict = "survived" if failed is None else "killed"
        except TookTooLong:
            verdict = "killed by time"
        finally:
            file.write_bytes(source)
        return Trial(mutant, verdict, time.monotonic() - began, failed)

    def _failing(self, tests: list[str], limit: float | None, *, sound: bool) -> str | None:
        """Return a test that fails, or `None`.

        A test with a clock may fail for want of time on a busy machine. It proves something only when it fails again,
        by itself; else the others are asked without it.
        """
        unsteady: list[str] = []
        while tests and (failed := self._run(tests, unsteady, limit, sound=sound)) is not None:
            is_pure = failed.startswith(_STEADY) or "::" not in failed
            if is_pure or self._run([failed], [], limit, sound=sound) is not None:
                return failed
            unsteady.append(failed)
        return None

    def _run(self, tests: list[str], without: list[str], limit: float | None, *, sound: bool) -> str | None:
        """Run tests until one fails; return its name, or `None`."""
        arguments = [
            "--config-file=pyproject.toml", "-q", "-x", "--tb=no", "-rfE", "-p", "no:cacheprovider", "-p", "no:xdist",
            "-W", "ignore::pytest.PytestAssertRewriteWarning", f"--basetemp={self.folder}-files", "--hypothesis-seed=0",
            *tests, *(f"--deselect={test}" for test in without),
        ]  # fmt: skip
        code, output = self._pytest.run(arguments, limit, sound=sound)
        if code is None:
            raise TookTooLong
        if code == 0:
            return None
        named = re.search(r"^(?:FAILED|ERROR) (\S.*?)(?: - .*)?$", output, re.MULTILINE)
        return named[1] if named else f"exit {code}: {output[-500:]}"


def be_modest() -> None:
    """Limit the memory of this process and of the mutants that it starts, and leave the machine to others."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    os.nice(5)


def belongs_to(copy: Copy) -> bool:
    """Whether a copy's tests really import the copy's package."""
    code = "import understudy; print(understudy.__file__)"
    environ = {**os.environ, "PYTHONPATH": str(copy.folder / "src")}
    found = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)
    return Path(found.stdout.strip()).is_relative_to(copy.folder)


def rate(trials: Sequence[Trial]) -> float:
    """Return the share of mutants that were killed."""
    return sum(trial.verdict != "survived" for trial in trials) / len(trials) if trials else 1.0
