"""The exchange of an operation that a wire format does not have."""

from __future__ import annotations

from typing import Generic, TypeVar

from understudy.dialects.base import Send
from understudy.domain.failures import Failure, FailureKind
from understudy.wire.http import HttpHead

T = TypeVar("T")


class UnsupportedExchange(Generic[T]):
    """Fails before anything is sent."""

    __slots__ = ("_message", "body", "finished", "refused")

    def __init__(self, message: str) -> None:
        self._message = message
        self.finished = False
        self.refused = False
        self.body: bytes | None = None

    def start(self) -> list[T | Send | Failure]:
        """Return the failure."""
        self.finished = True
        return [Failure(kind=FailureKind.UNSUPPORTED, message=self._message, sent=False)]

    def head(self, head: HttpHead) -> list[T | Send | Failure]:
        """Nothing was sent, so nothing comes back."""
        return []

    def feed(self, data: bytes) -> list[T | Send | Failure]:
        """Nothing was sent, so nothing comes back."""
        return []

    def close(self) -> list[T | Send | Failure]:
        """Nothing was sent, so nothing comes back."""
        return []

    def lost(self, failure: Failure) -> list[T | Send | Failure]:
        """Nothing was sent, so nothing can be lost."""
        return []

    def abort(self) -> list[T | Send | Failure]:
        """Nothing was sent, so nothing is to be stopped."""
        return []
