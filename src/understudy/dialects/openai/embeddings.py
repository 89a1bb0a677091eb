"""Vectors on the wire: JSON numbers, or base64 of little-endian 32-bit floats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

import msgspec

from understudy.dialects.base import Endpoint, WarningLog
from understudy.dialects.embeddings import (
    Vector,
    checked_vectors,
    converted,
    in_order,
    unpack_vector,
    with_usage_warnings,
)
from understudy.dialects.openai.errors import decode_error_value, decode_failure
from understudy.dialects.openai.usage import decode_usage
from understudy.dialects.openai.wire import NAME
from understudy.dialects.patching import Body, encoded, fill, received
from understudy.domain.content import JsonObject
from understudy.domain.failures import Failure
from understudy.domain.operation import Operation
from understudy.domain.requests import EmbeddingRequest
from understudy.domain.responses import EmbeddingResponse
from understudy.domain.usage import Usage
from understudy.domain.warnings import Warning  # noqa: A004 - the public name
from understudy.wire.json import BadJson, decode_as, decode_object
from understudy.wire.shape import LARGE

VectorT = TypeVar("VectorT")
_Either = Vector | str


class _Item(msgspec.Struct, Generic[VectorT], gc=False):
    embedding: VectorT
    index: Any = None


class _Body(msgspec.Struct, Generic[VectorT], gc=False):
    data: list[_Item[VectorT]] | None = None
    model: Any = None
    usage: Any = None


_decoder: msgspec.json.Decoder[_Body[_Either]] = msgspec.json.Decoder(_Body[_Either])
_large: msgspec.json.Decoder[_Body[Any]] = msgspec.json.Decoder(_Body[Any])


def decode_embeddings(
    body: bytes, endpoint: Endpoint, expected: int, warnings: tuple[Warning, ...] = ()
) -> list[EmbeddingResponse | Failure]:
    """Decode an embeddings body, in the order of the texts. `expected` is their number, 0 if it is unknown.

    Raise `BadJson` if it is invalid or vectors are missing: an index must never silently shift.
    """
    is_large = len(body) > LARGE
    decoder = _large if is_large else _decoder
    found = decode_as(decoder, body, sliced=True, decoded=endpoint.bounds.numbers(expected))
    if found.data is None:
        error = decode_error_value(decode_object(body))
        if error is not None:
            return [decode_failure(error, endpoint, Operation.EMBED)]
        raise BadJson("`data` is missing")
    vectors: list[Sequence[float]] = [unpack_vector(item.embedding) for item in found.data]
    if is_large:
        vectors[:] = converted(vectors)
    ordered = in_order(vectors, [item.index for item in found.data])
    # Every text has tokens: servers that do not count write zero, because the form requires a number.
    usage = decode_usage(found.usage) or Usage()
    response = EmbeddingResponse(
        embeddings=checked_vectors(ordered, expected),
        model=found.model if isinstance(found.model, str) else None,
        usage=usage if usage.input_total else msgspec.structs.replace(usage, input=None),
        warnings=warnings,
        raw=body,
    )
    return [with_usage_warnings(response)]


def encode_embed(request: EmbeddingRequest, endpoint: Endpoint, notes: WarningLog) -> bytes:
    """Encode the body of an embedding request."""
    body: Body
    if (own := received(request, NAME)) is not None:
        body = own
        fill(body, endpoint.options)
    else:
        unified: JsonObject = {"model": request.model}
        if request.texts:
            unified["input"] = request.texts[0] if request.single else list(request.texts)
        if request.dimensions is not None:
            unified["dimensions"] = request.dimensions
        if request.user is not None:
            unified["user"] = request.user
        if endpoint.quirks.embed_format is not None:
            unified["encoding_format"] = endpoint.quirks.embed_format
        extra = request.extra or {}
        unified |= {**endpoint.options, **extra.get(NAME, {}), **extra.get(endpoint.provider, {})}
        body = {key: value for key, value in unified.items() if value is not None}
    for name in endpoint.quirks.refused & {"dimensions", "user"}:
        if body.pop(name, None) is not None:
            notes.drop(name, "the target refuses it")
    if request.input_type is not None:
        notes.drop("input_type", "vectors are the same for documents and queries here")
    if endpoint.model is not None:
        body["model"] = endpoint.model
    return encoded(body)
