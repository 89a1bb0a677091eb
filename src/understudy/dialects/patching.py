"""Bodies that go out over the wire format in which they came in: as they are, and filled where they are silent."""

from __future__ import annotations

from collections.abc import Collection, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any, TypeVar

from understudy.dialects.base import Endpoint
from understudy.domain.errors import Misuse
from understudy.domain.requests import EmbeddingRequest, GenerationRequest
from understudy.wire.http import Headers
from understudy.wire.json import BadJson, encode
from understudy.wire.splice import SplicedObject

if TYPE_CHECKING:
    from typing_extensions import TypeIs  # in `typing` from Python 3.13

Body = MutableMapping[str, Any]
"""A body that is being written: a dictionary, or the bytes of one that came in."""
AnyBody = TypeVar("AnyBody", bound=Body)

_NO_ALIASES: Mapping[str, str] = {}


def received(request: GenerationRequest | EmbeddingRequest, dialect: str) -> SplicedObject | None:
    """Return the body of a request that came in over this wire format; `None` for any other request.

    Raise `Misuse` if it is not a JSON object, or names `model` or `stream` twice.
    """
    origin = request.origin
    if origin is None or origin.dialect != dialect:
        return None
    try:
        return SplicedObject(origin.body)
    except BadJson as error:
        raise Misuse(f"the body of the request is invalid: {error}") from error


def received_headers(request: GenerationRequest | EmbeddingRequest, dialect: str) -> Headers:
    """Return the headers that go with such a body."""
    origin = request.origin
    return origin.headers if origin is not None and origin.dialect == dialect else ()


def further_headers(request: GenerationRequest | EmbeddingRequest, dialect: str, endpoint: Endpoint) -> Headers:
    """Return those of the headers that came in which the endpoint does not set itself."""
    if request.origin is None or not (headers := received_headers(request, dialect)):
        return ()
    own = {name.lower() for name, _ in endpoint.headers}
    return tuple(header for header in headers if header[0] not in own)


def encoded(body: Body) -> bytes:
    """Return a body as JSON: one that came in with its own bytes, wherever it was not changed."""
    return body.to_bytes() if is_received(body) else encode(body)


def fill(body: AnyBody, *layers: Mapping[str, Any], aliases: Mapping[str, str] = _NO_ALIASES) -> AnyBody:
    """Set what a body lacks from the first of the layers that has it, and return the body. `null` counts as lacking,
    and a field under a second name (`aliases`) does not."""
    for layer in layers:
        for name, value in layer.items():
            if value is not None and body.get(name) is None and body.get(aliases.get(name, name)) is None:
                body[name] = value
    return body


def patched(body: AnyBody, endpoint: Endpoint, *layers: Mapping[str, Any]) -> AnyBody:
    """Set a body's model to the target's, and what the body lacks from the layers."""
    if endpoint.model is not None:
        body["model"] = endpoint.model
    return fill(body, *layers)


def keep_only(body: AnyBody, names: Collection[str]) -> AnyBody:
    """Remove all other fields from a body, and return it."""
    return without(body, [name for name in body if name not in names])


def without(body: AnyBody, names: Collection[str]) -> AnyBody:
    """Remove fields from a body, and return it."""
    for name in names:
        body.pop(name, None)
    return body


def is_received(body: Body) -> TypeIs[SplicedObject]:
    """Check whether a body came in as bytes."""
    return type(body) is SplicedObject  # `isinstance` of an abstract base class costs ten times as much
