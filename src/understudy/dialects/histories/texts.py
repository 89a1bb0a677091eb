"""Empty text, text of white space, and the end of an answer that the caller began."""

from __future__ import annotations

from msgspec.structs import replace

from understudy.dialects.base import WarningLog
from understudy.dialects.histories.rules import HistoryRules
from understudy.dialects.histories.sharing import shared
from understudy.domain.content import AnyPart, Refusal, Text, ToolResult
from understudy.domain.messages import Message, Role

PLACEHOLDER = "(empty message)"


def is_void(text: str, rules: HistoryRules) -> bool:
    """Check whether a text is refused because it holds nothing."""
    return not rules.empty_text and (not text if rules.blank_text else not text or text.isspace())


def without_void_text(
    messages: tuple[Message, ...], dialect: str, rules: HistoryRules, notes: WarningLog
) -> tuple[Message, ...]:
    """Return the messages without text that holds nothing. A user's message that holds nothing else stays, as a
    placeholder, so that turns keep their order; any other is left out."""
    written: list[Message] = []
    for message in messages:
        kept = _kept(message, dialect, rules)
        if kept.parts or (isinstance(kept.content, str) and message.role is Role.TOOL):
            written.append(kept)
        elif message.role is Role.USER:
            notes.emulate("messages", f"this API refuses a message without text; `{PLACEHOLDER}` is sent")
            written.append(replace(message, content=PLACEHOLDER))
    return shared(messages, tuple(written))


def _kept(message: Message, dialect: str, rules: HistoryRules) -> Message:
    content = message.content
    if isinstance(content, str):
        return replace(message, content="") if content and is_void(content, rules) else message
    if all(_says(part, dialect, rules) for part in content):
        return message
    return replace(message, content=_spoken(content, dialect, rules))


def _spoken(parts: tuple[AnyPart, ...], dialect: str, rules: HistoryRules) -> tuple[AnyPart, ...]:
    return tuple(
        part if _says(part, dialect, rules) else _emptied(part, dialect, rules)
        for part in parts
        if isinstance(part, ToolResult) or _says(part, dialect, rules)
    )


def _says(part: AnyPart, dialect: str, rules: HistoryRules) -> bool:
    """Check whether a part has no void text. One with fields of this wire, such as a signature, may be empty."""
    match part:
        case Text(text) | Refusal(text):
            return not is_void(text, rules) or dialect in (part.extra or {})
        case ToolResult(content=str(text)):
            return not text or not is_void(text, rules)
        case ToolResult(content=tuple(content)):
            return all(_says(piece, dialect, rules) for piece in content)
        case _:
            return True


def _emptied(part: AnyPart, dialect: str, rules: HistoryRules) -> AnyPart:
    if not isinstance(part, ToolResult):
        return part
    content = "" if isinstance(part.content, str) else _spoken(part.content, dialect, rules)
    return replace(part, content=content or "")
