"""Connections that come at once, on uvloop: libuv accepts one for each listening socket in each turn of its loop."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import pytest

from tests.gateway.serving.serving import App, serving

uvloop = pytest.importorskip("uvloop")
MOST_TURNS = 3


async def accepted() -> int:
    """Return how many of eight connections, which wait, the server has accepted after some turns of the loop."""
    async with serving(App()) as running:
        with contextlib.ExitStack() as stack:
            for _ in range(8):
                stack.enter_context(socket.create_connection(("127.0.0.1", running.port)))
            for _ in range(MOST_TURNS):
                await asyncio.sleep(0)
            return len(running.server.shared.connections)


def test_new_connections_do_not_wait_for_each_other() -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(accepted()) == 8
