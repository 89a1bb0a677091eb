"""A damaged file: a gateway does not start with it, or stops spending, and nothing in it is changed."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import shutil
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.ledger.made import NOON, ended, start
from understudy.client.ledger import open_ledger
from understudy.config import Config
from understudy.domain.errors import ConfigError
from understudy.ledger.holds import Claim, LedgerUnavailable
from understudy.ledger.sqlite import integrity, upkeep
from understudy.ledger.sqlite.reading import LedgerReader
from understudy.ledger.sqlite.store import SqliteLedger
from understudy.settings.ledger import LedgerConfig

pytestmark = pytest.mark.lawless(reason="files are damaged")
PAGE = 4096
COUNT = 400
CLAIM = Claim(budget="team", subject="", amount=100, ceiling=10_000, if_unknown=100)
Damage = Callable[[bytearray], None]


def _flip(data: bytearray) -> None:
    """Change the sizes and places of cells in a page of entries, which has them in its first bytes."""
    for at in range(20 * PAGE, 20 * PAGE + 64):
        data[at] ^= 0xFF


def _truncate(data: bytearray) -> None:
    del data[len(data) // 2 :]


def _blank(data: bytearray) -> None:
    data[10 * PAGE : 30 * PAGE] = bytes(20 * PAGE)


def _schema(data: bytearray) -> None:
    """Overwrite what the first page says of tables, behind the header of the file."""
    data[100:PAGE] = b"\xff" * (PAGE - 100)


def _header(data: bytearray) -> None:
    data[:16] = b"Dear Sir or Mada"


DAMAGES = (_flip, _truncate, _blank, _schema, _header)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A file without damage."""
    ledger = SqliteLedger(tmp_path_factory.mktemp("whole") / "ledger.db", reserve_bytes=0)
    for seed in range(1, COUNT + 1):
        ledger.record(ended(start(seed, started=NOON + seed)))
    ledger.flush()
    ledger.close()
    return ledger.path.read_bytes()


@pytest.fixture
def path(tmp_path: Path, whole: bytes) -> Path:
    path = tmp_path / "ledger.db"
    path.write_bytes(whole)
    return path


def damage(path: Path, how: Damage) -> bytes:
    data = bytearray(path.read_bytes())
    how(data)
    path.write_bytes(data)
    return bytes(data)


def config_of(path: Path) -> Config:
    return Config(providers=(), ledger=LedgerConfig(path=str(path), reserve_mb=0))


def test_a_whole_file_is_opened(path: Path) -> None:
    ledger = open_ledger(config_of(path), checks=True)
    assert isinstance(ledger, SqliteLedger)
    assert ledger.damage is None
    ledger.close()


def test_a_file_that_does_not_exist_is_made(tmp_path: Path) -> None:
    ledger = open_ledger(config_of(tmp_path / "new" / "ledger.db"), checks=True)
    assert ledger is not None
    ledger.close()


@pytest.mark.parametrize("how", DAMAGES)
def test_a_damaged_file_is_refused_and_left_as_it_is(path: Path, how: Damage) -> None:
    left = damage(path, how)
    with pytest.raises(ConfigError, match=r"ledger\.db is damaged|ledger\.db cannot be opened") as caught:
        open_ledger(config_of(path), checks=True)
    assert path.read_bytes() == left
    assert "\n  " in caught.value.message, "it says what to do"
    assert len(caught.value.message) < 1_000


def test_a_file_that_cannot_be_opened_is_not_to_be_verified(path: Path) -> None:
    """That cannot show more; of damage that is found in an open file it can."""
    damage(path, _schema)
    with pytest.raises(ConfigError, match=r"ledger\.db is damaged") as caught:
        upkeep.verify(path)
    assert "ledger verify" not in caught.value.message
    assert "put a copy in its place, or move ledger.db away" in caught.value.message


def test_damage_that_can_be_listed_is_to_be_verified(path: Path) -> None:
    damage(path, _flip)
    with pytest.raises(ConfigError, match=r"`understudy ledger verify` shows what is wrong"):
        open_ledger(config_of(path), checks=True)
    assert upkeep.verify(path)


