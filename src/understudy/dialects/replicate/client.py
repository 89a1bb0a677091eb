"""The client half: opens exchanges at Replicate."""

from __future__ import annotations

from typing import ClassVar

from understudy.dialects.base import Endpoint, Exchange
from understudy.dialects.replicate.exchange import PredictionExchange
from understudy.dialects.replicate.models import open_models
from understudy.dialects.replicate.wire import NAME
from understudy.dialects.unsupported import UnsupportedExchange
from understudy.domain.events import Event
from understudy.domain.operation import Operation
from understudy.domain.requests import EmbeddingRequest, GenerationRequest, ModelsRequest
from understudy.domain.responses import EmbeddingResponse, ModelInfo, TokenCount


class ReplicateDialect:
    """The client half of the `replicate` dialect."""

    name: ClassVar[str] = NAME
    operations: ClassVar[frozenset[Operation]] = frozenset({Operation.CHAT, Operation.MODELS})

    def chat(self, request: GenerationRequest, endpoint: Endpoint, *, stream: bool) -> Exchange[Event]:
        """Open a prediction of a language model."""
        return PredictionExchange(request, endpoint, stream=stream)

    def embed(self, request: EmbeddingRequest, endpoint: Endpoint) -> Exchange[EmbeddingResponse]:
        """Refuse: embedding models are predictions like all others, each with inputs of its own."""
        return UnsupportedExchange("Replicate has no common form for embeddings; configure another provider for them")

    def list_models(self, request: ModelsRequest, endpoint: Endpoint) -> Exchange[ModelInfo]:
        """Open the list of language models, or the look-up of any one model."""
        return open_models(request, endpoint)

    def count_tokens(self, request: GenerationRequest, endpoint: Endpoint) -> Exchange[TokenCount]:
        """Refuse: tokens are counted by the models, after the fact."""
        return UnsupportedExchange("Replicate counts no tokens ahead: the usage of an answer tells")
