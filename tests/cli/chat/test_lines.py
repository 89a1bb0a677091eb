"""A chat whose standard input is no terminal: each line a turn, the answers alone on stdout."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.cli.running import CommandLine, Finished
from understudy.domain.failures import FailureKind
from understudy.emulator import Emulator, Fault


def talk(configured: CommandLine, *lines: str, options: tuple[str, ...] = ()) -> Finished:
    return configured.run("chat", *options, stdin="".join(f"{line}\n" for line in lines))


def last_messages(emulator: Emulator, provider: str = "openai") -> Any:
    return emulator.requests(provider)[-1].body["messages"]


def kept(configured: CommandLine) -> list[Path]:
    return sorted((configured.folder / ".local/share/understudy/sessions").glob("*.jsonl"))


def test_each_line_is_a_turn_that_knows_those_before_it(configured: CommandLine, emulator: Emulator) -> None:
    result = talk(configured, "My name is Ada.", "", "What is my name?")
    assert result == (0, "The emulated OpenAI heard you say: My name is Ada.\nYour name is Ada.\n", "")
    assert [message["role"] for message in last_messages(emulator)] == ["user", "assistant", "user"]


def test_the_first_question_may_be_an_argument_and_files_go_with_it(
    configured: CommandLine, emulator: Emulator
) -> None:
    (configured.folder / "notes.txt").write_text("Anna likes tea.")
    result = talk(
        configured, "what is my name?", "Quit", "never", options=("-f", "notes.txt", "my", "name", "is", "Ada")
    )
    assert result.code == 0
    first, _, second = last_messages(emulator)
    assert [part["text"] for part in first["content"]] == ["my name is Ada", "notes.txt:\n```\nAnna likes tea.\n```"]
    assert second["content"] == "what is my name?"


def test_without_an_argument_files_go_with_the_first_line(configured: CommandLine, emulator: Emulator) -> None:
    (configured.folder / "notes.txt").write_text("Anna likes tea.")
    talk(configured, "hello", "again", options=("--file", "notes.txt"))
    first, _, second = last_messages(emulator)
    assert (len(first["content"]), second["content"]) == (2, "again")


def test_a_turn_may_have_several_lines(configured: CommandLine, emulator: Emulator) -> None:
    talk(configured, "one\\", "two", '"""', "/three", "", "four", '"""')
    assert [message["content"] for message in last_messages(emulator)][::2] == ["one\ntwo", "/three\n\nfour"]


def test_an_end_without_a_line_break_is_an_end(configured: CommandLine, emulator: Emulator) -> None:
    assert configured.run("chat", stdin="hello").code == 0
    assert configured.run("chat", stdin='"""\nunfinished').code == 0
    assert last_messages(emulator)[-1]["content"] == "unfinished"
    assert configured.run("chat", stdin="") == (0, "", "")


def test_options_reach_the_provider(configured: CommandLine, emulator: Emulator) -> None:
    options = ("-m", "ollama/qwen3", "-s", "Be brief.", "--max-tokens", "50", "-t", "0.5")
    talk(configured, "hi", options=options)
    body = emulator.requests("ollama")[-1].body
    assert (body["model"], body["options"]) == ("qwen3", {"num_predict": 50, "temperature": 0.5})
    assert body["messages"][0] == {"role": "system", "content": "Be brief."}


def test_commands_work_as_on_a_terminal(configured: CommandLine, emulator: Emulator) -> None:
    (configured.folder / "notes.txt").write_text("Anna likes tea.")
    result = talk(
        configured, "/model ollama", "/system Be brief.", "/file 'notes.txt'", "hello", "/undo", "hi", "/exit"
    )
    assert result.code == 0
    assert "ollama/llama3.2, then openai/gpt-6-luna, anthropic/claude-sonnet-5-5" in result.err
    first, second = (request.body["messages"] for request in emulator.requests("ollama"))
    assert "Anna likes tea." in first[-1]["content"]
    assert second == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hi"}]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("/modle", "unknown command /modle; did you mean /model?"),
        ("/frobnicate", "/help lists the commands"),
        ("/undo", "there is nothing to remove"),
        ("/retry", "there is no question to ask again"),
        ("/save", "there is nothing to save yet"),
        ("/cost all", "/cost takes no argument"),
        ("/file", "/file needs the path"),
        ("/file gone.txt", "/file gone.txt: No such file"),
        ("/image gone.png", "/image gone.png: No such file"),
        ("/model nobody", "unknown entry or model 'nobody'"),
        ("/system @gone", "/system gone: No such file"),
    ],
)
def test_what_cannot_be_done_is_the_end(configured: CommandLine, emulator: Emulator, line: str, told: str) -> None:
    result = talk(configured, line, "hello")
    assert (result.code, result.out) == (2, "")
    assert told in result.err
    assert not emulator.requests("openai")


