"""The body of a request that is handed on while it arrives: counted, and neither decompressed nor kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

from understudy.dialects.server import BadRequest
from understudy.gateway.bodies import check_length, too_large
from understudy.gateway.exchange import ClientGone, Exchange

_BODILESS = frozenset({"GET", "HEAD", "DELETE", "OPTIONS"})


class Upload:
    """A body under way. Whoever reads `pieces` sets the pace: the caller sends no faster than the provider receives."""

    def __init__(self, exchange: Exchange, headers: Mapping[str, str], cap: int) -> None:
        """Raise `BadRequest` with status 413 if the length is known to exceed the cap."""
        check_length(headers, cap)
        self._exchange = exchange
        self._cap = cap
        self.error: BadRequest | ClientGone | None = None
        """Why the body has no end: an HTTP library reports it only as a broken request."""
        self.is_over = asyncio.Event()
        """Set once nothing more is read."""

    @staticmethod
    def has_body(method: str, headers: Mapping[str, str]) -> bool:
        """Check whether a request has a body (RFC 9112 §6.3), or may have one over HTTP/2, which needs no length."""
        if (length := headers.get("content-length")) is not None:
            return length.strip("0") != ""
        return "transfer-encoding" in headers or method not in _BODILESS

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the body. Raise `BadRequest` beyond the cap, and `ClientGone` if the caller leaves."""
        size = 0
        try:
            while not self._exchange.at_end:
                data = await self._exchange.read()
                size += len(data)
                if size > self._cap:
                    raise too_large(f"the body exceeds the {self._cap} bytes that are accepted")
                if data:
                    yield data
        except (BadRequest, ClientGone) as error:
            self.error = error
            raise
        finally:
            self.is_over.set()
