"""Embeddings: `/api/embed`."""

from __future__ import annotations

from typing import Any

import msgspec

from understudy.dialects.base import Endpoint
from understudy.dialects.embeddings import Vector, checked_vectors, converted, with_usage_warnings
from understudy.dialects.ollama.errors import decode_failure
from understudy.dialects.ollama.wire import VectorsWire
from understudy.domain.failures import Failure
from understudy.domain.operation import Operation
from understudy.domain.responses import EmbeddingResponse
from understudy.domain.usage import Usage, token_count
from understudy.domain.warnings import Warning  # noqa: A004 - the public name
from understudy.wire.json import as_string, decode_as
from understudy.wire.shape import LARGE

_vectors: msgspec.json.Decoder[VectorsWire[Vector]] = msgspec.json.Decoder(VectorsWire[Vector])
_large: msgspec.json.Decoder[VectorsWire[Any]] = msgspec.json.Decoder(VectorsWire[Any])


def decode_embeddings(
    body: bytes, endpoint: Endpoint, expected: int, warnings: tuple[Warning, ...] = ()
) -> list[EmbeddingResponse | Failure]:
    """Decode an embeddings body. `expected` is the number of the texts. Raise `BadJson`."""
    is_large = len(body) > LARGE
    decoder = _large if is_large else _vectors
    found = decode_as(decoder, body, sliced=True, decoded=endpoint.bounds.numbers(expected))
    if found.error:
        return [decode_failure(found.error, endpoint, Operation.EMBED)]
    vectors = found.embeddings or ()
    count = found.prompt_eval_count
    response = EmbeddingResponse(
        embeddings=checked_vectors(converted(vectors) if is_large else vectors, expected),
        model=as_string(found.model),
        usage=Usage(input=token_count(count), raw=None if count is None else {"prompt_eval_count": count}),
        warnings=warnings,
        raw=body,
    )
    return [with_usage_warnings(response)]
