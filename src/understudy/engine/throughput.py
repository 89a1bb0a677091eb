"""A guard on the speed of a stream: one that trickles for ever is as lost as one that is silent."""

from __future__ import annotations

from collections.abc import Iterable

from understudy.domain.events import RefusalDelta, TextDelta, ThinkingDelta, ToolCallDelta
from understudy.domain.failures import Failure, FailureKind

MEASURED = 10.0
"""Seconds over which the speed is measured, anew each time: pauses of the reader do not count."""
BYTES_PER_TOKEN = 4
"""Of UTF-8. English has about 4.4, Chinese about 3: close enough for a limit that only a trickle falls below."""


class Throughput:
    """Counts what content arrives, and tells when it was too little."""

    __slots__ = ("_bytes", "_least", "_paused_at", "ends")

    def __init__(self, least: float, now: float) -> None:
        """`least` is in tokens per second; content has begun to arrive `now`."""
        self._least = least
        self._bytes = 0
        self._paused_at: float | None = None
        self.ends = now + MEASURED
        """When the measurement ends."""

    def count(self, batch: Iterable[object]) -> None:
        """Count the content of a batch."""
        for event in batch:
            if isinstance(event, TextDelta | ThinkingDelta | RefusalDelta):
                self._bytes += _size(event.text)
            elif isinstance(event, ToolCallDelta):
                self._bytes += _size(event.arguments)

    def pause(self, now: float) -> None:
        """Note that the reader is elsewhere: the time until `resume` is not the provider's."""
        self._paused_at = now

    def resume(self, now: float) -> None:
        """Note that the reader waits for the provider again."""
        if self._paused_at is not None:
            self.ends += now - self._paused_at
            self._paused_at = None

    def verdict(self, now: float) -> Failure | None:
        """Judge a measurement that has ended, and begin the next; return the failure if it was too slow."""
        speed = self._bytes / BYTES_PER_TOKEN / MEASURED
        self._bytes = 0
        self.ends = now + MEASURED
        if speed >= self._least:
            return None
        message = f"about {speed:.2g} tokens per second over {MEASURED:g} s, less than min_tokens_per_second"
        return Failure(kind=FailureKind.STALLED, message=f"{message} = {self._least:g}")


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
