"""The process that runs pytest in forks: each run imports the code anew, and one that does not end is killed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.mutation.warm import Runner

ARGUMENTS = ["-q", "-p", "no:cacheprovider", "-p", "no:asyncio", "test_it.py"]
TESTS = """
import time
from code_under_test import answer

def test_answer():
    assert answer() == 42
"""


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[Runner]:
    (tmp_path / "src").mkdir()
    (tmp_path / "test_it.py").write_text(TESTS)
    made = Runner(tmp_path, longest_test=0.2)
    yield made
    made.close()


def test_each_run_imports_the_code_anew(runner: Runner, tmp_path: Path) -> None:
    code = tmp_path / "src" / "code_under_test.py"
    code.write_text("def answer(): return 42")
    assert runner.run(ARGUMENTS, None, sound=True).code == 0
    assert list(code.parent.glob("__pycache__/*.pyc"))
    for stale in code.parent.glob("__pycache__/*.pyc"):
        stale.unlink()
    code.write_text("def answer(): return 41")
    assert runner.run(ARGUMENTS, None, sound=False).code == 1
    assert not list(code.parent.glob("__pycache__/*.pyc"))
    code.write_text("def answer(): time.sleep(60)\nimport time")
    assert runner.run(ARGUMENTS, 1.0, sound=False).code is None
    code.write_text("def answer(): return 42")
    assert "1 passed" in runner.run(ARGUMENTS, None, sound=False).output


def test_a_test_of_decisions_that_does_not_end_fails_by_its_name(runner: Runner, tmp_path: Path) -> None:
    (tmp_path / "tests" / "policy").mkdir(parents=True)
    (tmp_path / "tests" / "policy" / "test_loop.py").write_text("def test_loop():\n    while True: pass")
    ended = runner.run([*ARGUMENTS[:-1], "tests/policy/test_loop.py"], None, sound=False)
    assert ended.code == 1
    assert "FAILED tests/policy/test_loop.py::test_loop - it does not end" in ended.output
