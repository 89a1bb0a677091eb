"""One request and its answer over ASGI: headers as words, the body under a cap, and a caller who may leave."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any

from understudy.engine.job import new_id
from understudy.gateway import replies
from understudy.gateway.bodies import ClientGone, read_body
from understudy.gateway.leaving import EXTENSION, Leaving
from understudy.gateway.uploads import Upload
from understudy.wire.http import Headers, HttpReply

if TYPE_CHECKING:
    from understudy.ledger.replays import KeptAnswer

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


X_REQUEST_ID = "x-request-id"
"""Where proxies put the id of a request, and where OpenAI's clients look for it."""
_ID = re.compile(r"[\x21-\x7e]{1,128}")


class Watch:
    """Ends a block whose caller leaves. Where the server does not tell of that, a task asks it."""

    __slots__ = ("_after", "_leaving", "_receive", "_task", "_watcher")

    def __init__(self, leaving: Leaving | None, receive: Receive, after: asyncio.Event | None) -> None:
        self._leaving = leaving or Leaving()
        self._receive = receive
        self._after = after
        self._watcher: asyncio.Task[None] | None = None
        task = asyncio.current_task()
        if task is None:
            raise AssertionError("a request is handled in a task")
        self._task = task
        if leaving is None:
            self._watcher = asyncio.get_running_loop().create_task(self._notice())

    def __enter__(self) -> None:
        self._leaving.do(self._task.cancel)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._leaving.do(None)
        if self._watcher is not None:
            self._watcher.cancel()
        if kind is asyncio.CancelledError and self._leaving.has_happened and self._task.uncancel() == 0:
            raise ClientGone from None

    async def _notice(self) -> None:
        """Wait until the caller leaves."""
        if self._after is not None:
            await self._after.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._leaving.happen()


class Connection:
    """A request, and the way back to the caller."""

    __slots__ = (
        *("_head_only", "_leaving", "_receive", "_send", "headers", "http_version", "method", "path", "peer", "query"),
        *("id_names", "request_id", "started", "status"),
    )

    def __init__(self, scope: Message, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._leaving: Leaving | None = (scope.get("extensions") or {}).get(EXTENSION)
        self.method: str = scope["method"]
        written = (scope.get("raw_path") or scope["path"].encode()).decode("ascii", "replace")
        self.path: str = written.removeprefix(scope.get("root_path", ""))
        """As it was written, below the path at which the application is mounted."""
        self.query: str = scope.get("query_string", b"").decode("ascii", "replace")
        self.headers: dict[str, str] = _joined(scope["headers"])
        """By name in lower case; repeated ones are joined with a comma (RFC 9110 §5.3)."""
        self.http_version: str = scope.get("http_version", "1.1")
        self.peer: str | None = (scope.get("client") or (None,))[0]
        """The address of the caller; `None` if the server states none, as for a Unix socket."""
        self.request_id = new_id()
        """Under which the request is in the log and in records."""
        self.id_names: tuple[str, ...] = (X_REQUEST_ID,)
        """Headers in which clients look for an id."""
        self.started = False
        self.status = 0
        self._head_only = self.method == "HEAD"

    @property
    def url(self) -> str:
        """Path and query, as the server halves of the wire formats read them."""
        return f"{self.path}?{self.query}" if self.query else self.path

    async def body(self, cap: int) -> bytes:
        """Return the body, decompressed. Raise `BadRequest`, and `ClientGone` if the caller has left."""
        return await read_body(self._receive, self.headers, cap)

    def upload(self, cap: int) -> Upload:
        """Return the body as it arrives. Raise `BadRequest` if its length exceeds the cap."""
        return Upload(self._receive, self.headers, cap)

    def watched(self, after: asyncio.Event | None = None) -> Watch:
        """Return a context that ends with `ClientGone` as soon as the caller leaves, wherever its block waits.

        `after` is set once the body has been read, by somebody who notices until then that the caller leaves.
        """
        return Watch(self._leaving if after is None else None, self._receive, after)

    async def start(self, status: int, headers: Iterable[tuple[str, str]]) -> None:
        """Send the status and the headers."""
        self.started, self.status = True, status
        named = self._named(headers)
        encoded = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in named]
        await self._send({"type": "http.response.start", "status": status, "headers": encoded})

    def _named(self, headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        """Add the ids of the request: the one that came in, else the provider's, else ours."""
        came_in = _id_in(self.headers, X_REQUEST_ID)
        found = [each for each in headers if came_in is None or each[0] not in self.id_names]
        given = {name for name, _ in found}
        ids = ((name, self.shown_id) for name in self.id_names if name not in given)
        return [*found, (replies.REQUEST_ID, self.request_id), *ids]

    @property
    def shown_id(self) -> str:
        """The id that a caller sees where the provider gives none: the one that came in, else ours."""
        return _id_in(self.headers, X_REQUEST_ID) or self.request_id

    @property
    def caller_id(self) -> str | None:
        """The id that the caller, or a proxy on the way, has given the request."""
        return _id_in(self.headers, X_REQUEST_ID) or _id_in(self.headers, "x-client-request-id")

    def outlive(self, through: Callable[[Send], Send]) -> None:
        """Send the answer through something else, and to its end even if the caller leaves, once the body was read."""
        self._send = through(self._send)
        self._receive = _never

    async def replay(self, answer: KeptAnswer, *more: tuple[str, str]) -> None:
        """Send an answer that was given before, with the headers that it had."""
        self.started, self.status = True, answer.status
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in (*answer.headers, *more)]
        await self._send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await self._send({"type": "http.response.body", "body": answer.body, "more_body": False})

    async def write(self, data: bytes) -> None:
        """Send a part of the body; waits while the caller does not read."""
        if data and not self._head_only:
            await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self) -> None:
        """Send the end of the body."""
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def reply(self, reply: HttpReply, more: Headers = ()) -> None:
        """Send a whole answer."""
        length = ("content-length", str(len(reply.body)))
        await self.start(reply.status, (*reply.headers, *more, length))
        body = b"" if self._head_only else reply.body
        await self._send({"type": "http.response.body", "body": body, "more_body": False})


async def _never() -> Message:
    """Wait for what a caller sends who is not listened to any more."""
    never: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
    return await never


def _id_in(headers: Mapping[str, str], name: str) -> str | None:
    """Return the id in a header, unless it is none that can be logged and sent back."""
    found = headers.get(name)
    return found if found is not None and _ID.fullmatch(found) else None


def _joined(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found
