"""The look at a conversation leaves out only steps that would change nothing, and what it costs grows with its length.

A step that is run in vain is the oracle of the look that would have left it out.
"""

from __future__ import annotations

import sys
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings

from tests.sending.conversations import PNG, conversations
from understudy import providers
from understudy.dialects import history, load
from understudy.dialects.base import Dialect, Endpoint, WarningLog
from understudy.dialects.histories import tool_loops
from understudy.dialects.histories.survey import Survey
from understudy.dialects.histories.tool_loops import paired
from understudy.dialects.history import localize
from understudy.domain.content import CacheMark, Image, Provenance, Text, Thinking, ToolCall, ToolResult
from understudy.domain.messages import Message
from understudy.domain.operation import Operation
from understudy.domain.requests import GenerationRequest
from understudy.providers.base import endpoint_of

TARGETS = {
    "openai": ("openai", "gpt-4o"),
    "responses": ("openai", "gpt-6.1-sol"),
    "anthropic": ("anthropic", "claude-sonnet-4-5"),
    "gemini": ("google", "gemini-3.8-flash"),
    "cohere": ("cohere", "command-a-plus-05-2026"),
    "ollama": ("ollama", "qwen3"),
}
"""A provider and a model of each dialect that takes conversations."""


def target(name: str) -> tuple[Dialect, Endpoint]:
    provider, model = TARGETS[name]
    return load(name), endpoint_of(providers.row(provider), model)


class Everything(Survey):
    """A look that finds work for every step."""

    __slots__ = ()

    def __init__(self, messages: tuple[Message, ...], dialect: Dialect, endpoint: Endpoint) -> None:
        super().__init__(messages, dialect, endpoint)
        self.calls = self.foreign = self.void = self.marks = self.parts_in_results = True
        self.odd = dialect.history.object_arguments


HI = Message.user("Hi")
CALL = Message.assistant(ToolCall(id="call_1", name="weather"))
MARKED = Text("Hi", cache=CacheMark())


def _answered(*content: Text | Image) -> Message:
    return Message.tool(ToolResult(call_id="call_1", content=content))


@example(messages=(HI, CALL, _answered(Image(data=PNG, media_type="image/png"))))
@example(messages=(HI, CALL, _answered(Text(" "))))
@example(messages=(HI, CALL, Message.tool(ToolResult(call_id="call_1", content=" "))))
@example(messages=(HI, CALL, _answered(*[MARKED] * 5)))
@example(messages=(Message.user(*[MARKED] * 5),))
@example(messages=(HI, Message.assistant(()), HI))
@settings(max_examples=80, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow])
@given(messages=conversations())
def test_only_steps_that_change_nothing_are_left_out(messages: tuple[Message, ...]) -> None:
    request = GenerationRequest(messages=messages)
    for name in TARGETS:
        dialect, endpoint = target(name)
        found = localize(request, dialect, endpoint)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(history, "Survey", Everything)
            wanted = localize(request, dialect, endpoint)
        assert found.request == wanted.request, name
        assert found.warnings == wanted.warnings, name
        assert found.names == wanted.names, name


@settings(max_examples=99, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow])
@given(messages=conversations())
def test_a_tool_loop_that_passes_as_it_is_would_be_written_as_it_is(messages: tuple[Message, ...]) -> None:
    for unique_ids in (False, True):
        notes, wanted_notes = WarningLog(), WarningLog()
        found = paired(messages, notes, unique_ids=unique_ids)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(tool_loops, "_is_paired", lambda *_: False)
            wanted = paired(messages, wanted_notes, unique_ids=unique_ids)
        # Writing also puts the results of a turn into one message of the role `tool`.
        assert [part for message in found for part in message.parts] == [part for each in wanted for part in each.parts]
        assert notes.warnings == wanted_notes.warnings


def _loop(count: int) -> tuple[Message, ...]:
    """A tool loop in which every message needs something: ids, names, arguments, thinking, empty results."""
    origin = Provenance("anthropic", "a-model", "private", "https://llm.example.com")
    messages = [Message.user("What is the weather?")]
    for number in range(count // 2):
        call_id = f"functions.weather:{number:040}"
        call = ToolCall(id=call_id, name="get weather", arguments='["Paris"]', provenance=origin)
        messages.append(Message.assistant((Thinking("Paris.", signature="c2ln", provenance=origin), call)))
        messages.append(Message.tool(ToolResult(call_id=call_id, content=" ")))
    return tuple(messages)


def _calls(name: str, count: int) -> int:
    """Return how many functions are called to send a conversation, C functions among them."""
    dialect, endpoint = target(name)
    request = GenerationRequest(messages=_loop(count))
    calls = 0

    def see(frame: Any, event: str, argument: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(see)
    try:
        localized = localize(request, dialect, endpoint)
        dialect.open(Operation.CHAT, localized.request, endpoint).start()
    finally:
        sys.setprofile(before)
    return calls


@pytest.mark.parametrize("name", TARGETS)
def test_what_a_history_costs_grows_with_its_messages_and_no_faster(name: str) -> None:
    _calls(name, 10)  # loads and compiles what the first call needs
    hundred, two, four = _calls(name, 100), _calls(name, 200), _calls(name, 400)
    assert four - two <= 2.05 * (two - hundred)
