"""Virtual time for tests: a wait of thirty seconds takes none."""

from __future__ import annotations

import asyncio
import functools
import socket
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, ParamSpec, TypeVar, TypeVarTuple, Unpack

from understudy.domain.misuse import Misuse
from understudy.pricing.cache import PRICE_CACHE
from understudy.virtual_time import VirtualTimeLoop

P = ParamSpec("P")
T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class _PatientLoop(VirtualTimeLoop):
    """A loop whose time stands still while a thread works for it: functions as tools, long bodies, prices."""

    def __init__(self) -> None:
        self._in_threads: set[asyncio.Future[Any]] = set()
        self._closing = False
        super().__init__(is_busy=self._is_busy)

    def _is_busy(self) -> bool:
        return bool(self._in_threads) or PRICE_CACHE.is_loading or self._closing

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[Ts]], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """Run a function in a thread; time stands still until it has ended."""
        future = super().run_in_executor(executor, func, *args)
        self._in_threads.add(future)
        future.add_done_callback(self._ended)
        return future

    def _ended(self, future: asyncio.Future[Any]) -> None:
        self._in_threads.discard(future)
        self.handed_over()

    async def sock_connect(self, sock: socket.socket, address: Any) -> None:
        """Raise `Misuse`: an answer from a socket would come after every time-out."""
        raise Misuse(
            "sockets do not work on virtual time: use FakeProvider, EmulatedTransport, the fixture emulated_provider "
            "or a recording"
        )

    async def shutdown_default_executor(self, *args: Any, **kwargs: Any) -> None:
        """End the threads."""
        self._closing = True
        await super().shutdown_default_executor(*args, **kwargs)


def run_virtually(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on an event loop with virtual time, as `asyncio.run` does on a usual one; return its result.

    Time begins at 0 (`asyncio.get_running_loop().time()`) and jumps to the next timer whenever nothing else is left to
    do. Sockets do not work: use `FakeProvider`, `EmulatedTransport` or a recording. Raise `RuntimeError` if the
    coroutine waits for something that can never happen.
    """
    __tracebackhide__ = True
    if asyncio._get_running_loop() is not None:  # noqa: SLF001 - public, but without a loop it raises
        work.close()
        raise Misuse("run_virtually starts an event loop: call it in a function without async, or use @virtual_time")
    with asyncio.Runner(loop_factory=_PatientLoop) as runner:
        return runner.run(work)


def virtual_time(function: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """Run an asynchronous test on virtual time; see `run_virtually`.

    The decorated test is a plain function, so no plugin for asynchronous tests is needed. Its fixtures must not be
    asynchronous: they would belong to another event loop.
    """

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        __tracebackhide__ = True
        return run_virtually(function(*args, **kwargs))

    return run
