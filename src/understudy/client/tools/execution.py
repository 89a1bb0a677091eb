"""Executes tool calls: checks name, arguments and approval, runs the functions side by side, and reports outcomes."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from understudy.client.stream import STREAM_CLOSED
from understudy.client.tools.function_tool import FunctionTool, is_async
from understudy.client.tools.results import error_result, raised, result_of
from understudy.domain.content import ToolCall, ToolResult
from understudy.domain.errors import Misuse, error_of
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.runs import Approval, Approve, ToolEnded, ToolErrors, ToolOutcome, ToolStarted
from understudy.engine import clock

T = TypeVar("T")

DENIED = "the call was not approved"
_LOG = logging.getLogger("understudy")


class Ready(NamedTuple):
    """A call whose arguments are valid: the function, and what it is called with."""

    tool: FunctionTool[..., Any]
    args: list[Any]
    kwargs: dict[str, Any]


class Executor:
    """Executes the calls of functions. What it cannot execute itself is handed back to the caller."""

    def __init__(
        self,
        functions: Mapping[str, FunctionTool[..., Any]],
        *,
        approve: Approve | None = None,
        errors: ToolErrors = "message",
        others: frozenset[str] | None = frozenset(),
    ) -> None:
        """`others` are the names of tools without a function; `None` if any name may be that of a hosted tool."""
        self._functions = functions
        self._approve = approve
        self._errors: ToolErrors = errors
        self._others = others
        self._tasks: set[asyncio.Task[Any]] = set()
        self._interrupted = False

    def is_pending(self, call: ToolCall) -> bool:
        """Check whether a call is the caller's to execute, or to approve."""
        function = self._functions.get(call.name)
        if function is None:
            return self._others is None or call.name in self._others
        return bool(function.needs_approval) and self._approve is None

    async def execute(
        self, calls: tuple[ToolCall, ...], deadline: float | None
    ) -> AsyncGenerator[ToolStarted | ToolEnded, None]:
        """Execute calls side by side, and yield their beginnings and ends as they happen.

        All approvals are asked for first, one after another. Raise `DeadlineExceeded` at `deadline`, a time of the
        loop's clock. However it ends, no task is left behind.
        """
        prepared = [(call, await self._prepare(call, deadline)) for call in calls]
        started: list[asyncio.Task[ToolOutcome]] = []
        try:
            for call, ready in prepared:
                if isinstance(ready, Ready):
                    started.append(self._start(self._run(call, ready)))
                    yield ToolStarted(call)
                else:
                    yield ToolEnded(ToolOutcome(call=call, result=ready))
            running = set(started)
            while running:
                done = await self._first_of(running, deadline, "while tools were running")
                running -= done
                for task in sorted(done, key=started.index):
                    yield ToolEnded(task.result())
        finally:
            await _cancel(started)

    def interrupt(self) -> None:
        """Cancel what runs; whoever waits for it gets `Unavailable`."""
        self._interrupted = True
        for task in self._tasks:
            task.cancel()

    def _start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _first_of(self, tasks: set[asyncio.Task[T]], deadline: float | None, where: str) -> set[asyncio.Task[T]]:
        """Wait until the first of these tasks ends. Raise `DeadlineExceeded`, or `Unavailable` at an interruption."""
        left = None if deadline is None else max(0.0, deadline - clock.now())
        done, _ = await asyncio.wait(tasks, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        if self._interrupted:
            raise error_of(STREAM_CLOSED)
        if not done:
            raise error_of(deadline_failure(where))
        return done

    async def _prepare(self, call: ToolCall, deadline: float | None) -> Ready | ToolResult:
        """Return what to execute, or the result that tells the model why the call is not executed."""
        tool = self._functions.get(call.name)
        if tool is None:
            known = ", ".join((*self._functions, *sorted(self._others or ())))
            return error_result(call, f"unknown tool {call.name!r}; the tools are: {known}")
        try:
            ready = Ready(tool, *tool.bind(call.parsed_arguments()))
        except ValueError as error:
            return error_result(call, f"invalid arguments: {error}")
        if self._approve is None or tool.needs_approval is False:
            return ready
        match await self._decision(self._approve, call, deadline):
            case True:
                return ready
            case str(reason) if reason:
                return error_result(call, reason)
            case False | None | "":
                return error_result(call, DENIED)
            case other:
                raise Misuse(f"approve must return True, False or a string, got {type(other).__name__}")

    async def _decision(self, approve: Approve, call: ToolCall, deadline: float | None) -> Approval:
        task = self._start(_called(approve, (call,), {}))
        try:
            await self._first_of({task}, deadline, "while waiting for an approval")
            decision: Approval = task.result()
        finally:
            await _cancel([task])
        return decision

    async def _run(self, call: ToolCall, ready: Ready) -> ToolOutcome:
        """Run one function: on the event loop if it is asynchronous, else in a thread."""
        began = clock.now()
        try:
            value = await _called(ready.tool.function, ready.args, ready.kwargs)
            result = result_of(call, value)
        except asyncio.CancelledError:
            if _is_being_cancelled():
                raise
            return ToolOutcome(call=call, result=error_result(call, "the tool was cancelled"))
        except Exception as error:
            if self._errors == "raise":
                raise
            _LOG.warning("tool %s raised %s", call.name, type(error).__name__, exc_info=True)
            result = raised(call, error, self._errors)
            return ToolOutcome(call=call, result=result, error=error, duration=clock.now() - began)
        return ToolOutcome(call=call, result=result, value=value, duration=clock.now() - began)


def deadline_failure(where: str) -> Failure:
    """Return the failure of a loop whose deadline has passed."""
    return Failure(kind=FailureKind.DEADLINE, message=f"the deadline of the tool loop passed {where}")


async def _called(function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Call a function: on the event loop if it is asynchronous, else in a thread, and await what it returns."""
    if is_async(function):
        value = function(*args, **kwargs)
    else:
        value = await asyncio.to_thread(_without_stop_iteration, function, args, kwargs)
    return await value if inspect.isawaitable(value) else value


def _without_stop_iteration(function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Call a function; replace `StopIteration`, which no future can hold: whoever awaited it would wait for ever."""
    try:
        return function(*args, **kwargs)
    except StopIteration as error:
        raise RuntimeError("StopIteration") from error


def _is_being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def _cancel(tasks: list[asyncio.Task[T]]) -> None:
    """Cancel tasks and wait for their end."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
