"""What may damage a ledger's file is found before it does."""

from __future__ import annotations

from pathlib import Path

import pytest

from understudy.ledger.sqlite.hazards import FIXED, file_system, hazards

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
