"""The whole bound, every state of which is visited in the abstraction of `view.py`.

Two requests with four attempts each at three targets, or at a pool of two keys and a target behind it; all signals:
content begins, an attempt ends well, fails, is denied on this side (once by request), and a request is cancelled. One
scene for each class of failures, and one for the pool.
"""

from __future__ import annotations

from typing import Any

from tests.modelcheck.faults import (
    BAD_KEY,
    FAULTS,
    Fault,
)
from tests.modelcheck.scenes import POOL_FIRST, STREAMED, Scene


def _bound(name: str, *faults: Fault, **more: Any) -> Scene:
    return Scene(
        f"bound: {name}", faults=faults, whole=True, abstract=True, **{"rules": STREAMED, "denials": 1, **more}
    )


_SHORT_LIMITS = [each for each in FAULTS if each.of_key and each.tries > 1]
"""Rate limits that requests wait for: with denials on this side they have too many states to visit in minutes."""
BOUND = (
    *(_bound(each.name, each) for each in FAULTS if each not in _SHORT_LIMITS),
    *(_bound(f"{each.name}, never denied", each, denials=0) for each in _SHORT_LIMITS),
    _bound("two keys", BAD_KEY, plans=POOL_FIRST),
)
