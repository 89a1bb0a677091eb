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
    "demo": (),
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
