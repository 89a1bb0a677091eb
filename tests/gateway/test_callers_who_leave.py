"""How a request learns that its caller has left: from our own server, or by asking any other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from understudy.gateway.asgi import AsgiExchange
from understudy.gateway.connection import Connection
from understudy.gateway.exchange import ClientGone

ASKED: list[str] = []


async def never() -> dict[str, Any]:
    ASKED.append("receive")
    await asyncio.Event().wait()
    raise AssertionError


async def sent(message: Any) -> None:
    raise AssertionError(message)


class Told(AsgiExchange):
    """An exchange of a server that tells when the caller leaves, as our own does."""

    __slots__ = ("_then",)

    def notify(self, then: Callable[[], object] | None, after: asyncio.Event | None = None) -> None:
        self._then = then
        if then is not None and self.is_gone:
            then()

    def lose(self) -> None:
        self.is_gone = True
        if self._then is not None:
            self._then()


def exchange(receive: Any = never, kind: type[AsgiExchange] = AsgiExchange) -> AsgiExchange:
    return kind({"type": "http", "method": "POST", "path": "/v1/messages", "headers": []}, receive, sent)


def told() -> Told:
    made = exchange(kind=Told)
    assert isinstance(made, Told)
    made.notify(None)
    return made


async def test_our_own_server_ends_the_wait_without_being_asked() -> None:
    own = told()
    ASKED.clear()
    with pytest.raises(ClientGone), Connection(own).watched():
        asyncio.get_running_loop().call_soon(own.lose)
        await asyncio.Event().wait()
    assert not ASKED


async def test_a_caller_who_has_left_before_is_noticed_at_once() -> None:
    own = told()
    own.lose()
    with pytest.raises(ClientGone), Connection(own).watched():
        await asyncio.sleep(0)


async def test_a_caller_who_leaves_after_the_answer_ends_nothing() -> None:
    own = told()
    with Connection(own).watched():
        await asyncio.sleep(0)
    own.lose()
    await asyncio.sleep(0)


@pytest.mark.parametrize("own", [False, True])
async def test_a_request_that_is_cancelled_by_others_stays_cancelled(own: bool) -> None:
    async def served() -> None:
        with Connection(told() if own else exchange()).watched():
            await asyncio.Event().wait()

    task = asyncio.create_task(served())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_any_other_server_is_asked() -> None:
    async def gone() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    with pytest.raises(ClientGone), Connection(exchange(gone)).watched():
        await asyncio.Event().wait()
