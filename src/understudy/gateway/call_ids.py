"""Ids of tool calls, as the vendor of the client's wire format accepts them.

The client sends them back, and its own vendor gets them as they are, because a body of the same wire format is not
written again. Anthropic refuses ids of other characters and repeated ones, OpenAI long ones.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from msgspec.structs import replace

from understudy.dialects.histories.call_ids import made_id
from understudy.domain import events as e
from understudy.domain.content import AnyPart, Provenance, ToolCall
from understudy.domain.messages import Message
from understudy.domain.responses import GenerationResponse

_ANY = re.compile(r".+", re.DOTALL)
_ACCEPTED: Mapping[str, re.Pattern[str]] = {
    "anthropic": re.compile(r"[a-zA-Z0-9_-]+"),
    "openai": re.compile(r".{1,40}", re.DOTALL),
    "responses": re.compile(r".{1,64}", re.DOTALL),
}


class FittingIds:
    """Gives the calls of one answer ids that are accepted, and that no call before them has. Those of an answer in the
    client's own wire format stay as they are."""

    def __init__(
        self, face: str, messages: tuple[Message, ...], whose: Callable[[], Provenance | None] = lambda: None
    ) -> None:
        """`whose` returns the author of the answer, once that is known."""
        self._face = face
        self._whose = whose
        self._accepted = _ACCEPTED.get(face, _ANY)
        self._messages = messages

    @cached_property
    def _taken(self) -> set[str]:
        return {part.id for message in self._messages for part in message.parts if isinstance(part, ToolCall)}

    def _id(self, given: str) -> str:
        fitting = given if self._accepted.fullmatch(given) else made_id(given)
        while fitting in self._taken:
            fitting = made_id(f"{given} {len(self._taken)}")
        self._taken.add(fitting)
        return fitting

    def events(self, batch: list[Any]) -> list[Any]:
        """Return events with the ids that the client gets."""
        if _WITH_IDS.isdisjoint(map(type, batch)):
            return batch
        author = self._whose()
        if author is not None and author.dialect == self._face:
            return batch
        return [self._event(event) for event in batch]

    def _event(self, event: Any) -> Any:
        match event:
            case e.ToolCallStarted(index, call_id, name, wire=None):
                return e.ToolCallStarted(index, self._id(call_id), name)
            case e.PartAdded(index, ToolCall() as call, wire=None):
                return e.PartAdded(index, replace(call, id=self._id(call.id)))
            case _:
                return event

    def response(self, response: GenerationResponse) -> GenerationResponse:
        """Return an answer with the ids that the client gets."""
        if type(response.message.content) is str:
            return response
        parts = tuple(map(self._part, response.message.parts))
        if parts == response.message.parts:
            return response
        return replace(response, message=replace(response.message, content=parts))

    def _part(self, part: AnyPart) -> AnyPart:
        match part:
            case ToolCall(provenance=Provenance(dialect=own)) if own == self._face:
                return part
            case ToolCall():
                return replace(part, id=self._id(part.id))
            case _:
                return part


_WITH_IDS = frozenset({e.ToolCallStarted, e.PartAdded})
