"""A body that is read as a whole: its reader is woken once, not for each piece, and the caller is not slowed down."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.bodies import body_of
from benchmarks.instructions import in_memory
from benchmarks.served import CONCURRENCY, Served
from understudy.gateway.serving.exchange import SocketExchange
from understudy.gateway.serving.line import Line


async def test_a_reader_of_a_whole_body_is_woken_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paused, read = 0, 0
    pause_reading, read_some = Line.pause_reading, SocketExchange.read

    def pausing(self: Line) -> None:
        nonlocal paused
        paused += 1
        pause_reading(self)

    async def reading(self: SocketExchange, gather: int = 0) -> bytes:
        nonlocal read
        read += 1
        return await read_some(self, gather)

    monkeypatch.setattr(Line, "pause_reading", pausing)
    monkeypatch.setattr(SocketExchange, "read", reading)
    served = Served(in_memory("1 MB"), tmp_path)
    try:
        await served.ask(body_of(1_000_000))
    finally:
        served.close()
    assert read == CONCURRENCY
    assert paused <= CONCURRENCY  # by the first piece, which comes before there is a reader
