"""One line of a batch: its request, and the id that its answer will have.

The format is that of OpenAI's Batch API ("The request input object"): `custom_id`, `method`, `url` and `body`.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import NamedTuple

import msgspec

from understudy.domain.operation import Operation
from understudy.wire import json

_OWN_ID = re.compile(r"batch_req_[0-9a-f]{24}")
_BOM = b"\xef\xbb\xbf"


class Route(NamedTuple):
    """The operation of a `url`, and the dialect of its body."""

    dialect: str
    operation: Operation


ROUTES = {
    "/chat/completions": Route("openai", Operation.CHAT),
    "/responses": Route("responses", Operation.CHAT),
    "/embeddings": Route("openai", Operation.EMBED),
}
"""By path, without the `/v1` prefix of OpenAI, which Azure may omit."""


class BadLine(ValueError):
    """Raised for a line that cannot be sent; the message states what is wrong and what to do."""


class Line(msgspec.Struct, frozen=True):
    """A request of a batch."""

    custom_id: str
    id: str
    """A hash of the custom id, the url and the body. On resuming, it shows whether an answer belongs to a different
    request with the same custom id."""
    url: str
    body: bytes
    """A JSON object, as written in the input."""

    @property
    def route(self) -> Route:
        """Return the operation and dialect of the url."""
        return ROUTES[self.url.removeprefix("/v1")]

    @property
    def mark(self) -> int:
        """Return 64 bits of the id, small enough to keep for millions of lines."""
        return int(self.id[-16:], 16)


_NOTHING = msgspec.Raw()


class _Wire(msgspec.Struct):
    custom_id: str | None = None
    method: str = "POST"
    url: str | None = None
    body: msgspec.Raw = _NOTHING


_decoder = msgspec.json.Decoder(_Wire)
_sorted = msgspec.json.Encoder(order="sorted")


def parse_line(data: bytes) -> Line:
    """Parse a line. Raise `BadLine` if it is invalid; the body is checked only when it is sent."""
    try:
        wire = json.decode_as(_decoder, data.removeprefix(_BOM))
    except json.BadJson as error:
        raise BadLine(f"{error}; each line must be a JSON object with custom_id, method, url and body") from error
    if not wire.custom_id:
        raise BadLine('custom_id is missing: give every line a different one, such as "custom_id": "request-1"')
    if wire.method.upper() != "POST":
        raise BadLine(f"method must be POST, got {wire.method!r}")
    if wire.url is None or wire.url.removeprefix("/v1") not in ROUTES:
        problem = "url is missing" if wire.url is None else f"url {wire.url!r} is not supported"
        raise BadLine(f"{problem}: write {', '.join(f'/v1{path}' for path in ROUTES)}")
    if not bytes(wire.body).startswith(b"{"):
        raise BadLine("body must be the JSON object to post to the url")
    return Line(wire.custom_id, _id_of(wire.custom_id, wire.url, wire.body), wire.url, bytes(wire.body))


def is_own(identifier: str) -> bool:
    """Check whether the id of an answer was made by this command, so that it identifies the request."""
    return _OWN_ID.fullmatch(identifier) is not None


def _id_of(custom_id: str, url: str, body: msgspec.Raw) -> str:
    """Return the id. Whitespace and the order of keys make no difference."""
    try:
        asked = _sorted.encode((custom_id, url.removeprefix("/v1"), json.decode(bytes(body))))
    except json.BadJson as error:
        raise BadLine(f"body: {error}") from error
    return f"batch_req_{blake2b(asked, digest_size=12).hexdigest()}"
