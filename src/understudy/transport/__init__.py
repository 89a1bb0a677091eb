"""How bytes travel: the seam for the network, and the built-in transport behind it."""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    """Return what was in the module of this name, with a `DeprecationWarning`."""
    from understudy.moved import former

    return former(__name__, name)
