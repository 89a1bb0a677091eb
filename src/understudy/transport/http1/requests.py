"""Requests as bytes: where a URL leads, and the head that is written there."""

from __future__ import annotations

import base64
import ipaddress
import re
from functools import lru_cache

import msgspec
from yarl import URL

from understudy.transport.base import Upload
from understudy.transport.network import Way
from understudy.wire.http import HttpRequest

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
"""Names of methods and headers (RFC 9110 §5.6.2)."""
_DEFAULTS = (("accept", "*/*"), ("accept-encoding", "identity"), ("user-agent", "understudy"))
"""What is sent unless the request has another value. Bodies are asked for uncompressed."""
_FRAMING = frozenset({"content-length", "transfer-encoding"})
"""Headers that follow from the body."""
_BODILESS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
"""Methods whose requests state no length if they have no body."""


class Target(msgspec.Struct, frozen=True, eq=False):
    """What all requests of one method to one URL have in common. It holds no header of theirs, and so no key."""

    origin: str
    """Scheme, host and port."""
    host: str
    port: int
    secure: bool
    """Whether the server is reached over TLS."""
    way: Way
    method: str
    line: str
    """The request line, without its end."""
    place: str
    """The header `Host`, unless the request has its own."""

    def __repr__(self) -> str:
        """Show where it leads, without path and query."""
        return f"Target({self.method!r}, {self.origin!r})"

    @property
    def authority(self) -> str:
        """Host and port, as CONNECT names them."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class HiddenBytes(bytes):
    """Bytes that hold a key: tracebacks that print local variables, and debuggers, show nothing of them."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "b'…'"


def target_of(method: str, url: str, way: Way) -> Target:
    """Return where a request goes. Raise `ValueError` if HTTP has no such method or address."""
    parsed = URL(url)
    host, port = parsed.raw_host, parsed.port
    if not host or port is None or parsed.scheme not in ("http", "https") or not _TOKEN.match(method):
        raise ValueError("not an address or a method of HTTP")
    if host.replace(".", "").isdigit():
        ipaddress.IPv4Address(host)  # The system would read 127.1 as an address, too.
    is_forwarded = way.proxy is not None and not way.tunnel
    where = str(parsed.with_user(None).with_fragment(None)) if is_forwarded else parsed.raw_path_qs
    line, place = f"{method} {where} HTTP/1.1", f"host: {parsed.host_port_subcomponent}"
    return Target(str(parsed.origin()), host, port, parsed.scheme == "https", way, method, line, place)


def head_of(target: Target, request: HttpRequest) -> HiddenBytes:
    """Return the head of a request. Raise `ValueError` if HTTP cannot express it."""
    given = _given(next(zip(*request.headers, strict=True), ()))
    headers, length = request.headers, None
    if given.framing:
        headers = tuple(each for each in headers if each[0] not in given.framing)
        length = {name.lower(): value for name, value in request.headers}.get("content-length")
    place = () if given.host else (target.place,)
    framing = _framing(request, length)
    lines = [target.line, *place, *map(_LINE, headers), *given.defaults, *map(_LINE, framing)]
    if "@" in request.url and not given.authorization:
        lines += _authorization(request.url)
    if not target.way.tunnel:
        lines += [f"{name}: {value}" for name, value in target.way.headers()]
    # One line break in a name or value is one line too many (CWE-113).
    head, breaks = "\r\n".join(lines), len(lines) - 1
    if head.count("\n") != breaks or head.count("\r") != breaks or "\0" in head:
        raise ValueError("a header contains a line break or NUL")
    return HiddenBytes(f"{head}\r\n\r\n".encode())


def _framing(request: HttpRequest, length: str | None) -> tuple[tuple[str, str], ...]:
    if request.body is not None:
        return (("content-length", str(len(request.body))),)
    if isinstance(request, Upload) and request.pieces is not None:
        if length is None:
            return (("transfer-encoding", "chunked"),)
        if not (length.isascii() and length.isdigit()):
            raise ValueError("not a length")
        return (("content-length", length),)
    return () if request.method in _BODILESS else (("content-length", "0"),)


def stated_length(request: Upload) -> int | None:
    """Return how many bytes an upload's own headers promise; `None` if it is sent in chunks."""
    return next((int(value) for name, value in request.headers if name.lower() == "content-length"), None)


def _authorization(url: str) -> list[str]:
    """Return the user and password of a URL as HTTP's basic authentication (RFC 7617)."""
    parsed = URL(url)
    if parsed.user is None and parsed.password is None:
        return []
    pair = f"{parsed.user or ''}:{parsed.password or ''}"
    return [f"authorization: Basic {base64.b64encode(pair.encode()).decode()}"]


_LINE = "%s: %s".__mod__


class _Given(msgspec.Struct, frozen=True):
    """What the names of a request's own headers decide."""

    defaults: tuple[str, ...]
    """The lines of what they leave out."""
    framing: frozenset[str]
    """Those that follow from the body, as they are written."""
    host: bool
    authorization: bool


@lru_cache(maxsize=512)
def _given(names: tuple[str, ...]) -> _Given:
    """Read the names of headers, which requests have in common. Raise `ValueError` if one is not a name."""
    if not all(map(_TOKEN.match, names)):
        raise ValueError("not the name of a header")
    lowered = {name.lower() for name in names}
    return _Given(
        defaults=tuple(_LINE(each) for each in _DEFAULTS if each[0] not in lowered),
        framing=frozenset(name for name in names if name.lower() in _FRAMING),
        host="host" in lowered,
        authorization="authorization" in lowered,
    )
