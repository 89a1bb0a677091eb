"""What the messages of a request hold, taken once for all who ask: the door, the choice of targets, and each target.

A conversation of an agent has hundreds of messages, and nearly all of their parts are of few kinds. Whoever knows the
kinds that occur need not look at each part.
"""

from __future__ import annotations

from itertools import chain

from understudy.domain.content import AnyPart, Audio, File, Image, ToolResult
from understudy.domain.messages import Message

_MEDIA = frozenset({Image, Audio, File})


class Census:
    """The texts, the parts and the kinds of parts of a conversation."""

    __slots__ = ("contents", "has_media", "kinds", "parts", "texts")

    def __init__(self, messages: tuple[Message, ...]) -> None:
        self.texts: list[str] = []
        """The contents of messages that are one string each."""
        self.contents: list[tuple[AnyPart, ...]] = []
        """The contents of all other messages."""
        for message in messages:
            content = message.content
            if isinstance(content, str):
                self.texts.append(content)
            else:
                self.contents.append(content)
        self.has_media = False
        """Whether a part is an image, audio or a file, also within a result."""
        self.parts: list[AnyPart] = []
        """The parts of all messages; those within results are not among them."""
        self.kinds: set[type] = set()
        """The types of all parts, those within results included."""
        if self.contents:
            self._count_parts()

    def _count_parts(self) -> None:
        self.parts += chain.from_iterable(self.contents)
        self.kinds.update(map(type, self.parts))
        if ToolResult in self.kinds:
            inner = [part.content for part in self.parts if type(part) is ToolResult and type(part.content) is tuple]
            self.kinds.update(map(type, chain.from_iterable(inner)))
        self.has_media = not _MEDIA.isdisjoint(self.kinds)


class CheckedMessages(tuple[Message, ...]):
    """The messages of a request that has passed the door, where it is not checked again.

    The mark stays with a request while layers and managers replace its other fields; it equals any other tuple.
    """

    _census: Census | None = None

    @property
    def census(self) -> Census:
        """What they hold."""
        if self._census is None:
            self._census = Census(self)
        return self._census


def census_of(messages: tuple[Message, ...]) -> Census:
    """Return what messages hold: as it was taken before, if they are those that passed the door."""
    return messages.census if type(messages) is CheckedMessages else Census(messages)
