"""The event loop behind the blocking face, in a daemon thread of its own, and how calls get there and back."""

from __future__ import annotations

import asyncio
import contextlib
import os
import selectors
import sys
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar, cast

from understudy.domain.errors import Misuse, error_of
from understudy.domain.failures import Failure, FailureKind

T = TypeVar("T")

CANCEL_GRACE = 10.0
"""Seconds that an interrupted caller waits for the provider to be told; longer than the engine takes for it."""
EXIT_GRACE = 2.0
"""Seconds at exit for what is cancelled to end, and again for connections to close."""
SLICE = 0.1 if sys.platform == "win32" else -1
"""Seconds between two looks for Ctrl-C, where waiting for a lock does not notice it by itself; -1 needs none."""
_CANCELLED = Failure(kind=FailureKind.CANCELLED, message="cancelled: its stream was closed meanwhile")


class Reply(Generic[T]):
    """Where a thread waits for what the loop brings: one result or one error."""

    __slots__ = ("_error", "_gate", "_is_there", "_result")

    def __init__(self) -> None:
        self._gate = threading.Lock()
        self._gate.acquire()
        self._is_there = False
        self._result: T | None = None
        self._error: BaseException | None = None

    def give(self, result: T) -> None:
        """On the loop, once: bring the result."""
        self._result = result
        self._open()

    def fail(self, error: BaseException) -> None:
        """On the loop, once: bring the error."""
        self._error = error
        self._open()

    def _open(self) -> None:
        self._is_there = True
        self._gate.release()

    def wait(self) -> None:
        """Wait until something is there. A signal's handler may raise here, as Ctrl-C does."""
        while not self._gate.acquire(timeout=SLICE):
            pass

    def wait_at_most(self, seconds: float) -> None:
        """Wait until something is there, or the time is up."""
        if not self._is_there:  # it may be, where an interruption came between its arrival and its taking
            self._gate.acquire(timeout=seconds)

    def take(self) -> T:
        """Return the result, or raise the error."""
        error, self._error = self._error, None
        if error is None:
            return cast("T", self._result)
        try:
            raise error
        finally:
            # A traceback refers to this frame: without the name there is no cycle, and all that it holds is freed soon.
            del error


