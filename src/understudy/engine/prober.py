"""Active probes: free operations, in the background, that show when a target which failed is back.

Off by default. Nothing runs while nothing is held against any target, and nothing that is billed is ever sent.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from random import Random

from understudy.domain.errors import LLMError
from understudy.domain.failures import Failure
from understudy.engine.attempt_stream import AttemptFailed, internal_failure
from understudy.engine.backend import Backend
from understudy.policy.breaker import LEASE
from understudy.policy.health import Health
from understudy.policy.probing import Check, Watch
from understudy.policy.targets import Limits, Target

logger = logging.getLogger("understudy")


class Prober:
    """Watches the targets that failed: one task for each, until no free operation can show more about it."""

    __slots__ = ("_health", "_new_id", "_rng", "_tasks")

    def __init__(self, health: Health, rng: Random, new_id: Callable[[], str]) -> None:
        self._health = health
        self._rng = rng
        self._new_id = new_id
        self._tasks: dict[str, asyncio.Task[None]] = {}
        """By the target's label."""

    def watch(self, target: Target, backend: Backend, interval: float) -> None:
        """Begin to watch a target that failed, if that has closed it to callers. `interval`: see `Watch`."""
        loop = asyncio.get_running_loop()
        task = self._tasks.get(target.label)
        if task is not None and not task.done() and task.get_loop() is loop:
            return
        shows_key = backend.checks_key
        if self._health.calm or shows_key is None:
            return
        watch = Watch(target, self._health, self._rng, interval=interval, shows_key=shows_key)
        if not watch.is_needed(loop.time()):
            return
        task = self._tasks[target.label] = loop.create_task(self._run(watch, target, backend))
        task.add_done_callback(lambda ended: self._forget(target.label, ended))

    async def close(self) -> None:
        """Cancel what runs on the running event loop."""
        loop = asyncio.get_running_loop()
        tasks = [task for task in self._tasks.values() if task.get_loop() is loop]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _forget(self, label: str, task: asyncio.Task[None]) -> None:
        if self._tasks.get(label) is task:
            del self._tasks[label]

    async def _run(self, watch: Watch, target: Target, backend: Backend) -> None:
        now = asyncio.get_running_loop().time
        try:
            while (step := watch.next(now())) is not None:
                if isinstance(step, Check):
                    await self._check(watch, step, backend)
                else:
                    await asyncio.sleep(step - now())
        except Exception:
            # Callers probe without it.
            logger.exception("the active probes of %s ended", target.label)

    async def _check(self, watch: Watch, check: Check, backend: Backend) -> None:
        """Ask for the free operation, and note what it shows."""
        target, now = check.target, asyncio.get_running_loop().time
        what = f"{target.name} at {target.host}" if check.of_host else target.label
        if target.key_number:
            what = f"{what} with key {target.key_number} of {len(target.credentials)}"
        try:
            failure = await self._ask(target, backend)
            watch.checked(check, failure, now())
        finally:
            watch.release(check)
        if failure is None:
            logger.info("active probe of %s: the free operation succeeded", what)
        else:
            logger.info("active probe of %s: %s: %s", what, failure.kind, failure.message)

    async def _ask(self, target: Target, backend: Backend) -> Failure | None:
        """Return how the free operation failed; `None` if it succeeded."""
        attempt_id = self._new_id()
        # No longer than the place of a probe is reserved.
        limits = Limits(connect=target.limits.connect, total=LEASE)
        try:
            stream = backend.check(target, limits, attempt_id)
            try:
                async for _ in stream:
                    pass
            finally:
                await stream.aclose()
        except AttemptFailed as error:
            return error.failure
        except LLMError:
            raise
        except Exception as error:  # noqa: BLE001 - `internal_failure` logs it
            return internal_failure(error, f"active probe {attempt_id}")
        return None
