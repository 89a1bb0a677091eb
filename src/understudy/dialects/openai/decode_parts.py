"""Tool calls that arrive in pieces, whose pieces may interleave."""

from __future__ import annotations

import re
from typing import Any

from understudy.dialects.openai.wire import CallWire, FunctionWire
from understudy.domain.events import PartExtra, ToolCallDelta, ToolCallStarted
from understudy.wire.bounds import BOUNDS
from understudy.wire.json import JsonTooLarge, encode

_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")
_LEGACY = "function_call"
"""The place of the one call of the deprecated field."""

CallEvent = ToolCallStarted | ToolCallDelta | PartExtra


class _Call:
    """One call. It begins once its name is known; pieces that come earlier are held."""

    __slots__ = ("custom", "given_id", "has_text", "held", "id", "part")

    def __init__(self, call_id: str, given_id: str, *, custom: bool) -> None:
        self.id = call_id
        self.given_id = given_id
        self.custom = custom
        self.part: int | None = None
        self.held: list[str] = []
        self.has_text = False


class ToolCalls:
    """Assigns pieces to calls: by id where that is known already, else by index, else to the latest.

    Some servers give the same index to several whole calls, or none, and some leave ids out or repeat them: every
    call gets an id of its own all the same, because results refer to it.
    """

    __slots__ = ("_by_id", "_calls", "_has_begun", "_ids", "_last", "_response_id", "has_strays")

    def __init__(self) -> None:
        self._calls: dict[int | str, _Call] = {}
        self._by_id: dict[str, _Call] = {}
        self._last: _Call | None = None
        self._ids: set[str] = set()
        self._response_id = ""
        self._has_begun = False
        self.has_strays = False
        """Arguments came for a call that was never begun, and none for one that was: they cannot be told apart."""

    def __bool__(self) -> bool:
        return self._has_begun

    def begin(self, response_id: str | None) -> None:
        """Set the id of the answer, from which missing call ids are made."""
        self._response_id = _UNSAFE.sub("", response_id or "")[-12:]

    def add(self, piece: CallWire, next_part: int, *, whole: bool) -> list[CallEvent]:
        """Assign a piece, or in a `whole` message a call. A call that begins becomes part number `next_part`."""
        custom = _is_custom(piece)
        function = (piece.custom if custom else piece.function) or FunctionWire()
        name = function.name if isinstance(function.name, str) else ""
        given = str(piece.id) if type(piece.id) in (str, int) else ""
        key = len(self._calls) if whole else _index(piece.index)
        call = self._found(key, given, name) or self._new(key, given, custom=custom)
        self._last = call
        return self._grow(call, name, _text_of(function.input if custom else function.arguments), next_part)

    def go_on(self, index: int) -> int | None:
        """Note that more arguments came for the call with that index, without its name or id, as `add` does. Return
        the part that it is; `None` if it has not begun, and nothing is noted."""
        call = self._calls.get(index)
        if call is None or call.part is None:
            return None
        self._last, call.has_text = call, True
        return call.part

    def add_legacy(self, function: FunctionWire, next_part: int) -> list[CallEvent]:
        """Assign a piece of the one call of the deprecated `function_call`, which has no id.

        Some servers write an empty one into every message, and some repeat there what stands in `tool_calls`.
        """
        name = function.name if isinstance(function.name, str) else ""
        text = _text_of(function.arguments)
        if not (name or text) or self._calls.keys() - {_LEGACY}:
            return []
        call = self._calls.get(_LEGACY) or self._new(_LEGACY, "", custom=False)
        return self._grow(call, name, text, next_part)

    def flush(self, next_part: int) -> list[CallEvent]:
        """Begin the calls that never got a name: what the model wrote is delivered, valid or not."""
        if not self._calls:
            return []
        events: list[CallEvent] = []
        nameless = [call for call in self._calls.values() if call.part is None and (call.held or call.given_id)]
        if any(call.held for call in nameless) and any(
            call.part is not None and not call.has_text for call in self._calls.values()
        ):
            self.has_strays = True
            return []
        for call in nameless:
            events += self._start(call, "", next_part)
            next_part += 1
        return events

    def _grow(self, call: _Call, name: str, text: str, next_part: int) -> list[CallEvent]:
        if call.part is None:
            if not name:
                if text:
                    call.held.append(text)
                return []
            events = self._start(call, name, next_part)
        else:
            events = []
        if text and call.part is not None:
            call.has_text = True
            events.append(ToolCallDelta(call.part, text))
        return events

    def _start(self, call: _Call, name: str, part: int) -> list[CallEvent]:
        call.part = part
        self._has_begun = True
        events: list[CallEvent] = [ToolCallStarted(part, call.id, name)]
        if call.custom:
            events.append(PartExtra(part, "openai", {"type": "custom"}))
        events += [ToolCallDelta(part, text) for text in call.held]
        call.has_text = bool(call.held)
        call.held = []
        return events

    def _found(self, key: int | None, given: str, name: str) -> _Call | None:
        """Return the call that a piece belongs to; `None` if it begins one."""
        known = self._by_id.get(given) if given else None
        if key is None:
            if known is not None:
                return known
            last = self._last
            return last if last is not None and (not name or last.part is None) else None
        call = self._calls.get(key)
        if known is not None and not name:
            return known  # Whatever the index says: some servers count wrongly in later pieces.
        if call is None or not (name and given and call.given_id and given != call.given_id):
            return call
        # Another whole call under an index that was used before; the earlier one is complete.
        self._calls[-1 - len(self._ids)] = call
        return None

    def _new(self, key: int | str | None, given: str, *, custom: bool) -> _Call:
        if key is None:
            key = max((used for used in self._calls if isinstance(used, int)), default=-1) + 1
        if len(self._calls) >= BOUNDS.parts:
            raise JsonTooLarge(f"more than {BOUNDS.parts} tool calls")
        call = self._calls[key] = _Call(self._unique(given), given, custom=custom)
        if given:
            self._by_id[given] = call
        return call

    def _unique(self, given: str) -> str:
        number = len(self._ids)
        call_id = given or f"call_{number}_{self._response_id}".rstrip("_")
        if call_id in self._ids:
            call_id = f"{call_id}_{number}"
        self._ids.add(call_id)
        return call_id


def _is_custom(piece: CallWire) -> bool:
    """Check whether a call is of a custom tool; some servers write both kinds, one of them empty."""
    if piece.type in ("function", "custom"):
        return bool(piece.type == "custom")
    custom = piece.custom
    return custom is not None and (piece.function is None or bool(custom.name or custom.input))


def _index(value: Any) -> int | None:
    if type(value) is int:
        return value
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        return int(value)
    return int(value) if isinstance(value, float) and value.is_integer() else None


def _text_of(arguments: Any) -> str:
    """Return arguments as JSON text. Some servers send the decoded object."""
    if isinstance(arguments, str):
        return arguments
    return encode(arguments).decode() if isinstance(arguments, dict | list) else ""
