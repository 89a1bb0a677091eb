"""The suite ends wherever it is started: in the background, behind `nohup`, without a terminal."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
def test_programs_that_tests_start_can_be_interrupted() -> None:
    """They inherit from this process whether SIGINT is ignored (`execve(2)`)."""
    code = "import signal; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert child.stdout == "True\n"
    assert signal.getsignal(signal.SIGINT) is not signal.SIG_IGN


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
def test_so_they_can_where_the_shell_ignores_interrupts() -> None:
    this = f"{Path(__file__).relative_to(ROOT)}::{test_programs_that_tests_start_can_be_interrupted.__name__}"
    options = "--config-file=pyproject.toml -p no:cacheprovider -p no:xdist"
    shell = f"trap '' INT; exec \"$0\" -m pytest {options} {this}"
    suite = subprocess.run(
        ["sh", "-c", shell, sys.executable],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        start_new_session=True,
        check=False,
    )
    assert suite.returncode == 0, suite.stdout
