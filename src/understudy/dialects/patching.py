"""Bodies that go out over the wire format in which they came in: kept as they are, and filled where they are silent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from understudy.dialects.base import Endpoint
from understudy.domain.content import JsonObject
from understudy.domain.requests import EmbeddingRequest, GenerationRequest
from understudy.wire.json import decode_object

_NO_ALIASES: Mapping[str, str] = {}


def received(request: GenerationRequest | EmbeddingRequest, dialect: str) -> JsonObject | None:
    """Return the body of a request that came in over this wire format; `None` for any other request."""
    origin = request.origin
    return decode_object(origin.body) if origin is not None and origin.dialect == dialect else None


def fill(body: JsonObject, *layers: Mapping[str, Any], aliases: Mapping[str, str] = _NO_ALIASES) -> JsonObject:
    """Set what a body lacks from the first of the layers that has it, and return the body. `null` counts as lacking,
    and a field under a second name (`aliases`) does not."""
    for layer in layers:
        for name, value in layer.items():
            if value is not None and body.get(name) is None and body.get(aliases.get(name, name)) is None:
                body[name] = value
    return body


def patched(body: JsonObject, endpoint: Endpoint, *layers: Mapping[str, Any]) -> JsonObject:
    """Set a body's model to the target's, and what the body lacks from the layers."""
    if endpoint.model is not None:
        body["model"] = endpoint.model
    return fill(body, *layers)
