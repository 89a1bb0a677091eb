"""Tool calls that arrive in pieces, whose pieces may interleave."""

from __future__ import annotations

import re
from typing import Any

from understudy.dialects.openai.wire import CallWire, FunctionWire
from understudy.domain.events import PartNoted, ToolCallDelta, ToolCallStarted
from understudy.wire.bounds import BOUNDS
from understudy.wire.json import JsonTooLarge, encode

_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")

CallEvent = ToolCallStarted | ToolCallDelta | PartNoted


class _Call:
    """One call. It begins once its name is known; pieces that come earlier are held."""

    __slots__ = ("custom", "given_id", "held", "id", "part")

    def __init__(self, call_id: str, given_id: str, *, custom: bool) -> None:
        self.id = call_id
        self.given_id = given_id
        self.custom = custom
        self.part: int | None = None
        self.held: list[str] = []


class ToolCalls:
    """Assigns pieces to calls, by index where the server gives one.

    Some servers give the same index to several whole calls, or none, and some leave ids out or repeat them: every
    call gets an id of its own all the same, because results refer to it.
    """

    __slots__ = ("_calls", "_ids", "_last", "_response_id")

    def __init__(self) -> None:
        self._calls: dict[int, _Call] = {}
        self._last: _Call | None = None
        self._ids: set[str] = set()
        self._response_id = ""

    def __bool__(self) -> bool:
        return bool(self._ids)

    def begin(self, response_id: str | None) -> None:
        """Take the answer's id, from which missing call ids are made."""
        self._response_id = _UNSAFE.sub("", response_id or "")[-12:]

    def add(self, piece: CallWire, next_part: int, *, whole: bool) -> list[CallEvent]:
        """Take a piece, or in a `whole` message a call. A call that begins becomes part number `next_part`."""
        function = piece.function or piece.custom or FunctionWire()
        name = function.name if isinstance(function.name, str) else ""
        call = self._call_of(piece, name, whole=whole)
        text = _text_of(function.arguments if piece.custom is None else function.input)
        if call.part is None:
            if not name:
                if text:
                    call.held.append(text)
                return []
            events = self._start(call, name, next_part)
        else:
            events = []
        if text and call.part is not None:
            events.append(ToolCallDelta(call.part, text))
        return events

    def add_legacy(self, function: FunctionWire, next_part: int, *, whole: bool) -> list[CallEvent]:
        """Take a piece of the one call of the deprecated `function_call`, which has no id."""
        return self.add(CallWire(index=0, function=function), next_part, whole=whole)

    def flush(self, next_part: int) -> list[CallEvent]:
        """Begin the calls that never got a name: what the model wrote is delivered, valid or not."""
        events: list[CallEvent] = []
        for call in self._calls.values():
            if call.part is None:
                events += self._start(call, "", next_part)
                next_part += 1
        return events

    def _start(self, call: _Call, name: str, part: int) -> list[CallEvent]:
        call.part = part
        events: list[CallEvent] = [ToolCallStarted(part, call.id, name)]
        if call.custom:
            events.append(PartNoted(part, "openai", {"type": "custom"}))
        events += [ToolCallDelta(part, text) for text in call.held]
        call.held = []
        return events

    def _call_of(self, piece: CallWire, name: str, *, whole: bool) -> _Call:
        given = str(piece.id) if isinstance(piece.id, str | int) else ""
        key = len(self._calls) if whole else _index(piece.index)
        if key is None:
            if self._last is not None and not (name and (not given or given != self._last.given_id)):
                return self._last
            key = max(self._calls, default=-1) + 1
        call = self._calls.get(key)
        if call is not None and name and given and call.given_id and given != call.given_id:
            # Another whole call under an index that was used before; the earlier one is complete.
            self._calls[-1 - len(self._ids)] = call
            call = None
        if call is None:
            if len(self._calls) >= BOUNDS.parts:
                raise JsonTooLarge(f"more than {BOUNDS.parts} tool calls")
            custom = piece.custom is not None or piece.type == "custom"
            call = self._calls[key] = _Call(self._unique(given), given, custom=custom)
        self._last = call
        return call

    def _unique(self, given: str) -> str:
        number = len(self._ids)
        call_id = given or f"call_{number}_{self._response_id}".rstrip("_")
        if call_id in self._ids:
            call_id = f"{call_id}_{number}"
        self._ids.add(call_id)
        return call_id


def _index(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) else None


def _text_of(arguments: Any) -> str:
    """Arguments as JSON text. Some servers send the decoded object."""
    if isinstance(arguments, str):
        return arguments
    return encode(arguments).decode() if isinstance(arguments, dict | list) else ""
