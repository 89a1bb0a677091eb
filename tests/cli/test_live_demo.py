"""`understudy demo --console`: what it shows is what it says, and nothing of it outlives it."""

from __future__ import annotations

import random
import re
import signal
import subprocess
import time
import uuid
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.cli.running import PATIENCE, CommandLine
from understudy.cli.live_demo import has_browser, moments, past
from understudy.cli.live_demo.browser import open_browser
from understudy.cli.live_demo.stage import BY_NAME, ENTRIES, KEYS, Stage
from understudy.client.ledger import read_ledger
from understudy.config import Config, load
from understudy.domain.attempts import AttemptRecord, Outcome
from understudy.ledger.selection import LedgerSelection
from understudy.ledger.sqlite.reading import LedgerReader

NOON = datetime(2026, 11, 18, 12, tzinfo=UTC).timestamp()
"""A Wednesday."""


@pytest.fixture(scope="module")
def made() -> list[AttemptRecord]:
    return list(past.records(NOON, random.Random(1)))


def test_the_past_is_sixty_days_that_are_marked_as_made_up(made: list[AttemptRecord]) -> None:
    midnight = NOON - NOON % 86_400
    assert all(midnight - 60 * 86_400 <= record.started < midnight for record in made)
    assert {record.labels["data"] for record in made} == {"demo"}
    days = Counter(datetime.fromtimestamp(record.started, UTC).date() for record in made)
    assert len(days) == 60
    weekend = [count for day, count in days.items() if day.weekday() >= 5]
    work = [count for day, count in days.items() if day.weekday() < 5]
    assert max(weekend) < min(work)


def test_the_ids_of_the_past_are_uuids_of_their_time(made: list[AttemptRecord]) -> None:
    assert len({record.attempt_id for record in made}) == len(made)
    for record in made:
        name = uuid.UUID(record.attempt_id)
        assert name.version == 7
        assert name.variant == uuid.RFC_4122
        assert abs((name.int >> 80) / 1_000 - record.started) < 0.2


def test_a_request_of_the_past_ends_with_the_first_attempt_that_answers(made: list[AttemptRecord]) -> None:
    requests: dict[str, list[AttemptRecord]] = {}
    for record in made:
        requests.setdefault(record.request_id, []).append(record)
    assert any(len(attempts) == 2 for attempts in requests.values())
    for attempts in requests.values():
        assert [attempt.number for attempt in attempts] == list(range(1, len(attempts) + 1))
        assert all(attempt.outcome is Outcome.FAILED for attempt in attempts[:-1])


def test_what_the_past_cost_is_tokens_times_prices(made: list[AttemptRecord]) -> None:
    answered = next(each for each in made if each.provider == "backup" and each.outcome is Outcome.WON)
    assert answered.cost is not None
    # 3 and 15 US dollars per million tokens are 3,000 and 15,000 nano-dollars for one
    assert answered.cost.amount.nano_usd == 3_000 * (answered.usage.input or 0) + 15_000 * (answered.usage.output or 0)
    assert all(each.cost is None for each in made if each.provider == "lab" and each.outcome is Outcome.WON)


def test_the_ledger_holds_the_past(tmp_path: Path, made: list[AttemptRecord]) -> None:
    assert past.fill(tmp_path / "ledger.db", NOON, random.Random(1)) == len(made)
    with LedgerReader(tmp_path / "ledger.db") as reader:
        sums = reader.usage("model", LedgerSelection())
    assert sum(each.attempts for each in sums.values()) == len(made)


async def test_the_configuration_is_valid_and_says_nothing(tmp_path: Path) -> None:
    file = tmp_path / "understudy.toml"
    async with Stage() as stage:
        file.write_text(stage.configuration(tmp_path / "ledger.db"), encoding="utf-8")
        config = load(file)
        assert config.notices == ()
        assert [entry.name for entry in config.providers] == [entry.name for entry in ENTRIES]
        urls = [entry.base_url for entry in config.providers]
        assert all(url is not None and url.startswith("http://127.0.0.1:") for url in urls)


def test_the_timetable_has_an_end_of_each_fault_before_the_next_round() -> None:
    assert all(0 < each.begins < each.ends < moments.ROUND for each in moments.TIMETABLE)
    primary = next(each for each in moments.TIMETABLE if each.entry is ENTRIES[0])
    assert primary.ends - primary.begins == 40


def test_small_faults_are_small() -> None:
    chance = random.Random(1)
    drawn = [moments.small_fault(chance, BY_NAME["fast"]) for _ in range(4_000)]
    failing = [fault for fault in drawn if fault is not None and fault.kind != "slow_first_event"]
    assert 0 < len(failing) < 200


