"""An exchange of several sends, each answered by a whole body: pages of a list, pieces of a long text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from understudy.dialects.base import MAX_BODY, Classify, Send, is_expected, not_valid
from understudy.dialects.flaws import read_mended
from understudy.domain.failures import Failure, FailureKind
from understudy.wire.http import HttpHead, HttpRequest
from understudy.wire.json import BadJson

T = TypeVar("T")


class Series(Generic[T]):
    """Sends the first request and hands each body that comes back to `take`, until that asks for no further send.

    `take` returns what a body says, and the next `Send` if there is one. It may raise `BadJson`.
    """

    __slots__ = ("_classify", "_expects", "_first", "_head", "_pieces", "_size", "_take", "finished")

    def __init__(
        self,
        first: HttpRequest,
        take: Callable[[bytes], list[T | Send | Failure]],
        classify: Classify,
        *,
        expects: tuple[str, ...] = ("application/json",),
    ) -> None:
        self._first = first
        self._take = take
        self._classify = classify
        self._expects = expects
        self._head = HttpHead(0, {})
        self._pieces: list[bytes] = []
        self._size = 0
        self.finished = False

    def start(self) -> list[T | Send | Failure]:
        """Return the first request."""
        return [Send(self._first)]

    def head(self, head: HttpHead) -> list[T | Send | Failure]:
        """Take status and headers of an answer."""
        self._head = head
        self._pieces, self._size = [], 0
        return []

    def feed(self, data: bytes) -> list[T | Send | Failure]:
        """Gather an answer."""
        self._pieces.append(data)
        self._size += len(data)
        if self._size > MAX_BODY:
            return self._end(Failure(kind=FailureKind.TOO_LARGE, message=f"the response exceeds {MAX_BODY} bytes"))
        return []

    def close(self) -> list[T | Send | Failure]:
        """Take the end of an answer: hand out what it says, and go on if there is more to ask for."""
        data = b"".join(self._pieces)
        if self._head.status != 200 or not is_expected(self._head.content_type, self._expects):
            return self._end(self._classify(self._head, data))
        try:
            steps = read_mended(data, self._take)
        except BadJson as error:
            return self._end(not_valid(error, self._head, data, self._classify))
        self.finished = not any(isinstance(step, Send) for step in steps)
        return steps

    def lost(self, failure: Failure) -> list[T | Send | Failure]:
        """Pass the failure on."""
        return self._end(failure)

    def abort(self) -> list[T | Send | Failure]:
        """Closing the connection is enough."""
        return self._end()

    def _end(self, *steps: Failure) -> list[T | Send | Failure]:
        self.finished = True
        return [*steps]
