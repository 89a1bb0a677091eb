"""Downloads media by URL, for targets that accept only bytes; never unless the caller asks for it.

A URL may come from a model or a stranger, so only public addresses are read: each name is looked up once, every address
is checked, and the connection goes to one of those. Redirects are followed under the same rules.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urljoin, urlsplit

import msgspec

from understudy.domain.content import Audio, File, Image, Media
from understudy.domain.errors import ConnectionFailed, InvalidResponse, Misuse, TimedOut
from understudy.domain.rules import Rule
from understudy.domain.suggestions import kind_of
from understudy.transport.base import Incoming, Transport, TransportError
from understudy.transport.choice import built_in
from understudy.transport.name_lookup import Resolver
from understudy.transport.network import Network
from understudy.wire.http import HttpRequest

if TYPE_CHECKING:
    from aiohttp.abc import ResolveResult

M = TypeVar("M", Image, Audio, File)

LIMIT = 20 << 20
"""Bytes that are read at most by default."""
REDIRECTS = 5
_MOVED = (301, 302, 303, 307, 308)
_UNTYPED = ("", "application/octet-stream", "binary/octet-stream")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


async def fetch_media(part: M, *, limit: int = LIMIT, timeout: float = 30.0) -> M:  # noqa: ASYNC109 - a public option
    """Return a part with the bytes at its URL, so that targets without access to it can be asked, too.

    A part that already has bytes is returned as it is. Only `http` and `https` URLs of public addresses are read,
    directly and without a proxy: `limit` is in bytes, `timeout` in seconds for the whole download.

    Raise `Misuse` for any other URL or address, and for content of another kind (a web page instead of an image);
    `Unavailable` (`ConnectionFailed`, `TimedOut`, `InvalidResponse`) if it cannot be read.
    """
    return await MediaFetcher(is_public).fetch(part, limit, timeout)


def is_public(address: str) -> bool:
    """Check whether an IP address is one of the public internet, also if it is wrapped in an IPv6 address."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo and found.teredo[1])
        if inner is None and found in _NAT64:
            inner = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        if inner is not None:
            found = inner
    return found.is_global and not found.is_multicast


def _check_arguments(part: Any, limit: Any, seconds: Any) -> None:
    """Raise `Misuse` for what is no media part, or an invalid limit."""
    if not isinstance(part, Media):
        hint = "; make one with Image.from_url" if isinstance(part, str) else ""
        raise Misuse(f"fetch_media: pass an Image, Audio or File, not {kind_of(part)}{hint}")
    for name, value, rule in (("limit", limit, _LIMIT), ("timeout", seconds, _SECONDS)):
        if complaint := rule.complaint(value):
            raise Misuse(f"fetch_media: {name} {complaint}")


_LIMIT, _SECONDS = Rule("integer", least=1), Rule("number", positive=True)


class MediaFetcher:
    """Downloads from addresses that `is_allowed` accepts."""

    def __init__(self, is_allowed: Callable[[str], bool]) -> None:
        self._is_allowed = is_allowed

    async def fetch(self, part: M, limit: int, seconds: float) -> M:
        """Download the bytes of a part; see `fetch_media`."""
        _check_arguments(part, limit, seconds)
        located = part.located()
        if located.data is not None or located.url is None:
            return located
        resolver = _CheckedResolver(self._is_allowed)
        transport = built_in(network=Network(environ={}), resolver=resolver)
        try:
            async with asyncio.timeout(seconds):
                media_type, data = await self._read(transport, located.url, limit)
        except TimeoutError as error:
            raise TimedOut(f"fetch_media: {_host(located.url)} took longer than {seconds:g} s") from error
        except TransportError as error:
            if resolver.refused is not None:
                raise Misuse(f"fetch_media: {resolver.refused} is not a public address") from None
            raise ConnectionFailed(f"fetch_media: {error.failure.message}", failure=error.failure) from None
        finally:
            await transport.aclose()
        label = media_type if media_type not in _UNTYPED else None
        name = urlsplit(located.url).path.rpartition("/")[2] or None
        made = type(part).from_download(f"fetch_media: the content of {_host(located.url)}", data, label, name)
        return msgspec.structs.replace(
            located, url=None, data=made.data, media_type=made.media_type, name=part.name or made.name
        )

    async def _read(self, transport: Transport, url: str, limit: int) -> tuple[str, bytes]:
        for _ in range(REDIRECTS + 1):
            self._check(url)
            incoming = await transport.send(HttpRequest("GET", url, (("accept", "*/*"),)), connect=10.0)
            try:
                head = incoming.head
                if head.status in _MOVED and "location" in head.headers:
                    url = _moved(url, head.headers["location"])
                    continue
                if head.status != 200:
                    raise InvalidResponse(f"fetch_media: {_host(url)} answered with HTTP {head.status}")
                return head.content_type, await _body(incoming, _host(url), limit)
            finally:
                incoming.close()
        raise InvalidResponse(f"fetch_media: more than {REDIRECTS} redirects")

    def _check(self, url: str) -> None:
        try:
            split = urlsplit(url)
            host, _ = split.hostname, split.port
        except ValueError as error:
            raise Misuse(f"fetch_media: the URL is not valid: {error}") from error
        if split.scheme.lower() not in ("http", "https") or not host:
            raise Misuse(f"fetch_media: only http and https URLs are read, got {url[:80]!r}")
        try:
            ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            return  # A name, whose addresses are checked when it is looked up.
        if not self._is_allowed(host):
            raise Misuse(f"fetch_media: {host} is not a public address")


class _CheckedResolver(Resolver):
    def __init__(self, is_allowed: Callable[[str], bool]) -> None:
        super().__init__()
        self._is_allowed = is_allowed
        self.refused: str | None = None
        """The name that led to an address that is not allowed."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Look a name up. Raise `OSError` if one of its addresses is not allowed."""
        found = await super().resolve(host, port, family)
        if not all(self._is_allowed(each["host"]) for each in found):
            self.refused = host
            raise OSError(errno.EACCES, "the address is not allowed")
        return found


async def _body(incoming: Incoming, host: str, limit: int) -> bytes:
    if incoming.head.headers.get("content-encoding", "identity") != "identity":
        raise InvalidResponse(f"fetch_media: {host} compressed the content, which was not asked for")
    pieces: list[bytes] = []
    size = 0
    while piece := await incoming.read():
        size += len(piece)
        if size > limit:
            raise InvalidResponse(f"fetch_media: the content of {host} is larger than {limit:,} bytes")
        pieces.append(piece)
    return b"".join(pieces)


def _moved(url: str, location: str) -> str:
    target = urljoin(url, location)
    if url.lower().startswith("https:") and not target.lower().startswith("https:"):
        raise InvalidResponse(f"fetch_media: {_host(url)} redirects from https to another scheme")
    return target


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or url[:80]
    except ValueError:
        return url[:80]
