"""`ask --tool`: functions of a file, shown, agreed to and executed; `ask --continue`: the conversation goes on."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from tests.cli.running import CommandLine
from understudy.cli.tool_calls import approval
from understudy.cli.tool_files import load_tools
from understudy.client.tools.function_tool import FunctionTool
from understudy.domain.errors import Misuse
from understudy.emulator import Emulator

TOOLS = '''
"""Two tools and a helper."""
from understudy import tool
from helper import degrees

@tool
def weather(city: str) -> str:
    """Look up the weather in a city."""
    return f"{city}: {degrees(city)} degrees"

@tool(needs_approval=False)
def clock(city: str) -> str:
    """Look up the time in a city."""
    return "noon"

def other() -> None: ...
'''
PLAIN = '''
from helper import degrees

def weather(city: str) -> str:
    """Look up the weather in a city."""
    if city == "Porto":
        raise ValueError("no such city")
    return f"{city}: {degrees(city)} degrees"

def _hidden() -> None: ...

class Thing: ...
'''
QUESTION = ("ask", "what is the weather in Lisbon?")


@pytest.fixture
def files(configured: CommandLine) -> CommandLine:
    (configured.folder / "tools.py").write_text(TOOLS)
    (configured.folder / "plain.py").write_text(PLAIN)
    (configured.folder / "helper.py").write_text("def degrees(city: str) -> int:\n    return len(city)\n")
    return configured


@pytest.fixture
def broad(deep: bool) -> None:
    """Each of these starts several programs."""
    if not deep:
        pytest.skip("only with --deep")


def offered(emulator: Emulator) -> list[str]:
    tools = emulator.requests("openai")[0].body["tools"]
    return [tool.get("function", tool)["name"] for tool in tools]


def test_calls_are_executed_and_shown(files: CommandLine, emulator: Emulator) -> None:
    result = files.run(*QUESTION, "--tool", "tools.py", "--yes")
    assert (result.code, result.out) == (0, "weather says: Lisbon: 6 degrees\n")
    assert result.err == '→ weather(city="Lisbon")\n← weather: Lisbon: 6 degrees\n'
    assert offered(emulator) == ["weather", "clock"]


@pytest.mark.usefixtures("broad")
def test_functions_of_a_plain_file(files: CommandLine, emulator: Emulator) -> None:
    result = files.run("ask", "the weather in Porto", "--tool", "plain.py", "-y")
    assert result.err.startswith('→ weather(city="Porto")\n← weather: error: ValueError: no such city\n')
    assert offered(emulator) == ["weather"]


@pytest.mark.usefixtures("broad")
def test_one_function_and_no_question_where_none_is_needed(files: CommandLine, emulator: Emulator) -> None:
    result = files.run("ask", "the time in Lisbon on the clock", "--tool", "tools.py:clock")
    assert (result.code, result.out) == (0, "clock says: noon\n")
    assert offered(emulator) == ["clock"]


@pytest.mark.usefixtures("broad")
def test_json_counts_all_steps(files: CommandLine) -> None:
    found = files.run(*QUESTION, "--tool", "tools.py", "--yes", "--json").json
    assert found["text"] == "weather says: Lisbon: 6 degrees"
    assert len(found["attempts"]) == 2


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("gone.py", "--tool gone.py: No such file or directory"),
        ("tools", "--tool tools: write FILE.py or FILE.py:FUNCTION"),
        ("plain.py:", "--tool plain.py:: write FILE.py or FILE.py:FUNCTION"),
        ("plain.py:wether", "the file has no function 'wether'; did you mean 'weather'?"),
        ("plain.py:Thing", "the file has no function 'Thing'"),
        ("broken.py", "--tool broken.py: the file raised ZeroDivisionError: division by zero (line 2)"),
        ("ends.py", "--tool ends.py: the file raised SystemExit: 3 (line 1)"),
        ("empty.py", "--tool empty.py: the file defines no public function"),
        ("stars.py", "tool 'f': *args has no JSON Schema"),
    ],
)
def test_mistakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, words: str) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", sys.path.copy())
    Path("plain.py").write_text("def weather(city: str) -> str: ...\nclass Thing: ...\n")
    Path("broken.py").write_text("x = 1\nx / 0\n")
    Path("ends.py").write_text("raise SystemExit(3)\n")
    Path("empty.py").write_text("x = 1\n")
    Path("stars.py").write_text("def f(*args): ...\n")
    with pytest.raises(Misuse) as caught:
        load_tools([place])
    assert words in str(caught.value)


def test_nobody_could_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    harmless, other = FunctionTool(clock, needs_approval=False), FunctionTool(clock)
    approval([harmless], agreed=False)
    approval([harmless, other], agreed=True)
    with pytest.raises(Misuse, match=r"needs a terminal: add --yes to execute them without"):
        approval([harmless, other], agreed=False)


def clock(city: str) -> str:
    """Look up the time in a city."""
    return f"noon in {city}"


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("too far", "weather says: Error: the user does not want this call: too far"),
        ("y", "weather says: Lisbon: 6 degrees"),
        ("", "weather says: Error: the call was not approved"),
    ],
)
def test_each_call_is_agreed_to(files: CommandLine, typed: str, told: str, deep: bool) -> None:
    if not deep and typed != "too far":
        pytest.skip("only with --deep")
    with files.terminal(*QUESTION, "--tool", "tools.py", "--no-color", stdin=True) as screen:
        screen.read_until(lambda shown: "or why not: " in shown)
        assert 'weather(city="Lisbon")\nexecute this?' in screen.screen
        screen.type(f"{typed}\n")
        finished = screen.finish()
    assert finished.code == 0
    assert told in finished.out


@pytest.mark.usefixtures("broad")
def test_ctrl_c_ends_the_question(files: CommandLine) -> None:
    with files.terminal(*QUESTION, "--tool", "tools.py", stdin=True) as screen:
        screen.read_until(lambda shown: "or why not: " in shown)
        screen.interrupt()
        finished = screen.finish()
    assert finished.code == 130
    assert "Traceback" not in finished.out


# ---- continuing ----


def sessions(cli: CommandLine) -> list[str]:
    return [path.read_text() for path in (cli.folder / ".local/share/understudy/sessions").glob("*.jsonl")]


def sent(emulator: Emulator) -> list[str]:
    return [message["content"] for message in emulator.requests("openai")[-1].body["messages"]]


def test_a_question_on_a_terminal_can_be_continued_in_a_script(configured: CommandLine, emulator: Emulator) -> None:
    with configured.terminal("ask", "-I", "-s", "Be brief.", "my name is Anna", stdin=True) as screen:
        assert screen.finish().code == 0
    result = configured.run("ask", "-c", "what is my name?")
    assert (result.code, result.out, result.err) == (0, "Your name is Anna.\n", "")
    assert [words for words in sent(emulator) if "name" in words][-1] == "what is my name?"
    assert sent(emulator)[:2] == ["Be brief.", "my name is Anna"]
    (saved,) = sessions(configured)
    assert [json.loads(line)["type"] for line in saved.splitlines()].count("turn") == 2


@pytest.mark.usefixtures("broad")
def test_nothing_is_saved_of_scripts_or_unless_wanted(configured: CommandLine) -> None:
    configured.run("ask", "hello")
    with configured.terminal("ask", "-I", "hello", "--no-save", stdin=True) as screen:
        assert screen.finish().code == 0
    assert sessions(configured) == []
    result = configured.run("ask", "-c", "hello")
    assert result.code == 2
    assert "there are no sessions yet" in result.err


@pytest.mark.usefixtures("broad")
def test_a_continued_question_may_stay_unsaved(configured: CommandLine) -> None:
    with configured.terminal("ask", "-I", "my name is Anna", stdin=True) as screen:
        screen.finish()
    (before,) = sessions(configured)
    assert configured.run("ask", "-c", "--no-save", "what is my name?").out == "Your name is Anna.\n"
    assert sessions(configured) == [before]


@pytest.mark.usefixtures("broad")
def test_a_tool_loop_is_kept_as_question_and_answer(files: CommandLine, emulator: Emulator) -> None:
    with files.terminal("ask", "-I", "hello", stdin=True) as screen:
        screen.finish()
    files.run("ask", "-c", "what is the weather in Lisbon?", "--tool", "tools.py", "--yes")
    assert files.run("ask", "-c", "thanks").code == 0
    assert sent(emulator)[2:4] == ["what is the weather in Lisbon?", "weather says: Lisbon: 6 degrees"]


@pytest.mark.usefixtures("broad")
def test_a_chat_is_continued_with_its_model(configured: CommandLine, emulator: Emulator) -> None:
    configured.run("chat", "-m", "anthropic", stdin="my name is Anna\n")
    assert configured.run("ask", "-c", "what is my name?").out == "Your name is Anna.\n"
    assert len(emulator.requests("anthropic")) == 2
    text = (configured.folder / "understudy.toml").read_text()
    configured.configure(text.replace('provider = "anthropic"', 'provider = "anthropic"\nname = "claude"'))
    result = configured.run("ask", "-c", "what is my name?")
    assert result.out == "Your name is Anna.\n"
    assert result.err.startswith("warning: the model of this conversation, anthropic: ")