def test_the_first_failure_is_the_end(configured: CommandLine, emulator: Emulator) -> None:
    emulator.script("openai", [None, Fault.error(FailureKind.AUTHENTICATION)])
    result = talk(configured, "hi", "what is the capital of France?", "never asked", options=("--no-fallback",))
    assert result.code == 3
    assert result.out.startswith("Hello!")
    assert "(authentication)" in result.err
    assert len(emulator.requests("openai")) == 2


def test_another_goes_on_unseen_in_the_middle_of_an_answer(configured: CommandLine, emulator: Emulator) -> None:
    emulator.script("openai", always=Fault.cut(after=2))
    result = talk(configured, "what is the capital of France?")
    assert (result.code, result.out) == (0, "The capital is Paris.\n")
    assert "answered by anthropic/claude-sonnet-5-5 after 2 failed attempts" in result.err


def test_costs_are_told_by_provider(configured: CommandLine, emulator: Emulator) -> None:
    emulator.script("openai", [Fault.missing_usage(), Fault.status(500)])
    result = talk(configured, "hi", "hi", "/model ollama", "hi", "/cost")
    lines = result.err.splitlines()
    assert lines[-3].startswith("openai: 3 calls · ")
    assert "tokens of 2 calls unknown" in lines[-3]
    assert lines[-2].startswith("ollama: 1 call · ")
    assert lines[-2].endswith(" · $0")
    assert lines[-1].startswith("total: 4 calls")


def test_what_has_a_price_is_told_in_money_also_of_an_earlier_day(configured: CommandLine) -> None:
    path = configured.folder / "understudy.toml"
    priced = 'provider = "openai"\nprice = { input = 1000.0, output = 2000.0 }'
    path.write_text(path.read_text().replace('provider = "openai"', priced))
    talk(configured, "hello")
    (turn,) = (msgspec.json.decode(line) for line in kept(configured)[0].read_bytes().splitlines() if b"spent" in line)
    nano_usd = (turn["input"] * 1000 + turn["output"] * 2000) * 1000
    assert turn["nano_usd"] == nano_usd
    result = talk(configured, "/cost", "/model ollama", "hi", "/cost", options=("--continue",))
    money = f"openai: 1 call · {turn['input']} tokens in, {turn['output']} out · ${nano_usd / 1e9:.9f}"
    assert result.err.splitlines()[0] == money
    assert result.err.splitlines()[-1].endswith(f" · ${nano_usd / 1e9:.9f}")


def test_a_warning_is_given_once(configured: CommandLine) -> None:
    result = talk(configured, "hi", "hi", options=("-m", "anthropic", "-t", "0.5"))
    assert result.err.count("warning: dropped temperature") == 1


def test_text_that_is_data_stays_as_it_is(configured: CommandLine) -> None:
    assert talk(configured, 'say "\x1b[31mred"').out == "\x1b[31mred\n"


def test_input_that_is_no_text_is_told(configured: CommandLine) -> None:
    result = configured.run("chat", stdin=b"\xff\xfe\n")
    assert (result.code, result.out) == (2, "")
    assert "standard input is not valid UTF-8" in result.err


