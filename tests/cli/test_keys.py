"""`understudy keys`: each action on its own, and what none of them prints."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import NoReturn

import pytest
from typer.testing import CliRunner

from tests.cli.running import CommandLine, Finished
from understudy.cli.app import app
from understudy.ledger.sqlite import opening

DATA = Path(".local/share/understudy")
ROUTES = """
[[llm.providers]]
provider = "ollama"
text_model = "qwen3"

[[llm.routes]]
name = "main"
targets = ["ollama"]

[[llm.gateway.keys]]
name = "static"
key = "static-0123456789abcdef"
"""


class Keys:
    """`understudy keys` in this process: to start others takes longer than all of these tests."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.configure(ROUTES)

    def configure(self, text: str) -> None:
        (self.folder / "understudy.toml").write_text(text)

    def run(self, *words: str) -> Finished:
        result = CliRunner().invoke(app, [*words, "--config", str(self.folder / "understudy.toml")])
        return Finished(result.exit_code, result.stdout, result.stderr)


@pytest.fixture
def keyed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Keys:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    return Keys(tmp_path)


def test_a_key_is_shown_once(cli: CommandLine) -> None:
    cli.configure(ROUTES)
    made = cli.run("keys", "create", "alice", "--route", "main", "-m", "openai/*", "--tag", "team=search")
    assert made.code == 0, made.err
    assert "shown once" in made.err
    key = made.out.strip()
    assert key.startswith("usk-")
    listed, shown, as_json = (cli.run("keys", *words) for words in ([], ["show", "alice"], ["list", "--json"]))
    for result in (listed, shown, as_json):
        assert result.code == 0
        assert key not in result.out + result.err
        assert key[-4:] in result.out
    assert "main, openai/*" in listed.out
    assert "team=search" in shown.out
    (found,) = as_json.json["virtual_keys"]
    assert (found["name"], found["state"], found["routes"]) == ("alice", "valid", ["main"])
    for file in (cli.folder / DATA).iterdir():
        assert key.encode() not in file.read_bytes()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_key_is_rotated_revoked_and_removed(keyed: Keys) -> None:
    first = keyed.run("keys", "create", "alice", "--json").json["key"]
    second = keyed.run("keys", "rotate", "alice", "--overlap", "1h", "--json").json
    assert second["key"] != first
    assert [each["ending"] for each in second["virtual_key"]["tokens"]] == [second["key"][-4:], first[-4:]]
    refused = keyed.run("keys", "remove", "alice")
    assert (refused.code, "is valid: revoke it" in refused.err) == (2, True)
    assert keyed.run("keys", "revoke", "alice", "--json").json["virtual_key"]["state"] == "revoked"
    assert keyed.run("keys", "remove", "alice").code == 0
    assert keyed.run("keys", "--json").json == {"virtual_keys": []}
    assert "there are no virtual keys" in keyed.run("keys").err


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["create"], "create needs the name of a key"),
        (["create", "alice", "--route", "nowhere"], "fits no route: the routes are main"),
        (["create", "alice", "--tag", "team"], "--tag is NAME=VALUE, got 'team'"),
        (["create", "alice", "--tag", "key=x"], "--tag key= is the name of the key"),
        (["create", "alice", "--expires", "soon"], "--expires is a time from now such as"),
        (["create", "alice", "--expires", "2020-01-01"], "is not in the future"),
        (["create", "alice", "--budget", "5"], "--budget is USD/PERIOD with day, month, total, session"),
        (["create", "alice", "--budget", "-5/day"], "--budget -5/day: max must be an amount above 0"),
        (["create", "alice", "--budget", "5/day", "--budget", "6/day"], "give one for each period"),
        (["create", "alice", "--soft"], "are for budgets: give --budget too"),
        (["create", "alice", "--budget", "5/day", "--on-exceeded", "stop"], "--on-exceeded is refuse or cheaper, got"),
        (["create", "alice", "--budget", "5/day", "--unpriced", "yes"], "--unpriced is refuse or allow, got 'yes'"),
        (["rotate", "alice", "--soft"], "--soft is an option of `understudy keys create`"),
        (["rotate", "alice", "--requests-per-minute", "5"], "--requests-per-minute is an option of"),
        (["create", "static"], "NAME is that of a key in the configuration, 'static'"),
        (["create", " "], "NAME must be printable"),
        (["create", "a\x1b[31m"], "NAME must be printable"),
        (["create", "alice", "--overlap", "1h"], "--overlap is an option of `understudy keys rotate`"),
        (["rotate", "alice", "--overlap", "soon"], "--overlap is a time such as"),
        (["rotate", "alice"], "there is no virtual key 'alice'"),
        (["revoke", "alice"], "there is no virtual key 'alice'"),
        (["list", "alice"], "list shows all keys"),
        (["delete", "alice"], "ACTION is one of list, show, create"),
    ],
)
def test_wrong_usage_is_explained(keyed: Keys, words: list[str], what: str) -> None:
    result = keyed.run("keys", *words)
    assert (result.code, result.out) == (2, "")
    assert what in result.err


