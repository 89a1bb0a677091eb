"""Vectors as bare arrays, whose depth depends on the model and on whether one text was given or a list."""

from __future__ import annotations

from typing import Any

import msgspec

from understudy.dialects.base import Endpoint, WarningLog, extra_fields
from understudy.dialects.embeddings import checked_vectors
from understudy.dialects.hf_features.wire import NAME
from understudy.dialects.openai.errors import decode_error_value, decode_failure
from understudy.dialects.patching import Body, fill, received
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.operation import Operation
from understudy.domain.requests import EmbeddingRequest
from understudy.domain.responses import EmbeddingResponse
from understudy.domain.warnings import Warning  # noqa: A004 - the public name
from understudy.wire.json import BadJson, decode

Vector = tuple[float, ...]


def decode_embeddings(
    data: bytes, *, endpoint: Endpoint, model: str | None, expected: int, warnings: tuple[Warning, ...]
) -> list[EmbeddingResponse | Failure]:
    """Decode an answer, which has neither model nor usage. Raise `BadJson`."""
    value = decode(data, decoded=endpoint.bounds.numbers(expected))
    if isinstance(value, dict):
        error = decode_error_value(value)
        if error is not None:
            return [decode_failure(error, endpoint, Operation.EMBED)]
    found = decode_vectors(value, expected)
    if isinstance(found, Failure):
        return [found]
    return [EmbeddingResponse(embeddings=tuple(found), model=model, warnings=warnings, raw=data)]


def encode_embed(request: EmbeddingRequest, endpoint: Endpoint, notes: WarningLog) -> Body:
    """Write the body."""
    if (body := received(request, NAME)) is not None:
        return fill(body, endpoint.options)
    for field, why in (
        ("dimensions", "the model's own dimensions cannot be changed"),
        ("input_type", "vectors are the same for documents and queries unless the model has named prompts"),
        ("user", "this API has no such parameter"),
    ):
        if getattr(request, field) is not None:
            notes.drop(field, why)
    extra = {name: value for name, value in extra_fields(request.extra, NAME, endpoint).items() if value is not None}
    alone = request.single and len(request.texts) == 1
    return {"inputs": request.texts[0] if alone else list(request.texts), **extra}


def decode_vectors(value: Any, expected: int) -> list[Vector] | Failure:
    """Decode the vectors of `expected` texts. Raise `BadJson` for any other form, and if vectors are missing.

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
    return list(checked_vectors(vectors, expected))


def _depth(value: Any) -> int:
    return 1 + _depth(value[0]) if isinstance(value, list) and value else int(isinstance(value, list))


def _by_token() -> Failure:
    message = "the model returns a vector for every token, not one for the text: use a sentence-transformers model"
    return Failure(kind=FailureKind.UNSUPPORTED, message=message, status=200)
