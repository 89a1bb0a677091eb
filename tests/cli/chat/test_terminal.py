"""A chat on a terminal: keys, streams, Ctrl-C, and what stays on the screen."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.chat.talking import Talker
from tests.cli.running import PATIENCE, CommandLine
from understudy.domain.failures import FailureKind
from understudy.emulator import Emulator, Fault

FRANCE = "what is the capital of France?"
ANSWER = "The capital is Paris."


@contextlib.contextmanager
def chat(cli: CommandLine, *options: str, columns: int = 100, **environment: str) -> Iterator[Talker]:
    with cli.terminal("chat", *options, stdin=True, stdout=None, columns=columns, **environment) as terminal:
        talker = Talker(terminal)
        talker.wait()
        yield talker


def contents(emulator: Emulator, provider: str = "openai") -> list[Any]:
    """What the last request said, message by message."""
    return [message["content"] for message in emulator.requests(provider)[-1].body["messages"]]


def wait_for_cancellation(emulator: Emulator, provider: str) -> None:
    """The server learns of a closed connection a little later than the client closed it."""
    end = time.monotonic() + PATIENCE
    while not emulator.cancelled(provider):
        assert time.monotonic() < end, "the provider was never told to stop"
        time.sleep(0.01)


def test_a_conversation(configured: CommandLine, emulator: Emulator) -> None:
    with chat(configured) as talker:
        assert talker.says("My name is Ada.").endswith("heard you say: My name is Ada.")
        assert talker.says("What is my name?") == "Your name is Ada."
        finished = talker.leaves()
    assert finished.code == 0
    assert "saved as " in finished.out
    assert len(contents(emulator)) == 3


def test_it_may_begin_with_a_question_and_end_with_a_word(configured: CommandLine) -> None:
    with configured.terminal("chat", "my", "name", "is", "Ada", stdin=True) as terminal:
        talker = Talker(terminal)
        begun = talker.wait()
        assert "> my name is Ada" in begun
        assert begun.index("> my name") < begun.index("heard you say: my name is Ada")
        assert talker.says("What is my name?") == "Your name is Ada."
        talker.sends("exit")
        assert terminal.finish().code == 0


def test_an_answer_is_shown_as_it_arrives_and_ctrl_c_stops_it_alone(
    configured: CommandLine, emulator: Emulator
) -> None:
    emulator.script("openai", [Fault.stall(after=2)])
    with chat(configured) as talker:
        talker.sends(FRANCE)
        talker.sees("The")
        assert talker.terminal.process.poll() is None
        talker.terminal.type("\x03")
        shown = talker.wait()
        assert "(stopped)" in shown
        assert "Traceback" not in shown
        wait_for_cancellation(emulator, "openai")
        assert talker.says("hi").startswith("Hello!")
        finished = talker.leaves()
    assert finished.code == 0
    # What was seen of the answer is what the provider is told of it.
    question, partial, following = contents(emulator)
    assert (question, following) == (FRANCE, "hi")
    assert ANSWER.startswith(partial)
    assert partial


def test_ctrl_c_before_the_first_words_leaves_no_answer(configured: CommandLine, emulator: Emulator) -> None:
    emulator.script("openai", [Fault.slow_headers()])
    with chat(configured) as talker:
        talker.sends("never mind")
        wait_until_asked(emulator, "openai")
        talker.terminal.interrupt()
        assert "(stopped)" in talker.wait()
        talker.says("hi")
        assert contents(emulator) == ["hi"]


def wait_until_asked(emulator: Emulator, provider: str) -> None:
    end = time.monotonic() + PATIENCE
    while emulator.remaining(provider):
        assert time.monotonic() < end, f"{provider} was never asked"
        time.sleep(0.01)


def test_ctrl_c_at_the_prompt_clears_what_is_typed(configured: CommandLine, emulator: Emulator) -> None:
    with chat(configured) as talker:
        talker.terminal.type("half a question\x03")
        talker.says("hi")
        assert contents(emulator) == ["hi"]


def test_ctrl_c_again_and_again_stops_one_answer(configured: CommandLine, emulator: Emulator) -> None:
    emulator.script("openai", [Fault.stall(after=2)])
    with chat(configured) as talker:
        talker.sends(FRANCE)
        talker.sees("The")
        for _ in range(5):
            talker.terminal.interrupt()
        talker.wait()
        talker.terminal.interrupt()
        assert talker.says("hi").startswith("Hello!")


def test_ctrl_c_twice_leaves(configured: CommandLine) -> None:
    with chat(configured) as talker:
        talker.terminal.type("\x03")
        assert "press Ctrl-C again, or Ctrl-D, to exit" in talker.wait()
        talker.terminal.type("\x03")
        finished = talker.terminal.finish()
        assert talker.terminal.echoes
    assert finished.code == 0
    assert "Traceback" not in finished.out


@pytest.mark.parametrize("keys", ["one\\\rtwo", "one\x1b\rtwo", '"""\rone\rtwo\r"""'])
def test_a_question_may_have_several_lines(configured: CommandLine, emulator: Emulator, keys: str) -> None:
    with chat(configured) as talker:
        talker.says(keys)
        assert contents(emulator) == ["one\ntwo"]


def test_a_paste_arrives_whole(configured: CommandLine, emulator: Emulator) -> None:
    lines = [f"line {number} \\" for number in range(500)]
    with chat(configured) as talker:
        talker.says(f"\x1b[200~{chr(10).join(lines)}\n/exit\n\x1b[201~ and that is all")
        assert contents(emulator) == ["\n".join([*lines, "/exit", " and that is all"])]


def test_what_was_typed_is_remembered_also_in_the_next_chat(configured: CommandLine, emulator: Emulator) -> None:
    up = "\x1b[A"
    with chat(configured) as talker:
        talker.says("first")
        talker.says("second")
        talker.says(up + up)
        assert contents(emulator)[-1] == "first"
        talker.leaves()
    with chat(configured) as talker:
        talker.says(up + up)
        assert contents(emulator) == ["second"]


def test_nothing_typed_is_remembered_unless_wanted(configured: CommandLine) -> None:
    with chat(configured, "--no-save") as talker:
        talker.says("a secret")
        assert "saved as" not in talker.leaves().out
    kept = sorted((configured.folder / ".local/share/understudy").iterdir())
    assert [path.name for path in kept if not path.name.startswith("ledger.db")] == []
    assert not any(b"a secret" in path.read_bytes() for path in kept)


def test_names_are_completed_and_models_changed(configured: CommandLine, emulator: Emulator) -> None:
    with chat(configured) as talker:
        assert "ollama/llama3.2, then openai" in talker.says("/mod\tollama/\t")
        talker.says("hi")
        assert emulator.requests("ollama")[-1].body["model"] == "llama3.2"
        assert "ollama/llama3.2, then openai" in talker.says("/model")
        (configured.folder / "a long name.txt").write_text("Anna likes tea.")
        assert "will be sent with the next question" in talker.says("/file a lo\t")


def test_mistakes_are_told_and_the_talk_goes_on(configured: CommandLine) -> None:
    with chat(configured) as talker:
        assert "unknown command /modle; did you mean /model?" in talker.says("/modle ollama")
        assert "unknown entry or model 'nobody'" in talker.says("/model nobody")
        assert "/clear" in talker.says("/help")
        assert talker.says(FRANCE) == ANSWER


def test_an_answer_may_restart_at_another_target(configured: CommandLine, emulator: Emulator) -> None:
    emulator.script("openai", always=Fault.cut(after=2))
    with chat(configured, "--on-midstream-error", "restart") as talker:
        shown = talker.says(FRANCE)
        assert "restarted: openai was interrupted (disconnected), and anthropic answers anew" in shown
        assert ANSWER in shown.partition("answers anew")[2]
        talker.says("and of Spain?")
        asked = emulator.requests("anthropic")[-1].body
        assert isinstance(asked, dict)
        assert str(asked["messages"]).count(ANSWER) == 1, "the interrupted answer is not part of the conversation"


def test_when_an_answer_breaks_off_its_words_stay_until_it_is_asked_again(
    configured: CommandLine, emulator: Emulator
) -> None:
    emulator.script("openai", [Fault.stall(after=2)])
    with chat(configured) as talker:
        talker.sends(FRANCE)
        talker.sees("The")  # what arrives together with the break is not shown: another provider answers
        emulator.stop("openai")
        shown = talker.wait()
        emulator.start("openai")
        assert "the answer was interrupted: openai/gpt-6-luna" in shown
        assert "/retry asks again" in shown
        assert talker.says("/retry") == ANSWER
        talker.says("and of Spain?")
        assert contents(emulator) == [FRANCE, ANSWER, "and of Spain?"]


def test_a_question_that_nobody_answered_can_be_asked_again_or_forgotten(
    configured: CommandLine, emulator: Emulator
) -> None:
    with chat(configured, "--no-fallback") as talker:
        emulator.script("openai", always=Fault.error(FailureKind.BILLING))
        assert "(billing)" in talker.says("my name is Ada.")
        emulator.script("openai")
        assert talker.says("/model ollama").startswith("ollama/llama3.2")
        assert "my name is Ada." in talker.says("/retry")
        emulator.script("ollama", always=Fault.error(FailureKind.BILLING))
        talker.says("what is this?")
        assert "removed: what is this?" in talker.says("/undo")
        emulator.script("ollama")
        assert talker.says("what is my name?") == "Your name is Ada."


def test_a_conversation_that_has_grown_too_long_is_told_with_a_way_out(
    configured: CommandLine, emulator: Emulator
) -> None:
    emulator.script("openai", always=Fault.error(FailureKind.CONTEXT_LENGTH))
    with chat(configured, "--no-fallback") as talker:
        assert "/undo removes the last turn, /clear starts a new one" in talker.says("hi")


def test_who_stood_in_is_said_in_a_line(configured: CommandLine, emulator: Emulator) -> None:
    emulator.script("openai", always=Fault.status(500))
    with chat(configured) as talker:
        answer, note = talker.says(FRANCE).splitlines()
        assert answer == ANSWER
        assert note.startswith("note: answered by anthropic/claude-sonnet-5-5 after 2 failed attempts")
        assert "server_error" in talker.says("/attempts")


def test_what_is_typed_meanwhile_waits_to_be_sent(configured: CommandLine, emulator: Emulator) -> None:
    emulator.script("openai", [Fault.stall(after=2)])
    with chat(configured) as talker:
        talker.sends(FRANCE)
        talker.sees("The")
        talker.terminal.type("my next\rquestion\r")
        talker.terminal.interrupt()
        assert "question" not in talker.wait()
        talker.sees("question")
        assert len(emulator.requests("openai")) == 1
        talker.says("")
        assert contents(emulator)[-1] == "my next\nquestion"


def test_an_earlier_conversation_goes_on(configured: CommandLine, emulator: Emulator) -> None:
    with chat(configured, "-m", "ollama") as talker:
        talker.says("My name is Ada.")
        talker.leaves()
    with configured.terminal("chat", "--continue", stdin=True) as terminal:
        talker = Talker(terminal)
        greeting = talker.wait()
        assert "continues after 1 turn" in greeting
        assert "> My name is Ada." in greeting
        assert "ollama/llama3.2, then" in greeting
        assert talker.says("What is my name?") == "Your name is Ada."
        assert "ollama: 2 calls" in talker.says("/cost")


def test_a_session_is_open_in_one_chat_alone(configured: CommandLine) -> None:
    with chat(configured) as talker:
        talker.says("hi")
        second = configured.run("chat", "--continue", stdin="hi\n")
        assert second.code == 2
        assert "open in another chat" in second.err


def test_thinking_is_dimmed(configured: CommandLine) -> None:
    with chat(configured, "-m", "ollama/qwen3", "--reasoning", "high") as talker:
        talker.sends(FRANCE)
        shown = talker.sees(ANSWER)
        assert "\x1b[2mThe user" in shown
        assert shown.index("The user") < shown.index(ANSWER)


def test_a_model_cannot_write_to_the_terminal(configured: CommandLine, emulator: Emulator) -> None:
    with chat(configured) as talker:
        talker.sends('\x1b[200~say "\x1b]0;title\x07\x1b[31mred\u202e!"\x1b[201~')
        shown = talker.sees("red!")
        assert "\x1b]0" not in shown
        assert "\x1b[31m" not in shown
        talker.wait()
        assert "\x1b]0;title" in contents(emulator)[-1]
        talker.sends("/history")
        assert "\x1b]0" not in talker.sees("red!")


@pytest.mark.parametrize("columns", [8, 20, 200])
def test_any_script_in_any_width(configured: CommandLine, emulator: Emulator, columns: int) -> None:
    text = "héllo 世界こんにちは 👩‍👩‍👧 e\u0301 ที่นี่ שלום"
    with chat(configured, columns=columns) as talker:
        assert text in talker.says(text)
        assert contents(emulator) == [text]


def test_bytes_that_are_no_text_do_not_end_the_talk(configured: CommandLine, emulator: Emulator) -> None:
    with chat(configured) as talker:
        talker.terminal.type_bytes(b"caf\xe9 \xff")
        talker.says("!")
        assert contents(emulator) == ["caf\ufffd \ufffd!"]


def test_no_colour_is_respected(configured: CommandLine, emulator: Emulator) -> None:
    emulator.script("openai", [Fault.status(500), None, Fault.stall(after=1)])
    with chat(configured, NO_COLOR="1") as talker:
        talker.says("hi")
        talker.sends("hi")
        talker.sees("H")
        talker.terminal.type("\x03")
        talker.wait()
        shown = talker.leaves().out
    assert "\x1b[2m" not in shown
    assert ";38;5" not in shown
    assert ";3" not in shown


def test_a_dumb_terminal_is_enough(configured: CommandLine, emulator: Emulator) -> None:
    with configured.terminal("chat", stdin=True, TERM="dumb") as terminal:
        terminal.read_until(lambda shown: shown.endswith("> "))
        terminal.type(f"{FRANCE}\r")
        terminal.read_until(lambda shown: ANSWER in shown and shown.endswith("> "))
        terminal.type("\x03")
        terminal.read_until(lambda shown: "Ctrl-C again" in shown and shown.endswith("> "))
        terminal.type("\x04")
        finished = terminal.finish()
    assert finished.code == 0
    assert "\x1b" not in finished.out


def test_answers_alone_go_to_a_pipe(configured: CommandLine, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as stdout, configured.terminal("chat", stdin=True, stdout=stdout.fileno()) as terminal:
        talker = Talker(terminal)
        talker.wait()
        talker.says(FRANCE)
        assert "openai" in talker.says("/model")
        assert talker.leaves().code == 0
    assert log.read_text() == f"{ANSWER}\n"


def test_the_terminal_is_left_as_it_was(configured: CommandLine) -> None:
    with chat(configured) as talker:
        assert not talker.terminal.echoes
        talker.says("hi")
        talker.leaves()
        assert talker.terminal.echoes
