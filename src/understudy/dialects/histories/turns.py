"""A conversation that the assistant begins, and one of which nothing is left."""

from __future__ import annotations

from understudy.dialects.base import WarningLog
from understudy.dialects.histories.texts import PLACEHOLDER
from understudy.domain.messages import Message, Role

CONTINUE = "(Continue.)"
BEGINNING = "(The conversation begins with an answer.)"


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
