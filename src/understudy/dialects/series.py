"""An exchange of several sends, each answered by a whole body: pages of a list, pieces of a long string."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from understudy.dialects.base import Classify, Send, is_expected, not_valid
from understudy.dialects.flaws import read_mended
from understudy.domain.failures import Failure, FailureKind
from understudy.wire.bounds import MIB
from understudy.wire.gathered import Gathered
from understudy.wire.http import HttpHead, HttpRequest
from understudy.wire.json import BadJson
from understudy.wire.shape import weight_of

T = TypeVar("T")

MAX_WEIGHT = 256 * MIB
"""Memory that the values of all answers may take together, as estimated by their number. The longest real catalogue,
Replicate's with the schemas of all its models, is 20 MB of text."""


class Series(Generic[T]):
    """Sends the first request and passes each body to `take`, until that returns no further send.

    `take` returns the results in a body, and the next `Send` if there is one. It may raise `BadJson`.
    """

    __slots__ = ("_classify", "_expects", "_first", "_gathered", "_head", "_take", "_weight", "body", "finished")

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
        self._gathered = Gathered()
        self._weight = 0
        self.body: bytes | None = None
        self.finished = False

    @property
    def refused(self) -> bool:
        """Whether the response under way is not a 200 of an expected type."""
        return self._head.status != 200 or not is_expected(self._head.content_type, self._expects)

    def start(self) -> list[T | Send | Failure]:
        """Return the first request."""
        return [Send(self._first)]

    def head(self, head: HttpHead) -> list[T | Send | Failure]:
        """Read status and headers of an answer."""
        self._head = head
        self._gathered = Gathered()
        return []

    def feed(self, data: bytes) -> list[T | Send | Failure]:
        """Gather an answer."""
        self._gathered.add(data)
        return []

    def close(self) -> list[T | Send | Failure]:
        """Read the end of an answer: return its results, and the next request if there is one."""
        data = self._gathered.take()
        if self.refused:
            return self._end(self._classify(self._head, data))
        self._weight += weight_of(data)
        if self._weight > MAX_WEIGHT:
            message = f"the answers together take more than {MAX_WEIGHT >> 20} MiB of memory"
            return self._end(Failure(kind=FailureKind.TOO_LARGE, message=message))
        self.body = data
        try:
            steps = read_mended(data, self._take)
        except BadJson as error:
            return self._end(not_valid(error, self._head, data, self._classify))
        self.finished = not any(isinstance(step, Send) for step in steps)
        return steps

    def lost(self, failure: Failure) -> list[T | Send | Failure]:
        """Return the failure."""
        return self._end(failure)

    def abort(self) -> list[T | Send | Failure]:
        """Return nothing: closing the connection is enough."""
        return self._end()

    def _end(self, *steps: Failure) -> list[T | Send | Failure]:
        self.finished = True
        return [*steps]
