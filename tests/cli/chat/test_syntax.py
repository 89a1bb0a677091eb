"""What is a command, what a question, and what goes on in the next line."""

from __future__ import annotations

import pytest

from understudy.cli.chat.syntax import Command, continue_line, parse


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hello", "hello"),
        ("  hello\n", "hello"),
        ("/help", Command("help")),
        ("/?", Command("help")),
        ("/Model  openai/gpt-5 ", Command("model", "openai/gpt-5")),
        ("/system Be brief.\nAnd kind.", Command("system", "Be brief.\nAnd kind.")),
        ("exit", Command("exit")),
        (" Quit\n", Command("exit")),
        ('"""exit"""', "exit"),
        ("exit the loop", "exit the loop"),
        ("//help", "/help"),
        ("/etc/passwd: who reads it?", "/etc/passwd: who reads it?"),
        ("/", "/"),
        ("/usr", Command("usr")),
        ('"""\n/help\n  two\n"""', "/help\n  two"),
        ('"""one"""', "one"),
        ("a \\\nb", "a \\\nb"),
    ],
)
def test_reading(text: str, said: Command | str) -> None:
    assert parse(text) == said


@pytest.mark.parametrize(
    ("text", "going_on"),
    [
        ("hello", None),
        ("hello\\", "hello\n"),
        ("one\\\ntwo", None),
        ("one\ntwo\\", "one\ntwo\n"),
        ("an escaped one \\\\", None),
        ("three \\\\\\", "three \\\\\n"),
        ('"""', '"""\n'),
        ('"""one', '"""one\n'),
        ('"""one\\', '"""one\\\n'),
        ('"""\none\n"""', None),
        ('"""one"""', None),
        ('say """', None),
        ('""""', '""""\n'),
        ("", None),
    ],
)
def test_going_on(text: str, going_on: str | None) -> None:
    assert continue_line(text) == going_on
