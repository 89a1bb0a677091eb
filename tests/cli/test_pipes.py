"""In pipes no command writes a control sequence, whatever the environment says of colours."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.cli.running import PATIENCE, CommandLine
from understudy.cli.app import COMMANDS
from understudy.emulator import Emulator, Fault

LINES: dict[str, tuple[str, ...]] = {
    "ask": ("-v", "--reasoning", "high", "-m", "ollama/qwen3", "hi"),
    "chat": ("-v",),
    "models": (),
    "providers": (),
    "explain": ("hi",),
    "check": (),
}
"""What each is called with; its help alone where this says nothing."""


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_colours_a_pipe(configured: CommandLine, emulator: Emulator, command: str) -> None:
    emulator.script("openai", [Fault.status(500), Fault.status(500)])
    lines = "hi\n/cost\n/history\n/help\n/attempts\n/nonsense\n"
    words = LINES.get(command, ("--help",))
    colours = {"FORCE_COLOR": "1", "CLICOLOR_FORCE": "1", "PY_COLORS": "1"}
    for result in (
        configured.run(command, *words, stdin=lines),
        configured.run(command, *words, "--nonsense"),
        configured.run(command, *words, stdin=lines, **colours),
    ):
        assert result.out or result.err
        assert "\x1b" not in result.out + result.err


@pytest.mark.parametrize("words", ["ask hi", "chat hi", "embed hi", "explain hi", "--version", "demo"])
def test_a_result_for_a_closed_stdout_is_an_error_and_nothing_is_sent(
    configured: CommandLine, emulator: Emulator, words: str
) -> None:
    result = in_shell(configured, words, ">&-")
    assert (result.returncode, result.stdout) == (74, b"")
    assert result.stderr == b"error: standard output is closed\n"
    assert emulator.requests("openai") == []


def test_a_result_in_a_file_needs_no_stdout(configured: CommandLine) -> None:
    result = in_shell(configured, "embed hi -o vectors.jsonl", ">&-")
    assert (result.returncode, result.stderr) == (0, b"")
    assert (configured.folder / "vectors.jsonl").read_text().count("\n") == 1


@pytest.mark.parametrize(("words", "answers"), [("chat", 0), ("chat hello", 1), ("ask hello", 1)])
def test_a_closed_stdin_is_an_empty_one(configured: CommandLine, words: str, answers: int) -> None:
    result = in_shell(configured, words, "<&-")
    assert (result.returncode, result.stderr) == (0, b"")
    assert result.stdout.count(b"\n") == answers


def in_shell(configured: CommandLine, words: str, redirection: str) -> subprocess.CompletedProcess[bytes]:
    """Run a command with a stream closed, as only a shell can."""
    return subprocess.run(
        ["sh", "-c", f'exec "$0" -m understudy {words} {redirection}', sys.executable],
        capture_output=True,
        stdin=subprocess.DEVNULL,
        cwd=configured.folder,
        env=configured.environment,
        timeout=PATIENCE,
        check=False,
    )


def test_only_a_chat_on_a_terminal_loads_the_line_editor(configured: CommandLine) -> None:
    script = (
        "import sys; from understudy.cli import main; sys.argv = ['understudy', *{words}]\ntry:\n main()\nfinally:\n"
    )
    loaded = " sys.stderr.write(str('prompt_toolkit' in sys.modules))\n"
    for words in (["chat"], ["chat", "--help"], ["chat", "--list"], ["ask", "hi"], ["--help"]):
        result = subprocess.run(
            [sys.executable, "-c", script.format(words=words) + loaded],
            input=b"hi\n",
            capture_output=True,
            cwd=configured.folder,
            env=configured.environment,
            timeout=PATIENCE,
            check=False,
        )
        assert result.stderr.endswith(b"False"), words
