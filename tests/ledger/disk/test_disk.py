"""The disk fails, the power goes, the process is killed: what was promised is kept, and what is there adds up."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.ledger.disk import shim


@pytest.fixture
def library(tmp_path: Path) -> Path:
    if (reason := shim.missing()) is not None:
        pytest.skip(reason)
    return shim.build(tmp_path)


def test_every_disk_call_may_fail_once_or_for_ever(library: Path, tmp_path: Path, *, deep: bool) -> None:
    """A full or broken disk costs no promise, no process, and nothing once it works again."""
    stride = "1" if deep else "30"
    said = shim.run(library, "tests.ledger.disk.failing", str(tmp_path), "--stride", stride, seconds=600)
    summary, *wrong = said.splitlines()
    calls, trials = (int(word) for word in summary.split() if word.isdigit())
    assert calls > 100, "the calls are seen"
    assert trials >= 4 * (calls // int(stride))
    assert wrong == []


def test_a_power_cut_takes_back_no_promise(library: Path, tmp_path: Path, *, deep: bool) -> None:
    points = "250" if deep else "30"
    said = shim.run(library, "tests.ledger.disk.cutting", str(tmp_path), "--points", points, seconds=300)
    summary, *wrong = said.splitlines()
    assert "61 promises" in summary
    assert wrong == []


def test_what_a_sync_did_not_cover_is_seen_to_be_lost(library: Path, tmp_path: Path) -> None:
    """The judge can tell: without the sync of each promise, promises are lost."""
    said = shim.run(library, "tests.ledger.disk.cutting", str(tmp_path), "--points", "10", "--lax", seconds=300)
    assert "was acknowledged, but it is None" in said


def test_killed_programs_lose_no_promise(tmp_path: Path, *, deep: bool) -> None:
    command = [sys.executable, "-m", "tests.ledger.killing", str(tmp_path), "--rounds", "50" if deep else "10"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    summary, *wrong = done.stdout.splitlines()
    assert " 0 attempts promised" not in summary
    assert wrong == []
