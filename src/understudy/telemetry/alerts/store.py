"""Which process sends alerts, and what it must know of those before: a lease with a document."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

import msgspec

from understudy.telemetry.alerts.outbox import AlertState


class AlertsUnavailable(Exception):
    """The store cannot be used at this moment."""


class AlertStore(Protocol):
    """Keeps the state of alerts, and lets one process at a time change it. Its methods block, and raise
    `AlertsUnavailable`."""

    def claim(self, owner: str, seconds: float) -> bytes | None:
        """Return the document, empty at first, if `owner` may change it for so many seconds from now; `None` if another
        process may."""
        ...

    def keep(self, owner: str, document: bytes) -> bool:
        """Keep a document. Return false, with nothing kept, if `owner` may not change it any more."""
        ...

    def release(self, owner: str) -> None:
        """Let another process take over at once."""
        ...

    def close(self) -> None:
        """Close the file or connection, which the next use opens again."""
        ...


class MemoryAlerts:
    """The store of one process alone."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._owner = ""
        self._until = 0.0
        self._document = b""

    def claim(self, owner: str, seconds: float) -> bytes | None:
        """Return the document if it may be changed; see `AlertStore`."""
        now = self._clock()
        if self._owner != owner and now < self._until:
            return None
        self._owner, self._until = owner, now + seconds
        return self._document

    def keep(self, owner: str, document: bytes) -> bool:
        """Keep a document; see `AlertStore`."""
        if self._owner != owner or self._clock() >= self._until:
            return False
        self._document = document
        return True

    def release(self, owner: str) -> None:
        """Let another process take over."""
        if self._owner == owner:
            self._until = 0.0

    def close(self) -> None:
        """Do nothing: there is nothing to close."""


def encode(state: AlertState) -> bytes:
    """Return the document of a state."""
    return msgspec.json.encode(state)


def decode(document: bytes) -> AlertState:
    """Return the state in a document; an empty one for one that another version wrote in a form unknown here."""
    if not document:
        return AlertState()
    try:
        return msgspec.json.decode(document, type=AlertState)
    except msgspec.MsgspecError:
        return AlertState()
