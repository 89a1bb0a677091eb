"""A dictionary that remembers at most so many keys, for what is learned per name of a model.

Names of models come from callers, so there is no end to them: what is kept by such a name must be bounded.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")

REMEMBERED = 1024
"""Keys that are kept unless said otherwise: more than one process uses at a time, and less than a megabyte."""


class BoundedDict(OrderedDict[K, V]):
    """Forgets the key that was written longest ago when one too many is written.

    Only writing makes a key young: reading costs what it costs in any dictionary, and what is read often but was
    forgotten is found out anew, once. Every write is O(1). Threads may share it.
    """

    __slots__ = ("limit",)

    def __init__(self, limit: int = REMEMBERED) -> None:
        super().__init__()
        self.limit = limit
        """Keys that are kept at most."""

    def __setitem__(self, key: K, value: V) -> None:
        self.pop(key, None)
        super().__setitem__(key, value)
        while len(self) > self.limit:
            self.popitem(last=False)
