"""Vectors as bare arrays, whose depth depends on the model and on whether one text was given or a list."""

from __future__ import annotations

from typing import Any

import msgspec

from understudy.dialects.base import Endpoint, Notes, Send, extra_fields
from understudy.dialects.openai.errors import read_error_value, stream_failure
from understudy.domain.content import JsonObject
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.requests import EmbeddingRequest
from understudy.domain.responses import EmbeddingResponse
from understudy.wire.http import JSON_HEADERS, HttpRequest
from understudy.wire.json import BadJson, decode, decode_object, encode

NAME = "hf-features"
BATCH = 32
"""Texts that one call safely takes; the limit is not documented."""

Vector = tuple[float, ...]


class Batches:
    """Asks for batch after batch, and puts the vectors together in order."""

    def __init__(self, request: EmbeddingRequest, endpoint: Endpoint, url: str) -> None:
        notes = Notes()
        self._url = url
        self._endpoint = endpoint
        self._model = endpoint.model or request.model
        self._left = encode_embed(request, endpoint, notes)
        self._warnings = tuple(notes.warnings)
        self._found: list[Vector] = []
        self._sent = 0
        self._expected = 0

    def next(self) -> HttpRequest:
        """Return the request of the next batch."""
        body = self._left.pop(0)
        inputs = body.get("inputs")
        self._expected = len(inputs) if isinstance(inputs, list) else 1
        self._sent += 1
        return HttpRequest("POST", self._url, (*JSON_HEADERS, *self._endpoint.headers), encode(body))

    def take(self, data: bytes) -> list[EmbeddingResponse | Send | Failure]:
        """Take the answer to a batch. Raises `BadJson`."""
        value = decode(data)
        if isinstance(value, dict):
            error = read_error_value(value)
            if error is not None:
                return [stream_failure(error, self._endpoint)]
        found = read_vectors(value, self._expected)
        if isinstance(found, Failure):
            return [found]
        self._found += found
        if self._left:
            return [Send(self.next())]
        return [
            EmbeddingResponse(
                embeddings=tuple(self._found),
                model=self._model,
                warnings=self._warnings,
                raw=data if self._sent == 1 else None,
            )
        ]


def encode_embed(request: EmbeddingRequest, endpoint: Endpoint, notes: Notes) -> list[JsonObject]:
    """Write the bodies, one a batch."""
    if request.origin is not None and request.origin.dialect == NAME:
        body = decode_object(request.origin.body)
        added = {name: value for name, value in endpoint.options.items() if value is not None}
        return [{**added, **body} if added else body]
    for field, why in (
        ("dimensions", "the model's own dimensions cannot be changed"),
        ("input_type", "vectors are the same for documents and queries unless the model has named prompts"),
        ("user", "this API has no such parameter"),
    ):
        if getattr(request, field) is not None:
            notes.drop(field, why)
    extra = {name: value for name, value in extra_fields(request.extra, NAME, endpoint).items() if value is not None}
    texts = list(request.texts)
    if request.single and len(texts) == 1:
        return [{"inputs": texts[0], **extra}]
    return [{"inputs": texts[at : at + BATCH], **extra} for at in range(0, max(1, len(texts)), BATCH)]


def read_vectors(value: Any, expected: int) -> list[Vector] | Failure:
    """Read the vectors of so many texts. Raises `BadJson` when it is none of the forms, or when vectors are missing.

    One vector may stand alone where one text was given. A model that gives a vector for every token embeds no texts:
    how to make one of them is the model's secret, so that is a failure.
    """
    rows = [value] if _depth(value) == 1 and expected == 1 else value
    if _depth(rows) == 3:
        if any(len(tokens) != 1 for tokens in rows):
            return _by_token()
        rows = [tokens[0] for tokens in rows]
    try:
        vectors = msgspec.convert(rows, list[Vector])
    except msgspec.ValidationError as error:
        raise BadJson(f"not an array of vectors: {error}") from error
    if len(vectors) != expected:
        if expected == 1:
            return _by_token()
        raise BadJson(f"{len(vectors)} vectors for {expected} texts")
    if not all(vectors):
        raise BadJson("an empty vector")
    return vectors


def _depth(value: Any) -> int:
    return 1 + _depth(value[0]) if isinstance(value, list) and value else int(isinstance(value, list))


def _by_token() -> Failure:
    message = "the model gives a vector for every token, not one for the text: use a sentence-transformers model"
    return Failure(kind=FailureKind.UNSUPPORTED, message=message, status=200)
