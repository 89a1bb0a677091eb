"""What an emulated model sees of a request: the user's last text and earlier ones, media, tool results, tokens."""

from __future__ import annotations

import msgspec

from understudy.domain.content import AnyPart, Audio, File, Image, Media, Text, Thinking, ToolCall, ToolResult
from understudy.domain.messages import AnyTool, Message, OpaqueTool, Role
from understudy.domain.requests import GenerationRequest
from understudy.emulator.tokens import count

_MESSAGE_OVERHEAD = 4
_MEDIA_TOKENS = 85


class Prompt(msgspec.Struct, frozen=True, kw_only=True):
    """The gist of a conversation."""

    text: str
    """The user's last text."""
    before: tuple[str, ...] = ()
    """The user's earlier texts."""
    media: tuple[Media, ...] = ()
    """Images, audio and files since the assistant's last message."""
    results: tuple[tuple[str, ToolResult], ...] = ()
    """Tool results since the assistant's last message, with the name of the tool."""


def gist(request: GenerationRequest) -> Prompt:
    """Return what the next answer of a conversation depends on."""
    messages = request.messages
    last = max((at for at, message in enumerate(messages) if message.role is Role.ASSISTANT), default=-1)
    texts = [(at, message.text) for at, message in enumerate(messages) if message.role is Role.USER and message.text]
    names = {part.id: part.name for message in messages for part in message.parts if isinstance(part, ToolCall)}
    new = [part for message in messages[last + 1 :] for part in message.parts]
    results = [part for part in new if isinstance(part, ToolResult)]
    return Prompt(
        text=texts[-1][1] if texts else "",
        before=tuple(text for _, text in texts[:-1]),
        media=tuple(part for part in new if isinstance(part, Media)),
        results=tuple((result.name or names.get(result.call_id, "the tool"), result) for result in results),
    )


def result_text(result: ToolResult) -> str:
    """Return the text of a tool result."""
    if isinstance(result.content, str):
        return result.content
    return "".join(part.text for part in result.content if isinstance(part, Text))


def describe(media: tuple[Media, ...]) -> str:
    """Return a sentence on the media of a prompt, such as `I see 2 images (image/png, image/jpeg).`"""
    sentences: list[str] = []
    for kind, verb, noun in ((Image, "see", "image"), (Audio, "hear", "recording"), (File, "read", "file")):
        found = [part for part in media if isinstance(part, kind)]
        if found:
            kinds = ", ".join(dict.fromkeys(_kind(part) for part in found))
            sentences.append(f"I {verb} {len(found)} {noun}{'s' if len(found) > 1 else ''} ({kinds}).")
    return " ".join(sentences)


def _kind(part: Media) -> str:
    if part.media_type:
        return part.media_type
    if isinstance(part, Audio) and part.format:
        return part.format
    return "by URL" if part.url else "by id" if part.file_id else "unknown type"


def prompt_tokens(request: GenerationRequest) -> int:
    """Return the tokens of a whole prompt: messages, tools and schema."""
    schema = request.output.json_schema if request.output else None
    return (
        sum(map(message_tokens, request.messages))
        + sum(map(_tool_tokens, request.tools))
        + (count(msgspec.json.encode(schema).decode()) if schema else 0)
    )


def message_tokens(message: Message) -> int:
    """Return the tokens of one message."""
    return _MESSAGE_OVERHEAD + sum(_part_tokens(part) for part in message.parts)


def _tool_tokens(tool: AnyTool) -> int:
    if isinstance(tool, OpaqueTool):
        return count(msgspec.json.encode(tool.json).decode())
    schema = msgspec.json.encode(tool.parameters or {}).decode()
    return _MESSAGE_OVERHEAD + count(f"{tool.name} {tool.description or ''} {schema}")


def _part_tokens(part: AnyPart) -> int:
    match part:
        case Text(text=text) | Thinking(text=text):
            return count(text)
        case ToolCall():
            return count(f"{part.name} {part.arguments}")
        case ToolResult():
            return count(result_text(part))
        case Image() | Audio() | File():
            return _MEDIA_TOKENS
        case _:
            return _MESSAGE_OVERHEAD
