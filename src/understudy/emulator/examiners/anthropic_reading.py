"""What the rules of the Messages API read from a request whose fields are known to be of the right types."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from understudy.domain.content import JsonObject
from understudy.emulator.cast.base import CheckedRequest, Words

SAMPLING_REMOVED = "2026-10-21"
"""The API version that removed `temperature`, `top_p` and `top_k`."""

_NAME = re.compile(
    r"claude-(?P<line>opus|sonnet|haiku|fable|mythos)-(?:(?P<major>\d)(?:-(?P<minor>\d{1,2}))?|preview)\b"
)


class Family(msgspec.Struct, frozen=True, order=True):
    """The generation of a model, and its line within it."""

    version: tuple[int, int]
    line: str


class Block(msgspec.Struct, frozen=True):
    """A content block and where it stands."""

    path: str
    body: JsonObject

    @property
    def type(self) -> str:
        """The block's type."""
        return str(self.body["type"])


class Turn(msgspec.Struct, frozen=True):
    """Consecutive messages of one role, which the service combines."""

    role: str
    at: int
    """The index of the last message in it."""
    blocks: tuple[Block, ...]


def invalid(path: str, complaint: str) -> Words:
    """Return a complaint about a field; without a path for one about the request."""
    return Words(400, f"{path}: {complaint}" if path else complaint, "invalid_request_error")


def family(request: CheckedRequest) -> Family | None:
    """Return the family of the requested model from 4.0 on; `None` for an older one or another vendor's."""
    found = _NAME.match(request.model_name or "")
    if found is None:
        return None
    return Family((int(found["major"] or 5), int(found["minor"] or 0)), found["line"])


def version(request: CheckedRequest) -> str:
    """Return the API version that a request asks for."""
    return request.headers.get("anthropic-version", "")


def content_blocks(content: Any, path: str) -> tuple[Block, ...]:
    """Return the blocks of a content; a string is one text block."""
    if isinstance(content, str):
        return (Block(path, {"type": "text", "text": content}),) if content else ()
    return tuple(Block(f"{path}.{at}", block) for at, block in enumerate(content or ()))


def turns(request: CheckedRequest) -> list[Turn]:
    """Return the messages as the service combines them."""
    found: list[Turn] = []
    for at, message in enumerate(request.body["messages"]):
        role, blocks = message["role"], content_blocks(message["content"], f"messages.{at}.content")
        if found and found[-1].role == role:
            found[-1] = Turn(role, at, (*found[-1].blocks, *blocks))
        else:
            found.append(Turn(role, at, blocks))
    return found


def last_turn(request: CheckedRequest) -> Turn | None:
    """Return the last turn; `None` without a message."""
    found = turns(request)
    return found[-1] if found else None


def message_blocks(request: CheckedRequest) -> Iterator[tuple[str, Block]]:
    """Yield the blocks of all messages with their roles, and after a tool result the blocks in it."""
    for at, message in enumerate(request.body["messages"]):
        for block in content_blocks(message["content"], f"messages.{at}.content"):
            yield message["role"], block
            if block.type == "tool_result":
                inner = content_blocks(block.body.get("content"), f"{block.path}.tool_result.content")
                yield from ((message["role"], one) for one in inner)


def system_blocks(request: CheckedRequest) -> tuple[Block, ...]:
    """Return the blocks of the system prompt."""
    return content_blocks(request.body.get("system"), "system")


def custom_tools(request: CheckedRequest) -> Iterator[tuple[str, JsonObject]]:
    """Yield the caller's own tools with their paths."""
    for at, tool in enumerate(request.body.get("tools", ())):
        if tool.get("type") in (None, "custom"):
            yield f"tools.{at}.custom", tool
