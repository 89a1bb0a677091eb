"""HTTP messages as data."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

Headers = tuple[tuple[str, str], ...]

JSON_HEADERS: Headers = (("content-type", "application/json"),)


class HttpRequest(msgspec.Struct, frozen=True):
    """A request, without its credential: the engine attaches that where it sends."""

    method: str
    url: str
    headers: Headers = ()
    body: bytes | None = None


class HttpHead(msgspec.Struct, frozen=True):
    """Status and headers of a response. Header names are lower-case; of repeated ones the last counts."""

    status: int
    headers: Mapping[str, str]

    @property
    def content_type(self) -> str:
        """The media type without parameters, lower-case; empty when the header is missing."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


class HttpReply(msgspec.Struct, frozen=True):
    """A response that a server half writes, whole."""

    status: int
    headers: Headers
    body: bytes