DESKTOP = {"DISPLAY": ":0"}


@pytest.mark.parametrize(
    ("platform", "environment", "expected"),
    [
        ("linux", DESKTOP, True),
        ("linux", {"WAYLAND_DISPLAY": "wayland-0"}, True),
        ("linux", {"WSL_DISTRO_NAME": "Ubuntu"}, True),
        ("linux", {}, False),
        ("linux", {"DISPLAY": ""}, False),
        ("linux", {"BROWSER": "firefox"}, False),
        ("linux", {**DESKTOP, "CI": "true"}, False),
        ("linux", {**DESKTOP, "CI": "false"}, True),
        ("linux", {**DESKTOP, "BROWSER": "none"}, False),
        ("linux", {**DESKTOP, "BROWSER": "None"}, False),
        ("linux", {**DESKTOP, "BROWSER": "firefox"}, True),
        ("linux", {**DESKTOP, "SSH_TTY": "/dev/pts/1"}, True),
        ("darwin", {}, True),
        ("darwin", {"SSH_CONNECTION": "10.0.0.1 1 10.0.0.2 22"}, False),
        ("darwin", {"BROWSER": ""}, False),
        ("win32", {}, True),
        ("win32", {"CI": "1"}, False),
    ],
)
def test_a_browser_opens_where_it_can_be_seen(platform: str, environment: dict[str, str], expected: bool) -> None:
    assert has_browser(environment, platform) is expected


def test_a_browser_that_fails_is_not_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BROWSER", str(tmp_path / "nothing"))
    open_browser("http://127.0.0.1:1/console/")
    monkeypatch.setattr("sys.executable", str(tmp_path / "nothing"))
    open_browser("http://127.0.0.1:1/console/")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("words", [(), ("--no-browser",)], ids=lambda words: " ".join(words) or "default")
def test_in_a_terminal_the_console_opens_once(words: tuple[str, ...], cli: CommandLine) -> None:
    opened = cli.folder / "opened"
    browser = cli.folder / "browser"
    browser.write_text(f'#!/bin/sh\necho noise; echo noise >&2\necho "$1" >> {opened}\n')
    browser.chmod(0o700)
    with cli.terminal(
        "demo", "--console", "--port", "0", *words, BROWSER=f"{browser} %s", DISPLAY=":0", CI=""
    ) as terminal:
        screen = terminal.read_until(lambda screen: "sign-in?code=" in screen.rpartition("\n")[0])
        (link,) = re.findall(r"http://\S+/console/sign-in\?code=\S+", screen)
        if not words:
            end = time.monotonic() + PATIENCE
            while not (opened.exists() and opened.read_text()):  # the shell makes it before it writes
                assert time.monotonic() < end
                time.sleep(0.02)
            assert opened.read_text() == f"{link}\n"
        terminal.interrupt()
        assert terminal.finish().code == 0
        assert "noise" not in terminal.screen
        assert opened.exists() == (not words)


def test_it_serves_live_traffic_until_it_is_stopped(cli: CommandLine) -> None:
    process = cli.start("demo", "--console", "--port", "0", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        assert process.stdout is not None
        said = ""
        while not (found := re.search(r"^(http://127\.0\.0\.1:\d+) serves 6 entries", said, re.MULTILINE)):
            line = process.stdout.readline()
            assert line, process.stderr and process.stderr.read()
            said += line.decode()
        assert all(key in said for key in KEYS.values())
        assert "usk-" not in said  # the values of virtual keys are not printed
        folder = next(Path(word) for word in _arguments_of_children(process.pid) if "understudy-demo-" in word).parent
        assert found[1]
        config = load(folder / "understudy.toml")
        end = time.monotonic() + PATIENCE
        while not _served(config) >= {"search", "mobile"}:
            assert time.monotonic() < end, "no caller was answered"
            time.sleep(0.2)
        gateways = _children(process.pid)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
        assert not folder.exists()
        assert gateways
        assert not any(Path(f"/proc/{pid}").exists() for pid in gateways)
    finally:
        process.terminate()  # not killed, which would leave the gateway alone
        process.communicate(timeout=PATIENCE)


def _served(config: Config) -> set[str]:
    """Return the keys whose requests were answered, apart from those of the past."""
    with read_ledger(config) as queries:
        entries = queries.requests(LedgerSelection(since=time.time() - 60), limit=200)
    labels = [attempt.start.labels for attempts in entries for attempt in attempts]
    return {each["key"] for each in labels if "data" not in each}


def _children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _arguments_of_children(pid: int) -> list[str]:
    return [
        word for child in _children(pid) for word in Path(f"/proc/{child}/cmdline").read_bytes().decode().split("\0")
    ]
