"""Finds calls without results and results without calls in the messages of chat completions."""

from __future__ import annotations

from enum import Enum, auto
from typing import Any

import msgspec

from understudy.emulator.cast.base import CheckedRequest
from understudy.emulator.examiners.shapes import messages, objects


class Unpaired(Enum):
    """Which half is missing."""

    CALL = auto()
    RESULT = auto()


class Lone(msgspec.Struct, frozen=True):
    """A call without its result, or a result without its call."""

    lacks: Unpaired
    at: int
    """The position of its message."""
    call_ids: tuple[str, ...]


def unpaired(request: CheckedRequest) -> Lone | None:
    """Return the first call whose result does not follow it directly, or the first result without a call before it."""
    waiting: list[Any] = []
    called_at = 0
    for at, message in messages(request):
        if message.get("role") == "tool":
            if message.get("tool_call_id") not in waiting:
                return Lone(Unpaired.CALL, at, (str(message.get("tool_call_id")),))
            waiting.remove(message["tool_call_id"])
            continue
        if waiting:
            break
        waiting = [call.get("id") for _, call in objects(message.get("tool_calls"))]
        called_at = at
    return Lone(Unpaired.RESULT, called_at, tuple(map(str, waiting))) if waiting else None
