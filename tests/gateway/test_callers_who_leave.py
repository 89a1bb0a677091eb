"""How a request learns that its caller has left: from our own server, or by asking any other."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from understudy.gateway.bodies import ClientGone
from understudy.gateway.connection import Connection
from understudy.gateway.leaving import EXTENSION, Leaving

ASKED: list[str] = []


async def never() -> dict[str, Any]:
    ASKED.append("receive")
    await asyncio.Event().wait()
    raise AssertionError


async def sent(message: Any) -> None:
    raise AssertionError(message)


def connection(leaving: Leaving | None, receive: Any = never) -> Connection:
    extensions = {} if leaving is None else {EXTENSION: leaving}
    scope = {"type": "http", "method": "POST", "path": "/v1/messages", "headers": [], "extensions": extensions}
    return Connection(scope, receive, sent)


async def test_our_own_server_ends_the_wait_without_being_asked() -> None:
    leaving = Leaving()
    ASKED.clear()
    with pytest.raises(ClientGone), connection(leaving).watched():
        asyncio.get_running_loop().call_soon(leaving.happen)
        await asyncio.Event().wait()
    assert not ASKED


async def test_a_caller_who_has_left_before_is_noticed_at_once() -> None:
    leaving = Leaving()
    leaving.happen()
    with pytest.raises(ClientGone), connection(leaving).watched():
        await asyncio.sleep(0)


async def test_a_caller_who_leaves_after_the_answer_ends_nothing() -> None:
    leaving = Leaving()
    with connection(leaving).watched():
        await asyncio.sleep(0)
    leaving.happen()
    await asyncio.sleep(0)


@pytest.mark.parametrize("own", [False, True])
async def test_a_request_that_is_cancelled_by_others_stays_cancelled(own: bool) -> None:
    async def served() -> None:
        with connection(Leaving() if own else None).watched():
            await asyncio.Event().wait()

    task = asyncio.create_task(served())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_any_other_server_is_asked() -> None:
    async def gone() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    with pytest.raises(ClientGone), connection(None, gone).watched():
        await asyncio.Event().wait()
