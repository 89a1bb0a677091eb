"""Embeddings: `/api/embed`."""

from __future__ import annotations

import msgspec

from understudy.dialects.base import Endpoint
from understudy.dialects.embeddings import checked_vectors, with_usage_warnings
from understudy.dialects.ollama.errors import decode_failure
from understudy.dialects.ollama.wire import VectorsWire
from understudy.domain.failures import Failure
from understudy.domain.operation import Operation
from understudy.domain.responses import EmbeddingResponse
from understudy.domain.usage import Usage, token_count
from understudy.domain.warnings import Warning  # noqa: A004 - the public name
from understudy.wire.json import as_string, decode_as

_vectors: msgspec.json.Decoder[VectorsWire] = msgspec.json.Decoder(VectorsWire)


def decode_embeddings(
    body: bytes, endpoint: Endpoint, expected: int, warnings: tuple[Warning, ...] = ()
) -> list[EmbeddingResponse | Failure]:
    """Decode an embeddings body. `expected` is the number of the texts. Raise `BadJson`."""
    found = decode_as(_vectors, body, sliced=True, decoded=endpoint.bounds.numbers(expected))
    if found.error:
        return [decode_failure(found.error, endpoint, Operation.EMBED)]
    count = found.prompt_eval_count
    response = EmbeddingResponse(
        embeddings=checked_vectors(found.embeddings or (), expected),
        model=as_string(found.model),
        usage=Usage(input=token_count(count), raw=None if count is None else {"prompt_eval_count": count}),
        warnings=warnings,
        raw=body,
    )
    return [with_usage_warnings(response)]