@pytest.mark.parametrize("how", [_truncate, _schema, _header])
def test_a_command_refuses_what_its_first_look_shows(path: Path, how: Damage) -> None:
    left = damage(path, how)
    for _ in range(2):
        with pytest.raises(ConfigError, match=r"ledger\.db is damaged|file is not a database"):
            SqliteLedger(path, reserve_bytes=0)
        with pytest.raises(ConfigError, match=r"ledger\.db is damaged|file is not a database"):
            LedgerReader(path)
    assert path.read_bytes() == left


async def test_damage_in_a_large_file_is_found_while_it_is_in_use(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(integrity, "AT_ONCE", 1_000)
    damage(path, _flip)
    ledger = open_ledger(config_of(path), checks=True)
    assert isinstance(ledger, SqliteLedger)
    assert ledger._check is not None
    ledger._check._thread.join(30)
    assert ledger.damage
    with pytest.raises(LedgerUnavailable, match="it is damaged"):
        await ledger.reserve(start(1_000), [CLAIM], durable=True)
    ledger.record(ended(start(1_001, started=NOON + 1_001)))  # what is under way is kept, as far as that goes
    ledger.flush()
    ledger.close()
    assert caplog.text.count("ledger.db is damaged, and what a budget or limit concerns is refused") == 1


async def test_a_large_file_without_damage_is_used(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(integrity, "AT_ONCE", 1_000)
    ledger = open_ledger(config_of(path), checks=True)
    assert isinstance(ledger, SqliteLedger)
    assert ledger._check is not None
    ledger._check._thread.join(30)
    assert ledger.damage is None
    assert await ledger.reserve(start(1_000), [CLAIM], durable=True) is None
    ledger.close()


def test_closing_does_not_wait_for_the_check(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A check that is under way is interrupted, which is no finding."""
    reported, began, interrupted = list[str](), threading.Event(), threading.Event()

    def endless(connection: sqlite3.Connection) -> str | None:
        began.set()
        numbers = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT COUNT(*) FROM n"
        try:
            connection.execute(numbers).fetchall()
        except sqlite3.OperationalError:
            interrupted.set()
        finally:
            connection.close()
        return "found"

    monkeypatch.setattr(integrity, "damage_of", endless)
    check = integrity.BackgroundCheck(path, reported.append)
    assert began.wait(30)
    while not interrupted.is_set():
        check.close()
    check._thread.join(30)
    assert not check._thread.is_alive()
    assert reported == []


def test_a_file_that_cannot_be_read_at_the_moment_is_not_damaged(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.set_progress_handler(lambda: 1, 1)
    assert integrity.damage_of(connection) is None
    assert "could not be checked for damage: interrupted" in caplog.text


@pytest.mark.parametrize("at", [0, 24, 32, 4_000, 40_000])
def test_a_damaged_write_ahead_log_costs_what_follows_the_damage_and_no_more(tmp_path: Path, at: int) -> None:
    """Its frames have checksums: SQLite takes those before the damage, and no transaction in part."""
    ledger = SqliteLedger(tmp_path / "live" / "ledger.db", reserve_bytes=0)
    ledger.flush()
    for seed in range(1, 41):
        ledger.record(ended(start(seed, started=NOON + seed)))
        ledger.flush()
    copy = tmp_path / "copy" / "ledger.db"  # as after a crash: nothing is moved into the file
    copy.parent.mkdir()
    for each in ("ledger.db", "ledger.db-wal"):
        shutil.copyfile(ledger.path.with_name(each), copy.with_name(each))
    ledger.close()
    log = copy.with_name("ledger.db-wal")
    data = bytearray(log.read_bytes())
    assert len(data) > 100_000
    data[at : at + 8] = b"\xa5" * 8
    log.write_bytes(data)
    opened = open_ledger(config_of(copy), checks=True)
    assert opened is not None
    opened.record(ended(start(99, started=NOON + 99)))
    opened.flush()
    opened.close()
    assert upkeep.verify(copy) == []
    with LedgerReader(copy) as reader:
        assert 1 <= len(reader.entries(limit=100)) < 41
