"""Embeddings: `POST /v2/embed`, in batches where there are more texts than one call takes."""

from __future__ import annotations

import base64
import binascii
import struct

import msgspec

from understudy.dialects.base import Classify, Endpoint, Exchange, Notes, Send, extra_fields
from understudy.dialects.cohere.errors import error_of, failure_in_answer
from understudy.dialects.cohere.usage import read_usage
from understudy.dialects.cohere.wire import NAME, Vectors
from understudy.dialects.series import Series
from understudy.domain.content import JsonObject
from understudy.domain.failures import Failure
from understudy.domain.requests import EmbeddingRequest
from understudy.domain.responses import EmbeddingResponse
from understudy.domain.usage import Usage
from understudy.wire.http import JSON_HEADERS, HttpRequest
from understudy.wire.json import BadJson, decode_as, decode_object, encode

BATCH = 96
"""Texts that one call takes."""

INPUT_TYPES = {
    "document": "search_document",
    "query": "search_query",
    "classification": "classification",
    "clustering": "clustering",
}

_VECTORS: msgspec.json.Decoder[Vectors] = msgspec.json.Decoder(Vectors)


def open_embedding(request: EmbeddingRequest, endpoint: Endpoint, classify: Classify) -> Exchange[EmbeddingResponse]:
    """Open an embedding, of as many sends as it takes."""
    batches = _Batches(request, endpoint)
    return Series(batches.next(), batches.take, classify)


class _Batches:
    """Asks for batch after batch, and puts the answers together in order."""

    def __init__(self, request: EmbeddingRequest, endpoint: Endpoint) -> None:
        notes = Notes()
        self._endpoint = endpoint
        self._model = endpoint.model or request.model
        self._left = encode_embed(request, endpoint, notes)
        self._warnings = tuple(notes.warnings)
        self._found: list[EmbeddingResponse] = []
        self._expected = 0

    def next(self) -> HttpRequest:
        """Return the request of the next batch."""
        body = self._left.pop(0)
        self._expected = len(body.get("texts") or ())
        headers = (*JSON_HEADERS, *self._endpoint.headers)
        return HttpRequest("POST", f"{self._endpoint.base_url}/v2/embed", headers, encode(body))

    def take(self, data: bytes) -> list[EmbeddingResponse | Send | Failure]:
        """Take the answer to a batch. Raises `BadJson`."""
        found = read_vectors(data, self._endpoint, self._model, self._expected)
        if isinstance(found, Failure):
            return [found]
        self._found.append(found)
        return [Send(self.next())] if self._left else [self._whole()]

    def _whole(self) -> EmbeddingResponse:
        first, *others = self._found
        if not others:
            return msgspec.structs.replace(first, warnings=self._warnings)
        counts = [found.usage.input for found in self._found]
        known = [count for count in counts if count is not None]
        usage = Usage(
            # Where one batch does not tell, the sum is not known either.
            input=sum(known) if len(known) == len(counts) else None,
            raw={"batches": [found.usage.raw for found in self._found]},
        )
        vectors = tuple(vector for found in self._found for vector in found.embeddings)
        return msgspec.structs.replace(first, embeddings=vectors, usage=usage, warnings=self._warnings, raw=None)


def encode_embed(request: EmbeddingRequest, endpoint: Endpoint, notes: Notes) -> list[JsonObject]:
    """Write the bodies of `POST /v2/embed`, one a batch."""
    if request.origin is not None and request.origin.dialect == NAME:
        return [_patched(request.origin.body, endpoint)]
    model = endpoint.model or request.model
    body: JsonObject = {"model": model} if model is not None else {}
    extra = extra_fields(request.extra, NAME, endpoint)
    if request.input_type is not None:
        body["input_type"] = INPUT_TYPES[request.input_type]
    elif "input_type" not in extra:
        body["input_type"] = "search_document"
        notes.emulate("input_type", "this API demands to know what the vectors are for; taken to be documents")
    body["texts"] = []
    body["embedding_types"] = ["float"]
    if request.dimensions is not None:
        body["output_dimension"] = request.dimensions
    if request.user is not None:
        notes.drop("user", "this API has no such parameter")
    body = {key: value for key, value in {**body, **extra}.items() if not (value is None and key in extra)}
    texts = request.texts
    return [{**body, "texts": list(texts[at : at + BATCH])} for at in range(0, max(1, len(texts)), BATCH)]


def _patched(origin: bytes, endpoint: Endpoint) -> JsonObject:
    body = decode_object(origin)
    if endpoint.model is not None:
        body["model"] = endpoint.model
    for name, value in endpoint.options.items():
        if value is not None:
            body.setdefault(name, value)
    return body


def read_vectors(data: bytes, endpoint: Endpoint, model: str | None, expected: int) -> EmbeddingResponse | Failure:
    """Read an answer with vectors. Of several types the floats count, else the first.

    Raises `BadJson` when it is none, or when vectors are missing: an index must never silently shift.
    """
    found = decode_as(_VECTORS, data)
    if found.embeddings is None:
        error = error_of(decode_object(data))
        if error is not None:
            return failure_in_answer(error, endpoint)
        raise BadJson("no `embeddings`: not an answer with vectors")
    vectors = found.embeddings.given
    if expected and len(vectors) != expected:
        raise BadJson(f"{len(vectors)} vectors for {expected} texts")
    return EmbeddingResponse(
        embeddings=tuple(unpack(vector) if isinstance(vector, str) else tuple(vector) for vector in vectors),
        model=model,
        usage=read_usage(found.meta) if found.meta else Usage(),
        raw=data,
    )


def pack(vector: tuple[float, ...]) -> str:
    """Write a vector as base64 of little-endian 32-bit floats."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode("ascii")


def unpack(text: str) -> tuple[float, ...]:
    """Read a vector from base64. Raises `BadJson` when it is none."""
    try:
        data = base64.b64decode(text, validate=True)
        return struct.unpack(f"<{len(data) // 4}f", data)
    except (binascii.Error, struct.error) as error:
        raise BadJson(f"a vector is not base64 of 32-bit floats: {error}") from error
