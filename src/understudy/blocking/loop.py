"""The event loop behind the blocking API, in its own daemon thread, and how calls reach it and return."""

from __future__ import annotations

import asyncio
import contextlib
import os
import selectors
import sys
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar, cast

from understudy.blocking.daemons import hold_daemon_thread
from understudy.domain.errors import Misuse, error_of
from understudy.domain.failures import Failure, FailureKind

T = TypeVar("T")

CANCEL_GRACE = 10.0
"""Seconds that an interrupted caller waits for the cancellation of the request; the engine takes less."""
EXIT_GRACE = 2.0
"""Seconds at exit for cancelled tasks to end, and as many for connections to close."""
SLICE = 0.1 if sys.platform == "win32" else -1
"""Seconds between checks for Ctrl-C, where waiting for a lock does not notice it; -1: no checks are needed."""
_CANCELLED = Failure(kind=FailureKind.CANCELLED, message="cancelled: the stream was closed in the meantime")


class Reply(Generic[T]):
    """The place where a thread waits for one result, or one error, from the loop."""

    __slots__ = ("_error", "_gate", "_is_set", "_result")

    def __init__(self) -> None:
        self._gate = threading.Lock()
        self._gate.acquire()
        self._is_set = False
        self._result: T | None = None
        self._error: BaseException | None = None

    def set_result(self, result: T) -> None:
        """On the loop, once: set the result."""
        self._result = result
        self._open()

    def set_error(self, error: BaseException) -> None:
        """On the loop, once: set the error."""
        self._error = error
        self._open()

    def _open(self) -> None:
        self._is_set = True
        self._gate.release()

    def wait(self) -> None:
        """Wait for the result or error. A signal handler may raise here, as the one of Ctrl-C does."""
        while not self._gate.acquire(timeout=SLICE):
            pass

    def wait_at_most(self, seconds: float) -> None:
        """Wait for the result or error, or until the time is up."""
        if not self._is_set:  # it is set where the interruption came after it had arrived
            self._gate.acquire(timeout=seconds)

    def result(self) -> T:
        """Return the result, or raise the error."""
        error, self._error = self._error, None
        if error is None:
            return cast("T", self._result)
        try:
            raise error
        finally:
            # A traceback refers to this frame: without the name there is no cycle, and its objects are freed soon.
            del error


class _Loop(asyncio.SelectorEventLoop):
    """A loop that reports itself closed in a forked child, so that nothing there touches its sockets."""

    is_inherited = False

    def is_closed(self) -> bool:
        return self.is_inherited or super().is_closed()


