"""What `usage` and `log` show of requests that were made, and what they say where there is nothing to show."""

from __future__ import annotations

import csv
import io
import sqlite3
from pathlib import Path

import pytest

from tests.cli.running import CommandLine
from understudy.emulator import Emulator, Fault

LEDGER = Path(".local/share/understudy/ledger.db")


@pytest.fixture
def used(configured: CommandLine, emulator: Emulator) -> CommandLine:
    """The command line after two questions: one that another provider answered, and one to a local model."""
    emulator.script("openai", always=Fault.status(503))
    assert configured.run("ask", "hi").code == 0
    assert configured.run("ask", "--model", "ollama", "hello there").code == 0
    return configured


def test_days_are_added_up(used: CommandLine) -> None:
    result = used.run("usage", "--json")
    assert result.code == 0, result.err
    (day,) = result.json["usage"]
    assert (day["requests"], day["succeeded"]) == (2, 2)
    assert day["failed"] == day["attempts"] - 2 >= 1
    assert day["output_tokens"] > 0


def test_what_runs_here_costs_nothing_and_is_counted_all_the_same(used: CommandLine) -> None:
    found = {each["value"]: each for each in used.run("usage", "--by", "provider", "--json").json["usage"]}
    assert set(found) == {"openai", "anthropic", "ollama"}
    local = found["ollama"]
    assert (local["requests"], local["unknown_costs"], float(local["cost_usd"])) == (1, 0, 0.0)
    assert local["input_tokens"] > 0
    assert local["mean_seconds"] > 0
    assert found["openai"]["failed"] >= 1
    table = used.run("usage", "--by", "provider", "--provider", "ollama").out
    assert "█" in table, "without money, tokens are what the bars show"


def test_values_go_into_a_spreadsheet(used: CommandLine) -> None:
    result = used.run("usage", "--by", "model", "--csv")
    rows = list(csv.DictReader(io.StringIO(result.out)))
    assert {row["value"] for row in rows} == {
        each["value"] for each in used.run("usage", "--by", "model", "--json").json["usage"]
    }
    assert sum(int(row["attempts"]) for row in rows) >= 3


def test_a_name_is_no_formula(cli: CommandLine, emulator: Emulator) -> None:
    cli.configure(
        f'[llm]\nprovider = "openai"\napi_key = "{emulator.key}"\nbase_url = "{emulator.url("openai")}"\n'
        'text_model = "=1+1"\n'
    )
    cli.run("ask", "hi")
    assert "\n'=1+1," in cli.run("usage", "--by", "model", "--csv").out


def test_requests_are_listed_and_shown(used: CommandLine) -> None:
    listed = used.run("log", "--json").json["requests"]
    assert [each["outcome"] for each in listed] == ["answered", "answered"]
    assert [each["provider"] for each in listed] == ["ollama", "anthropic"]
    table = used.run("log").out
    assert all(each["id"][:18] in table for each in listed)

    shown = used.run("log", "show", listed[1]["id"][:18])
    assert shown.code == 0, shown.err
    assert listed[1]["id"] in shown.out
    assert "HTTP 503" in shown.out
    assert "→" in shown.out, "why the next one was asked"
    attempts = used.run("log", "show", listed[1]["id"], "--json").json["attempts"]
    assert [each["state"] for each in attempts][-1] == "succeeded"
    assert {each["state"] for each in attempts[:-1]} == {"failed"}


def test_the_list_can_be_narrowed(used: CommandLine) -> None:
    def listed(*words: str) -> list[str]:
        return [each["provider"] for each in used.run("log", "--json", *words).json["requests"]]

    assert listed("--limit", "1") == ["ollama"]
    assert listed("--state", "failed") == ["anthropic"]
    assert listed("--outcome", "recovered") == ["anthropic"]
    assert listed("--outcome", "answered") == ["ollama", "anthropic"]
    assert listed("--outcome", "failed") == []
    assert listed("--failure", "server_error") + listed("--failure", "overloaded") == ["anthropic"]
    assert listed("--provider", "ollama") == ["ollama"]
    assert listed("--until", "24h") == []
    assert listed("--session", "x") == []


