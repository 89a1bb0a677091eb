from __future__ import annotations

import base64
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cli.chat.talking import plain
from tests.cli.running import CommandLine
from understudy.domain.failures import FailureKind
from understudy.emulator import Emulator, Fault

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 16
PARIS = ("what", "is", "the", "capital", "of", "France")
ANSWER = "The capital is Paris.\n"


def last_message(emulator: Emulator, provider: str = "openai") -> Any:
    return emulator.requests(provider)[-1].body["messages"][-1]["content"]


# ---- the question ----


def test_words_need_no_quotes(configured: CommandLine, emulator: Emulator) -> None:
    assert configured.run("ask", *PARIS) == (0, ANSWER, "")
    assert last_message(emulator) == " ".join(PARIS)


@pytest.mark.parametrize("words", [[], ["-"]])
def test_standard_input_is_the_question(configured: CommandLine, emulator: Emulator, words: list[str]) -> None:
    result = configured.run("ask", *words, stdin="  first line\nwhat is the capital of France?\n")
    assert (result.code, result.out) == (0, ANSWER)
    assert last_message(emulator) == "  first line\nwhat is the capital of France?"


def test_standard_input_beside_a_question_is_attached(configured: CommandLine, emulator: Emulator) -> None:
    configured.run("ask", "summarise", "this", stdin="line one\nline two\n")
    texts = [part["text"] for part in last_message(emulator)]
    assert texts == ["summarise this", "stdin:\n```\nline one\nline two\n```"]


def test_standard_input_can_be_left_alone(configured: CommandLine, emulator: Emulator) -> None:
    configured.run("ask", "-I", "hello", stdin="the rest of a loop's input")
    assert last_message(emulator) == "hello"


def test_without_any_question_the_usage_is_told(configured: CommandLine) -> None:
    for result in (configured.run("ask"), configured.run("ask", stdin=" \n"), configured.run("ask", "-I", stdin="x")):
        assert result.code == 2
        assert "give a question" in result.err
        assert "Usage: understudy ask" in result.err


def test_files_and_images_are_attached(configured: CommandLine, emulator: Emulator) -> None:
    (configured.folder / "notes.txt").write_text("Anna likes tea.")
    (configured.folder / "dot.png").write_bytes(PNG)
    (configured.folder / "paper.pdf").write_bytes(b"%PDF-1.7")
    result = configured.run("ask", "-f", "notes.txt", "-f", "paper.pdf", "-i", "dot.png", "what is this?")
    assert result.code == 0
    prompt, notes, paper, image = last_message(emulator)
    assert prompt["text"] == "what is this?"
    assert notes["text"] == "notes.txt:\n```\nAnna likes tea.\n```"
    assert paper["file"]["filename"] == "paper.pdf"
    assert image["image_url"]["url"] == f"data:image/png;base64,{base64.b64encode(PNG).decode()}"


@pytest.mark.parametrize("option", ["--file", "--image", "--system", "--schema"])
def test_a_file_that_is_not_there_is_the_users_mistake(configured: CommandLine, option: str) -> None:
    value = "@gone" if option == "--system" else "gone"
    result = configured.run("ask", option, value, "hi")
    assert (result.code, result.out) == (2, "")
    assert result.err == f"error: {option} gone: No such file or directory\n"


def test_settings_reach_the_provider(configured: CommandLine, emulator: Emulator) -> None:
    (configured.folder / "tone.md").write_text("Be brief.")
    configured.run("ask", "-m", "ollama", "-s", "@tone.md", "--max-tokens", "50", "-t", "0.5", "hi")
    body = emulator.requests("ollama")[-1].body
    assert body["messages"][0] == {"role": "system", "content": "Be brief."}
    assert body["options"] == {"num_predict": 50, "temperature": 0.5}


def test_what_a_model_refuses_is_warned_about(configured: CommandLine) -> None:
    result = configured.run("ask", "-m", "anthropic", "-t", "0.5", *PARIS)
    assert (result.code, result.out) == (0, ANSWER)
    assert result.err.startswith("warning: dropped temperature (")


# ---- who answers ----


def test_the_next_goes_on_and_it_is_told(configured: CommandLine, emulator: Emulator) -> None:
    emulator.script("openai", always=Fault.status(500))
    result = configured.run("ask", *PARIS)
    assert (result.code, result.out) == (0, ANSWER)
    assert result.err == (
        "note: answered by anthropic/claude-sonnet-5-5 after 2 failed attempts (--verbose shows them)\n"
    )


