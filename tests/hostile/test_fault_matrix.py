"""Whatever a server does, the right thing follows: one table of faults over wire formats, operations and targets.

The table (`tests/hostile/matrix`) is written by hand; so are the servers' words (`tests/hostile/answers`). A short run
takes two wire formats of each fault, `--deep` takes all.
"""

from __future__ import annotations

import asyncio

import pytest

from tests.hostile.doors import doors
from tests.hostile.matrix import bodies, connecting, statuses, streams
from tests.hostile.matrix.driver import Cell, Clock, Play, cells, chosen
from tests.hostile.playing import complaints
from tests.hostile.server import HostileServer

ROWS = (*connecting.ROWS, *statuses.ROWS, *bodies.ROWS, *streams.ROWS)


@pytest.mark.parametrize("operation", ["generate", "stream", "embed", "list"])
async def test_what_follows_from_each_fault(operation: str, deep: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)  # its authorities are read anew by every provider
    all_cells = list(cells(ROWS, operation))
    picked = all_cells if deep else chosen(all_cells)
    found = await _played(picked)
    assert not found, f"{len(found)} complaints of {len(picked)} cells:\n" + "\n".join(found)


async def _played(picked: list[Cell]) -> list[str]:
    clock = Clock()
    async with HostileServer() as server, doors(server) as addresses:
        ticking = asyncio.create_task(clock.run())
        found = await complaints(picked, lambda cell: Play(cell, server, addresses, clock).run())
        ticking.cancel()
    return found
