"""What differs on a terminal: streaming, clean text, colours, Ctrl-C."""

from __future__ import annotations

import json

import pytest

from tests.cli.running import CommandLine
from understudy.cli import terminal
from understudy.emulator import Emulator, Fault


def test_an_answer_is_shown_as_it_arrives(configured: CommandLine, emulator: Emulator) -> None:
    emulator.script("openai", always=Fault.stall(after=2))
    with configured.terminal("ask", "what is the capital of France") as screen:
        assert screen.read_until(lambda shown: "The" in shown).startswith("The")
        assert screen.process.poll() is None


def test_ctrl_c_stops_the_provider_without_a_traceback(configured: CommandLine, emulator: Emulator) -> None:
    emulator.script("openai", always=Fault.stall(after=2))
    with configured.terminal("ask", "what is the capital of France") as screen:
        screen.read_until(lambda shown: "The" in shown)
        screen.interrupt()
        finished = screen.finish()
    assert finished.code == 130
    assert "Traceback" not in finished.out
    assert "Error" not in finished.out
    assert finished.out.endswith("\n")
    assert emulator.cancelled("openai") == 1


def test_a_model_cannot_write_to_the_terminal(configured: CommandLine) -> None:
    with configured.terminal("ask", "--no-color", 'say "\x1b]0;title\x07\x1b[31mred\u202e"') as screen:
        finished = screen.finish()
    assert finished.code == 0
    assert finished.out == "red\n"


def test_a_provider_cannot_write_to_the_terminal_either(configured: CommandLine, emulator: Emulator) -> None:
    emulator.script("openai", always=Fault.status(500, message="\x1b]0;title\x07broken \x1b[31mred"))
    with configured.terminal("ask", "-v", "--no-color", "--no-fallback", "hi") as screen:
        finished = screen.finish()
    assert finished.code == 1
    assert "\x1b" not in finished.out


def test_thinking_is_dimmed_and_shown_only_when_asked_for(configured: CommandLine) -> None:
    words = ("ask", "-m", "ollama/qwen3", "--reasoning", "high", "what is the capital of France")
    with configured.terminal(*words) as screen:
        assert "A short answer" not in screen.finish().out
    with configured.terminal(*words, "-v") as screen:
        shown = screen.finish().out
    assert "\x1b[2m" in shown
    assert shown.index("The user") < shown.index("The capital is Paris.")


def test_no_colour_is_respected(configured: CommandLine) -> None:
    with configured.terminal("ask", "-m", "nobody", "hi", NO_COLOR="1") as screen:
        assert "\x1b" not in screen.finish().out
    with configured.terminal("ask", "-m", "nobody", "hi", TERM="dumb") as screen:
        assert "\x1b" not in screen.finish().out
    with configured.terminal("ask", "--no-color", "-m", "nobody", "hi") as screen:
        assert "\x1b" not in screen.finish().out
    with configured.terminal("ask", "-m", "nobody", "hi") as screen:
        assert "\x1b[1;31merror:\x1b[0m" in screen.finish().out


def test_without_a_question_on_a_terminal_the_usage_is_told(configured: CommandLine) -> None:
    with configured.terminal("ask", stdin=True) as screen:
        finished = screen.finish()
    assert finished.code == 2
    assert "Usage: understudy ask" in finished.out


def test_a_question_can_be_typed(configured: CommandLine) -> None:
    with configured.terminal("ask", "-", "--no-stream", stdin=True) as screen:
        screen.type("what is the capital of France?\n\x04")
        finished = screen.finish()
    assert finished.code == 0
    assert finished.out.endswith("The capital is Paris.\n")


def test_a_writer_ends_its_last_line_once(capsys: pytest.CaptureFixture[str]) -> None:
    writer = terminal.AnswerWriter(shows_thinking=False)
    writer.write("one\n")
    writer.write("two")
    writer.write_thinking("hidden")
    writer.end()
    writer.end()
    assert capsys.readouterr() == ("one\ntwo\n", "")


def test_a_writer_keeps_thoughts_and_words_apart(capsys: pytest.CaptureFixture[str]) -> None:
    writer = terminal.AnswerWriter(shows_thinking=True)
    writer.write_thinking("hm\x1b[31m, ")
    writer.write_thinking("yes")
    writer.write("answer")
    writer.end()
    assert capsys.readouterr() == ("answer\n", "hm, yes\n\n")


DANGEROUS = "\x9b31m\x85\x9d0;title\x9c\u202e\u2066\x7f\x1b[31m"
JSON_COMMANDS = {
    "an answer": ("ask", "--json", f'say "{DANGEROUS}"'),
    "an error": ("ask", "--json", "--no-fallback", "-m", "anthropic", "hi"),
    "a check": ("check", "--json"),
    "vectors": ("embed", "--format", "jsonl", "--model", "openai", DANGEROUS),
}


@pytest.mark.parametrize("name", JSON_COMMANDS)
def test_json_on_a_terminal_shows_what_it_would_obey(configured: CommandLine, emulator: Emulator, name: str) -> None:
    """JSON escapes C0 controls by itself; the others do as much on most terminals."""
    emulator.script("anthropic", always=Fault.status(500, message=DANGEROUS))
    words = JSON_COMMANDS[name]
    with configured.terminal(*words, "--no-color", columns=4000) as screen:
        shown = screen.finish().out
    shown = shown[shown.index("{") : shown.rindex("}") + 1]  # between what goes to stderr
    piped = configured.run(*words).out
    assert not [character for character in shown if character in DANGEROUS and not character.isprintable()]
    assert json.loads(shown).keys() == json.loads(piped).keys()
    if name in ("an answer", "vectors"):
        assert DANGEROUS in json.loads(piped)["text"]
        assert DANGEROUS in json.loads(shown)["text"]
        assert "\x9b" in piped
        assert "\\u009b31m" in shown
