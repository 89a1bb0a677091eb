"""Cache marks beyond the number that a provider accepts."""

from __future__ import annotations

from msgspec.structs import replace

from understudy.dialects.base import WarningLog
from understudy.domain.content import AnyPart, ToolResult
from understudy.domain.messages import Message, OpaqueTool, Tool
from understudy.domain.requests import GenerationRequest


def with_last_marks(
    request: GenerationRequest, most: int, notes: WarningLog, *, in_messages: bool = True
) -> GenerationRequest:
    """Return the request with the last `most` cache marks. A prompt is cached up to a mark, so a later one caches
    more; tools come before messages. Where `in_messages` is false, there are marks only in tools."""
    most -= request.cache is not None
    most -= sum(isinstance(tool, OpaqueTool) and "cache_control" in tool.json for tool in request.tools)
    total = sum(isinstance(tool, Tool) and tool.cache is not None for tool in request.tools)
    if in_messages:
        total += sum(_marks(part) for message in request.messages for part in _parts(message))
    if total <= most:
        return request
    notes.drop("cache", "only the last cache marks are sent: this API accepts no more than four")
    stripper = _Stripper(total - max(most, 0))
    return replace(
        request,
        tools=tuple(
            replace(tool, cache=None) if isinstance(tool, Tool) and tool.cache and stripper.takes() else tool
            for tool in request.tools
        ),
        messages=tuple(map(stripper.message, request.messages)),
    )


def _parts(message: Message) -> tuple[AnyPart, ...]:
    return () if isinstance(message.content, str) else message.content


def _marks(part: AnyPart) -> int:
    inner = part.content if isinstance(part, ToolResult) and not isinstance(part.content, str) else ()
    return (part.cache is not None) + sum(map(_marks, inner))


class _Stripper:
    """Removes the first marks that it meets, up to a number."""

    def __init__(self, left: int) -> None:
        self._left = left

    def takes(self) -> bool:
        """Return whether the mark at hand is removed."""
        self._left -= 1
        return self._left >= 0

    def message(self, message: Message) -> Message:
        """Return a message without the marks that are removed."""
        if self._left <= 0 or not any(map(_marks, _parts(message))):
            return message
        return replace(message, content=tuple(map(self._part, _parts(message))))

    def _part(self, part: AnyPart) -> AnyPart:
        if isinstance(part, ToolResult) and not isinstance(part.content, str):
            part = replace(part, content=tuple(map(self._part, part.content)))
        return replace(part, cache=None) if part.cache is not None and self.takes() else part
