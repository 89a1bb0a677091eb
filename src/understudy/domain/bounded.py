"""A dictionary that keeps a limited number of keys, for what is learned per model name.

Model names come from callers, so their number is unlimited: what is kept by such a name must be bounded.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")

REMEMBERED = 1024
"""Keys that are kept by default: more than one process uses at a time, and less than a megabyte."""


_set = OrderedDict.__setitem__


class BoundedDict(OrderedDict[K, V]):
    """Drops the key that was written longest ago when the limit is exceeded.

    Only writing refreshes a key: reading costs the same as in any dictionary, and what is read often but was dropped is
    determined again, once. Every write is O(1). Threads may share it.
    """

    __slots__ = ("limit",)

    def __init__(self, limit: int = REMEMBERED) -> None:
        super().__init__()
        self.limit = limit
        """The most keys that are kept."""

    def __setitem__(self, key: K, value: V) -> None:
        self.pop(key, None)
        _set(self, key, value)
        while len(self) > self.limit:
            self.popitem(last=False)

    def refresh(self, key: K) -> None:
        """Keep a key for as long as if it was written now, unless it was dropped."""
        try:
            self.move_to_end(key)
        except KeyError:
            return
