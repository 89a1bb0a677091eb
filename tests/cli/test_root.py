from __future__ import annotations

import re

import pytest

import understudy
from tests.cli.running import CommandLine
from understudy.cli.app import COMMANDS, module_of
from understudy.dialects.classification import VERSION


def test_alone_it_prints_its_help(cli: CommandLine) -> None:
    result = cli.run()
    assert result.code == 0
    for command, what in COMMANDS.items():
        assert re.search(rf"\n  {command} +{re.escape(what)}\n", result.out)
    assert "Exit codes" in result.out


def test_the_version(cli: CommandLine) -> None:
    assert cli.run("--version") == (
        0,
        f"understudy {understudy.__version__} (classification of errors {VERSION})\n",
        "",
    )


def test_the_version_loads_nothing_heavy(cli: CommandLine) -> None:
    result = cli.run("--version", PYTHONPROFILEIMPORTTIME="1")
    loaded = {line.rpartition("|")[2].strip() for line in result.err.splitlines()}
    assert "typer" in loaded
    assert not loaded & {"aiohttp", "asyncio", "rich.table", "understudy.engine.run", "understudy.emulator"}


def test_the_list_of_commands_loads_none_of_them(cli: CommandLine) -> None:
    loaded = {
        line.rpartition("|")[2].strip() for line in cli.run("--help", PYTHONPROFILEIMPORTTIME="1").err.splitlines()
    }
    assert "understudy.cli.app" in loaded
    assert not loaded & {module_of(command) for command in COMMANDS}
    assert not loaded & {"asyncio", "rich.table", "understudy.client.factory"}


def test_help_may_be_asked_for_in_words(cli: CommandLine) -> None:
    assert cli.run("help") == cli.run("--help")
    assert cli.run("help", "help") == cli.run("help", "--help") == cli.run("--help")
    assert cli.run("help", "check") == cli.run("check", "--help")


@pytest.mark.parametrize("words", [["akk"], ["help", "akk"]])
def test_a_mistyped_command_is_guessed(cli: CommandLine, words: list[str]) -> None:
    result = cli.run(*words)
    assert result.code == 2
    assert "Unknown command 'akk'. Did you mean 'ask'?" in result.err


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_without_control_sequences(cli: CommandLine, command: str) -> None:
    result = cli.run(command, "--help", FORCE_COLOR="")
    assert result.code == 0
    assert f"understudy {command}" in result.out
    assert "\x1b" not in result.out


@pytest.mark.parametrize("words", [["aks"], ["ask", "--nonsense"], ["check", "what"], ["ask", "-t", "warm", "hi"]])
def test_wrong_usage_is_told_on_stderr(cli: CommandLine, words: list[str]) -> None:
    result = cli.run(*words)
    assert result.code == 2
    assert result.out == ""
    assert "Usage: understudy" in result.err
    assert "Traceback" not in result.err


def test_completion_is_offered(cli: CommandLine) -> None:
    result = cli.run(_UNDERSTUDY_COMPLETE="complete_bash", COMP_WORDS="understudy emu", COMP_CWORD="1")
    assert result.out.split() == ["emulate"]


def test_a_bug_is_called_a_bug_and_keeps_its_traceback_for_those_who_ask(cli: CommandLine) -> None:
    (cli.folder / "typer_bug.py").write_text("import understudy.cli.check as c\nc.load = lambda *a, **k: 1 / 0\n")
    start = "import typer_bug; from understudy.cli import main; import sys; sys.argv = ['understudy', 'check']; main()"
    short = cli.python("-c", start)
    assert short.code == 70
    assert "unexpected ZeroDivisionError" in short.err
    assert "UNDERSTUDY_DEBUG=1" in short.err
    assert "Traceback" not in short.err
    assert "Traceback" in cli.python("-c", start, UNDERSTUDY_DEBUG="1").err
