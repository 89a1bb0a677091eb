"""An exchange whose steps another pass changes: for what a request was sent without, and its answer must show."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from understudy.dialects.base import Dialect, Endpoint, Exchange
from understudy.domain.failures import Failure
from understudy.wire.http import HttpHead

Pass = Callable[[list[Any]], list[Any]]
"""Returns steps as they are to be."""


def mapped(dialect: Dialect, opening: Callable[[], Pass]) -> Dialect:
    """Return the dialect with exchanges whose steps go through a pass of their own, which `opening` makes."""

    def changed(open_: Any) -> Any:
        def opened(request: Any, endpoint: Endpoint, **options: Any) -> Any:
            return _Mapped(open_(request, endpoint, **options), opening())

        return opened

    return replace(dialect, operations={name: changed(open_) for name, open_ in dialect.operations.items()})


class _Mapped:
    """An exchange, with every step of another."""

    def __init__(self, exchange: Exchange[Any], change: Pass) -> None:
        self._exchange = exchange
        self._change = change

    @property
    def finished(self) -> bool:
        return self._exchange.finished

    @finished.setter
    def finished(self, value: bool) -> None:
        self._exchange.finished = value

    @property
    def refused(self) -> bool:
        return self._exchange.refused

    @property
    def body(self) -> bytes | None:
        return self._exchange.body

    def start(self) -> list[Any]:
        return self._change(self._exchange.start())

    def head(self, head: HttpHead) -> list[Any]:
        return self._change(self._exchange.head(head))

    def feed(self, data: bytes) -> list[Any]:
        return self._change(self._exchange.feed(data))

    def close(self) -> list[Any]:
        return self._change(self._exchange.close())

    def lost(self, failure: Failure) -> list[Any]:
        return self._change(self._exchange.lost(failure))

    def abort(self) -> list[Any]:
        return self._exchange.abort()