def test_verbose_shows_every_attempt_on_stderr(configured: CommandLine, emulator: Emulator) -> None:
    emulator.script("openai", always=Fault.status(500))
    result = configured.run("-v", "ask", *PARIS)
    assert result.out == ANSWER
    rows = [line.split() for line in result.err.splitlines() if line[:1].isdigit()]
    assert [row[:3] for row in rows] == [
        ["1", "openai/gpt-6-luna", "server_error"],
        ["2", "openai/gpt-6-luna", "server_error"],
        ["3", "anthropic/claude-sonnet-5-5", "answered"],
    ]
    assert rows[2][-1] == "unknown"
    assert result.err.count("\n   HTTP 500: The server had an error") == 2
    assert "fall back to anthropic/claude-sonnet-5-5\n3  anthropic" in result.err


def test_understudies_named_in_the_call_are_the_only_ones(configured: CommandLine, emulator: Emulator) -> None:
    emulator.script("openai", always=Fault.status(500))
    result = configured.run("ask", "-m", "openai", "--fallback", "ollama/qwen3", *PARIS)
    assert (result.code, result.out) == (0, ANSWER)
    assert emulator.requests("ollama")[-1].body["model"] == "qwen3"
    assert not emulator.requests("anthropic")


def test_without_fallback_the_first_is_the_last(configured: CommandLine, emulator: Emulator) -> None:
    emulator.script("openai", always=Fault.status(500))
    result = configured.run("ask", "--no-fallback", *PARIS)
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("error: openai/gpt-6-luna: The server had an error")
    assert not emulator.requests("anthropic")


# ---- exit codes ----


def test_when_nobody_can_answer_every_attempt_is_told(configured: CommandLine, emulator: Emulator) -> None:
    emulator.script("openai", always=Fault.error(FailureKind.BILLING))
    emulator.script("anthropic", always=Fault.error(FailureKind.OVERLOADED))
    emulator.script("ollama", always=Fault.reset())
    result = configured.run("ask", *PARIS)
    assert (result.code, result.out) == (1, "")
    lines = result.err.splitlines()
    assert lines[0] == f"error: all {len(lines) - 1} attempts failed"
    assert lines[1].startswith("  1. openai/gpt-6-luna billing: You exceeded your current quota")
    assert "Traceback" not in result.err
    assert "WARNING" not in result.err


def test_a_refusal_has_its_own_code(configured: CommandLine, emulator: Emulator) -> None:
    emulator.script("openai", always=Fault.error(FailureKind.AUTHENTICATION))
    result = configured.run("ask", "--no-fallback", "hi")
    assert result.code == 3
    assert "(authentication)" in result.err


def test_an_answer_that_the_filter_stopped_is_a_refusal(configured: CommandLine, emulator: Emulator) -> None:
    emulator.script("openai", always=Fault.refusal())
    assert configured.run("ask", "--no-fallback", "hi").code == 3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[llm\n", "understudy.toml:1"),
        ('[[llm.providers]]\nprovider = "opnai"\n', 'did you mean "openai"'),
        ('[[llm.providers]]\nprovider = "openai"\napi_key = "${NO_SUCH_KEY}"\n', "NO_SUCH_KEY"),
    ],
)
def test_a_wrong_configuration_is_the_users_mistake(cli: CommandLine, text: str, words: str) -> None:
    cli.configure(text)
    result = cli.run("ask", "hi")
    assert (result.code, result.out) == (2, "")
    assert words in result.err
    assert "Traceback" not in result.err


def test_where_nothing_is_configured_it_is_said_what_to_do(cli: CommandLine) -> None:
    result = cli.run("ask", "hi")
    assert result.code == 2
    assert "OPENAI_API_KEY" in result.err


def test_an_unknown_entry_names_the_known_ones(configured: CommandLine) -> None:
    result = configured.run("ask", "-m", "opnai", "hi")
    assert result.code == 2
    assert "did you mean openai? The entries are openai, anthropic, ollama" in result.err


def test_a_key_in_the_environment_is_enough(cli: CommandLine, emulator: Emulator) -> None:
    result = cli.run("ask", *PARIS, OPENAI_API_KEY=emulator.key, OPENAI_BASE_URL=emulator.url("openai"))
    assert (result.code, result.out) == (0, ANSWER)


# ---- for scripts ----


