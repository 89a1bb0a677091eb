"""Embeddings: `POST /v2/embed`."""

from __future__ import annotations

from functools import partial

import msgspec

from understudy.dialects.base import Endpoint, Exchange, SingleExchange, WarningLog, WholeReader, extra_fields
from understudy.dialects.cohere.errors import classify, decode_error_value, decode_failure
from understudy.dialects.cohere.usage import decode_usage
from understudy.dialects.cohere.wire import INPUT_TYPES, NAME, Vectors
from understudy.dialects.embeddings import checked_vectors, unpack_vector, with_usage_warnings
from understudy.dialects.patching import Body, encoded, further_headers, patched, received
from understudy.domain.content import JsonObject
from understudy.domain.failures import Failure
from understudy.domain.operation import Operation
from understudy.domain.requests import EmbeddingRequest
from understudy.domain.responses import EmbeddingResponse
from understudy.domain.usage import Usage
from understudy.domain.warnings import Warning  # noqa: A004 - the public name
from understudy.wire.json import BadJson, decode_as, decode_object

_VECTORS: msgspec.json.Decoder[Vectors] = msgspec.json.Decoder(Vectors)


def open_embed(request: EmbeddingRequest, endpoint: Endpoint) -> Exchange[EmbeddingResponse]:
    """Open an embedding. The caller keeps to the limit of texts per request."""
    notes = WarningLog()
    body = encode_embed(request, endpoint, notes)
    read = partial(
        decode_embeddings,
        endpoint=endpoint,
        model=endpoint.model or request.model,
        expected=len(body.get("texts") or ()),
        warnings=tuple(notes.warnings),
    )
    call = endpoint.post(f"{endpoint.base_url}/v2/embed", encoded(body), further_headers(request, NAME, endpoint))
    return SingleExchange(call, WholeReader(read), classify(endpoint, Operation.EMBED))


def encode_embed(request: EmbeddingRequest, endpoint: Endpoint, notes: WarningLog) -> Body:
    """Return the body of `POST /v2/embed`."""
    if (came_in := received(request, NAME)) is not None:
        return patched(came_in, endpoint, endpoint.options)
    model = endpoint.model or request.model
    body: JsonObject = {"model": model} if model is not None else {}
    extra = extra_fields(request.extra, NAME, endpoint)
    if request.input_type is not None:
        body["input_type"] = INPUT_TYPES[request.input_type]
    elif "input_type" not in extra:
        body["input_type"] = "search_document"
        notes.emulate("input_type", "this API requires it; document was sent")
    body["texts"] = list(request.texts)
    body["embedding_types"] = ["float"]
    if request.dimensions is not None and "dimensions" in endpoint.quirks.refused:
        notes.drop("dimensions", "this model has vectors of only one size")
    elif request.dimensions is not None:
        body["output_dimension"] = request.dimensions
    if request.user is not None:
        notes.drop("user", "this API has no such parameter")
    return {key: value for key, value in {**body, **extra}.items() if not (value is None and key in extra)}


def decode_embeddings(
    data: bytes, *, endpoint: Endpoint, model: str | None, expected: int, warnings: tuple[Warning, ...] = ()
) -> list[EmbeddingResponse | Failure]:
    """Decode an answer with vectors. Of several types floats come first.

    Raise `BadJson` if it is invalid or vectors are missing: an index must never shift silently.
    """
    found = decode_as(_VECTORS, data, sliced=True, decoded=endpoint.bounds.numbers(expected))
    if found.embeddings is None:
        error = decode_error_value(decode_object(data))
        if error is not None:
            return [decode_failure(error, endpoint, Operation.EMBED)]
        raise BadJson("`embeddings` is missing")
    vectors = [unpack_vector(vector) for vector in found.embeddings.given]
    response = EmbeddingResponse(
        embeddings=checked_vectors(vectors, expected),
        model=model,
        usage=decode_usage(found.meta) if found.meta and isinstance(found.meta, dict) else Usage(),
        warnings=warnings,
        raw=data,
    )
    return [with_usage_warnings(response)]
