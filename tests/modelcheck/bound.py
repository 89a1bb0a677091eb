"""The whole bound, every state of which is visited in the abstraction of `view.py`.

Two requests with four attempts each at three targets, or at a pool of two keys and a target behind it; all signals:
content begins, an attempt ends well, fails, is denied on this side (once by request), and a request is cancelled. One
scene for each class of failures, and some in which two meet.
"""

from __future__ import annotations

from typing import Any

from tests.modelcheck.faults import (
    BAD_KEY,
    CONNECT,
    DISCONNECTED,
    FAULTS,
    Fault,
)
from tests.modelcheck.scenes import APT, CONTINUE, HOLD, POOL_FIRST, RESTART, STREAMED, Scene


def _bound(name: str, *faults: Fault, **more: Any) -> Scene:
    return Scene(
        f"bound: {name}", faults=faults, whole=True, abstract=True, **{"rules": STREAMED, "denials": 1, **more}
    )


BOUND = (
    *(_bound(each.name, each) for each in FAULTS),
    _bound("unreachable, bad key", CONNECT, BAD_KEY),
    _bound("two keys", BAD_KEY, plans=POOL_FIRST),
    _bound("restart", DISCONNECTED, rules=RESTART),
    _bound("continue", DISCONNECTED, rules=CONTINUE, plans=APT),
    _bound("hold", DISCONNECTED, rules=HOLD),
)
