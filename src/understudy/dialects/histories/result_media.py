"""Media in tool results, where the wire format accepts only text there: sent in a user message after the results."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from understudy.dialects.base import WarningLog, word_of
from understudy.dialects.histories.sharing import shared
from understudy.domain.content import AnyPart, Audio, File, Image, Text, ToolCall, ToolResult
from understudy.domain.messages import Message, Role

ATTACHED = "(See the attachment in the user message that follows.)"


def with_media_moved(messages: tuple[Message, ...], moves: frozenset[str], notes: WarningLog) -> tuple[Message, ...]:
    """Return the messages with the media of these kinds in user messages of their own, each after all results of its
    turn. A text states which call each belongs to."""
    return shared(messages, tuple(_written(messages, moves, notes)))


def _written(messages: tuple[Message, ...], moves: frozenset[str], notes: WarningLog) -> Iterator[Message]:
    mover = _Mover(moves, notes)
    for message in messages:
        if not any(isinstance(part, ToolResult) for part in message.parts):
            yield from mover.moved()
        yield mover.left(message)
    yield from mover.moved()


class _Mover:
    """Takes media out of results, and gives them back as the user's."""

    def __init__(self, moves: frozenset[str], notes: WarningLog) -> None:
        self._moves = moves
        self._notes = notes
        self._names: dict[str, str] = {}
        self._moved: list[AnyPart] = []

    def moved(self) -> Iterator[Message]:
        """Yield the message with the media taken since the last one, if any."""
        if self._moved:
            yield Message(Role.USER, tuple(self._moved))
            self._moved = []

    def left(self, message: Message) -> Message:
        """Return a message without the media of its results."""
        if isinstance(message.content, str):
            return message
        self._names |= {part.id: part.name for part in message.content if isinstance(part, ToolCall)}
        if not any(isinstance(part, ToolResult) and self._has_media(part) for part in message.content):
            return message
        return replace(message, content=tuple(map(self._part, message.content)))

    def _has_media(self, result: ToolResult) -> bool:
        return not isinstance(result.content, str) and any(map(self._is_moved, result.content))

    def _is_moved(self, part: AnyPart) -> bool:
        if not isinstance(part, Image | Audio | File) or word_of(part) not in self._moves:
            return False
        return not isinstance(part, File) or part.inline().plain_text() is None

    def _part(self, part: AnyPart) -> AnyPart:
        if not isinstance(part, ToolResult) or isinstance(part.content, str) or not self._has_media(part):
            return part
        self._notes.emulate("tool result media", "tool messages carry only text: sent in a user message after them")
        name = part.name or self._names.get(part.call_id)
        of = f" ({name})" if name else ""
        self._moved.append(Text(f"Attachment of the result of the tool call {part.call_id}{of}:"))
        self._moved += filter(self._is_moved, part.content)
        rest = tuple(piece for piece in part.content if not self._is_moved(piece))
        return replace(part, content=(*rest, Text(ATTACHED)))
