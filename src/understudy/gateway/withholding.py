"""The end of tool calls, held back until the whole answer is there: for clients that perform a call at once.

Such a client has performed the call of a stream that breaks afterwards, forgets that, asks again, and performs it once
more, because the next answer calls the same tool. So the last piece of a call, and everything behind it, reach it only
at the end of the answer. The order of what it gets, and in its own wire format every byte, stay the same.
"""

from __future__ import annotations

from typing import Any

from understudy.domain import events as e
from understudy.domain.content import ToolCall


class Withholding:
    """Holds back the ends of the calls of one answer."""

    def __init__(self) -> None:
        self._held: list[Any] = []

    def events(self, batch: list[Any]) -> list[Any]:
        """Return events as far as they complete no call."""
        if not self._held and not any(map(_begins, batch)):
            return batch
        return [passed for event in batch for passed in self._passed(event)]

    def _passed(self, event: Any) -> list[Any]:
        match event, self._held:
            case e.Restarted(), _:
                self._held = []
                return [event]
            case e.ToolCallDelta(index), [last] if getattr(last, "index", None) == index:
                self._held = [event]
                return [last]
            case _, []:
                self._held = [event] if _begins(event) else []
                return [] if self._held else [event]
            case _:
                self._held.append(event)
                return []

    def rest(self) -> list[Any]:
        """Return what was held back of an answer that is whole."""
        held, self._held = self._held, []
        return held


def _begins(event: Any) -> bool:
    match event:
        case e.ToolCallStarted() | e.PartAdded(_, ToolCall()):
            return True
        case _:
            return False
