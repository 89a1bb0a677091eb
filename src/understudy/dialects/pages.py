"""Model lists in pages: requested one after the other, until the end of the list or the limit."""

from __future__ import annotations

from collections.abc import Callable

from understudy.dialects.base import Classify, Send
from understudy.dialects.series import Series
from understudy.domain.content import JsonObject
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.requests import ModelsRequest
from understudy.domain.responses import ModelInfo
from understudy.wire.http import HttpRequest

PAGE = 1000
"""Models per page, the maximum of all services."""

MAX_PAGES = 50
MAX_MODELS = 20_000
"""The limit for a list that never ends. The longest real lists have a few hundred models."""

Ask = Callable[[int, str | None], HttpRequest]
"""Returns the request of a page: that of the cursor, or the first page without one. May raise `BadJson` for an invalid
cursor."""

Read = Callable[[bytes], tuple[list[JsonObject], str | None]]
"""Returns the models of a page, and the cursor of the next if there is one. May raise `BadJson`."""


def open_pages(
    request: ModelsRequest, ask: Ask, read: Read, read_model: Callable[[JsonObject], ModelInfo], classify: Classify
) -> Series[ModelInfo]:
    """Open a list over all its pages. `request.limit` bounds how many models are requested and returned.

    A list without a limit that does not end fails as `too_large`: an incomplete one must not count as complete.
    """
    pages = _Pages(request, ask, read, read_model)
    return Series(pages.request(request.after), pages.take, classify)


class _Pages:
    def __init__(
        self, request: ModelsRequest, ask: Ask, read: Read, read_model: Callable[[JsonObject], ModelInfo]
    ) -> None:
        self._left = request.limit
        self._count = 0
        self._ask = ask
        self._read = read
        self._read_model = read_model
        self._seen: set[str | None] = set()

    def request(self, cursor: str | None) -> HttpRequest:
        """Return the request of the page of a cursor."""
        self._seen.add(cursor)
        return self._ask(PAGE if self._left is None else max(1, min(self._left, PAGE)), cursor)

    def take(self, data: bytes) -> list[ModelInfo | Send | Failure]:
        """Return the models of a page, and the request of the next if needed. Raises `BadJson`."""
        items, cursor = self._read(data)
        models = [self._read_model(item) for item in items[: self._left]]
        if self._left is not None:
            self._left -= len(models)
        self._count += len(models)
        if not cursor or cursor in self._seen or self._left == 0:
            return [*models]
        if len(self._seen) == MAX_PAGES or (self._left is None and self._count >= MAX_MODELS):
            message = (
                f"the list of models does not end after {self._count} models on {len(self._seen)} pages; set limit"
            )
            return [Failure(kind=FailureKind.TOO_LARGE, message=message)]
        return [*models, Send(self.request(cursor))]
