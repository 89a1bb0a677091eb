"""The search for escaped keys finds them: the whole suite rests on it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import understudy

ROOT = Path(__file__).parents[1]
LEAKY = """
import logging
import pytest
from understudy import Secret

@pytest.mark.parametrize("how", ["print", "log", "nothing"])
def test_leak(how):
    secret = Secret("sk-escaping-123456")
    if how == "print":
        print("SK-ESCAPING-123456")
    if how == "log":
        logging.getLogger("any").debug("%s", secret.reveal())
"""


def test_a_key_that_is_printed_or_logged_fails_its_test(tmp_path: Path) -> None:
    folder = tmp_path / "suite"
    folder.mkdir()
    (folder / "conftest.py").write_text("from tests.conftest import *\n")
    (folder / "test_leaky.py").write_text(LEAKY)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--config-file={ROOT / 'pyproject.toml'}"]
    ran = subprocess.run(
        [*command, "-o", f"pythonpath={ROOT}", f"--rootdir={folder}", str(folder)],
        capture_output=True,
        text=True,
        cwd=folder,
        check=False,
        env={"PYTHONPATH": f"{Path(understudy.__file__).parents[1]}:{ROOT}", "PATH": "/usr/bin:/bin"},
    )
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert ran.stdout.count("a key of this test escaped into: Captured stdout call") == 1, ran.stdout
    assert ran.stdout.count("a key of this test escaped into: Captured log call") == 1, ran.stdout
    assert "test_leak[nothing]" not in ran.stdout


def test_a_short_value_is_not_looked_for(capsys: pytest.CaptureFixture[str]) -> None:
    understudy.Secret("k")
    print("k")
    assert capsys.readouterr().out == "k\n"
