"""One line of a batch: what it asks, and the id that its answer will bear.

The form is that of OpenAI's Batch API ("The request input object"): `custom_id`, `method`, `url` and `body`.
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
    """What a `url` asks for, and in which dialect its body is written."""

    dialect: str
    operation: Operation


ROUTES = {
    "/chat/completions": Route("openai", Operation.CHAT),
    "/responses": Route("responses", Operation.CHAT),
    "/embeddings": Route("openai", Operation.EMBED),
}
"""By path, without the `/v1` that OpenAI has in front of it and Azure may leave out."""


class BadLine(ValueError):
    """A line that cannot be sent; the message says what is wrong with it and what to do."""


class Line(msgspec.Struct, frozen=True):
    """A request of a batch."""

    custom_id: str
    id: str
    """Made of the custom id, the url and the body: the same request always has the same one. Resuming finds by it out
    whether an answer belongs to another request of the same custom id."""
    url: str
    body: bytes
    """A JSON object, as it was written."""

    @property
    def route(self) -> Route:
        """Where it goes."""
        return ROUTES[self.url.removeprefix("/v1")]

    @property
    def mark(self) -> int:
        """The id as 64 bits, to be kept for millions of lines."""
        return int(self.id[-16:], 16)


_NOTHING = msgspec.Raw()


class _Wire(msgspec.Struct):
    custom_id: str | None = None
    method: str = "POST"
    url: str | None = None
    body: msgspec.Raw = _NOTHING


_decoder = msgspec.json.Decoder(_Wire)
_sorted = msgspec.json.Encoder(order="sorted")


def read_line(data: bytes) -> Line:
    """Read a line. Raises `BadLine`. Whether the body is a good one is found out when it is sent."""
    try:
        wire = json.decode_as(_decoder, data.removeprefix(_BOM))
    except json.BadJson as error:
        raise BadLine(f"{error}; each line is one JSON object with custom_id, method, url and body") from error
    if not wire.custom_id:
        raise BadLine('no custom_id: give every line its own, such as "custom_id": "request-1"')
    if wire.method.upper() != "POST":
        raise BadLine(f"method {wire.method!r}: a batch has POST alone")
    if wire.url is None or wire.url.removeprefix("/v1") not in ROUTES:
        told = "no url" if wire.url is None else f"url {wire.url!r} is not served here"
        raise BadLine(f"{told}: write {', '.join(f'/v1{path}' for path in ROUTES)}")
    if not bytes(wire.body).startswith(b"{"):
        raise BadLine("no body: it is the JSON object that would be posted to the url")
    return Line(wire.custom_id, _id_of(wire.custom_id, wire.url, wire.body), wire.url, bytes(wire.body))


def is_own(identifier: str) -> bool:
    """Tell whether an id of an answer was made here, so that it tells what was asked."""
    return _OWN_ID.fullmatch(identifier) is not None


def _id_of(custom_id: str, url: str, body: msgspec.Raw) -> str:
    """Return the id. Blanks and the order of keys make no difference."""
    try:
        asked = _sorted.encode((custom_id, url.removeprefix("/v1"), json.decode(bytes(body))))
    except json.BadJson as error:
        raise BadLine(f"body: {error}") from error
    return f"batch_req_{blake2b(asked, digest_size=12).hexdigest()}"
