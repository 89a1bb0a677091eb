"""HTTP messages as data."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import msgspec

Headers = tuple[tuple[str, str], ...]

JSON_HEADERS: Headers = (("content-type", "application/json"),)


class HttpRequest(msgspec.Struct, frozen=True):
    """A request, without its credential: the engine attaches that where it sends."""

    method: str
    url: str
    headers: Headers = ()
    body: bytes | None = None

    def __repr__(self) -> str:
        """Show address and size, but not query, header values and body: they hold keys and prompts."""
        return f"HttpRequest({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Return what `repr` shows."""
        size = "None" if self.body is None else f"{len(self.body)} bytes"
        names = [name for name, _ in self.headers]
        return [("method", self.method), ("url", self.url.partition("?")[0]), ("headers", names), ("body", size)]

    def with_headers(self, *headers: tuple[str, str]) -> HttpRequest:
        """Return the request with these headers in place of those with the same names, in any case."""
        replaced = {name.lower() for name, _ in headers}
        kept = (header for header in self.headers if header[0].lower() not in replaced)
        return HttpRequest(self.method, self.url, (*kept, *headers), self.body)


def is_sendable(key: str) -> bool:
    """Check whether a key can be sent in a header: printable ASCII without blanks."""
    return bool(key) and key.isascii() and key.isprintable() and " " not in key


def key_complaint(key: str) -> str | None:
    """Return what is wrong with a key or token, without repeating it; `None` if it can be sent."""
    if not key.strip():
        return "must not be empty"
    return None if is_sendable(key) else "contains characters that a header cannot carry"


class HttpHead(msgspec.Struct, frozen=True):
    """Status and headers of a response. Header names are lower-case; of repeated ones the last counts."""

    status: int
    headers: Mapping[str, str]

    @property
    def content_type(self) -> str:
        """The media type without parameters, lower-case; empty when the header is missing."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


class HttpReply(msgspec.Struct, frozen=True):
    """A whole response, as written by a server half."""

    status: int
    headers: Headers
    body: bytes


_PORTS = {"http": 80, "https": 443}


@lru_cache(maxsize=256)
def origin_of(url: str) -> str:
    """Return scheme, host and port of a URL in one spelling: lower case, without a usual port, user or password."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    port = "" if parts.port in (None, _PORTS.get(parts.scheme)) else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}"
