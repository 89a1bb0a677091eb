"""Work that goes on after the call that started it has returned, such as telling a provider to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

FINISHING = 1.0
"""Seconds that closing waits for what runs in the background."""


class Background:
    """Tasks that run on after a call has returned, until their owner closes. Each limits its own time."""

    __slots__ = ("_tasks",)

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Start a task on the running event loop, and keep it until it ends: the loop itself would let it be freed."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def finish(self) -> None:
        """Wait for the tasks of the running event loop, for a second at most. What then still runs is cancelled."""
        loop = asyncio.get_running_loop()
        tasks = {task for task in self._tasks if task.get_loop() is loop}
        if not tasks:
            return
        try:
            await asyncio.wait(tasks, timeout=FINISHING)
        finally:
            for task in tasks:
                task.cancel()
        await asyncio.wait(tasks)
