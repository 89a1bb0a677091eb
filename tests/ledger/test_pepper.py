"""The pepper of virtual keys in a file: who may read it, and what is said if it cannot be used."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from understudy.domain.errors import ConfigError
from understudy.ledger.pepper import made_pepper, pepper_file, read_pepper


def test_a_pepper_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = pepper_file(tmp_path / "data" / "ledger.db")
    assert read_pepper(path) is None
    results: list[str] = []
    threads = [threading.Thread(target=lambda: results.append(made_pepper(path).reveal())) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(set(results)) == 1
    assert len(results[0]) == 64
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["ledger.db.pepper"]


@pytest.mark.skipif(os.name != "posix", reason="modes are those of POSIX")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o610])
def test_a_pepper_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "pepper"
    made = made_pepper(path)
    path.chmod(mode)
    for read in (read_pepper, made_pepper):
        with pytest.raises(ConfigError, match=f"its mode is {mode:o}") as error:
            read(path)
        assert f"chmod 600 {path}" in str(error.value)
        assert made.reveal() not in str(error.value)
    path.chmod(0o400)
    assert read_pepper(path) == made


def test_a_pepper_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.touch(0o600)
    with pytest.raises(ConfigError, match="is empty"):
        made_pepper(empty)
    with pytest.raises(ConfigError, match="cannot be used: "):
        read_pepper(tmp_path)
