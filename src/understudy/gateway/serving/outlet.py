"""What an answer is written to: a transport that counts, and whose closing leaves to the connection how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any


class Outlet(asyncio.Transport):
    """The transport of a connection, as uvicorn's request cycle sees it."""

    __slots__ = ("_close", "_transport", "is_left", "written")

    def __init__(self, transport: asyncio.Transport, close: Callable[[], None]) -> None:
        super().__init__()
        self._transport = transport
        self._close = close
        self.is_left = False
        """Whether the connection is being closed: nothing more is written."""
        self.written = 0

    def write(self, data: Any) -> None:
        """Write and count, unless the connection is being closed."""
        if not self.is_left:
            self.written += len(data)
            self._transport.write(data)

    def is_closing(self) -> bool:
        """Return whether nothing more can be written."""
        return self.is_left or self._transport.is_closing()

    def close(self) -> None:
        """Have the connection closed."""
        self._close()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what the transport knows about the socket."""
        return self._transport.get_extra_info(name, default)
