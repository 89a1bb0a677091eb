"""From what a caller passes as the prompt to messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import msgspec

from understudy.domain.census import CheckedMessages
from understudy.domain.content import AnyPart, Audio, File, Image, Media, Part, ToolResult
from understudy.domain.messages import Message, Role
from understudy.domain.misuse import Misuse
from understudy.domain.rules import not_json
from understudy.domain.suggestions import kind_of


def read_messages(prompt: object) -> CheckedMessages:
    """Return a prompt as messages whose media can be sent. Raise `Misuse`, as `_read` does."""
    if type(prompt) is CheckedMessages:
        return prompt
    messages = _read(prompt)
    if not messages.census.has_media:
        return messages
    return CheckedMessages(map(_with_media, range(len(messages)), messages))


def _has_media(parts: tuple[AnyPart, ...]) -> bool:
    """Check whether there are media among parts or in results. Types are compared because that is the cheapest way."""
    for part in parts:
        if type(part) in _MEDIA or (
            type(part) is ToolResult and not isinstance(part.content, str) and _has_media(part.content)
        ):
            return True
    return False


_MEDIA = frozenset({Image, Audio, File})
_MESSAGES = frozenset({Message})


def _with_media(number: int, message: Message) -> Message:
    """Return a message with canonical media. Raise `Misuse`, which names the part, for any that cannot be sent."""
    if isinstance(message.content, str) or not _has_media(message.content):
        return message
    content = _checked_parts(message.content, f"messages[{number}]")
    return message if content == message.content else msgspec.structs.replace(message, content=content)


def _checked_parts(parts: tuple[AnyPart, ...], where: str) -> tuple[AnyPart, ...]:
    return tuple(_checked_part(part, f"{where}.content[{number}]") for number, part in enumerate(parts))


def _checked_part(part: AnyPart, where: str) -> AnyPart:
    if isinstance(part, Media):
        return part.checked(where)
    if isinstance(part, ToolResult) and not isinstance(part.content, str) and _has_media(part.content):
        return msgspec.structs.replace(part, content=_checked_parts(part.content, where))
    return part


def _read(prompt: object) -> CheckedMessages:
    """Return a prompt as messages, which were checked when they were made. Raise `Misuse` for anything else.

    A prompt is a string, a message, a mapping in OpenAI's form, a list of these two, or a list of strings and parts,
    which is one message of the user.
    """
    if isinstance(prompt, str):
        if not prompt:
            raise Misuse("the prompt is empty")
        return CheckedMessages((Message(Role.USER, str(prompt)),))
    if isinstance(prompt, (Message, Mapping)):
        prompt = (prompt,)
    elif isinstance(prompt, Part):
        return CheckedMessages((Message.user(prompt),))  # type: ignore[arg-type]  # AnyPart is the closed form of Part
    if not isinstance(prompt, Sequence) or not prompt or isinstance(prompt, (bytes, bytearray, memoryview)):
        what = "" if isinstance(prompt, (list, tuple)) else f", not {kind_of(prompt)}"
        raise Misuse(f"the prompt must be a string, a non-empty list of messages, or a GenerationRequest{what}")
    if _MESSAGES.issuperset(map(type, prompt)):
        return CheckedMessages(prompt)
    if any(isinstance(each, Part) for each in prompt):
        return CheckedMessages((Message(Role.USER, tuple(prompt)),))
    return CheckedMessages(_mixed(prompt))


def _mixed(prompt: Sequence[Message | Mapping[str, Any]]) -> tuple[Message, ...]:
    """Read messages, some of which are mappings in OpenAI's format."""
    from understudy.dialects.openai.parse_messages import read_messages

    messages: list[Message] = []
    for ours, group in groupby(enumerate(prompt), lambda item: isinstance(item[1], Message)):
        items = list(group)
        wrong = next(((at, item) for at, item in items if not isinstance(item, (Message, Mapping))), None)
        if wrong is not None:
            kind = kind_of(wrong[1])
            raise Misuse(f"message {wrong[0]} is {kind}: pass a Message or a mapping in OpenAI's format")
        for at, item in () if ours else items:
            if found := not_json(item):
                raise Misuse(f"messages[{at}] contains {found}, which JSON cannot express")
        # Neighbouring mappings are read together: results of old function calls belong to the call before them.
        each = [item for _, item in items]
        messages.extend(each if ours else read_messages(each, first=items[0][0]))  # type: ignore[arg-type]
    return tuple(messages)
