"""Embeddings: `batchEmbedContents` in batches of at most a hundred texts, and `embedContent` where a caller used it."""

from __future__ import annotations

from functools import partial
from typing import Any

import msgspec

from understudy.dialects.base import Endpoint, Exchange, Notes, Send
from understudy.dialects.errors import classify
from understudy.dialects.gemini.errors import RULES, read_error
from understudy.dialects.gemini.names import bare, camel_keys, method_url, overlay, qualified
from understudy.dialects.gemini.wire import NAME, Vectors
from understudy.dialects.series import Series
from understudy.domain.content import JsonObject
from understudy.domain.failures import Failure
from understudy.domain.requests import EmbeddingRequest
from understudy.domain.responses import EmbeddingResponse
from understudy.domain.usage import Usage, token_count
from understudy.wire.http import JSON_HEADERS, HttpRequest
from understudy.wire.json import BadJson, decode_as, decode_object, encode

BATCH = 100
"""Texts in one request; the service refuses more."""

TASKS = {
    "document": "RETRIEVAL_DOCUMENT",
    "query": "RETRIEVAL_QUERY",
    "classification": "CLASSIFICATION",
    "clustering": "CLUSTERING",
}
"""What vectors are for, in this API's words."""

_VECTORS: msgspec.json.Decoder[Vectors] = msgspec.json.Decoder(Vectors)


def embedding(request: EmbeddingRequest, endpoint: Endpoint) -> Exchange[EmbeddingResponse]:
    """Open an embedding: batch after batch, in the order of the texts."""
    notes = Notes()
    batches = _Batches(request, endpoint, notes)
    return Series(batches.send(), batches.take, partial(classify, endpoint=endpoint, rules=RULES, read=read_error))


def read_vectors(body: bytes) -> tuple[list[tuple[float, ...]], JsonObject | None]:
    """Return the vectors of a body, and its usage. Raises `BadJson` when it holds none."""
    found = decode_as(_VECTORS, body)
    items = [found.embedding] if found.embedding is not None else found.embeddings
    if items is None:
        raise BadJson("no `embeddings`")
    return [tuple(item.values) for item in items], found.usage_metadata


class _Batches:
    """The requests still to be sent, and the vectors that came back so far."""

    def __init__(self, request: EmbeddingRequest, endpoint: Endpoint, notes: Notes) -> None:
        self._endpoint = endpoint
        self._model = qualified(endpoint.model or request.model or "")
        self._bodies = self._written(request, notes)
        self._warnings = tuple(notes.warnings)
        self._sent = 0
        self._vectors: list[tuple[float, ...]] = []
        self._tokens: int | None = 0
        self._usage: JsonObject = {}

    def send(self) -> HttpRequest:
        """Return the next request."""
        body = self._bodies[self._sent]
        method = "batchEmbedContents" if "requests" in body else "embedContent"
        self._sent += 1
        url = method_url(self._endpoint, self._model, method)
        return HttpRequest("POST", url, (*JSON_HEADERS, *self._endpoint.headers), encode(body))

    def take(self, data: bytes) -> list[EmbeddingResponse | Send | Failure]:
        """Take the vectors of a batch. Raises `BadJson` when some are missing: an index must never silently shift."""
        vectors, usage = read_vectors(data)
        body = self._bodies[self._sent - 1]
        expected = len(body["requests"]) if "requests" in body else 1
        if len(vectors) != expected:
            raise BadJson(f"{len(vectors)} vectors for {expected} texts")
        self._vectors += vectors
        self._count(usage)
        if self._sent < len(self._bodies):
            return [Send(self.send())]
        response = EmbeddingResponse(
            embeddings=tuple(self._vectors),
            model=bare(self._endpoint.model),
            usage=Usage(input=self._tokens, raw=self._usage or None),
            warnings=self._warnings,
            raw=data if len(self._bodies) == 1 else None,
        )
        return [response]

    def _count(self, usage: JsonObject | None) -> None:
        """Add up; the sum is unknown as soon as one batch does not tell."""
        tokens = token_count((usage or {}).get("promptTokenCount"))
        self._tokens = None if tokens is None or self._tokens is None else self._tokens + tokens
        self._usage = usage or {} if len(self._bodies) == 1 else {"promptTokenCount": self._tokens}

    def _written(self, request: EmbeddingRequest, notes: Notes) -> list[JsonObject]:
        if request.origin is not None and request.origin.dialect == NAME:
            return self._patched(decode_object(request.origin.body))
        items = self._items(request, notes)
        named = {"model": self._model} if "model" in (request.extra or {}).get(NAME, {}) else {}
        return [{**named, "requests": items[start : start + BATCH]} for start in range(0, max(1, len(items)), BATCH)]

    def _patched(self, body: JsonObject) -> list[JsonObject]:
        """A body of this dialect's own, with this target's model wherever it names one."""
        items = body.get("requests")
        for item in [body, *(items if isinstance(items, list) else ())]:
            if self._endpoint.model is not None and isinstance(item, dict) and "model" in item:
                item["model"] = self._model
        return [body]

    def _items(self, request: EmbeddingRequest, notes: Notes) -> list[JsonObject]:
        """One request a text. Requests that came in with more than text go out as they came."""
        refused = self._endpoint.quirks.refused
        common: JsonObject = {}
        if request.input_type is not None and "input_type" in refused:
            notes.drop("input_type", "this model passes over it")
        elif request.input_type is not None:
            common["taskType"] = TASKS[request.input_type]
        if request.dimensions is not None and "dimensions" in refused:
            notes.drop("dimensions", "this model has vectors of one size only")
        elif request.dimensions is not None:
            common["outputDimensionality"] = request.dimensions
        if request.user is not None:
            notes.drop("user", "this API has no such parameter")
        extra = request.extra or {}
        for fields in (self._endpoint.options, extra.get(NAME), extra.get(self._endpoint.provider)):
            overlay(common, camel_keys(fields or {}))
        common.pop("model", None)
        given: Any = common.pop("requests", None)
        if isinstance(given, list):
            return [{**item, "model": self._model} for item in given]
        return [{"model": self._model, "content": {"parts": [{"text": text}]}, **common} for text in request.texts]
