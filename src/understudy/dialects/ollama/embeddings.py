"""Embeddings: `/api/embed`."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from understudy.dialects.base import Endpoint
from understudy.dialects.embeddings import checked_vectors, with_usage_warnings
from understudy.dialects.ollama.errors import failure_in
from understudy.dialects.ollama.wire import (
    Vectors,
)
from understudy.domain.failures import Failure
from understudy.domain.operation import Operation
from understudy.domain.responses import EmbeddingResponse
from understudy.domain.usage import Usage, token_count
from understudy.domain.warnings import Warning  # noqa: A004 - the design's word
from understudy.wire.json import as_string, decode_as

_vectors: msgspec.json.Decoder[Vectors] = msgspec.json.Decoder(Vectors)


def embeddings(
    texts: int, warnings: tuple[Warning, ...], endpoint: Endpoint
) -> Callable[[bytes], list[EmbeddingResponse | Failure]]:
    """Return the decoding of the vectors of that many texts."""

    def read(body: bytes) -> list[EmbeddingResponse | Failure]:
        found = decode_as(_vectors, body, sliced=True, decoded=endpoint.bounds.numbers(texts))
        if found.error:
            return [failure_in(found.error, endpoint, Operation.EMBED)]
        vectors = checked_vectors(found.embeddings or (), texts)
        count = token_count(found.prompt_eval_count)
        raw = {"prompt_eval_count": found.prompt_eval_count} if found.prompt_eval_count is not None else None
        return [
            with_usage_warnings(
                EmbeddingResponse(
                    embeddings=vectors,
                    model=as_string(found.model),
                    usage=Usage(input=count, raw=raw),
                    warnings=warnings,
                    raw=body,
                )
            )
        ]

    return read
