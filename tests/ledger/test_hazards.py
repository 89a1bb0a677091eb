"""What may damage a ledger's file is found before it does."""

from __future__ import annotations

from pathlib import Path

import pytest

from understudy.client.ledger import open_ledger, read_ledger
from understudy.config import Config
from understudy.domain.errors import ConfigError
from understudy.ledger.sqlite import reserve
from understudy.ledger.sqlite.hazards import FIXED, file_system, hazards
from understudy.ledger.sqlite.store import SqliteLedger
from understudy.settings.ledger import LedgerConfig

MOUNTS = [
    "/dev/sda1 / ext4 rw,relatime 0 0",
    "server:/home /home nfs4 rw,vers=4.2 0 0",
    "/dev/sdb1 /home/local\\040disk xfs rw 0 0",
    "//server/share /mnt/share cifs rw 0 0",
    "tmpfs /mnt/share tmpfs rw 0 0",
]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/lib/ledger.db", "ext4"),
        ("/home/me/ledger.db", "nfs4"),
        ("/homework/ledger.db", "ext4"),
        ("/home/local disk/ledger.db", "xfs"),
        ("/mnt/share/ledger.db", "tmpfs"),
    ],
)
def test_the_file_system_is_that_of_the_nearest_mount(path: str, kind: str) -> None:
    assert file_system(Path(path), MOUNTS) == kind


def test_without_a_table_nothing_is_known() -> None:
    assert file_system(Path("/ledger.db"), []) is None


@pytest.mark.parametrize(("version", "count"), [((3, 40, 1), 1), ((3, 51, 2), 1), (FIXED, 0), ((4, 0, 0), 0)])
def test_an_old_version_is_a_hazard(tmp_path: Path, version: tuple[int, ...], count: int) -> None:
    found = hazards(tmp_path / "ledger.db", version)
    assert len(found) == count
    assert all("3.51.3 or newer" in each for each in found)


def test_a_network_file_system_is_a_hazard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("understudy.ledger.sqlite.hazards._mounts", lambda: MOUNTS)
    (found,) = hazards(Path("/home/me/ledger.db"), FIXED)
    assert "network file system (nfs4)" in found


@pytest.fixture
def on_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ledger with an entry, whose disk turns out to be another machine's."""
    path = tmp_path / "ledger.db"
    SqliteLedger(path).close()
    lines = [*MOUNTS, f"server:/data {tmp_path} nfs4 rw,vers=4.2 0 0"]
    monkeypatch.setattr("understudy.ledger.sqlite.hazards._mounts", lambda: lines)
    return path


def config_of(path: Path, *, allowed: bool) -> Config:
    return Config(providers=(), ledger=LedgerConfig(path=str(path), allow_network_filesystem=allowed))


def test_a_network_file_system_is_refused(on_a_network: Path) -> None:
    for make in (SqliteLedger, lambda path: open_ledger(config_of(path, allowed=False))):
        with pytest.raises(ConfigError, match=r"is on a network file system \(nfs4\)") as caught:
            make(on_a_network)
        assert "allow_network_filesystem = true" in caught.value.message
        assert "postgresql://" in caught.value.message


def test_what_is_on_one_may_be_read(on_a_network: Path) -> None:
    with read_ledger(config_of(on_a_network, allowed=False)) as reader:
        assert reader.requests() == []


def test_an_operator_may_know_better(on_a_network: Path) -> None:
    ledger = open_ledger(config_of(on_a_network, allowed=True))
    assert ledger is not None
    ledger.close()
    assert hazards(on_a_network, FIXED), "it is still a hazard"


def test_a_link_is_followed_to_the_disk(on_a_network: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    link = tmp_path_factory.mktemp("local") / "ledger.db"
    link.symlink_to(on_a_network)
    with pytest.raises(ConfigError, match="network file system"):
        SqliteLedger(link)


@pytest.mark.parametrize("kind", ["9p", "virtiofs", "vboxsf"])
def test_a_folder_of_the_host_is_a_hazard_but_may_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr("understudy.ledger.sqlite.hazards._mounts", lambda: [f"host {tmp_path} {kind} rw 0 0"])
    SqliteLedger(tmp_path / "ledger.db").close()
    (found,) = hazards(tmp_path / "ledger.db", FIXED)
    assert f"shared with the host ({kind})" in found


def test_a_full_disk_is_stated(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    SqliteLedger(path).close()
    assert hazards(path, FIXED) == ()
    assert reserve.give_up(path)
    (found,) = hazards(path, FIXED)
    assert "ledger.db is full" in found
