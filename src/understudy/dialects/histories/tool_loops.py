"""Calls and their results: each result next to its call, one for each, and none without.

Anthropic, OpenAI, Cohere and Gemini refuse anything else (Anthropic: "`tool_use` ids were found without `tool_result`
blocks immediately after"; OpenAI: "An assistant message with 'tool_calls' must be followed by tool messages responding
to each 'tool_call_id'").
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import msgspec
from msgspec.structs import replace

from understudy.dialects.base import WarningLog
from understudy.dialects.histories.call_ids import made_id
from understudy.domain.content import AnyPart, JsonObject, Text, ToolCall, ToolResult
from understudy.domain.messages import Message, Role

_ASSISTANT, _TOOL = Role.ASSISTANT, Role.TOOL  # a member is looked up slowly in its enumeration

UNKNOWN = "(No result of this tool call is known.)"
"""The result that is sent for a call without one."""


def paired(messages: tuple[Message, ...], notes: WarningLog, *, unique_ids: bool = False) -> tuple[Message, ...]:
    """Return the messages with all results directly after the message with their calls, in the order of the calls.

    What stood between them follows. A call without a result gets one that states so; a result without a call is sent
    as the user's text; of two results of one call the later one counts. With `unique_ids`, no two calls have one id.
    """
    if _is_paired(messages, unique_ids):
        return messages
    return tuple(_Pairing(messages, notes, unique_ids).written())


def _is_paired(messages: tuple[Message, ...], unique_ids: bool) -> bool:
    awaited: list[str] = []
    at = 0  # how many of them have been seen
    seen: set[str] = set()
    for message in messages:
        role = message.role
        content = () if isinstance(message.content, str) else message.content
        part = content[0] if len(content) == 1 else None  # nearly all steps are one call or one result
        if type(part) is ToolResult:
            if at == len(awaited) or awaited[at] != part.call_id or role is _ASSISTANT:
                return False
            at += 1
        elif type(part) is ToolCall and role is _ASSISTANT and not unique_ids:
            if at < len(awaited) or not part.id:
                return False
            awaited, at = [part.id], 0
        elif results := [part.call_id for part in content if type(part) is ToolResult]:
            before, at = at, at + len(results)
            if len(results) < len(content) or results != awaited[before:at] or role is _ASSISTANT:
                return False
        elif at < len(awaited) or role is _TOOL:
            return False
        elif role is _ASSISTANT:
            awaited, at = [part.id for part in content if type(part) is ToolCall], 0
            if awaited and not _are_distinct(awaited, seen if unique_ids else set()):
                return False
    return at == len(awaited)


def _are_distinct(ids: list[str], seen: set[str]) -> bool:
    """Check whether ids of calls are neither empty nor repeated; add them to those that were seen."""
    count = len(seen)
    seen.update(ids)
    return len(seen) == count + len(ids) and "" not in ids


class _Slot(msgspec.Struct):
    """A call, the id that it is sent with, and its result."""

    call: ToolCall
    id: str
    result: ToolResult | None = None
    extra: dict[str, JsonObject] | None = None


class _Pairing:
    """Matches results with calls, then writes the messages again."""

    def __init__(self, messages: tuple[Message, ...], notes: WarningLog, unique_ids: bool) -> None:
        self._messages = messages
        self._unique_ids = unique_ids
        self._taken: set[str] = {""}
        self._notes = notes
        self._turns: dict[int, list[_Slot]] = {}
        self._orphans: set[int] = set()
        waiting: dict[str, deque[_Slot]] = {}
        answered: dict[str, _Slot] = {}
        for place, message in enumerate(messages):
            if message.role is Role.ASSISTANT:
                self._add_calls(place, message, waiting)
            for part in message.parts:
                if isinstance(part, ToolResult):
                    self._add_result(part, message, waiting, answered)

    def _add_calls(self, place: int, message: Message, waiting: dict[str, deque[_Slot]]) -> None:
        of_turn: set[str] = set()
        if not self._unique_ids:
            self._taken = {""}
        for part in message.parts:
            if not isinstance(part, ToolCall):
                continue
            turn = self._turns.setdefault(place, [])
            call_id = part.id
            if call_id in self._taken:
                call_id = made_id(f"{call_id} {place} {len(turn)}")
                self._notes.rename("tool call id", "it is empty or repeated, so another id is sent")
            slot = _Slot(part, call_id)
            turn.append(slot)
            if part.id in of_turn:
                waiting[part.id].append(slot)
            else:
                waiting[part.id] = deque((slot,))
            of_turn.add(part.id)
            self._taken.add(part.id)

    def _add_result(
        self, result: ToolResult, message: Message, waiting: dict[str, deque[_Slot]], answered: dict[str, _Slot]
    ) -> None:
        """Give a result to the latest call of its id; of several in one message, to the first without a result."""
        if slots := waiting.get(result.call_id):
            slot = answered[result.call_id] = slots.popleft()
        elif (known := answered.get(result.call_id)) is not None:
            self._notes.drop("tool result", "a call has several results; only the last one is sent")
            slot = known
        else:
            self._orphans.add(id(result))
            return
        slot.result, slot.extra = result, message.extra

    def written(self) -> Iterator[Message]:
        """Yield the messages."""
        for place, message in enumerate(self._messages):
            turn = self._turns.get(place)
            if (rest := self._rest(message, turn or [])) is not None:
                yield rest
            if turn:
                yield self._results(turn)

    def _rest(self, message: Message, turn: list[_Slot]) -> Message | None:
        """Return a message without its results; `None` if nothing remains."""
        ids = iter(turn)
        if isinstance(message.content, str):
            if message.role is not Role.TOOL:
                return message
            parts: tuple[AnyPart, ...] = message.parts
        else:
            parts = tuple(self._kept(message.content, ids))
            if not parts and message.content:
                return None
        if message.role is not Role.TOOL:
            return replace(message, content=parts) if message.parts != parts else message
        if not any(not isinstance(part, Text) or part.text.strip() for part in parts):
            return None
        if any(id(part) not in self._orphans for part in message.parts if not isinstance(part, ToolResult)):
            self._notes.emulate("tool message", "without a tool call to answer, it is sent as a user message")
        return Message(Role.USER, parts, extra=message.extra)

    def _kept(self, parts: tuple[AnyPart, ...], slots: Iterator[_Slot]) -> Iterator[AnyPart]:
        for part in parts:
            match part:
                case ToolCall() if (slot := next(slots, None)) is not None:
                    yield part if slot.id == part.id else replace(part, id=slot.id)
                case ToolResult() if id(part) in self._orphans:
                    yield from self._told(part)
                case ToolResult():
                    pass
                case _:
                    yield part

    def _told(self, result: ToolResult) -> Iterator[AnyPart]:
        """Yield a result without a call as text."""
        self._notes.emulate("tool result", "the conversation lacks its call; it is sent as text of the user")
        name = f" of {result.name}" if result.name else ""
        content = (Text(result.content),) if isinstance(result.content, str) else result.content
        yield Text(f"[Result{name} of the tool call {result.call_id}, which is not shown:]")
        yield from content

    def _results(self, turn: list[_Slot]) -> Message:
        parts = tuple(self._result(slot) for slot in turn)
        return Message(Role.TOOL, parts, extra=turn[0].extra if len(turn) == 1 else None)

    def _result(self, slot: _Slot) -> ToolResult:
        result = slot.result
        if result is None:
            self._notes.emulate("tool result", "a call has no result; one that states so is sent in its place")
            return ToolResult(call_id=slot.id, name=slot.call.name, content=UNKNOWN)
        return result if result.call_id == slot.id else replace(result, call_id=slot.id)
