"""Whether the caller of a request has left: our own server says so at once, without a task that waits for it."""

from __future__ import annotations

from collections.abc import Callable

EXTENSION = "understudy.leaving"
"""Where a `Leaving` is among the extensions of an ASGI scope. Other servers have none, and are asked (`receive`)."""


class Leaving:
    """The caller's leaving, which happens once or never."""

    __slots__ = ("_then", "has_happened")

    def __init__(self) -> None:
        self.has_happened = False
        self._then: Callable[[], object] | None = None

    def happen(self) -> None:
        """Note that the caller has left."""
        self.has_happened = True
        if self._then is not None:
            self._then()

    def do(self, then: Callable[[], object] | None) -> None:
        """Call a function when the caller leaves, at once if that has happened; `None`: call none any more."""
        self._then = then
        if then is not None and self.has_happened:
            then()
