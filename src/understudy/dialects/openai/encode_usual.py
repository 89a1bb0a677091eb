"""Messages as most of them are, in OpenAI's form: words of the user or the model, calls of tools, and one result.

A long conversation has hundreds of them, and nothing in them depends on the target, so that no warning and no quirk can
concern them. Any other message takes the general way (`encode_messages`), with the same result.

They are structs, which are made and encoded in half the time of dictionaries. A struct that refers to no cycle is not
tracked by the garbage collector.
"""

from __future__ import annotations

import msgspec

from understudy.domain.content import AnyPart, Text, ToolCall, ToolResult
from understudy.domain.messages import Message, Role

MAX_CALL_ID = 40
"""Characters of a tool call's id; OpenAI refuses longer ones, which other providers do make."""

_USER, _ASSISTANT = Role.USER, Role.ASSISTANT  # a member is looked up slowly in its enumeration


class Words(msgspec.Struct, gc=False):
    """A message that is one string."""

    role: str
    content: str


class Function(msgspec.Struct, gc=False):
    """The function that is called."""

    name: str
    arguments: str


class Call(msgspec.Struct, gc=False):
    """A call of a tool; its `type` is `function`."""

    id: str
    type: str
    function: Function


class Calls(msgspec.Struct, gc=False):
    """An answer that consists of calls."""

    role: str
    tool_calls: list[Call]


class WordsAndCalls(msgspec.Struct, gc=False):
    """An answer with calls behind its words."""

    role: str
    content: str
    tool_calls: list[Call]


class Result(msgspec.Struct, gc=False):
    """The result of a call."""

    role: str
    tool_call_id: str
    content: str


Usual = Words | Calls | WordsAndCalls | Result
"""A message as it is sent. `role` is the first field of each, as in the general way."""


def encode_usual(message: Message) -> Usual | None:
    """Return a message as it is sent; `None` if it is not one of the usual ones."""
    if message.extra is not None or message.name is not None:
        return None
    content, role = message.content, message.role
    if type(content) is str:
        if role is _USER:
            return Words("user", content)
        return Words("assistant", content) if role is _ASSISTANT else None
    part = content[0] if len(content) == 1 else None
    if type(part) is ToolResult:
        return _result(part)
    if type(part) is ToolCall and role is _ASSISTANT:  # nearly all answers of an agent
        return Calls("assistant", [call]) if (call := _call(part)) is not None else None
    return _answer(content) if role is _ASSISTANT else None  # type: ignore[arg-type]  # no string


def _result(result: ToolResult) -> Result | None:
    """Return the result of a tool that did not fail, if it is a string."""
    content, call_id = result.content, result.call_id
    if result.extra is not None or result.cache is not None or result.is_error or type(content) is not str:
        return None
    return Result("tool", call_id, content) if 0 < len(call_id) <= MAX_CALL_ID else None


def _call(call: ToolCall) -> Call | None:
    """Return a call of a tool, if nothing is special about it."""
    if call.extra is not None or call.cache is not None or not 0 < len(call.id) <= MAX_CALL_ID:
        return None
    return Call(call.id, "function", Function(call.name, call.arguments))


def _answer(parts: tuple[AnyPart, ...]) -> Usual | None:
    """Return an answer that consists of calls, of one text part, or of one with calls behind it."""
    content: str | None = None
    calls: list[Call] = []
    for part in parts:
        if type(part) is ToolCall and (call := _call(part)) is not None:
            calls.append(call)
        elif type(part) is Text and part.extra is None and part.cache is None and not part.citations:
            if content is not None or calls:
                return None
            content = part.text
        else:
            return None
    if content is None:
        return Calls("assistant", calls) if calls else None
    return WordsAndCalls("assistant", content, calls) if calls else Words("assistant", content)
