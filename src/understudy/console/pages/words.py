"""The words of pages for states and orders."""

from __future__ import annotations

_STATES = {
    "closed": ("ok", "available"),
    "half_open": ("warn", "half-open: on probation"),
    "open": ("bad", "breaker open"),
    "cooldown": ("warn", "cooldown"),
    "disabled": ("", "taken out"),
    "draining": ("info", "draining"),
}
_ORDERS = {"open": "taken out", "close": "asked again", "drain": "drained", "probe": "probed"}


def state_words(state: str) -> tuple[str, str]:
    """Return the class of a target's state, and the state in words."""
    return _STATES.get(state, ("", state))


def order_words(kind: str) -> str:
    """Return what was ordered."""
    return _ORDERS.get(kind, kind)