def test_the_list_goes_on_and_goes_into_a_spreadsheet(used: CommandLine) -> None:
    first = used.run("log", "--json", "--limit", "1").json
    assert first["next"] is not None
    second = used.run("log", "--json", "--before", first["next"]).json
    assert [each["provider"] for each in first["requests"] + second["requests"]] == ["ollama", "anthropic"]
    assert second["next"] is None
    rows = list(csv.DictReader(io.StringIO(used.run("log", "--csv").out)))
    assert [(row["provider"], row["outcome"]) for row in rows] == [("ollama", "answered"), ("anthropic", "answered")]


def test_nothing_that_was_said_is_kept(used: CommandLine) -> None:
    with sqlite3.connect(used.folder / LEDGER) as connection:
        whole = "\n".join(connection.iterdump())
    assert "hello there" not in whole
    assert "How can I help" not in whole


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("usage", "--by", "month"),
            "--by is one of day, provider, model, key, agent, class, session, route, task, tag",
        ),
        (("usage", "--since", "soon"), "--since: 'soon' is not a time; write 30m, 24h, 7d, 2w, 2026-11-01"),
        (("usage", "--tag", "team"), "--tag is NAME=VALUE, got 'team'"),
        (("usage", "--json", "--csv"), "--json and --csv cannot be combined"),
        (("log", "--state", "lost"), "--state is one of started, succeeded, failed, aborted, unknown, got 'lost'"),
        (("log", "--outcome", "well"), "--outcome is one of answered, recovered, failed, aborted, unknown, started"),
        (("log", "--failure", "odd"), "--failure is one of dns, connect"),
        (("log", "--csv", "--json"), "--csv is for the list, and cannot be combined with --json"),
        (("log", "--key", "\udcff"), "--key contains a lone surrogate and cannot be encoded as UTF-8"),
        (("usage", "--tag", "a=\udcff"), "--tag contains a lone surrogate"),
        (("log", "--before", "\udcff"), "--before contains a lone surrogate"),
        (("log", "show", "\udcff"), "the id contains a lone surrogate"),
        (("log", "show"), "show needs the id of a request"),
        (("log", "shwo", "x"), "unexpected 'shwo': write show ID"),
        (("log", "show", "xyz"), "'xyz' is not the id of a request"),
        (("log", "show", "0000"), "no request begins with 0000"),
    ],
)
def test_what_is_wrong_is_said(used: CommandLine, words: tuple[str, ...], said: str) -> None:
    result = used.run(*words)
    assert result.code == 2
    assert said in result.err


def test_before_the_first_request_there_is_no_ledger(configured: CommandLine) -> None:
    result = configured.run("usage")
    assert result.code == 2
    assert "there is no ledger at" in result.err
    assert "it is made by the first request" in result.err
    assert not (configured.folder / LEDGER).exists()


def test_it_can_be_switched_off_and_put_elsewhere(configured: CommandLine) -> None:
    text = (configured.folder / "understudy.toml").read_text()
    configured.configure(f"{text}\n[llm.ledger]\nenabled = false\n")
    assert configured.run("ask", "hi").code == 0
    assert not (configured.folder / LEDGER).exists()
    result = configured.run("usage")
    assert (result.code, "enabled = false" in result.err) == (2, True)
    configured.configure(f'{text}\n[llm.ledger]\npath = "~/kept/here.db"\n')
    assert configured.run("ask", "hi").code == 0
    assert (configured.folder / "kept" / "here.db").exists()
    assert configured.run("usage", "--json").json["usage"][0]["requests"] == 1


def test_an_answer_does_not_wait_for_a_ledger_that_cannot_be_opened(configured: CommandLine) -> None:
    text = (configured.folder / "understudy.toml").read_text()
    (configured.folder / "letter").write_text("Dear Sir or Madam, " * 100)
    configured.configure(f'{text}\n[llm.ledger]\npath = "letter"\n')
    result = configured.run("ask", "hi")
    assert result.code == 0
    assert "letter cannot be opened: file is not a database" in result.err
    assert "this command is not recorded" in result.err
