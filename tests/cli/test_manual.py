"""The help of every command is a manual page, and says the truth."""

from __future__ import annotations

import re
import shlex
from importlib import import_module
from typing import Any

import pytest
import typer.main

from understudy.cli.app import COMMANDS, MANUAL, app, function_of, module_of
from understudy.cli.exits import ExitCode
from understudy.cli.manual import Manual

GROUP: Any = typer.main.get_command(app)
PAGES = {name: import_module(module_of(name)).MANUAL for name in COMMANDS} | {"": MANUAL}


def parameters(command: str) -> list[Any]:
    owner = GROUP.get_command(None, command) if command else GROUP
    return list(owner.get_params(typer.Context(owner, info_name=command)))


def options(command: str) -> set[str]:
    return {name for parameter in parameters(command) for name in (*parameter.opts, *parameter.secondary_opts)}


def help_of(command: str) -> str:
    owner = GROUP.get_command(None, command) if command else GROUP
    return str(owner.get_help(typer.Context(owner, info_name=command or "understudy")))


@pytest.mark.parametrize("command", COMMANDS)
def test_the_summary_in_the_list_is_the_first_sentence_of_the_command(command: str) -> None:
    function = getattr(import_module(module_of(command)), function_of(command))
    assert (function.__doc__ or "").strip().partition("\n\n")[0].replace("\n    ", " ") == COMMANDS[command]
    assert len(COMMANDS[command]) <= 68, "it stands on one line of 80 columns"


@pytest.mark.parametrize("manual", PAGES.values(), ids=PAGES)
def test_every_page_has_examples_exit_codes_and_variables(manual: Manual) -> None:
    assert manual.examples
    assert {ExitCode.OK} < set(manual.exits)
    assert manual.variables
    assert not any(example.what.endswith((":", ".")) for example in manual.examples)


@pytest.mark.parametrize("command", PAGES)
def test_examples_use_options_that_exist(command: str) -> None:
    lines = [example.line.replace("\\\n", " ") for example in PAGES[command].examples]
    assert any("understudy" in line for line in lines)
    for line in lines:
        asked = re.findall(r"understudy ([a-z]+)((?:[^|;&\"\'>]|\"[^\"]*\"|\'[^\']*\')*)", line)
        assert asked or "understudy" not in line
        for name, rest in asked:
            known = options(name if name in COMMANDS else "")
            written = {word.partition("=")[0] for word in shlex.split(rest) if re.match(r"--?[a-zA-Z]", word)}
            assert written <= known, line


@pytest.mark.parametrize("command", PAGES)
def test_every_option_is_described_and_every_value_has_a_name(command: str) -> None:
    for parameter in parameters(command):
        assert parameter.help, parameter.name
        assert parameter.help.endswith(".") or parameter.name.endswith("completion"), parameter.help
        if parameter.param_type_name == "argument" or not (parameter.is_flag or parameter.count):
            assert parameter.metavar, f"{parameter.name} has no metavar"
            assert re.fullmatch(r"[^a-z]*(\[/.*)?|[a-z|]+", parameter.metavar), (
                "words are written out, values in capitals"
            )


@pytest.mark.parametrize("command", PAGES)
def test_a_page_fits_into_80_columns(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    page = help_of(command)
    assert [line for line in page.splitlines() if len(line) > 80] == []
    for title in ("Examples", "Exit codes", "Environment"):
        assert page.count(f"\n{title}:\n") == 1
