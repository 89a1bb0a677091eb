"""The pieces of a streamed answer that Google's clients keep, put together again.

The chats of Google's SDK keep every chunk as a content of its own (google-genai 3.4.0, `chats.py`). Gemini takes that
as one turn; in other wire formats each piece would be a text of its own, with a gap before the next.
"""

from __future__ import annotations

from itertools import groupby

from msgspec.structs import replace

from understudy.domain.content import AnyPart, Text, Thinking
from understudy.domain.messages import Message, Role


def gathered(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """Return the messages with each answer as one message, whose texts are whole."""
    if not _is_torn(messages):
        return messages
    whole: list[Message] = []
    for role, group in groupby(messages, key=lambda message: message.role):
        if role is not Role.ASSISTANT:
            whole += group
            continue
        first, *others = group
        parts = (*first.parts, *(part for message in others for part in message.parts))
        whole.append(replace(first, content=tuple(_joined(parts))))
    return tuple(whole)


def _is_torn(messages: tuple[Message, ...]) -> bool:
    before: Role | None = None
    for message in messages:
        is_answer = message.role is Role.ASSISTANT
        if is_answer and (before is Role.ASSISTANT or len(_joined(message.parts)) < len(message.parts)):
            return True
        before = message.role
    return False


def _joined(parts: tuple[AnyPart, ...]) -> list[AnyPart]:
    """Return the parts with neighbouring texts, and neighbouring thoughts, as one. What is signed stays by itself."""
    whole: list[AnyPart] = []
    for part in parts:
        last = whole[-1] if whole else None
        match last, part:
            case _, Text("", citations=(), extra=None):
                pass  # such as that of the last chunk, which states the reason
            case Text(before, citations=(), extra=None), Text(text, citations=(), extra=None):
                whole[-1] = replace(last, text=before + text)
            case Thinking(before, signature=None, extra=None), Thinking(text, signature=None, extra=None):
                whole[-1] = replace(last, text=before + text)
            case _:
                whole.append(part)
    return whole
