"""The client half: opens exchanges at Hugging Face's feature extraction."""

from __future__ import annotations

from functools import partial

from understudy.dialects.addresses import in_path
from understudy.dialects.base import Dialect, Endpoint, Exchange, SingleExchange, WarningLog, WholeReader
from understudy.dialects.errors import classify
from understudy.dialects.hf_features.embeddings import decode_embeddings, encode_embed
from understudy.dialects.hf_features.wire import NAME
from understudy.dialects.openai.errors import decode_error
from understudy.dialects.patching import encoded
from understudy.dialects.quirks import ErrorRule
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.operation import Operation
from understudy.domain.requests import EmbeddingRequest
from understudy.domain.responses import EmbeddingResponse

PARTNER = "hf-inference"
"""Hugging Face's own servers. Other partners have other addresses and names of models for embeddings."""

_RULES = (ErrorRule(kind=FailureKind.NOT_FOUND, status=404),)
"""Addresses contain the model's name, which a 404 does not repeat."""

_POLICIES = frozenset({"", "fastest", "cheapest", "preferred", PARTNER})


def _embed(request: EmbeddingRequest, endpoint: Endpoint) -> Exchange[EmbeddingResponse]:
    model, _, partner = (endpoint.model or request.model or "").partition(":")
    before: list[EmbeddingResponse | Failure] = []
    if partner not in _POLICIES:
        message = (
            f"embeddings are available only from {PARTNER}; for {partner}, configure an openai entry with its base_url"
        )
        before.append(Failure(kind=FailureKind.UNSUPPORTED, message=message, sent=False))
    # The router's chats are below /v1, its tasks beside it.
    home = endpoint.base_url.removesuffix("/v1")
    notes = WarningLog()
    body = encode_embed(request, endpoint, notes)
    inputs = body.get("inputs")
    read = partial(
        decode_embeddings,
        endpoint=endpoint,
        model=endpoint.model or request.model,
        expected=len(inputs) if isinstance(inputs, list) else 1,
        warnings=tuple(notes.warnings),
    )
    url = f"{home}/{PARTNER}/models/{in_path(model, slashes=True)}/pipeline/feature-extraction"
    return SingleExchange(
        endpoint.post(url, encoded(body)),
        WholeReader(read),
        partial(classify, endpoint=endpoint, rules=_RULES, read=decode_error, operation=Operation.EMBED),
        before=before,
    )


DIALECT = Dialect(NAME, {Operation.EMBED: _embed})
