"""What the gateway needs of a server: one request, and the way back to its caller.

`understudy serve` has a server of its own, whose exchanges write to a socket (`serving.exchange`). Any other server
hands requests over as ASGI does (`asgi`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from understudy.wire.http import Headers


class ClientGone(Exception):
    """The client disconnected before its request was complete."""


class Outlet(Protocol):
    """The way back to a caller. Once the caller has left, what is sent is dropped."""

    async def start(self, status: int, headers: Headers, data: bytes = b"") -> None:
        """Send the status, the headers and a first part of the body. Names are in lower case, and none concerns the
        connection (RFC 9110 §7.6.1), which is the server's."""
        ...

    def write_now(self, data: bytes) -> bool:
        """Send a part of the body, which is not empty, if nothing has to be waited for; return whether it was sent."""
        ...

    async def write(self, data: bytes) -> None:
        """Send a part of the body; wait while the caller does not read."""
        ...

    async def end(self, data: bytes = b"") -> None:
        """Send the last part of the body, and its end."""
        ...

    async def reply(self, status: int, headers: Headers, body: bytes) -> None:
        """Send a whole answer, with the length of its body. To `HEAD` the body is not sent."""
        ...


class Exchange(Outlet, Protocol):
    """One request, and the way back to its caller."""

    method: str
    path: str
    """As it was written, below the path at which the application is mounted."""
    query: str
    http_version: str
    headers: dict[str, str]
    """By name in lower case; repeated ones are joined with a comma (RFC 9110 §5.3)."""
    peer: str | None
    """The address of the caller; `None` if the server states none, as for a Unix socket."""
    notes: dict[Any, Any]
    """What the application notes of the head. The next request of the connection finds it, if it has the same head."""
    at_end: bool
    """Whether the whole body of the request has been read."""
    is_gone: bool
    """Whether the caller has left before the end of the answer."""
    refused: int
    """The status with which the server itself refused the request while its body arrived; 0 if it did not. The caller
    then counts as gone."""

    def take_whole(self, cap: int) -> bytes | None:
        """Return the whole body if it has arrived, nothing of it was read and it has at most `cap` bytes; `None` if it
        must be read."""
        ...

    async def read(self, gather: int = 0) -> bytes:
        """Return what has arrived of the body; wait until something has, or it ends. Raise `ClientGone`.

        A server that can may wait until more than `gather` bytes have arrived, which wakes the reader less often.
        """
        ...

    def notify(self, then: Callable[[], object] | None, after: asyncio.Event | None = None) -> None:
        """Call a function when the caller leaves, at once if that has happened; `None`: call none any more.

        `after` is set once the body is no longer read: until then its reader notices, too.
        """
        ...