def test_json_holds_the_answer_and_how_it_was_had(configured: CommandLine, emulator: Emulator) -> None:
    emulator.script("openai", always=Fault.status(503))
    result = configured.run("ask", "--json", *PARIS)
    answer = result.json
    assert result.code == 0
    assert answer["text"] == ANSWER.strip()
    assert answer["provider"] == "anthropic"
    assert answer["model"] == "claude-sonnet-5-5"
    assert answer["finish_reason"] == "stop"
    assert answer["cost_usd"] is None
    assert answer["usage"]["total"] == answer["usage"]["input_total"] + answer["usage"]["output_total"]
    assert [attempt["provider"] for attempt in answer["attempts"]] == ["openai", "openai", "anthropic"]
    assert answer["attempts"][0]["failure"]["status"] == 503
    assert answer["attempts"][2]["failure"] is None


def test_json_of_a_local_answer_costs_nothing(configured: CommandLine) -> None:
    assert configured.run("ask", "--json", "-m", "ollama", "hi").json["cost_usd"] == 0


def test_json_of_an_error_stands_where_the_answer_would(configured: CommandLine, emulator: Emulator) -> None:
    emulator.script("openai", always=Fault.error(FailureKind.AUTHENTICATION))
    result = configured.run("ask", "--json", "--no-fallback", "hi")
    error = result.json["error"]
    assert result.code == 3
    assert (error["group"], error["type"], error["kind"]) == ("refused", "AuthenticationFailed", "authentication")
    assert len(error["attempts"]) == 1
    assert result.err.startswith("error: openai/gpt-6-luna: ")


def test_json_of_a_mistake(configured: CommandLine) -> None:
    result = configured.run("ask", "--json", "-m", "nobody", "hi")
    assert result.code == 2
    assert result.json["error"]["group"] == "misuse"
    assert result.json["error"]["attempts"] == []


def test_a_schema_gives_checked_json_alone(configured: CommandLine, emulator: Emulator) -> None:
    schema = '{"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}'
    emulator.script("openai", always=Fault.bad_output())
    result = configured.run("ask", "--schema", schema, "Is Paris nice?")
    assert result.code == 0
    assert result.json == {"city": "Paris"}


def test_output_elsewhere_than_on_a_terminal_is_whole_or_nothing(configured: CommandLine, emulator: Emulator) -> None:
    emulator.script("openai", always=Fault.cut(after=2))
    result = configured.run("ask", *PARIS)
    assert (result.code, result.out) == (0, ANSWER)
    assert "answered by anthropic" in result.err


def test_a_stream_that_breaks_keeps_its_words_and_fails(configured: CommandLine, emulator: Emulator) -> None:
    emulator.script("openai", always=Fault.cut(after=2))
    result = configured.run("ask", "--stream", *PARIS)
    assert result.code == 1
    assert result.out
    assert ANSWER.startswith(result.out.rstrip("\n"))
    assert result.out.endswith("\n")
    assert result.err.startswith("error: the answer was interrupted: openai/gpt-6-luna: ")
    assert "incomplete" in result.err
    assert not emulator.requests("anthropic")


RESTART = ("--on-midstream-error", "restart", "--no-save")


def test_an_answer_that_restarts_on_a_terminal_says_so(configured: CommandLine, emulator: Emulator) -> None:
    emulator.script("openai", always=Fault.cut(after=2))
    with configured.terminal("ask", *RESTART, *PARIS) as terminal:
        result = terminal.finish()
    assert result.code == 0
    first, notice, rest = plain(result.out).partition(
        "restarted: openai was interrupted (disconnected), and anthropic "
    )
    assert notice
    assert ANSWER.startswith(first.rstrip("\n"))
    assert rest.startswith(f"answers anew\n{ANSWER}")


def test_an_answer_in_a_pipe_never_restarts(configured: CommandLine, emulator: Emulator) -> None:
    """What reads the pipe could not tell where the second answer begins."""
    emulator.script("openai", always=Fault.cut(after=2))
    result = configured.run("ask", "--stream", *RESTART, *PARIS)
    assert result.code == 1
    assert ANSWER.startswith(result.out.rstrip("\n"))
    assert result.err.startswith("error: the answer was interrupted: openai/gpt-6-luna: ")
    assert not emulator.requests("anthropic")


