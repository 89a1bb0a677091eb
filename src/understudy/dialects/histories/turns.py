"""Who speaks when: neighbouring answers, and a conversation that the assistant begins."""

from __future__ import annotations

from msgspec.structs import replace

from understudy.dialects.base import WarningLog
from understudy.dialects.histories.texts import PLACEHOLDER
from understudy.domain.content import JsonObject
from understudy.domain.messages import Message, Role

CONTINUE = "(Continue.)"
BEGINNING = "(The conversation begins with an answer.)"


def with_merged_answers(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """Return the messages with neighbouring ones of the assistant as one."""
    written: list[Message] = []
    for message in messages:
        if written and message.role is Role.ASSISTANT and written[-1].role is Role.ASSISTANT:
            last = written[-1]
            extra = _united(last.extra, message.extra)
            written[-1] = replace(last, content=last.parts + message.parts, extra=extra)
        else:
            written.append(message)
    return tuple(written)


def _united(one: dict[str, JsonObject] | None, other: dict[str, JsonObject] | None) -> dict[str, JsonObject] | None:
    if not one or not other:
        return one or other
    return {name: one.get(name, {}) | other.get(name, {}) for name in one | other}


def with_user_first(messages: tuple[Message, ...], prefill: bool, notes: WarningLog) -> tuple[Message, ...]:
    """Return the messages with one of the user before an answer that begins the conversation.

    An answer alone is continued by the model if it accepts a prefill; otherwise the user asks for that.
    """
    first = next((at for at, message in enumerate(messages) if message.role not in _SYSTEM), len(messages))
    if first == len(messages) or messages[first].role is not Role.ASSISTANT:
        return messages
    notes.emulate("messages", "this API requires a message of the user first; one that says so was added")
    messages = (*messages[:first], Message.user(BEGINNING), *messages[first:])
    is_alone = not any(message.role in (Role.USER, Role.TOOL) for message in messages[first + 1 :])
    return (*messages, Message.user(CONTINUE)) if is_alone and not prefill else messages


def with_a_message(notes: WarningLog) -> tuple[Message, ...]:
    """Return one message that holds nothing, for a conversation of which nothing is left."""
    notes.emulate("messages", f"nothing is left of them, which every API refuses; `{PLACEHOLDER}` is sent")
    return (Message.user(PLACEHOLDER),)


_SYSTEM = (Role.SYSTEM, Role.DEVELOPER)
