"""`ask --explain` and `explain --from`."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.cli.running import PATIENCE, CommandLine
from understudy.cli.explanations import read, saving
from understudy.domain.errors import Misuse
from understudy.domain.explanation import Explanation, PlannedTarget, SkippedTarget, TimelineEvent
from understudy.domain.failures import FailureKind
from understudy.emulator import Emulator, Fault

SAVED = Explanation(
    request_id="id-1",
    started=1_800_000_000.0,
    why="by priority",
    task="code",
    steps=(PlannedTarget(place=1, target="main/gpt-5", why="priority 10"),),
    skipped=(SkippedTarget(target="small/tiny", why="its context window is too small"),),
    timeline=(
        TimelineEvent(at=0.0, what="launched", attempt=1, target="main/gpt-5", key="2 of 3", why="priority 10"),
        TimelineEvent(at=0.6, what="waiting", until=1.25, why="before the retry of main/gpt-5"),
    ),
)
PRINTED = """\
request id-1, started 2027-01-15 08:00:00 UTC
task: code
order: by priority

#  target      why
1  main/gpt-5  priority 10

skipped     why
small/tiny  its context window is too small

seconds  what      attempt  target                   why
  0.000  launched  1        main/gpt-5 (key 2 of 3)  priority 10
  0.600  waiting                                     until 1.250 s: before the retry of main/gpt-5

"""
OTHER = {**SAVED.to_dict(), "request_id": "id-2"}


def test_a_saved_explanation_is_printed_without_a_configuration(cli: CommandLine) -> None:
    text = json.dumps(SAVED.to_dict())
    assert cli.run("explain", "--from", "-", stdin=text) == (0, PRINTED, "")
    assert cli.run("explain", "--from", "-", "--json", stdin=text).json == SAVED.to_dict()


@pytest.mark.parametrize(
    "held",
    [
        {"text": "hi", "explanation": SAVED.to_dict()},
        {"error": {"message": "no", "explanation": SAVED.to_dict()}},
        {"steps": [{"response": {"explanation": SAVED.to_dict()}}]},
    ],
    ids=["answer", "error", "tool loop"],
)
def test_it_is_found_in_what_holds_it(tmp_path: Path, held: object) -> None:
    (tmp_path / "held.json").write_text(json.dumps(held, indent=2), encoding="utf-8")
    assert read(str(tmp_path / "held.json")) == [SAVED]


def test_a_log_may_hold_several(cli: CommandLine) -> None:
    lines = [{"explanation": SAVED.to_dict()}, {"note": "nothing here"}, OTHER]
    (cli.folder / "log.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n\n", encoding="utf-8")
    assert cli.run("explain", "--from", "log.jsonl").out == PRINTED + PRINTED.replace("id-1", "id-2")
    printed = cli.run("explain", "--from", "log.jsonl", "--json").out.splitlines()
    assert [json.loads(line) for line in printed] == [SAVED.to_dict(), OTHER]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "bad.json: No such file or directory"),
        ("{}", "bad.json does not contain an explanation: expected what `ask --explain`"),
        ("nonsense", "bad.json is not valid JSON: "),
        ('{"timeline": []}', "bad.json is not a valid explanation: Object missing required field `request_id`"),
        ('{}\n{"timeline": [1]}', "bad.json, line 2 is not a valid explanation: "),
        ("{}\n{}\nnonsense", "bad.json, line 3 is not valid JSON: "),
    ],
)
def test_a_bad_file_is_reported(tmp_path: Path, text: str | None, words: str) -> None:
    if text is not None:
        (tmp_path / "bad.json").write_text(text, encoding="utf-8")
    with pytest.raises(Misuse) as caught:
        read(str(tmp_path / "bad.json"))
    assert words in caught.value.message


def test_a_missing_file_is_reported_by_the_command(cli: CommandLine) -> None:
    result = cli.run("explain", "--from", "bad.json")
    assert (result.code, result.out) == (2, "")
    assert "--from bad.json: No such file or directory" in " ".join(result.err.split())


def test_a_prompt_beside_it_is_refused(cli: CommandLine) -> None:
    result = cli.run("explain", "Hello", "--from", "-", stdin="{}")
    assert result.code == 2
    assert "cannot be combined with a prompt" in result.err


def test_ask_saves_it(configured: CommandLine, emulator: Emulator) -> None:
    emulator.script("openai", [Fault.error(FailureKind.BILLING)])
    result = configured.run("ask", "Hello", "--explain", "why.json")
    assert result.code == 0, result.err
    saved = json.loads((configured.folder / "why.json").read_text(encoding="utf-8"))
    assert [event["what"] for event in saved["timeline"]][:2] == ["launched", "failed"]
    assert saved["timeline"][-1]["what"] == "settled"
    assert len(saved["steps"]) == 3
    printed = configured.run("explain", "--from", "why.json")
    assert (printed.code, "fall back to" in printed.out) == (0, True)
    assert emulator.key not in json.dumps(saved) + printed.out


def test_ask_saves_it_if_the_request_fails(configured: CommandLine, emulator: Emulator) -> None:
    emulator.script("openai", [Fault.error(FailureKind.INVALID_REQUEST)])
    result = configured.run("ask", "Hello", "-m", "openai", "--explain", "why.json", "--json")
    assert result.code == 3
    saved = json.loads((configured.folder / "why.json").read_text(encoding="utf-8"))
    assert saved["timeline"][-1]["why"].startswith("invalid_request (HTTP 400): ")


@pytest.mark.parametrize("streamed", [True, False], ids=["streamed", "whole"])
def test_ask_saves_it_if_it_is_interrupted(configured: CommandLine, emulator: Emulator, streamed: bool) -> None:
    emulator.script("openai", always=Fault.stall(after=2))
    with configured.terminal(
        "ask", "what is the capital of France", "--explain", "why.json", "--stream" if streamed else "--no-stream"
    ) as screen:
        if streamed:
            screen.read_until(lambda shown: "The" in shown)
        else:
            end = time.monotonic() + PATIENCE
            while not emulator.requests("openai"):
                assert time.monotonic() < end
                time.sleep(0.01)
        screen.interrupt()
        finished = screen.finish()
    assert (finished.code, "Error" in finished.out) == (130, False)
    saved = json.loads((configured.folder / "why.json").read_text(encoding="utf-8"))
    assert saved["timeline"][-1]["what"] == "settled"
    assert saved["timeline"][-1]["why"] == "cancelled: the provider was closed"
    assert emulator.cancelled("openai") == 1


@pytest.mark.parametrize("before", [None, "before"])
def test_a_file_stays_as_it_was_if_nothing_was_asked(tmp_path: Path, before: str | None) -> None:
    path = tmp_path / "why.json"
    if before is not None:
        path.write_text(before, encoding="utf-8")
    with pytest.raises(KeyboardInterrupt), saving(path):
        raise KeyboardInterrupt
    assert (path.read_text(encoding="utf-8") if path.exists() else None) == before


def test_a_file_that_cannot_be_written_is_reported_before_anything_is_sent(
    configured: CommandLine, emulator: Emulator
) -> None:
    for path, words in (("gone/why.json", "No such file or directory"), ("-", "needs the name of a file")):
        result = configured.run("ask", "Hello", "--explain", path)
        assert (result.code, words in result.err) == (2, True)
    assert not any(emulator.requests(name) for name in emulator.providers)
    assert not Path(configured.folder, "-").exists()