def test_a_reader_that_leaves_is_no_error(configured: CommandLine) -> None:
    process = configured.start("chat", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()
    _, err = process.communicate(b"hi\nhi\n", timeout=30)
    assert process.returncode == 141
    assert err == b""


# ---- sessions ----


def test_a_session_goes_on_where_it_stood(configured: CommandLine, emulator: Emulator) -> None:
    talk(configured, "My name is Ada.", options=("-s", "Be brief.", "-m", "ollama"))
    talk(configured, "What is my name?", "/history", options=("--continue",))
    assert [message["content"] for message in last_messages(emulator, "ollama")] == [
        "Be brief.",
        "My name is Ada.",
        "The emulated Ollama heard you say: My name is Ada.",
        "What is my name?",
    ]
    (path,) = kept(configured)
    result = talk(configured, "And now?", "/cost", options=("--resume", path.stem[:10], "-m", "openai", "-s", "Shout."))
    assert last_messages(emulator)[0]["content"] == "Shout."
    assert len(last_messages(emulator)) == 6
    assert "ollama: 2 calls" in result.err
    assert kept(configured) == [path]


def test_an_answer_is_replayed_with_its_provenance(configured: CommandLine, emulator: Emulator) -> None:
    options = ("-m", "anthropic", "--reasoning", "high", "--max-tokens", "9000")
    talk(configured, "hi", options=options)
    talk(configured, "and now?", options=("--continue", *options))
    thinking = last_messages(emulator, "anthropic")[1]["content"][0]
    assert thinking["type"] == "thinking"
    assert thinking["signature"]


def test_an_entry_that_is_no_longer_there_is_told(configured: CommandLine, emulator: Emulator) -> None:
    talk(configured, "hi", options=("-m", "ollama"))
    path = configured.folder / "understudy.toml"
    path.write_text(path.read_text().replace('provider = "ollama"', 'provider = "ollama"\nname = "local"'))
    result = talk(configured, "hi", options=("-c",))
    assert result.code == 0
    assert "warning: the model of this session, ollama: unknown entry or model 'ollama'" in result.err


def test_sessions_are_listed(configured: CommandLine) -> None:
    assert configured.run("chat", "--list").out == ""
    talk(configured, "what is the capital of France?", "hi")
    (path,) = kept(configured)
    shown = configured.run("chat", "--list")
    assert shown.code == 0
    assert path.stem in shown.out
    assert "what is the capital of France?" in shown.out
    (session,) = configured.run("chat", "--list", "--json").json["sessions"]
    assert (session["id"], session["turns"]) == (path.stem, 2)
    assert configured.run("chat", "--json", stdin="hi").code == 2


def test_ids_are_completed(configured: CommandLine) -> None:
    talk(configured, "hi")
    (path,) = kept(configured)
    protocol = {"_UNDERSTUDY_COMPLETE": "complete_bash", "COMP_CWORD": "3"}
    offered = configured.run(COMP_WORDS="understudy\nchat\n--resume\n", **protocol).out.split()
    assert offered == ["last", path.stem]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--resume", "2020"), "there are no sessions yet"),
        (("--timeout", "0"), "--timeout must be greater than 0, got 0.0"),
        (("-m", "nobody", "question"), "unknown entry or model 'nobody'"),
        (("-f", "gone.txt"), "--file gone.txt: No such file or directory"),
        (("--fallback", "ollama", "--no-fallback"), "cannot be combined"),
        (("-s", "@gone"), "--system gone: No such file"),
    ],
)
def test_wrong_options_are_told_before_anything_is_read(
    configured: CommandLine, options: tuple[str, ...], told: str
) -> None:
    result = talk(configured, "hi", options=options)
    assert (result.code, result.out) == (2, "")
    assert told in result.err


def test_nothing_is_kept_unless_wanted(configured: CommandLine) -> None:
    result = talk(configured, "hi", "/save talk.md", options=("--no-save",))
    assert result.code == 0
    assert not (configured.folder / ".local/share/understudy/sessions").exists()
    assert "## openai/gpt-6-luna\n\nHello!" in (configured.folder / "talk.md").read_text()


def test_data_goes_where_the_user_wants_it(configured: CommandLine) -> None:
    configured.run("chat", stdin="hi\n", XDG_DATA_HOME=str(configured.folder / "data"))
    assert len(list((configured.folder / "data/understudy/sessions").iterdir())) == 1
