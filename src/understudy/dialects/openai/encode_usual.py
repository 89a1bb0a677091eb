"""Messages as most of them are, in OpenAI's form: words of the user or the model, calls of tools, and one result.

A long conversation has hundreds of them, and nothing in them depends on the target, so that no warning and no quirk can
concern them. Any other message takes the general way (`encode_messages`), with the same result.
"""

from __future__ import annotations

from understudy.domain.content import AnyPart, JsonObject, Text, ToolCall, ToolResult
from understudy.domain.messages import Message, Role

MAX_CALL_ID = 40
"""Characters of a tool call's id; OpenAI refuses longer ones, which other providers do make."""


def encode_usual(message: Message) -> JsonObject | None:
    """Return a message as it is sent; `None` if it is not one of the usual ones."""
    if message.extra is not None or message.name is not None:
        return None
    content = message.content
    if type(content) is not str:
        if len(content) == 1 and type(result := content[0]) is ToolResult:
            return _result(result)
        return _answer(content) if message.role is Role.ASSISTANT else None  # type: ignore[arg-type]  # no string
    if message.role is Role.USER:
        return {"role": "user", "content": content}
    return {"role": "assistant", "content": content} if message.role is Role.ASSISTANT else None


def _result(result: ToolResult) -> JsonObject | None:
    """Return the result of a tool that did not fail, if it is a string."""
    if result.extra is not None or result.cache is not None or result.is_error or type(result.content) is not str:
        return None
    if not 0 < len(result.call_id) <= MAX_CALL_ID:
        return None
    return {"role": "tool", "tool_call_id": result.call_id, "content": result.content}


def _answer(parts: tuple[AnyPart, ...]) -> JsonObject | None:
    """Return an answer that consists of calls, of one text part, or of one with calls behind it."""
    message: JsonObject = {"role": "assistant"}
    calls = []
    for part in parts:
        if part.extra is not None or part.cache is not None:
            return None
        if type(part) is ToolCall and 0 < len(part.id) <= MAX_CALL_ID:
            function = {"name": part.name, "arguments": part.arguments}
            calls.append({"id": part.id, "type": "function", "function": function})
        elif type(part) is Text and not part.citations and len(message) == 1 and not calls:
            message["content"] = part.text
        else:
            return None
    if calls:
        message["tool_calls"] = calls
    return message if len(message) > 1 else None
