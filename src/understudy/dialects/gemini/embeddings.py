"""Embeddings: `batchEmbedContents`, and `embedContent` where a caller used it."""

from __future__ import annotations

from collections.abc import MutableMapping
from functools import partial
from typing import Any

import msgspec

from understudy.dialects.base import Endpoint, Exchange, SingleExchange, WarningLog, WholeReader
from understudy.dialects.embeddings import checked_vectors, with_usage_warnings
from understudy.dialects.gemini.errors import classify
from understudy.dialects.gemini.names import bare, camel_keys, method_url, overlay, qualified
from understudy.dialects.gemini.wire import NAME, TASKS, Vectors
from understudy.dialects.patching import Body, encoded, further_headers, received
from understudy.domain.content import JsonObject
from understudy.domain.failures import Failure
from understudy.domain.operation import Operation
from understudy.domain.requests import EmbeddingRequest
from understudy.domain.responses import EmbeddingResponse
from understudy.domain.usage import Usage, token_count
from understudy.domain.warnings import Warning  # noqa: A004 - the public name
from understudy.wire.json import BadJson, decode_as

_VECTORS: msgspec.json.Decoder[Vectors] = msgspec.json.Decoder(Vectors)


def open_embed(request: EmbeddingRequest, endpoint: Endpoint) -> Exchange[EmbeddingResponse]:
    """Open an embedding. The caller splits strings into batches."""
    notes = WarningLog()
    body = encode_embed(request, endpoint, notes)
    batch = body.get("requests") is not None
    expected = len(body["requests"]) if batch else 1
    read = partial(_read, endpoint=endpoint, expected=expected, warnings=tuple(notes.warnings))
    method = "batchEmbedContents" if batch else "embedContent"
    url = method_url(endpoint, _model(request, endpoint), method)
    return SingleExchange(
        endpoint.post(url, encoded(body), further_headers(request, NAME, endpoint)),
        WholeReader(read),
        classify(endpoint, Operation.EMBED),
    )


def decode_vectors(body: bytes, decoded: int) -> tuple[list[tuple[float, ...]], JsonObject | None]:
    """Return the vectors of a body, and its usage. Raises `BadJson` if they are missing.

    `decoded` limits their memory.
    """
    found = decode_as(_VECTORS, body, sliced=True, decoded=decoded)
    items = [found.embedding] if found.embedding is not None else found.embeddings
    if items is None:
        raise BadJson("`embeddings` is missing")
    usage = found.usage_metadata
    return [tuple(item.values) for item in items], usage if isinstance(usage, dict) else None


def _read(
    data: bytes, *, endpoint: Endpoint, expected: int, warnings: tuple[Warning, ...]
) -> list[EmbeddingResponse | Failure]:
    """Read an answer. Raises `BadJson` if vectors are missing: an index must never silently shift."""
    vectors, usage = decode_vectors(data, endpoint.bounds.numbers(expected))
    response = EmbeddingResponse(
        embeddings=checked_vectors(vectors, expected),
        model=bare(endpoint.model),
        usage=Usage(input=token_count((usage or {}).get("promptTokenCount")), raw=usage or None),
        warnings=warnings,
        raw=data,
    )
    return [with_usage_warnings(response)]


def encode_embed(request: EmbeddingRequest, endpoint: Endpoint, notes: WarningLog) -> Body:
    """Encode the body: one request per string."""
    model = _model(request, endpoint)
    if (body := received(request, NAME)) is not None:
        return _patched(body, model) if endpoint.model is not None else body
    named = {"model": model} if "model" in (request.extra or {}).get(NAME, {}) else {}
    return {**named, "requests": _items(request, endpoint, notes)}


def _model(request: EmbeddingRequest, endpoint: Endpoint) -> str:
    return qualified(endpoint.model or request.model or "")


def _patched(body: Body, model: str) -> Body:
    """Set this target's model wherever a body of this dialect names one."""
    items = body.get("requests")
    for item in [body, *(items if isinstance(items, list) else ())]:
        if isinstance(item, MutableMapping) and "model" in item:
            named = item["model"]
            if not isinstance(named, str) or bare(named) != bare(model):
                item["model"] = model
    return body


def _items(request: EmbeddingRequest, endpoint: Endpoint, notes: WarningLog) -> list[JsonObject]:
    """Return one request per string. Requests that came in with more than text are sent unchanged."""
    model, refused = _model(request, endpoint), endpoint.quirks.refused
    common: JsonObject = {}
    if request.input_type is not None and "input_type" in refused:
        notes.drop("input_type", "this model ignores it")
    elif request.input_type is not None:
        common["taskType"] = TASKS[request.input_type]
    if request.dimensions is not None and "dimensions" in refused:
        notes.drop("dimensions", "this model has vectors of a fixed size")
    elif request.dimensions is not None:
        common["outputDimensionality"] = request.dimensions
    if request.user is not None:
        notes.drop("user", "this API has no such parameter")
    extra = request.extra or {}
    for fields in (endpoint.options, extra.get(NAME), extra.get(endpoint.provider)):
        overlay(common, camel_keys(fields or {}))
    common.pop("model", None)
    given: Any = common.pop("requests", None)
    if isinstance(given, list):
        return [{**item, "model": model} for item in given]
    return [{"model": model, "content": {"parts": [{"text": text}]}, **common} for text in request.texts]