class LoopThread:
    """An event loop in a thread. Its methods may be called from any other thread, unless they say otherwise."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._loop = _Loop(self._selector)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._providers: set[Any] = set()
        self._ending = False
        self._ended = False
        self._rest_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="understudy-loop", daemon=True)
        self._thread.start()

    # ---- calls ----

    def run_coroutine(self, provider: Any, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run a coroutine of a provider (`None` if of none) on the loop, and wait for its result.

        An exception that interrupts the wait, such as Ctrl-C, cancels the coroutine first and then propagates. Raises
        `Misuse` on the loop's own thread.
        """
        task: asyncio.Task[T] | None = None

        def start(reply: Reply[T]) -> None:
            nonlocal task
            if provider is not None:
                self._providers.add(provider)
            task = self.spawn(_make_and_await(make))
            task.add_done_callback(lambda done: self.deliver(reply, done))

        def cancel() -> None:
            if task is not None:
                task.cancel()

        try:
            return self.call_and_wait(start, cancel)
        finally:
            task = None  # it refers to its error, whose traceback refers to this frame

    def call_and_wait(self, start: Callable[[Reply[T]], None], cancel: Callable[[], None] | None = None) -> T:
        """Call `start` on the loop, and wait for the reply that it, or a task started by it, sets.

        When the wait is interrupted, `cancel` is called on the loop, and the interruption propagates once the reply has
        come, or after `CANCEL_GRACE`. Raise `Misuse` on the loop's own thread.
        """
        self.check()
        reply: Reply[T] = Reply()
        started = False

        def hand_over() -> None:
            nonlocal started
            started = True
            start(reply)

        def cancel_or_skip(cancel: Callable[[], None]) -> None:
            if started:
                cancel()
            else:
                reply.set_error(error_of(_CANCELLED))  # the interruption came first: there is nothing to wait for

        try:
            self._loop.call_soon_threadsafe(hand_over)
            reply.wait()
        except BaseException:
            if cancel is not None and self.is_open:
                self.call_soon(cancel_or_skip, cancel)
                reply.wait_at_most(CANCEL_GRACE)
            if self._ending:
                hold_daemon_thread()
            raise
        if self._ending:
            hold_daemon_thread()
        return reply.result()

    def run_function(self, provider: Any, function: Callable[[], T]) -> T:
        """Call a function on the loop's thread, where all state of providers is read and written."""
        if self.is_on_loop_thread():
            return function()

        async def call() -> T:
            return function()

        return self.run_coroutine(provider, call)

    def check(self) -> None:
        """Raise `Misuse` where a call would wait for ever: on the loop's own thread, or after the loop's end."""
        if self.is_on_loop_thread():
            raise Misuse(
                "a blocking call on understudy's own event loop would deadlock: in observers, ledgers and "
                "custom providers, await the asynchronous provider instead (`.wrapped`)"
            )
        if not self.is_open:
            if self._ending:
                hold_daemon_thread()
            raise Misuse("the interpreter is shutting down: no more calls can be made")

    def call_soon(self, function: Callable[..., None], *arguments: Any) -> None:
        """Call a function on the loop, soon; do nothing when the loop is closed."""
        if self.is_open:
            with contextlib.suppress(RuntimeError):  # closed just now
                self._loop.call_soon_threadsafe(function, *arguments)

    def is_on_loop_thread(self) -> bool:
        """Whether the calling thread is the loop's."""
        return threading.get_ident() == self._thread.ident

    @property
    def is_open(self) -> bool:
        """Whether the loop accepts calls in this process."""
        return not self._loop.is_closed()

    @property
    def is_inherited(self) -> bool:
        """Whether this process is a fork of the one in which the loop runs."""
        return self._loop.is_inherited

    # ---- on the loop ----

    def spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """On the loop: start a task, and refer to it until it ends; the loop itself holds only a weak reference."""
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def deliver(self, reply: Reply[T], task: asyncio.Task[T]) -> None:
        """On the loop: pass on the result or error of a task."""
        error = error_of(_CANCELLED) if task.cancelled() else task.exception()
        if self._ending:
            return  # only daemon threads still wait; woken up now, they would disturb the interpreter's shutdown
        if error is not None:
            reply.set_error(error)
        else:
            reply.set_result(task.result())

    def release(self, provider: Any) -> None:
        """Close a provider's connections and forget it, if it was used here. Returns at once."""

        def start() -> None:
            if provider in self._providers:
                self.spawn(self._release(provider))

        self.call_soon(start)

    async def _release(self, provider: Any) -> None:
        if leaving := [task for task in self._tasks if task.cancelling()]:
            await asyncio.wait(leaving)  # they may still have to cancel their requests at the provider
        self._providers.discard(provider)
        await provider.aclose()

    # ---- its life ----

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        while not self._ended:
            # The caller that waits for the task that raised one of these gets it, too; for others the loop continues.
            with contextlib.suppress(KeyboardInterrupt, SystemExit):
                self._loop.run_forever()
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    def stop(self) -> None:
        """Cancel running tasks, close all connections and end the thread; wait for it for a limited time."""

        def start() -> None:
            self.spawn(self._shut_down())

        self.call_soon(start)
        self._thread.join(3 * EXIT_GRACE)

    async def _shut_down(self) -> None:
        self._ending = True
        running = self._tasks - {cast("asyncio.Task[Any]", asyncio.current_task())}
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running, timeout=EXIT_GRACE)
        if self._providers:
            closing = asyncio.gather(*(each.aclose() for each in self._providers), return_exceptions=True)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(closing, EXIT_GRACE)
        self._ended = True
        self._loop.stop()

    def pause(self, seconds: float) -> None:
        """Wait until the loop is between two callbacks, and keep it there until `resume`, `seconds` at most."""
        if self.is_on_loop_thread():
            return
        resting, self._rest_over = threading.Event(), threading.Event()

        def rest(over: threading.Event) -> None:
            resting.set()
            over.wait(seconds)

        self.call_soon(rest, self._rest_over)
        resting.wait(seconds)

    def resume(self) -> None:
        """End a pause."""
        self._rest_over.set()

    def disown(self) -> None:
        """In a forked child: release the loop's sockets without an effect on the parent, which still uses them.

        The selector's own descriptor is shared with the parent: it is closed, not emptied. Sockets are replaced by
        `/dev/null` here, so that a connection closed by the parent is really closed, and a descriptor is never reused.
        """
        self._loop.is_inherited = True
        self._loop.set_exception_handler(lambda loop, context: None)
        null = os.open(os.devnull, os.O_RDWR)
        for key in list(self._selector.get_map().values()):
            os.dup2(null, key.fd, inheritable=False)
        os.close(null)
        with contextlib.suppress(OSError):  # kqueue's descriptor does not survive a fork
            self._selector.close()


async def _make_and_await(make: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Make a coroutine and await it, so that an error in making it also reaches the waiting caller."""
    return await make()
