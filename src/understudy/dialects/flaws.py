"""How readers treat minor flaws: they continue, and report what they ignored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from understudy.domain.events import Event, Warned
from understudy.domain.failures import Failure
from understudy.domain.usage import USAGE
from understudy.domain.warnings import Warning, WarningKind  # noqa: A004 - the public name
from understudy.wire.json import BadJson
from understudy.wire.mending import NUMBERS, SURROGATES, mend
from understudy.wire.sse import SseEvent

Step = Event | Failure

_WHY = {
    NUMBERS: "the provider sent NaN, Infinity or a number out of range, which was read as null",
    SURROGATES: "the provider sent a lone surrogate, which was replaced by U+FFFD",
}


class Flaws:
    """Mends events that are invalid JSON and reads them again. Each flaw of an answer is reported once."""

    __slots__ = ("_reported",)

    def __init__(self) -> None:
        self._reported: set[str | Warning] = set()

    def once(self, warning: Warning) -> list[Step]:
        """Return the event that reports a flaw, if it has not been reported yet."""
        if warning in self._reported:
            return []
        self._reported.add(warning)
        return [Warned(warning)]

    def read(self, event: SseEvent, take: Callable[[SseEvent], Sequence[Step]], error: BadJson) -> list[Step]:
        """Skip an event without data and mend others; raise `error` if that does not help."""
        if not event.data.strip():
            return []
        mended = mend(event.data)
        if mended is None:
            raise error
        steps = take(msgspec.structs.replace(event, data=mended.data))
        new = [flaw for flaw in mended.flaws if flaw not in self._reported]
        self._reported.update(new)
        return [*(Warned(_warning(flaw)) for flaw in new), *steps]


def read_mended(data: bytes, read: Callable[[bytes], list[Any]]) -> list[Any]:
    """Read a whole body, mended if it is invalid JSON. Raises `BadJson`."""
    try:
        return read(data)
    except BadJson:
        mended = mend(data)
        if mended is None:
            raise
    steps = read(mended.data)
    warnings = tuple(map(_warning, mended.flaws))
    if steps and hasattr(steps[0], "warnings"):  # The one step of an operation that has no events.
        return [msgspec.structs.replace(step, warnings=(*step.warnings, *warnings)) for step in steps]
    if steps and isinstance(steps[0], Event):
        return [*map(Warned, warnings), *steps]
    return steps


NO_FINAL_USAGE = Warning(WarningKind.DROPPED, USAGE, "the provider did not report final token counts")

NO_REASON = Warning(
    WarningKind.DROPPED, "finish_reason", "the provider ended the answer without a finish reason; it is unknown"
)

AFTER_THE_END = Warning(
    WarningKind.DROPPED,
    "finish_reason",
    "the provider continued after a finish reason and sent no other; the reason was used",
)


REPEATED = Warning(
    WarningKind.DROPPED, "stream", "an event of the stream arrived twice; the answer may contain a piece of it twice"
)

DISORDERED = Warning(
    WarningKind.DROPPED,
    "stream",
    "the numbers of the stream's events have gaps or are out of order; text may be missing",
)

SKIPPED = Warning(
    WarningKind.DROPPED, "stream", "the stream left out a part of the answer: the numbers of its parts have a gap"
)

SEVERAL_REASONS = Warning(
    WarningKind.DROPPED, "finish_reason", "the provider gave several finish reasons; the last one was used"
)


def _warning(flaw: str) -> Warning:
    return Warning(WarningKind.DROPPED, flaw, _WHY[flaw])
