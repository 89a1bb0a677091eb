"""The client half: opens exchanges at Hugging Face's feature extraction."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from understudy.dialects.addresses import in_path
from understudy.dialects.base import Endpoint, Exchange, SingleExchange, WarningLog, WholeReader
from understudy.dialects.errors import classify
from understudy.dialects.hf_features.embeddings import decode_embeddings, encode_embed
from understudy.dialects.hf_features.wire import NAME
from understudy.dialects.openai.errors import decode_error
from understudy.dialects.quirks import ErrorRule
from understudy.dialects.unsupported import UnsupportedExchange
from understudy.domain.events import Event
from understudy.domain.failures import FailureKind
from understudy.domain.operation import Operation
from understudy.domain.requests import EmbeddingRequest, GenerationRequest, ModelsRequest
from understudy.domain.responses import EmbeddingResponse, ModelInfo, TokenCount
from understudy.wire.http import JSON_HEADERS, HttpRequest
from understudy.wire.json import encode

PARTNER = "hf-inference"
"""Hugging Face's own servers. Other partners embed too, each at an address and with model names of its own."""

_RULES = (ErrorRule(kind=FailureKind.NOT_FOUND, status=404),)
"""Its addresses hold the model's name, and its 404 does not repeat it."""

_POLICIES = frozenset({"", "fastest", "cheapest", "preferred", PARTNER})


class FeaturesDialect:
    """The client half of the `hf-features` dialect."""

    name: ClassVar[str] = NAME
    operations: ClassVar[frozenset[Operation]] = frozenset({Operation.EMBED})

    def embed(self, request: EmbeddingRequest, endpoint: Endpoint) -> Exchange[EmbeddingResponse]:
        """Open an embedding."""
        model, _, partner = (endpoint.model or request.model or "").partition(":")
        if partner not in _POLICIES:
            instead = f"for those of {partner}, configure an openai entry with its base_url"
            return UnsupportedExchange(f"embeddings are asked of {PARTNER} only; {instead}")
        # The router's chats stand below /v1, its tasks beside it.
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
            HttpRequest("POST", url, (*JSON_HEADERS, *endpoint.headers), encode(body)),
            WholeReader[EmbeddingResponse](read),
            partial(classify, endpoint=endpoint, rules=_RULES, read=decode_error, operation=Operation.EMBED),
        )

    def chat(self, request: GenerationRequest, endpoint: Endpoint, *, stream: bool) -> Exchange[Event]:
        """Refuse: chats go to the router in the openai dialect."""
        return UnsupportedExchange[Event]("feature extraction has no chats; the openai dialect has")

    def list_models(self, request: ModelsRequest, endpoint: Endpoint) -> Exchange[ModelInfo]:
        """Refuse: models are listed in the openai dialect."""
        return UnsupportedExchange("feature extraction lists no models; the openai dialect does")

    def count_tokens(self, request: GenerationRequest, endpoint: Endpoint) -> Exchange[TokenCount]:
        """Refuse: nothing here counts tokens."""
        return UnsupportedExchange("feature extraction counts no tokens")