def test_an_answer_that_is_held_back_is_whole(configured: CommandLine, emulator: Emulator) -> None:
    emulator.script("openai", always=Fault.cut(after=2))
    result = configured.run("ask", "--stream", "--on-midstream-error", "hold", *PARIS)
    assert (result.code, result.out) == (0, ANSWER)
    assert "answered by anthropic" in result.err


def test_an_unknown_mode_is_refused(configured: CommandLine, emulator: Emulator) -> None:
    result = configured.run("ask", "--on-midstream-error", "again", *PARIS)
    assert result.code == 2
    assert "--on-midstream-error" in result.err
    assert not emulator.requests("openai")


@pytest.mark.parametrize("option", ["--json", "--schema={}"])
def test_a_stream_excludes_what_needs_the_whole(configured: CommandLine, option: str) -> None:
    result = configured.run("ask", "--stream", option, "hi")
    assert result.code == 2
    assert "cannot be combined" in result.err


def test_text_that_is_data_stays_as_it_is(configured: CommandLine) -> None:
    assert "\x1b[31mred" in configured.run("ask", 'say "\x1b[31mred"').out


@pytest.mark.parametrize(
    "words", [("ask", "--stream", *PARIS), ("ask", "--json", *PARIS), ("check", "--offline"), ("demo",)]
)
def test_a_reader_that_leaves_is_no_error(configured: CommandLine, words: tuple[str, ...]) -> None:
    process = configured.start(*words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()
    _, err = process.communicate(timeout=30)
    assert process.returncode == 141
    assert err == b""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no full device")
def test_output_that_cannot_be_written_is_told(configured: CommandLine) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    process = configured.start("ask", *PARIS, stdout=full, stderr=subprocess.PIPE)
    os.close(full)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 74
    assert err == b"error: No space left on device\n"


def test_a_wrong_value_is_an_error_and_nothing_is_sent(configured: CommandLine, emulator: Emulator) -> None:
    result = configured.run("ask", "--reasoning", "huge", "hi")
    efforts = "none, minimal, low, medium, high, xhigh, max"
    assert (result.code, result.out) == (2, "")
    assert result.err == f"error: --reasoning: unknown reasoning effort 'huge'; expected one of {efforts}\n"
    assert emulator.requests("openai") == []


def test_a_model_that_no_entry_names_is_compared_with_those_of_all_entries(configured: CommandLine) -> None:
    result = configured.run("ask", "-m", "claude-sonet", "hi")
    assert (result.code, result.out) == (2, "")
    assert "did you mean anthropic/claude-sonnet-5-5, or anthropic/claude-sonet for another model?" in result.err


def test_a_slow_answer_ends_at_the_timeout(configured: CommandLine, emulator: Emulator) -> None:
    emulator.script("openai", always=Fault.slow_headers())
    result = configured.run("ask", "--timeout", "0.2", *PARIS)
    assert (result.code, result.out) == (1, "")
    assert "deadline of 0.2 s passed" in result.err


# ---- tasks ----

TASKS = '[llm.tasks]\ncode = ["anthropic"]\n'


def test_a_task_decides_who_is_asked(configured: CommandLine) -> None:
    path = configured.folder / "understudy.toml"
    text = path.read_text().replace("[llm.fallback]", '[llm.fallback]\nstrategy = "task_based"')
    path.write_text(text + TASKS)
    assert configured.run("ask", "--task", "code", "--json", "hi").json["provider"] == "anthropic"
    alone = configured.run("ask", "--task", "code", "--no-fallback", "--json", "hi")
    assert (alone.json["provider"], alone.err) == ("anthropic", "")
    wrong = configured.run("ask", "--task", "cod", "hi")
    assert (wrong.code, wrong.err) == (2, "error: task 'cod' has no targets: the tasks are code\n")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ([], 'only strategy = "task_based" uses tasks; this configuration has "priority"'),
        (["--fallback", "anthropic"], "the command line already names the targets"),
        (["-m", "ollama", "--no-fallback"], "the command line already names the targets"),
    ],
)
def test_a_task_that_nobody_looks_at_is_warned_about(configured: CommandLine, words: list[str], why: str) -> None:
    for command in (["ask"], ["explain"]):
        result = configured.run(*command, "--task", "code", *words, "hi")
        assert result.code == 0
        assert f"warning: --task code has no effect: {why}\n" in result.err
    chat = configured.run("chat", "--task", "code", *words, stdin="hi\n")
    assert f"warning: --task code has no effect: {why}\n" in chat.err
