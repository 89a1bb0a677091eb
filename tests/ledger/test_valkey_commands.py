"""The commands with limits in Valkey, and what they say of its URL."""

from __future__ import annotations

import socket
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.cli.running import CommandLine
from understudy.cli.keeping import ledger_if_possible
from understudy.client.ledger import open_ledger
from understudy.config import Config, load
from understudy.domain.errors import ConfigError
from understudy.emulator import emulate
from understudy.settings import ProviderConfig
from understudy.settings.ledger import LedgerConfig

ENTRY = '[[llm.providers]]\nprovider = "ollama"\nbase_url = "http://127.0.0.1:9"\ntext_model = "llama"\n'
LIMITS = '[llm.ledger]\nlimits_url = "${LIMITS}"\n[[llm.limits]]\nrequests_per_minute = 1\n'


@pytest.fixture
def nowhere() -> Generator[str]:
    """The URL of a port at which nothing listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"redis://me:hunter2@127.0.0.1:{bound.getsockname()[1]}/0"


def test_commands_share_a_limit(valkey_url: str, tmp_path: Path) -> None:
    import redis

    url = f"{valkey_url.rpartition('/')[0]}/7"
    with redis.Redis.from_url(url) as server:
        server.flushdb()
    cli = CommandLine(tmp_path)
    with emulate("openai") as emulator:
        entry = f'[[llm.providers]]\nprovider = "openai"\nbase_url = "{emulator.url("openai")}"\ntext_model = "gpt-5"\n'
        cli.configure(f'{entry}api_key = "{emulator.key}"\n{LIMITS}')
        assert cli.run("ask", "hi", LIMITS=url).code == 0
        said = ""
        for _ in range(5):  # on a busy machine the server may be too slow, and each command then has a share
            said = cli.run("ask", "hi", LIMITS=url).err
            if said:
                break
    assert "the limit of 1 requests a minute for all is reached" in said
    assert (tmp_path / ".local").exists(), "attempts are kept in the file all the same"


def test_without_a_ledger_only_the_limits_are_kept(nowhere: str) -> None:
    for settings, expected in (
        (LedgerConfig(enabled=False, limits_url=nowhere), 3),
        (LedgerConfig(enabled=False), None),
    ):
        config = Config(providers=(ProviderConfig(provider="ollama"),), ledger=settings)
        ledger = open_ledger(config, processes=3)
        assert getattr(ledger, "processes", None) == expected
        if ledger is not None:
            ledger.close()
            kept = ledger_if_possible(config)
            assert kept is not None
            assert ledger_if_possible(config) is kept
            kept.close()
        else:
            assert ledger_if_possible(config) is None


def test_check_states_whether_the_server_can_be_used(valkey_url: str, nowhere: str, tmp_path: Path) -> None:
    cli = CommandLine(tmp_path)
    cli.configure(ENTRY + LIMITS)
    found = cli.run("check", "--json", LIMITS=valkey_url).json["limits"]
    assert found["reachable"] is True
    assert found["latency"] > 0
    away = cli.run("check", LIMITS=nowhere)
    assert "each process keeps its share of the limits until it can" in away.out
    assert "hunter2" not in away.out + away.err


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ('limits_url = "http://me:hunter2@x/y"', "limits_url must begin with redis://"),
        ("limits_processes = 2", "limits_processes needs limits_url"),
        ('limits_url = "redis://x"\nlimits_processes = 0', "limits_processes"),
    ],
)
def test_what_is_wrong_in_the_table_is_said(tmp_path: Path, written: str, why: str) -> None:
    file = tmp_path / "understudy.toml"
    file.write_text(f"{ENTRY}[llm.ledger]\n{written}\n")
    with pytest.raises(ConfigError, match=why) as error:
        load(file)
    assert "hunter2" not in str(error.value)


def test_settings_do_not_show_the_url() -> None:
    settings = LedgerConfig(limits_url="redis://me:hunter2@x/0", limits_processes=3)
    assert "hunter2" not in repr(settings)
    with pytest.raises(ConfigError, match="LedgerConfig: limits_processes needs limits_url"):
        LedgerConfig(limits_processes=3)


def test_without_the_package_it_says_what_to_install(tmp_path: Path) -> None:
    cli = CommandLine(tmp_path)
    cli.configure(ENTRY + LIMITS)
    hidden = "import sys; sys.modules['redis'] = None; from understudy.cli import main; main()"
    result = cli.python("-c", hidden, "ask", "hi", LIMITS="redis://127.0.0.1:9")
    assert result.code == 2
    assert "pip install 'understudy[valkey]'" in result.err
