"""Collects the log probabilities of a stream, within their limit."""

from __future__ import annotations

from typing import Any

from understudy.wire.bounds import Bounds
from understudy.wire.json import JsonTooLarge, encode
from understudy.wire.shape import weight_of

_SLICE = 256
"""Entries that are weighed at once."""


class Logprobs:
    """Lists of entries by subject: `content`, `refusal`.

    If they were requested, all are kept, or the answer is refused. If a server sends them unrequested, those above the
    limit are dropped.
    """

    __slots__ = ("_bounds", "_left", "lists")

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._left = bounds.logprobs
        self.lists: dict[str, list[Any]] = {}

    def add(self, entries: list[Any], kind: str = "content", *, whole: bool = False) -> None:
        """Add entries. The values of a `whole` body have been weighed. Raises `JsonTooLarge`."""
        if self._left < 0:
            return
        if not whole:
            for start in range(0, len(entries), _SLICE):
                self._left -= weight_of(encode(entries[start : start + _SLICE]))
            if self._left < 0:
                self._overflow()
                return
        self.lists.setdefault(kind, []).extend(entries)

    def _overflow(self) -> None:
        self.lists.clear()
        if self._bounds.alternatives:
            limit = self._bounds.logprobs >> 20
            raise JsonTooLarge(f"the log probabilities of the answer take more than {limit} MiB of memory")
