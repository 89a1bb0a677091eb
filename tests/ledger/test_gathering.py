"""For how long the ledger's thread waits for more before it writes."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.ledger.made import start
from understudy.ledger.writing import BUSY, GATHER, GATHER_BUSY, QueuedWriter


class _Writer(QueuedWriter):
    """One without a thread."""

    def _run(self) -> None:
        raise AssertionError("it is not started")


class _Noted(threading.Event):
    """Notes for how long it is waited for, and waits for nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float | None] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout)
        return True


@pytest.fixture
def hurry() -> _Noted:
    return _Noted()


@pytest.fixture
def writer(hurry: _Noted) -> _Writer:
    made = _Writer(clock=lambda: 0.0)
    made._hurry = hurry
    return made


def _write(writer: _Writer, count: int, *, gathers: bool = True) -> None:
    for _ in range(count):
        writer.put(start())
    batch = writer._batch(None, gathers=gathers)
    assert len(batch) == count
    writer._taken(batch)


def test_a_moment_is_waited_for_more_and_a_longer_one_behind_a_large_transaction(
    writer: _Writer, hurry: _Noted
) -> None:
    for count in (1, BUSY - 1, BUSY, 300, 5, 1):
        _write(writer, count)
    assert hurry.waits == [GATHER, GATHER, GATHER, GATHER_BUSY, GATHER_BUSY, GATHER]
    assert GATHER == 0.01  # as docs/ledger.md states
    assert GATHER_BUSY == 0.025
    assert "10 milliseconds" in (text := (Path(__file__).parents[2] / "docs" / "ledger.md").read_text())
    assert "for 25 while" in text


def test_nothing_is_waited_for_behind_a_failure(writer: _Writer, hurry: _Noted) -> None:
    _write(writer, 3, gathers=False)
    assert hurry.waits == []
