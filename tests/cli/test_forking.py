"""Commands that run in forks (`tests/forking.py`) behave as those of new processes."""

from __future__ import annotations

import pytest

from tests.cli.running import CommandLine
from tests.forking import Forks


@pytest.mark.parametrize(
    ("words", "stdin", "code"),
    [
        (["ask", "--json"], "What is the capital of France? " * 10_000, 0),
        (["ask", "--model", "nobody", "hi"], None, 2),
        (["prices", "--no-such-option"], None, 2),
        (["explain", "hi"], None, 0),
    ],
    ids=["a long question", "an error", "a wrong option", "a page"],
)
def test_a_fork_does_what_a_new_process_does(
    configured: CommandLine, monkeypatch: pytest.MonkeyPatch, words: list[str], stdin: str | None, code: int
) -> None:
    monkeypatch.setattr(Forks, "allowed", True)
    forked = configured.run(*words, stdin=stdin)
    monkeypatch.setattr(Forks, "allowed", False)
    fresh = configured.run(*words, stdin=stdin)
    assert (forked.code, fresh.code) == (code, code)
    if stdin:
        assert forked.json["text"] == fresh.json["text"]
    else:
        assert forked[1:] == fresh[1:]


def test_variables_of_the_interpreter_need_a_new_process(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Forks, "allowed", True)
    assert "import time" in cli.run("--version", PYTHONPROFILEIMPORTTIME="1").err
    assert "import time" not in cli.run("--version").err