class _Loop(asyncio.SelectorEventLoop):
    """A loop that can be left behind by a fork: then it says that it is closed, so that nothing touches its sockets."""

    left_behind = False

    def is_closed(self) -> bool:
        return self.left_behind or super().is_closed()


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

    def result_of(self, provider: Any, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run a coroutine of a provider on the loop, and wait for its result.

        Whatever interrupts the wait, Ctrl-C above all, cancels the coroutine first and then propagates. Raises
        `Misuse` on the loop's own thread.
        """
        task: asyncio.Task[T] | None = None

        def begin(reply: Reply[T]) -> None:
            nonlocal task
            self._providers.add(provider)
            task = self.spawn(_awaited(make))
            task.add_done_callback(lambda done: self.settle(reply, done))

        def give_up() -> None:
            if task is not None:
                task.cancel()

        try:
            return self.exchange(begin, give_up)
        finally:
            task = None  # it refers to its error, whose traceback refers to this frame

    def exchange(self, begin: Callable[[Reply[T]], None], give_up: Callable[[], None] | None = None) -> T:
        """Have `begin` called on the loop, and wait for what it, or what it starts, brings.

        When the wait is interrupted, `give_up` is called on the loop, and the interruption propagates once the reply
        has come all the same, or after `CANCEL_GRACE`. Raises `Misuse` on the loop's own thread.
        """
        self.check()
        reply: Reply[T] = Reply()
        begun = False

        def hand_over() -> None:
            nonlocal begun
            begun = True
            begin(reply)

        def take_back(give_up: Callable[[], None]) -> None:
            if begun:
                give_up()
            else:
                reply.fail(error_of(_CANCELLED))  # the interruption came first: there is nothing to wait for

        try:
            self._loop.call_soon_threadsafe(hand_over)
            reply.wait()
        except BaseException:
            if give_up is not None and self.is_open:
                self.tell(take_back, give_up)
                reply.wait_at_most(CANCEL_GRACE)
            raise
        return reply.take()

    def run(self, provider: Any, function: Callable[[], T]) -> T:
        """Call a function on the loop's thread, where everything that providers remember is read and written."""
        if self.is_here():
            return function()

        async def call() -> T:
            return function()

        return self.result_of(provider, call)

    def check(self) -> None:
        """Raise `Misuse` where a call would wait for ever: on the loop's own thread, or after its end."""
        if self.is_here():
            raise Misuse(
                "a blocking call on understudy's own event loop would wait for itself: in observers, ledgers and "
                "providers of your own, await the asynchronous provider instead (`.wrapped`)"
            )
        if not self.is_open:
            raise Misuse("the interpreter is ending: no more calls can be made")

    def tell(self, function: Callable[..., None], *arguments: Any) -> None:
        """Have a function called on the loop, soon; not at all when the loop is over."""
        if self.is_open:
            with contextlib.suppress(RuntimeError):  # closed in this moment
                self._loop.call_soon_threadsafe(function, *arguments)

    def is_here(self) -> bool:
        """Whether the calling thread is the loop's."""
        return threading.get_ident() == self._thread.ident

    @property
    def is_open(self) -> bool:
        """Whether the loop takes calls in this process."""
        return not self._loop.is_closed()

    @property
    def is_left_behind(self) -> bool:
        """Whether this process is a fork of the one in which the loop runs."""
        return self._loop.left_behind

    # ---- on the loop ----

    def spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """On the loop: start a task, and keep it until it ends; the loop itself would let it be freed."""
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def settle(self, reply: Reply[T], task: asyncio.Task[T]) -> None:
        """On the loop: bring what a task has ended with."""
        error = error_of(_CANCELLED) if task.cancelled() else task.exception()
        if self._ending:
            return  # only daemon threads still wait; woken up now, they would break into the interpreter's end
        if error is not None:
            reply.fail(error)
        else:
            reply.give(task.result())

    def release(self, provider: Any) -> None:
        """Close a provider's connections and forget it, if it was used here. Returns at once."""

        def begin() -> None:
            if provider in self._providers:
                self.spawn(self._release(provider))

        self.tell(begin)

    async def _release(self, provider: Any) -> None:
        if leaving := [task for task in self._tasks if task.cancelling()]:
            await asyncio.wait(leaving)  # they may still have to tell the provider to stop
        self._providers.discard(provider)
        await provider.aclose()

    # ---- its life ----

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        while not self._ended:
            # Whoever waits for the task that raised one of these gets it too; the loop goes on for all others.
            with contextlib.suppress(KeyboardInterrupt, SystemExit):
                self._loop.run_forever()
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    def stop(self) -> None:
        """Cancel what still runs, close all connections and end the thread; give up waiting for it after a while."""

        def begin() -> None:
            self.spawn(self._wind_up())

        self.tell(begin)
        self._thread.join(3 * EXIT_GRACE)

    async def _wind_up(self) -> None:
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
        """Wait until the loop is between two callbacks, and keep it there until `go_on`, `seconds` at most."""
        if self.is_here():
            return
        resting, self._rest_over = threading.Event(), threading.Event()

        def rest(over: threading.Event) -> None:
            resting.set()
            over.wait(seconds)

        self.tell(rest, self._rest_over)
        resting.wait(seconds)

    def go_on(self) -> None:
        """End a pause."""
        self._rest_over.set()

    def disown(self) -> None:
        """In a forked child: let go of the loop's sockets without a trace in the parent, which goes on using them.

        The selector's own descriptor is shared with the parent: it is closed, not emptied. Sockets become `/dev/null`
        here, so that a connection that the parent closes is closed indeed, and a number is never another file's.
        """
        self._loop.left_behind = True
        self._loop.set_exception_handler(lambda loop, context: None)
        null = os.open(os.devnull, os.O_RDWR)
        for key in list(self._selector.get_map().values()):
            os.dup2(null, key.fd, inheritable=False)
        os.close(null)
        with contextlib.suppress(OSError):  # kqueue's descriptor does not live through a fork
            self._selector.close()


async def _awaited(make: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Make a coroutine and await it: whatever is wrong with making it is told to who waits for it, too."""
    return await make()
