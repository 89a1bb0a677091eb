"""Runs of a tool loop: the model answers, its tool calls are executed, and it is asked again until it needs no more."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from functools import reduce
from itertools import chain
from typing import Any, Generic, Literal

import msgspec

from understudy.domain.attempts import AttemptRecord, total_cost
from understudy.domain.content import JsonObject, ToolCall, ToolResult
from understudy.domain.events import Event
from understudy.domain.finish import FinishReason
from understudy.domain.messages import Message
from understudy.domain.money import Cost
from understudy.domain.plain import Plain
from understudy.domain.responses import GenerationResponse, T_co
from understudy.domain.usage import Usage
from understudy.domain.warnings import Warning  # noqa: A004 - the public name

Approval = bool | str | None
"""A decision about a tool call: `True` agrees; `False`, or a string that tells the model why, refuses."""

Approve = Callable[[ToolCall], Approval | Awaitable[Approval]]
"""Decides about tool calls, with or without `async`."""

ToolErrors = Literal["message", "type", "raise"]
"""What happens when a function raises: the model gets the exception's type and message, or its type only, or the
exception is raised to the caller."""


class ToolOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of one tool call."""

    call: ToolCall
    result: ToolResult
    """What the model gets."""
    value: Any = None
    """What the function returned; `None` if it was not executed or raised an exception."""
    error: Exception | None = None
    """The exception that the function raised."""
    duration: float = 0.0
    """Seconds that the function took."""


class RunStep(msgspec.Struct, frozen=True, kw_only=True):
    """One answer of the model, and the outcomes of the tool calls in it that were executed or refused here."""

    response: GenerationResponse
    outcomes: tuple[ToolOutcome, ...] = ()

    @property
    def messages(self) -> tuple[Message, ...]:
        """The messages that the step adds to the conversation."""
        return (self.response.message, *results_message(self.outcomes))

    def without_raw(self) -> RunStep:
        """Return the step without what JSON cannot hold: the provider's bytes, and exceptions."""
        outcomes = tuple(msgspec.structs.replace(outcome, error=None) for outcome in self.outcomes)
        return RunStep(response=msgspec.structs.replace(self.response, raw=None), outcomes=outcomes)


def results_message(outcomes: tuple[ToolOutcome, ...]) -> tuple[Message, ...]:
    """Return the message with the results of tool calls; no message if there are none."""
    return (Message.tool(*(outcome.result for outcome in outcomes)),) if outcomes else ()


class RunResult(msgspec.Struct, Plain, Generic[T_co], frozen=True, kw_only=True):
    """The end of a tool loop: the last answer, and every step on the way to it.

    Its sums are over all steps, its texts those of the last answer. `messages` can be continued by another call.
    """

    _computed = ("text", "total_cost", "usage")

    prompt: tuple[Message, ...]
    """The messages that the loop began with; not the `system` option, which every step repeats."""
    resumed: tuple[ToolOutcome, ...] = ()
    """The outcomes of calls that the prompt ended with, executed before the first step."""
    steps: tuple[RunStep, ...] = ()
    pending: tuple[ToolCall, ...] = ()
    """Calls that were not executed, handed back to the caller: of tools without a function, of hosted tools, or of
    functions that need an approval for which no `approve` was given."""

    def to_dict(self) -> JsonObject:
        """Return the fields and some computed values, ready for `json.dumps`; omit `raw`, and exceptions of tools."""
        steps = tuple(step.without_raw() for step in self.steps)
        resumed = tuple(msgspec.structs.replace(outcome, error=None) for outcome in self.resumed)
        return Plain.to_dict(msgspec.structs.replace(self, steps=steps, resumed=resumed))

    @property
    def response(self) -> GenerationResponse[T_co]:
        """The last answer. Raise `IndexError` if the loop ended before the first one."""
        return self.steps[-1].response

    @property
    def messages(self) -> tuple[Message, ...]:
        """The whole conversation: the prompt, every answer and every tool result."""
        return (*self.prompt, *self.new_messages)

    @property
    def new_messages(self) -> tuple[Message, ...]:
        """The messages that the loop added to the prompt."""
        return (*results_message(self.resumed), *chain.from_iterable(step.messages for step in self.steps))

    @property
    def outcomes(self) -> tuple[ToolOutcome, ...]:
        """The outcomes of all tool calls, in order."""
        return (*self.resumed, *chain.from_iterable(step.outcomes for step in self.steps))

    @property
    def text(self) -> str:
        """The text of the last answer."""
        return self.response.text

    @property
    def parsed(self) -> T_co:
        """The last answer as a value, when a schema or a Python type was asked for."""
        return self.response.parsed

    @property
    def finish_reason(self) -> FinishReason:
        """Why the last answer ended."""
        return self.response.finish_reason

    @property
    def provider(self) -> str | None:
        """Name of the entry that gave the last answer; each step may have been answered by another one."""
        return self.response.provider

    @property
    def model(self) -> str | None:
        """The model that gave the last answer, as the provider names it."""
        return self.response.model

    @property
    def usage(self) -> Usage:
        """The tokens of all steps, class by class; a class is unknown if it is unknown in any step."""
        return reduce(Usage.__add__, (step.response.usage for step in self.steps)) if self.steps else Usage()

    @property
    def total_cost(self) -> Cost | None:
        """The cost of all attempts of all steps; `None` if that of any of them is unknown."""
        return total_cost(self.attempts)

    @property
    def attempts(self) -> tuple[AttemptRecord, ...]:
        """Every attempt of every step, in order."""
        return tuple(chain.from_iterable(step.response.attempts for step in self.steps))

    @property
    def warnings(self) -> tuple[Warning, ...]:
        """The warnings of all steps, each once."""
        return tuple(dict.fromkeys(chain.from_iterable(step.response.warnings for step in self.steps)))


class StepStarted(msgspec.Struct, frozen=True, tag_field="type", tag="step_started"):
    """The model is asked: for the first time, or again with the results of its tool calls."""

    number: int
    """1 for the first step."""


class ToolStarted(msgspec.Struct, frozen=True, tag_field="type", tag="tool_started"):
    """A function begins to run, with arguments that are valid, and after its approval."""

    call: ToolCall


class ToolEnded(msgspec.Struct, frozen=True, tag_field="type", tag="tool_ended"):
    """A tool call has its result, which may be an error: of the function, its arguments, its name or its approval."""

    outcome: ToolOutcome


class StepEnded(msgspec.Struct, frozen=True, tag_field="type", tag="step_ended"):
    """A step is complete: the whole answer, and the outcomes of its tool calls."""

    number: int
    step: RunStep


RunEvent = Event | StepStarted | ToolStarted | ToolEnded | StepEnded
"""All events of a tool loop: those of every answer as it arrives, and between them those of steps and tools."""


def unanswered_calls(messages: tuple[Message, ...]) -> tuple[ToolCall, ...]:
    """Return the tool calls at the end of a conversation that have no result yet."""
    answered: set[str] = set()
    for message in reversed(messages):
        calls = tuple(part for part in message.parts if isinstance(part, ToolCall))
        if calls:
            return tuple(call for call in calls if call.id not in answered)
        results = set(_result_ids(message))
        if not results:
            return ()  # whatever was said after the calls has left them behind
        answered |= results
    return ()


def _result_ids(message: Message) -> Iterator[str]:
    for part in message.parts:
        if isinstance(part, ToolResult):
            yield part.call_id
