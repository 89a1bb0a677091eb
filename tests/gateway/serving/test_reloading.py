"""A configuration is read again whole or not at all, and the log names what changed, never a value."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from understudy.config import Config, ConfigError, parse
from understudy.config.differences import differences
from understudy.domain.errors import Misuse
from understudy.gateway.serving.listening import is_loopback, listen, url_of
from understudy.gateway.serving.reloading import Reloader, check_open
from understudy.gateway.serving.source import Source

ENTRIES = """
[[llm.providers]]
provider = "openai"
api_key = "sk-first-of-all-keys"
text_model = "gpt-6-luna"
{more}
[[llm.providers]]
provider = "anthropic"
api_key = "sk-second-of-all-keys"
text_model = "claude-sonnet-5-5"
"""
GATEWAY = """
[llm.gateway.aliases]
"claude-*" = "openai"
[[llm.gateway.keys]]
name = "alice"
key = "a-key-of-alices-own-choice"
"""


def read(text: str) -> Config:
    return parse(text, environ={})


def test_what_changed_is_named_and_no_value_is_shown() -> None:
    old = read(ENTRIES.format(more="timeout = 30") + GATEWAY)
    new = read(
        ENTRIES.format(more="")
        .replace("sk-first-of", "sk-third-of")
        .replace('provider = "anthropic"', 'provider = "groq"')
        + GATEWAY.replace("alices-own", "nobodys").replace('"claude-*" = "openai"', '"gpt-*" = "openai"')
        + '[[llm.gateway.keys]]\nname = "bob"\nkey = "a-key-of-bobs-own-choice"\n'
        + "[llm.fallback]\nmax_retries = 9\n"
        + '[[llm.routes]]\nname = "main"\ntargets = ["openai"]\n'
    )
    found = differences(old, new)
    assert set(found) == {
        'entry "openai" changed: api_key, timeout',
        'entry "groq" added',
        'entry "anthropic" removed',
        'route "main" added',
        'key "alice" changed: key',
        'key "bob" added',
        'alias "gpt-*" added',
        'alias "claude-*" removed',
        "[llm.fallback] changed: max_retries",
    }
    assert differences(new, new) == []


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("max = 1", "max = 2", 'budget "b" changed: max'),
        ("concurrent = 1", "concurrent = 2", "[[llm.limits]] changed"),
        ('capture = "off"', 'capture = "all"', "[llm.ledger] changed: capture"),
        ("sample = 1", "sample = 0.5", "[llm.telemetry] changed: tracing"),
        ("down_after = 30", "down_after = 40", "[llm.telemetry] changed: alerts"),
    ],
)
def test_every_table_that_can_be_changed_is_named(before: str, after: str, words: str) -> None:
    """What is not named is not used: a reload without a difference changes nothing."""
    text = (
        ENTRIES.format(more="")
        + '[[llm.budgets]]\nname = "b"\nmax = 1\n[[llm.limits]]\nconcurrent = 1\n[llm.ledger]\ncapture = "off"\n'
        + '[llm.telemetry.tracing]\nendpoint = "http://localhost"\nsample = 1\n[llm.telemetry.alerts]\n'
        + 'down_after = 30\n[[llm.telemetry.alerts.webhooks]]\nname = "w"\nurl = "http://localhost"\n'
    )
    assert differences(read(text), read(text.replace(before, after))) == [words]


def test_a_changed_alias_is_named() -> None:
    old = read(ENTRIES.format(more="") + GATEWAY)
    new = read(ENTRIES.format(more="") + GATEWAY.replace('= "openai"', '= "anthropic"'))
    assert differences(old, new) == ['alias "claude-*" changed']


class Applied:
    """What was put into use."""

    def __init__(self) -> None:
        self.configs: list[Config] = []

    async def __call__(self, text: str | None, config: Config) -> None:
        self.configs.append(config)


def written(folder: Path, text: str) -> Path:
    path = folder / "understudy.toml"
    path.write_text(text, encoding="utf-8")
    return path


def reloader(path: Path, applied: Applied, host: str = "127.0.0.1") -> Reloader:
    source = Source(path)
    return Reloader(source, source.parse(source.read()), host, applied)


async def test_a_valid_change_is_used_and_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path, applied = written(tmp_path, ENTRIES.format(more="")), Applied()
    reloading = reloader(path, applied)
    written(tmp_path, ENTRIES.format(more='name = "first"'))
    await reloading.reload()
    assert [each.entry for each in applied.configs[0].providers] == ["first", "anthropic"]
    assert 'reloaded: entry "first" added; entry "openai" removed' in caplog.text
    await reloading.reload()
    assert len(applied.configs) == 1
    assert "nothing changed" in caplog.text


async def test_an_invalid_change_leaves_everything_as_it_was(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path, applied = written(tmp_path, ENTRIES.format(more="")), Applied()
    reloading = reloader(path, applied)
    before = reloading.config
    for broken in (ENTRIES.format(more="timeout = -1"), "[llm", ENTRIES.format(more="") + "\udcff"):
        path.write_bytes(broken.encode("utf-8", "surrogateescape"))
        await reloading.reload()
    path.unlink()
    await reloading.reload()
    assert applied.configs == []
    assert reloading.config is before
    refused = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert len(refused) == 4
    assert all("the previous one stays in use" in each.getMessage() for each in refused)


async def test_keys_cannot_be_removed_while_others_can_reach_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, applied = written(tmp_path, ENTRIES.format(more="") + GATEWAY), Applied()
    reloading = reloader(path, applied, host="0.0.0.0")
    written(tmp_path, ENTRIES.format(more=""))
    await reloading.reload()
    assert applied.configs == []
    assert "0.0.0.0 is reachable from other machines" in caplog.text


def test_a_file_counts_as_changed_once_it_has_settled(tmp_path: Path) -> None:
    path = written(tmp_path, "a")
    source = Source(path)
    assert not source.has_changed()
    path.write_text("ab")
    assert not source.has_changed(), "it may still be written"
    path.write_text("abc")
    assert not source.has_changed(), "it was"
    assert source.has_changed()
    assert not source.has_changed()
    other = tmp_path / "other"
    other.write_text("abc")
    path.unlink()
    assert not source.has_changed()
    assert not source.has_changed(), "a file that is gone is about to be replaced"
    other.rename(path)
    assert not source.has_changed()
    assert source.has_changed()
    os.utime(path, ns=(1, 1))
    assert [source.has_changed(), source.has_changed()] == [False, True]


def test_without_a_file_nothing_changes() -> None:
    source = Source(None)
    assert source.read() is None
    assert not source.has_changed()


@pytest.mark.parametrize(
    ("host", "only_here"),
    [("127.0.0.1", True), ("127.8.9.10", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False)],
)
def test_other_machines_need_a_key(host: str, only_here: bool) -> None:
    assert is_loopback(host) is only_here
    keyed = read(ENTRIES.format(more="") + GATEWAY)
    check_open(keyed, host)
    keyless = read(ENTRIES.format(more=""))
    if only_here:
        check_open(keyless, host)
    else:
        with pytest.raises(
            Misuse, match=r"anyone could use your providers; make one with `understudy keys create NAME`, add"
        ):
            check_open(keyless, host)


def test_a_host_without_address_is_reported() -> None:
    with pytest.raises(Misuse, match="the name has no address"):
        is_loopback("no\ud800name")


def test_a_port_in_use_is_reported() -> None:
    first = listen("127.0.0.1", 0, 5)
    try:
        port = first[0].getsockname()[1]
        with pytest.raises(Misuse, match=rf"cannot listen on 127\.0\.0\.1:{port}: .*; choose another --port or --host"):
            listen("127.0.0.1", port, 5)
        assert url_of(first, "127.0.0.1") == f"http://127.0.0.1:{port}"
        assert url_of(first, "0.0.0.0") == f"http://127.0.0.1:{port}"
        assert url_of(first, "::") == f"http://[::1]:{port}"
        assert url_of(first, "gateway.example") == f"http://gateway.example:{port}"
    finally:
        for each in first:
            each.close()


def test_localhost_has_one_port_on_all_its_addresses() -> None:
    sockets = listen("localhost", 0, 5)
    try:
        assert len({each.getsockname()[1] for each in sockets}) == 1
    finally:
        for each in sockets:
            each.close()


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no configuration file"):
        Source.find(tmp_path / "missing.toml")
