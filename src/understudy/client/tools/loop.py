"""The loop between a model and its tools: ask, execute the calls, ask again with the results, until none are left."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator
from contextlib import aclosing
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, cast, get_args

import msgspec

from understudy.client.prompt import read_prompt
from understudy.client.tools.execution import Executor, deadline_failure
from understudy.client.tools.function_tool import FunctionTool, definitions, function_tools
from understudy.client.tools.results import error_result
from understudy.domain.census import CheckedMessages
from understudy.domain.content import ToolCall
from understudy.domain.errors import LLMError, Misuse, RunLimitExceeded, error_of
from understudy.domain.finish import FinishReason
from understudy.domain.messages import OpaqueTool, Tool, ToolChoice
from understudy.domain.requests import GenerationRequest
from understudy.domain.responses import GenerationResponse
from understudy.domain.runs import (
    RunEvent,
    RunResult,
    RunStep,
    StepEnded,
    StepStarted,
    ToolEnded,
    ToolErrors,
    ToolOutcome,
    unanswered_calls,
)
from understudy.domain.suggestions import shown
from understudy.engine import clock
from understudy.engine.ceiling import Ceiling
from understudy.protocol import Prompt, RequestOptions, RunOptions

if TYPE_CHECKING:
    from understudy.client.calls import Calls
    from understudy.client.stream import Reading, ResponseStream

MAX_STEPS = 10
"""Answers of the model, if `max_steps` is not given."""
_OWN = RunOptions.__annotations__.keys() - RequestOptions.__annotations__.keys()
_STOPS = frozenset({FinishReason.CONTENT_FILTER, FinishReason.ERROR})
"""Reasons after which calls are not executed: the answer that holds them may be incomplete."""


class ToolLoop:
    """One run: its options, read once, and what has happened so far."""

    def __init__(self, calls: Calls, prompt: Prompt, options: RunOptions) -> None:
        """Raise `Misuse` for a wrong call, before anything is sent."""
        _check_names(options)
        self._tools = function_tools(options.get("tools", ()))
        asked: dict[str, Any] = {name: value for name, value in options.items() if name not in _OWN}
        if self._tools:
            asked["tools"] = definitions(self._tools)
        self._options = cast("RequestOptions", asked)
        read = read_prompt(prompt, self._options, calls.types)
        asked.pop("max_cost", None)  # which all steps share
        self._ceiling = None if read.max_cost is None else Ceiling(read.max_cost)
        self._choice = read.request.tool_choice
        self._request = prompt if isinstance(prompt, GenerationRequest) else None
        self._executor = _executor(self._tools, read.request.tools, options)
        self._calls = calls
        self._max_steps = _count("max_steps", options.get("max_steps", MAX_STEPS))
        limit = options.get("max_tool_calls")
        self._max_calls = None if limit is None else _count("max_tool_calls", limit)
        self._ends_with_answer = options.get("on_limit", "raise") == "answer"
        _one_of("on_limit", options.get("on_limit", "raise"), ("raise", "answer"))
        self._seconds = read.deadline
        self._deadline: float | None = None
        self._used = 0
        self._is_last = False
        """Whether the next answer must be the last one."""
        messages = read.request.messages
        # The system prompt of the options is sent with every step, and is no part of the history.
        own = CheckedMessages(messages[1:]) if asked.get("system") is not None else messages
        self.result: RunResult[Any] = RunResult(prompt=own)
        """What has happened so far; the whole result when the events have ended."""
        self.reading: Reading = "events"
        """How streamed answers are read."""
        self._stream: ResponseStream | None = None
        """The answer that is being streamed."""

    async def to_end(self) -> RunResult[Any]:
        """Run with whole answers, so that another target can take over in the middle of each."""
        async with aclosing(self.events(streamed=False)) as events:
            async for _ in events:
                pass
        return self.result

    async def events(self, *, streamed: bool) -> AsyncGenerator[RunEvent, None]:
        """Run, and yield what happens. An error carries the attempts of all steps, and the steps that are complete."""
        if self._seconds is not None:
            self._deadline = clock.now() + self._seconds
        try:
            pending = unanswered_calls(self.result.prompt)
            while True:
                async with aclosing(self._execute(pending)) as executing:
                    async for event in executing:
                        yield event
                if self.result.pending:
                    return
                async with aclosing(self._ask(streamed=streamed)) as asking:
                    async for event in asking:
                        yield event
                response = self.result.response
                pending = response.tool_calls
                if response.finish_reason in _STOPS:
                    self._update(pending=pending)
                    pending = ()
                if not pending:
                    yield StepEnded(len(self.result.steps), self.result.steps[-1])
                    if response.finish_reason is not FinishReason.PAUSED:
                        return
        except LLMError as error:
            error.attempts = (*self.result.attempts, *error.attempts)
            error.run = self.result
            raise

    async def _ask(self, *, streamed: bool) -> AsyncGenerator[RunEvent, None]:
        """Ask the model, and add the step with its answer."""
        number = len(self.result.steps) + 1
        if number > self._max_steps:
            raise RunLimitExceeded(f"the model still calls tools after max_steps={self._max_steps} answers")
        yield StepStarted(number)
        prompt, options = self._prompt(), self._step_options(number)
        if streamed:
            self._stream = stream = self._calls.stream(prompt, options, ceiling=self._ceiling)
            stream.reading = self.reading
            async with stream:
                async for event in stream:
                    yield event
            response = stream.response
        else:
            response = await self._calls.generate(prompt, options, ceiling=self._ceiling)
        self._add(response)

    def _prompt(self) -> Prompt:
        result = self.result
        # Before anything was added the prompt is as the door has read it, and is not read again.
        messages = result.messages if result.steps or result.resumed else result.prompt
        if self._request is None:
            return messages
        return msgspec.structs.replace(self._request, messages=messages, origin=None)

    def _step_options(self, number: int) -> RequestOptions:
        """Return the options of a step. A choice that forces a call applies to the first step only."""
        options = self._options.copy()
        if self._tools and self._ends_with_answer and (self._is_last or number == self._max_steps):
            options["tool_choice"] = ToolChoice("none")
        elif number > 1 and self._choice is not None and self._choice.mode in ("required", "tool"):
            options["tool_choice"] = ToolChoice("auto")
        if self._deadline is not None:
            left = self._deadline - clock.now()
            if left <= 0:
                raise error_of(deadline_failure(f"before step {number}"))
            options["deadline"] = left
        return options

    async def _execute(self, calls: tuple[ToolCall, ...]) -> AsyncGenerator[RunEvent, None]:
        """Execute those calls that can be executed here, and leave the others pending."""
        own = tuple(call for call in calls if not self._executor.is_pending(call))
        others = tuple(call for call in calls if self._executor.is_pending(call))
        outcomes: dict[int, ToolOutcome] = {}
        executing = self._refuse(own) if self._is_over_limit(own) else self._executor.execute(own, self._deadline)
        async with aclosing(executing):
            async for event in executing:
                if isinstance(event, ToolEnded):
                    outcomes[id(event.outcome.call)] = event.outcome
                yield event
        self._update(pending=others)
        self._conclude(tuple(outcomes[id(call)] for call in own))
        if calls and self.result.steps:
            yield StepEnded(len(self.result.steps), self.result.steps[-1])

    def _is_over_limit(self, calls: tuple[ToolCall, ...]) -> bool:
        """Count calls. Return whether they are too many; raise `RunLimitExceeded` if that ends the loop."""
        self._used += len(calls)
        if self._max_calls is None or self._used <= self._max_calls:
            return False
        if not self._ends_with_answer:
            limit = f"max_tool_calls={self._max_calls}"
            raise RunLimitExceeded(f"the model has requested {self._used} tool calls, more than {limit}")
        self._is_last = True
        return True

    async def _refuse(self, calls: tuple[ToolCall, ...]) -> AsyncGenerator[RunEvent, None]:
        for call in calls:
            text = f"not executed: at most {self._max_calls} tool calls are allowed; answer with what is known"
            yield ToolEnded(ToolOutcome(call=call, result=error_result(call, text)))

    async def interrupt(self) -> None:
        """Stop what runs: the answer that is streamed, or the tools."""
        self._executor.interrupt()
        if self._stream is not None:
            await self._stream.aclose()

    def _conclude(self, outcomes: tuple[ToolOutcome, ...]) -> None:
        """Add outcomes to the last step, or to those of the prompt."""
        if not outcomes:
            return
        if not self.result.steps:
            self._update(resumed=outcomes)
            return
        last = msgspec.structs.replace(self.result.steps[-1], outcomes=outcomes)
        self._update(steps=(*self.result.steps[:-1], last))

    def _add(self, response: GenerationResponse) -> None:
        self._update(steps=(*self.result.steps, RunStep(response=response)))

    def _update(self, **changes: Any) -> None:
        self.result = msgspec.structs.replace(self.result, **changes)


def _executor(tools: list[Any], read: tuple[Any, ...], options: RunOptions) -> Executor:
    """Return the executor of the functions among the tools. Raise `Misuse` if two share a name."""
    functions: dict[str, FunctionTool[..., Any]] = {}
    for each in tools:
        if isinstance(each, FunctionTool):
            if each.name in functions:
                raise Misuse(f"two tools are named {each.name!r}: rename one with @tool(name=…)")
            functions[each.name] = each
    named = [each.name for each in read if isinstance(each, Tool)]
    if twice := next((name for name in functions if named.count(name) > 1), None):
        raise Misuse(f"two tools are named {twice!r}: rename one with @tool(name=…)")
    hosted = any(isinstance(each, OpaqueTool) for each in read)
    approve = options.get("approve")
    if approve is not None:
        _check_approve(approve)
    errors = options.get("tool_errors", "message")
    _one_of("tool_errors", errors, get_args(ToolErrors))
    others = None if hosted else frozenset(named) - functions.keys()
    return Executor(functions, approve=approve, errors=errors, others=others)


def _check_names(options: RunOptions) -> None:
    """Raise `Misuse` for an option that is nearly one of the loop's own; `read_prompt` reports any other."""
    for name in options.keys() - RunOptions.__annotations__.keys():
        if close := get_close_matches(name, _OWN, n=1):
            raise Misuse(f"unknown option {shown(name)}; did you mean {close[0]!r}?")


def _check_approve(approve: Any) -> None:
    if not callable(approve):
        raise Misuse(f"approve must be a function of a ToolCall, got {type(approve).__name__}")
    try:
        inspect.signature(approve).bind(None)
    except TypeError as error:
        raise Misuse(f"approve must be a function of one argument, the ToolCall: {error}") from error
    except ValueError:
        return  # written in C, without a signature


def _count(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise Misuse(f"{name} must be a whole number above 0, got {shown(value)}")
    return value


def _one_of(name: str, value: Any, known: tuple[str, ...]) -> None:
    if not isinstance(value, str) or value not in known:
        raise Misuse(f"{name} must be {', '.join(map(repr, known[:-1]))} or {known[-1]!r}, got {shown(value)}")
