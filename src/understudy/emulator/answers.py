"""What an emulated model answers to the requests of one task, written down in advance. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby

import msgspec

from understudy.domain.content import JsonObject, Opaque, Text, Thinking, ToolCall
from understudy.domain.messages import Message, OpaqueTool, Role
from understudy.domain.requests import GenerationRequest
from understudy.domain.suggestions import kind_of
from understudy.emulator import compaction
from understudy.emulator.faults import Fault
from understudy.emulator.script import Scripted, faults_in_turn

ScriptedPart = str | Text | Thinking | ToolCall
"""A string is a text. The id of a call is the provider's own, whatever is written here."""

ScriptedAnswer = ScriptedPart | Sequence[ScriptedPart]
"""One answer: a text, a call, or several of them."""

StepFaults = Mapping[int, Scripted]
"""The faults of steps, counted from 0: the first requests for a step take one each."""


class Answer(msgspec.Struct, frozen=True):
    """One answer, scripted or past."""

    parts: tuple[Text | Thinking | ToolCall, ...]

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """The calls of tools."""
        return tuple(part for part in self.parts if isinstance(part, ToolCall))

    @property
    def text(self) -> str:
        """The whole text, without white space around it."""
        return "".join(part.text for part in self.parts if isinstance(part, Text)).strip()


class Answers:
    """A script of answers.

    The step is read from the conversation: a request gets the answer after the last one that the conversation already
    contains. So a repeated request gets the same answer, and several providers can play one script in turns.

    The script applies to requests that offer all tools which it calls, and for which `when` is true. So the other
    requests of an agent, such as one for a title, take nothing from it; they are answered as without a script, and so
    are requests after the last answer.
    """

    def __init__(
        self,
        answers: Iterable[ScriptedAnswer],
        *,
        faults: StepFaults | None = None,
        when: Callable[[GenerationRequest], bool] | None = None,
        first: int = 0,
    ) -> None:
        """`first` is the step with which conversations begin.

        Raise `TypeError` for an answer that is not one, `ValueError` for the fault of a step that does not exist."""
        self._answers = tuple(map(_answer_of, answers))
        self._tools = frozenset(call.name for answer in self._answers for call in answer.calls)
        self._when = when
        self._first = first
        self._faults = {step: faults_in_turn(given) for step, given in (faults or {}).items()}
        if missing := [step for step in self._faults if not 0 <= step < len(self._answers)]:
            raise ValueError(f"faults: step {missing[0]} does not exist; the script has {len(self._answers)} answers")

    def __len__(self) -> int:
        """Return the number of answers."""
        return len(self._answers)

    def step(self, request: GenerationRequest) -> int | None:
        """Return the step that a request asks for; `None` if the script does not apply to it or is at its end."""
        if not self._applies(request):
            return None
        step = self._first
        for past in _given(request.messages):
            if step < len(self._answers) and _matches(self._answers[step], past):
                step += 1
        return step if step < len(self._answers) else None

    def answer(self, step: int) -> tuple[Text | Thinking | ToolCall, ...]:
        """Return the parts of an answer."""
        return self._answers[step].parts

    def fault(self, step: int) -> Fault | None:
        """Take the next fault of a step."""
        return next(self._faults.get(step, iter(())), None)

    def _applies(self, request: GenerationRequest) -> bool:
        refused = compaction.is_requested(request) or (
            request.tool_choice is not None and request.tool_choice.mode == "none"
        )
        if self._tools and (refused or not self._tools <= set(_offered(request))):
            return False
        return self._when is None or self._when(request)


class ScriptedStep(msgspec.Struct, frozen=True):
    """A step of a script."""

    script: Answers
    number: int


def _answer_of(given: ScriptedAnswer) -> Answer:
    parts = (given,) if isinstance(given, str | Text | Thinking | ToolCall) else tuple(given)
    if wrong := [part for part in parts if not isinstance(part, str | Text | Thinking | ToolCall)]:
        raise TypeError(f"an answer consists of strings, Text, Thinking and ToolCall parts, got {kind_of(wrong[0])}")
    return Answer(tuple(Text(part) if isinstance(part, str) else part for part in parts))


def _offered(request: GenerationRequest) -> Iterator[str]:
    """Yield the names of all tools, with those in groups, and those that Responses has in the conversation."""
    for tool in request.tools:
        yield from _names(tool.json) if isinstance(tool, OpaqueTool) else (tool.name,)
    for message in request.messages:
        for part in message.parts:
            if isinstance(part, Opaque) and part.json.get("type") == "additional_tools":
                yield from _names(part.json)


def _names(tool: JsonObject) -> Iterator[str]:
    yield str(tool.get("name", ""))
    nested = tool.get("tools")
    for each in nested if isinstance(nested, list) else ():
        if isinstance(each, dict):
            yield from _names(each)


def _given(messages: Sequence[Message]) -> Iterator[Answer]:
    """Yield the answers in a conversation. Some wires split one into several messages."""
    for is_answer, group in groupby(messages, key=lambda message: message.role is Role.ASSISTANT):
        if is_answer:
            parts = (part for message in group for part in message.parts)
            yield Answer(tuple(part for part in parts if isinstance(part, Text | ToolCall)))


def _matches(answer: Answer, past: Answer) -> bool:
    """Check whether a past answer is the scripted one.

    Clients add arguments that have defaults, and some keep a call beside it whose answer was interrupted.
    """
    if not answer.calls:
        return not past.calls and answer.text == past.text
    rest = iter(past.calls)
    return all(any(_is_same(call, other) for other in rest) for call in answer.calls)


def _is_same(call: ToolCall, past: ToolCall) -> bool:
    if call.name != past.name:
        return False
    if call.arguments == past.arguments:
        return True
    try:
        wanted, given = call.parsed_arguments(), past.parsed_arguments()
    except ValueError:
        return False
    return isinstance(wanted, dict) and isinstance(given, dict) and wanted == {key: given.get(key) for key in wanted}
