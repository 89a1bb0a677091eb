"""What is remembered beyond one request."""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path

import pytest

from understudy.gateway import memory
from understudy.gateway.memory import LIFETIME, Memory


@pytest.fixture(params=["process", "file"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return tmp_path / "m.db" if request.param == "file" else None


def test_it_remembers_by_name_and_shelf(path: Path | None) -> None:
    remembered = Memory(path)
    remembered.put("kept", ["a", "b"], ("alice", "one"))
    remembered.put("signed", ["a"], ("one", "m"))
    remembered.put("kept", ["b"], ("bob", "two"))
    assert remembered.get("kept", ["a", "b", "c"]) == {"a": ("alice", "one"), "b": ("bob", "two")}
    assert remembered.get("signed", ["a", "b"]) == {"a": ("one", "m")}
    remembered.close()
    assert remembered.get("kept", ["a"]) == {"a": ("alice", "one")}
    remembered.close()


def test_several_processes_share_a_file(tmp_path: Path) -> None:
    one, other = Memory(tmp_path / "m.db"), Memory(tmp_path / "m.db")
    one.put("kept", ["a"], ("alice", "one"))
    assert other.get("kept", ["a"]) == {"a": ("alice", "one")}
    one.close()
    other.close()


def test_the_file_holds_what_the_process_no_longer_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "REMEMBERED", 10)
    remembered = Memory(tmp_path / "m.db")
    for number in range(30):
        remembered.put("kept", [f"n{number}"], ("alice", str(number)))
    assert remembered.get("kept", ["n0", "n29"]) == {"n0": ("alice", "0"), "n29": ("alice", "29")}
    remembered.close()


def test_what_is_old_is_dropped(tmp_path: Path) -> None:
    remembered = Memory(tmp_path / "m.db")
    remembered.put("kept", ["old", "new"], ("alice", "one"))
    remembered.close()
    with sqlite3.connect(tmp_path / "m.db") as file:
        first = file.execute("SELECT name FROM remembered ORDER BY name LIMIT 1").fetchone()[0]
        file.execute("UPDATE remembered SET at = at - ? WHERE name = ?", (LIFETIME + 60, first))
    file.close()
    again = Memory(tmp_path / "m.db")
    assert len(again.get("kept", ["old", "new"])) == 1
    again.close()


def test_a_file_that_fails_later_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    remembered = Memory(tmp_path / "m.db")
    with sqlite3.connect(tmp_path / "m.db") as file:
        file.execute("DROP TABLE remembered")
    file.close()
    with caplog.at_level(logging.ERROR, "understudy.gateway"):
        remembered.put("kept", ["a"], ("alice", "one"))
        assert remembered.get("kept", ["a", "b"]) == {"a": ("alice", "one")}
    assert "could not be used" in caplog.text
    remembered.close()
