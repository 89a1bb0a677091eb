"""The commands over a ledger in a database, and what they say of its URL."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.running import CommandLine
from tests.ledger.contract.stores import Postgres
from tests.ledger.relay import Relay
from understudy.config import load
from understudy.domain.errors import ConfigError
from understudy.emulator import emulate
from understudy.settings.ledger import LedgerConfig

ENTRY = '[[llm.providers]]\nprovider = "ollama"\nbase_url = "http://127.0.0.1:9"\ntext_model = "llama"\n'


def test_commands_keep_and_read_what_they_do_in_a_database(postgres: Postgres, tmp_path: Path) -> None:
    cli = CommandLine(tmp_path)
    ledger = '[llm.ledger]\nurl = "${LEDGER}"\nspool = "~/spool"\n'
    with emulate("openai") as emulator:
        entry = f'[[llm.providers]]\nprovider = "openai"\nbase_url = "{emulator.url("openai")}"\ntext_model = "gpt-5"\n'
        cli.configure(f'{entry}api_key = "{emulator.key}"\n{ledger}')
        assert cli.run("ask", "hi", LEDGER=postgres.url).code == 0
    (day,) = cli.run("usage", "--json", LEDGER=postgres.url).json["usage"]
    assert (day["requests"], day["succeeded"]) == (1, 1)
    (request,) = cli.run("log", "--json", LEDGER=postgres.url).json["requests"]
    shown = cli.run("log", "show", request["id"][:18], LEDGER=postgres.url)
    assert request["id"] in shown.out
    assert not (tmp_path / ".local").exists(), "no file is made"


def test_entries_wait_on_the_disk_of_this_machine(postgres: Postgres, tmp_path: Path) -> None:
    """Each database has a folder of its own there."""
    cli = CommandLine(tmp_path)
    folder = tmp_path / ".local/share/understudy/spool"
    with emulate("openai") as emulator, Relay(postgres.url) as relay:
        entry = f'[[llm.providers]]\nprovider = "openai"\nbase_url = "{emulator.url("openai")}"\ntext_model = "gpt-5"\n'
        ledger = f"[llm.ledger]\nurl = {relay.url!r}\non_ledger_down = 'spool'\n"
        cli.configure(f"{entry}api_key = {emulator.key!r}\n{ledger}")
        relay.down()
        result = cli.run("ask", "hi")
        assert result.code == 0, result.err
        assert [len(list(each.iterdir())) for each in folder.iterdir()] == [1]
        relay.up()
        assert cli.run("ask", "hi").code == 0
        assert [list(each.iterdir()) for each in folder.iterdir()] == [[]]
        (day,) = cli.run("usage", "--json").json["usage"]
    assert (day["requests"], day["succeeded"]) == (2, 2)


def test_closed_means_that_nothing_is_sent_which_is_not_kept(postgres: Postgres, tmp_path: Path) -> None:
    cli = CommandLine(tmp_path)
    with emulate("openai") as emulator, Relay(postgres.url) as relay:
        entry = f'[[llm.providers]]\nprovider = "openai"\nbase_url = "{emulator.url("openai")}"\ntext_model = "gpt-5"\n'
        ledger = f"[llm.ledger]\nurl = {relay.url!r}\non_ledger_down = 'closed'\nspool = '~/spool'\n"
        cli.configure(f"{entry}api_key = {emulator.key!r}\n{ledger}")
        assert cli.run("ask", "hi").code == 0
        asked = len(emulator.requests("openai"))
        relay.down()
        result = cli.run("ask", "hi")
        assert result.code == 1
        assert "the ledger cannot be written" in result.err
        cli.configure(f"{entry}api_key = {emulator.key!r}\n{ledger.partition('spool')[0]}")
        result = cli.run("ask", "hi")
        assert (result.code, "cannot be opened" in result.err) == (2, True)
        assert len(emulator.requests("openai")) == asked


def test_a_database_that_is_away_is_said_without_its_password(tmp_path: Path) -> None:
    cli = CommandLine(tmp_path)
    cli.configure(f'{ENTRY}[llm.ledger]\nurl = "postgresql://me:pass-word@127.0.0.1:9/x"\n')
    result = cli.run("usage")
    assert result.code == 2
    assert "the ledger at 127.0.0.1:9/x cannot be opened" in result.err
    assert "word" not in result.err


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ('url = "mysql://me:pass-word@x/y"', "url must begin with postgresql://"),
        ('url = "postgresql://me:pass-word@x/y"\npath = "x.db"', "set either path or url, not both"),
        ('spool = "/var/spool"', "spool needs url"),
        ('on_ledger_down = "spool"', 'on_ledger_down = "spool" needs url'),
        ('enabled = false\non_ledger_down = "closed"', "needs the ledger, which is switched off"),
        ('on_ledger_down = "open"', "unknown value for on_ledger_down"),
    ],
    ids=[
        "another database",
        "two places",
        "a spool of a file",
        "spooling of a file",
        "closed without a ledger",
        "an unknown policy",
    ],
)
def test_what_is_wrong_in_the_table_is_said(tmp_path: Path, written: str, why: str) -> None:
    file = tmp_path / "understudy.toml"
    file.write_text(f"{ENTRY}[llm.ledger]\n{written}\n")
    with pytest.raises(ConfigError, match=why) as error:
        load(file)
    assert "word" not in str(error.value)


def test_settings_do_not_show_the_url() -> None:
    settings = LedgerConfig(url="postgresql://me:pass-word@x/y")
    assert "word" not in repr(settings)
    with pytest.raises(ConfigError, match="LedgerConfig: set either path or url"):
        LedgerConfig(url="postgresql://x/y", path="x")
    with pytest.raises(ConfigError, match="LedgerConfig: spool needs url"):
        LedgerConfig(spool="x")
    with pytest.raises(ConfigError, match='LedgerConfig: on_ledger_down = "spool" needs url'):
        LedgerConfig(on_ledger_down="spool")
    with pytest.raises(ConfigError, match="LedgerConfig: on_ledger_down is spool or closed, got 'open'"):
        LedgerConfig(on_ledger_down="open")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_check_states_what_may_damage_the_file(tmp_path: Path) -> None:
    cli = CommandLine(tmp_path)
    cli.configure(ENTRY)
    old = "import sqlite3; sqlite3.sqlite_version_info = (3, 40, 1); from understudy.cli import main; main()"
    for text, stated in (("", True), ("[llm.ledger]\nenabled = false\n", False)):
        cli.configure(ENTRY + text)
        result = cli.python("-c", old, "check", "--offline")
        assert result.code == 0, result.err
        assert ("ledger: SQLite 3.40.1 can, very rarely, damage a file" in result.out) is stated
