"""Usual messages and plain tools are written in a short way, all others in the general way. Here the general way writes
them, too, and judges the short one."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.dialects.openai.talking import ENDPOINT
from tests.sending.conversations import conversations
from understudy.dialects.base import WarningLog
from understudy.dialects.openai import encode, encode_messages, encode_tools
from understudy.dialects.openai.encode import encode_chat
from understudy.dialects.openai.encode_usual import encode_usual
from understudy.dialects.quirks import Quirks
from understudy.domain.content import CacheMark, Image, Text, ToolCall, ToolResult
from understudy.domain.messages import AnyTool, CheckedTools, Message, OpaqueTool, Role, Tool, ToolChoice
from understudy.domain.requests import GenerationRequest
from understudy.engine.structured import check_tools

QUIRKS = (
    Quirks(),
    Quirks(system_role="user", message_names=False, joined_texts=True),
    Quirks(system_role="developer", reasoning_field="reasoning", strict_tools=False),
    Quirks(refused=frozenset({"thinking", "cache", "refusal", "allowed_tools"}), inputs=frozenset()),
)
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
WEATHER = Tool(name="weather", description="The weather of a city.", parameters=SCHEMA)
TOOLS: tuple[Tool | OpaqueTool, ...] = (
    WEATHER,
    Tool(name="now"),
    Tool(name="any", parameters={"anyOf": [SCHEMA, {"type": "object", "properties": {}}]}),
    Tool(name="strict", parameters=SCHEMA, strict=True),
    Tool(name="loose", parameters=SCHEMA, strict=False),
    Tool(name="marked", cache=CacheMark()),
    Tool(name="odd", extra={"openai": {"function": {"name": "other"}}, "cohere": {"x": 1}}),
    OpaqueTool("openai", {"type": "custom", "custom": {"name": "sql"}}),
    OpaqueTool("anthropic", {"type": "computer"}),
)
EXTRAS: tuple[dict[str, Any] | None, ...] = (
    None,
    {"openai": {"messages": [{"role": "system", "content": "Given."}, {"role": "user", "content": "Hi", "name": "a"}]}},
    {"openai": {"tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": []}}}},
)
CHOICES = (None, ToolChoice("auto", ("weather",)), ToolChoice("none"))
REQUESTS = st.builds(
    GenerationRequest,
    messages=conversations(),
    tools=st.lists(st.sampled_from(TOOLS), max_size=4, unique_by=id).map(tuple),
    tool_choice=st.sampled_from(CHOICES),
    extra=st.sampled_from(EXTRAS),
)


def _sent(request: GenerationRequest, quirks: Quirks) -> tuple[object, ...]:
    notes = WarningLog()
    try:
        body: object = encode_chat(request, replace(ENDPOINT, quirks=quirks), notes, stream=False)
    except UnicodeEncodeError as error:  # a lone surrogate
        body = str(error)
    return body, notes.warnings, notes.refusal


@settings(max_examples=99, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow])
@given(request=REQUESTS)
def test_both_ways_write_the_same(request: GenerationRequest) -> None:
    for quirks in QUIRKS:
        found = _sent(request, quirks)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(encode_messages, "encode_usual", lambda _: None)
            patch.setattr(encode, "encode_plain_tools", encode_tools.encode_tools)
            assert found == _sent(request, quirks)


CALL = ToolCall(id="c1", name="f", arguments="{}")
CALLREMEMBERED = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}


@pytest.mark.parametrize(
    ("message", "form"),
    [
        (Message.user("Hi"), {"role": "user", "content": "Hi"}),
        (Message.assistant(""), {"role": "assistant", "content": ""}),
        (Message.assistant(Text("Hi")), {"role": "assistant", "content": "Hi"}),
        (Message.assistant(CALL), {"role": "assistant", "tool_calls": [CALLREMEMBERED]}),
        (Message.assistant("Hi", CALL), {"role": "assistant", "content": "Hi", "tool_calls": [CALLREMEMBERED]}),
        (
            Message.tool(ToolResult(call_id="c1", content="18 °C")),
            {"role": "tool", "tool_call_id": "c1", "content": "18 °C"},
        ),
    ],
)
def test_usual_messages(message: Message, form: dict[str, Any]) -> None:
    assert list(msgspec.to_builtins(encode_usual(message)).items()) == list(form.items())  # in the same order


@pytest.mark.parametrize(
    "message",
    [
        Message.system("Be brief."),
        Message(Role.TOOL, "no result"),
        Message(Role.USER, "Hi", name="ann"),
        Message(Role.USER, "Hi", extra={"openai": {}}),
        Message.user(Text("Hi")),
        Message.assistant(()),
        Message.assistant("a", Text("b")),
        Message.assistant(CALL, Text("b")),
        Message.assistant(Text("a", cache=CacheMark())),
        Message.assistant(ToolCall(id="c" * 41, name="f")),
        Message.tool(ToolResult(call_id="", content="x")),
        Message.tool(ToolResult(call_id="c1", content="x", is_error=True)),
        Message.tool(ToolResult(call_id="c1", content=(Image(url="https://example.com/a.png"),))),
    ],
)
def test_other_messages_take_the_general_way(message: Message) -> None:
    assert encode_usual(message) is None


def _tools_sent(*tools: AnyTool) -> bytes:
    return encode_chat(
        GenerationRequest(messages=(Message.user("Hi"),), tools=tools), ENDPOINT, WarningLog(), stream=False
    )


def test_a_schema_that_was_changed_between_two_calls_is_sent_as_it_is() -> None:
    schema: dict[str, Any] = {"type": "object", "properties": {"a": {"type": "integer", "default": 1}}}
    tool = Tool(name="f", parameters=schema)
    first = _tools_sent(tool)
    assert _tools_sent(tool) == first
    schema["properties"]["a"]["default"] = True  # equal to 1
    assert b'"default":true' in _tools_sent(tool)


def test_checked_tools_are_sent_as_they_were_when_they_were_checked() -> None:
    schema: dict[str, Any] = {"type": "object", "properties": {"b": {"type": "integer", "default": 2}}}
    checked = check_tools((Tool(name="f", parameters=schema), WEATHER))
    plain = tuple(copy.deepcopy(checked))
    assert (type(checked), type(plain)) == (CheckedTools, tuple)
    first = _tools_sent(*plain)
    schema["properties"]["b"]["default"] = 3
    request = GenerationRequest(messages=(Message.user("Hi"),), tools=checked)
    assert encode_chat(request, ENDPOINT, WarningLog(), stream=False) == first
    again = replace(request, tools=check_tools(checked))
    assert b'"default":3' in encode_chat(again, ENDPOINT, WarningLog(), stream=False)


def test_tools_that_were_changed_before_they_were_first_sent_are_not_remembered_as_they_were() -> None:
    schema: dict[str, Any] = {"type": "object", "properties": {"c": {"type": "integer", "default": 4}}}
    tool = Tool(name="f", parameters=schema)
    checked = check_tools((tool,))
    schema["properties"]["c"]["default"] = 5
    request = GenerationRequest(messages=(Message.user("Hi"),), tools=checked)
    assert b'"default":5' in encode_chat(request, ENDPOINT, WarningLog(), stream=False)
    schema["properties"]["c"]["default"] = 4
    assert b'"default":4' in encode_chat(request, ENDPOINT, WarningLog(), stream=False)
    assert b'"default":4' in _tools_sent(tool)


def test_checked_tools_may_be_copied() -> None:
    checked = check_tools((WEATHER,))
    for made in (copy.copy(checked), copy.deepcopy(checked), pickle.loads(pickle.dumps(checked))):
        assert made == checked == (WEATHER,)
        assert isinstance(made, CheckedTools)
        assert isinstance(checked, CheckedTools)
        assert made.written == checked.written


def test_what_is_remembered_of_tools_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        encode_tools, "REMEMBERED", sent := type(encode_tools.REMEMBERED)(encode_tools.REMEMBERED.limit)
    )
    bodies = [_tools_sent(Tool(name=f"f{number}")) for number in range(40)]
    assert len(sent) == sent.limit
    _tools_sent(long := Tool(name="long", description="x" * 200_000))
    assert len(sent) == sent.limit
    assert all(b"x" * 200_000 not in bytes(each) for each in sent.values())
    assert bodies == [_tools_sent(Tool(name=f"f{number}")) for number in range(40)]
    assert b"x" * 200_000 in _tools_sent(long)