def test_budgets_of_each_kind_are_kept_and_shown(keyed: Keys) -> None:
    usual = ("keys", "create", "alice", "--budget", "5/day")
    assert keyed.run(*usual).code == 0
    own = ("--soft", "--on-exceeded", "cheaper", "--unpriced", "allow", "--fit-max-tokens")
    assert keyed.run("keys", "create", "bob", "--budget", "5/day", "--budget", "2/session", *own).code == 0
    alice, bob = (keyed.run("keys", "show", name, "--json").json["virtual_key"]["budgets"] for name in ("alice", "bob"))
    assert alice == [{"name": "day", "max": "5", "period": "day"}]
    kind = {"hard": False, "on_exceeded": "cheaper", "unpriced": "allow", "fit_max_tokens": True}
    assert bob == [
        {"name": "day", "max": "5", "period": "day", **kind},
        {"name": "session", "max": "2", "period": "total", "per": "session", **kind},
    ]
    shown = " ".join(keyed.run("keys", "show", "bob").out.split())
    words = "soft, then a cheaper target, lowers max_tokens, allows unknown prices"
    assert f"$5/day ({words}), $2/session ({words})" in shown
    assert "(" not in next(line for line in keyed.run("keys", "show", "alice").out.splitlines() if "budgets" in line)


def test_another_pepper_is_noticed(keyed: Keys) -> None:
    key = keyed.run("keys", "create", "alice").out
    keyed.configure(ROUTES + '[llm.gateway]\nkey_pepper = "another-pepper-0123456789"\n')
    assert "other pepper" in keyed.run("keys").out
    shown = keyed.run("keys", "show", "alice")
    assert "another pepper" in shown.err
    assert key.strip() not in shown.out + shown.err
    assert keyed.run("keys", "rotate", "alice").code == 0
    assert "other pepper" not in keyed.run("keys").out


def test_a_pepper_that_others_may_read_is_refused(keyed: Keys) -> None:
    assert keyed.run("keys", "create", "alice").code == 0
    pepper = keyed.folder / DATA / "ledger.db.pepper"
    pepper.chmod(0o644)
    result = keyed.run("keys", "create", "bob")
    assert (result.code, result.out) == (2, "")
    assert "may be read by others: its mode is 644" in result.err
    assert f"chmod 600 {pepper}" in result.err


def test_without_a_ledger_there_are_no_keys(keyed: Keys) -> None:
    keyed.configure(ROUTES + "[llm.ledger]\nenabled = false\n")
    result = keyed.run("keys", "create", "alice")
    assert (result.code, "no ledger is kept" in result.err) == (2, True)


def test_what_a_key_may_spend_is_shown(keyed: Keys) -> None:
    words = ["--budget", "0.50/day", "--budget", "2/session", "--requests-per-minute", "60", "--concurrent", "4"]
    assert keyed.run("keys", "create", "alice", *words).code == 0
    shown = keyed.run("keys", "show", "alice")
    assert "$0.50/day, $2/session" in shown.out
    assert "requests_per_minute 60, concurrent 4" in shown.out
    (left,) = keyed.run("usage", "--budgets", "--json").json
    assert (left["budget"], left["left_usd"]) == ("key:alice/day", "0.5")
    (found,) = keyed.run("keys", "--json").json["virtual_keys"]
    assert found["budgets"][1] == {"name": "session", "max": "2", "period": "total", "per": "session"}


def test_to_look_at_keys_writes_nothing(keyed: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = (["keys"], ["keys", "show", "alice"], ["usage", "--budgets"])
    assert "there are no virtual keys" in keyed.run("keys").err
    assert not (keyed.folder / DATA).exists()
    (keyed.folder / DATA).mkdir(parents=True)
    (keyed.folder / DATA / "ledger.db").touch(mode=0o600)
    assert "there are no virtual keys" in keyed.run("keys").err
    assert keyed.run("keys", "create", "alice", "--budget", "1/day").code == 0

    def refuse(path: Path) -> NoReturn:
        raise AssertionError(f"{path} was opened for writing")

    monkeypatch.setattr(opening, "open_for_writing", refuse)
    for words in looks:
        result = keyed.run(*words)
        assert (result.code, "alice" in result.out) == (0, True), result.err
    assert keyed.run("keys", "create", "bob").code != 0
