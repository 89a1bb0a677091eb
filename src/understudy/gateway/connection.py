"""One request as the gateway handles it: its ids, its body under a cap, and a caller who may leave."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, TypeVar

from understudy.engine.job import new_id
from understudy.gateway import replies
from understudy.gateway.bodies import read_body
from understudy.gateway.exchange import ClientGone, Exchange, Outlet
from understudy.gateway.uploads import Upload
from understudy.wire.http import Headers, HttpReply

if TYPE_CHECKING:
    from understudy.ledger.replays import KeptAnswer

X_REQUEST_ID = "x-request-id"
"""Where proxies put the id of a request, and where OpenAI's clients look for it."""
X_CLIENT_ID = "x-client-request-id"
"""Where clients put an id of their own."""
Through = TypeVar("Through", bound=Outlet)
_ID = re.compile(r"[\x21-\x7e]{1,128}")


class Watch:
    """Ends a block whose caller leaves."""

    __slots__ = ("_after", "_exchange", "_task")

    def __init__(self, exchange: Exchange, after: asyncio.Event | None) -> None:
        self._exchange = exchange
        self._after = after
        task = asyncio.current_task()
        if task is None:
            raise AssertionError("a request is handled in a task")
        self._task = task

    def __enter__(self) -> None:
        self._exchange.notify(self._task.cancel, self._after)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._exchange.notify(None)
        if kind is asyncio.CancelledError and self._exchange.is_gone and self._task.uncancel() == 0:
            raise ClientGone from None


class Connection:
    """A request, and the way back to the caller."""

    __slots__ = (
        *("_came_in", "_outlet", "exchange", "headers", "id_names", "method", "path", "query"),
        *("request_id", "started", "status"),
    )

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self._outlet: Outlet = exchange
        self.method = exchange.method
        self.path = exchange.path
        self.query = exchange.query
        self.headers = exchange.headers
        self.request_id = new_id()
        """Under which the request is in the log and in records."""
        self.id_names: tuple[str, ...] = (X_REQUEST_ID,)
        """Headers in which clients look for an id."""
        self._came_in = _id_in(self.headers, X_REQUEST_ID) if X_REQUEST_ID in self.headers else None
        self.started = False
        self.status = 0

    @property
    def url(self) -> str:
        """Path and query, as the server halves of the wire formats read them."""
        return f"{self.path}?{self.query}" if self.query else self.path

    def body_now(self, cap: int) -> bytes | None:
        """Return the body if all of it is there and can be used as it came; `None` if it must be read."""
        return None if "content-encoding" in self.headers else self.exchange.take_whole(cap)

    def body(self, cap: int) -> Awaitable[bytes]:
        """Return the body, decompressed. Raise `BadRequest`, and `ClientGone` if the caller has left."""
        return read_body(self.exchange, self.headers, cap)

    def upload(self, cap: int) -> Upload:
        """Return the body as it arrives. Raise `BadRequest` if its length exceeds the cap."""
        return Upload(self.exchange, self.headers, cap)

    def watched(self, after: asyncio.Event | None = None) -> AbstractContextManager[None]:
        """Return a context that ends with `ClientGone` as soon as the caller leaves, wherever its block waits.

        `after` is set once the body has been read, by somebody who notices until then that the caller leaves.
        """
        return Watch(self.exchange, after) if self._outlet is self.exchange else nullcontext()

    async def start(self, status: int, headers: Headers, data: bytes = b"") -> None:
        """Send the status, the headers, and a first part of the body."""
        self.started, self.status = True, status
        await self._outlet.start(status, self._named(headers), data)

    def _named(self, headers: Headers) -> Headers:
        """Add the ids of the request: the one that came in, else the provider's, else ours."""
        own = (replies.REQUEST_ID, self.request_id)
        if self._came_in is not None:
            headers = tuple(each for each in headers if each[0] not in self.id_names)
            return (*headers, own, *((name, self._came_in) for name in self.id_names))
        given = dict(headers)
        return (*headers, own, *[(name, self.request_id) for name in self.id_names if name not in given])

    @property
    def shown_id(self) -> str:
        """The id that a caller sees where the provider gives none: the one that came in, else ours."""
        return self._came_in or self.request_id

    @property
    def caller_id(self) -> str | None:
        """The id that the caller, or a proxy on the way, has given the request."""
        if self._came_in is not None or X_CLIENT_ID not in self.headers:
            return self._came_in
        return _id_in(self.headers, X_CLIENT_ID)

    def outlive(self, through: Callable[[Outlet], Through]) -> Through:
        """Send the answer through something else, and to its end even if the caller leaves, once the body was read."""
        self._outlet = outlet = through(self.exchange)
        return outlet

    async def replay(self, answer: KeptAnswer, *more: tuple[str, str]) -> None:
        """Send an answer that was given before, with the headers that it had."""
        self.started, self.status = True, answer.status
        await self._outlet.start(answer.status, (*answer.headers, *more), answer.body)
        await self._outlet.end()

    def write_now(self, data: bytes) -> bool:
        """Send a part of the body, which is not empty, if nothing has to be waited for; return whether it was sent."""
        return self._outlet.write_now(data)

    def write(self, data: bytes) -> Awaitable[None]:
        """Send a part of the body; wait while the caller does not read."""
        return self._outlet.write(data)

    def end(self, data: bytes = b"") -> Awaitable[None]:
        """Send the last part of the body, and its end."""
        return self._outlet.end(data)

    def reply(self, reply: HttpReply, more: Headers = ()) -> Awaitable[None]:
        """Send a whole answer."""
        self.started, self.status = True, reply.status
        return self._outlet.reply(reply.status, self._named((*reply.headers, *more)), reply.body)


def _id_in(headers: Mapping[str, str], name: str) -> str | None:
    """Return the id in a header, unless it is none that can be logged and sent back."""
    found = headers.get(name)
    return found if found is not None and _ID.fullmatch(found) else None
