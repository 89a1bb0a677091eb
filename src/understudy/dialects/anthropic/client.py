"""The client half: opens exchanges at a service that speaks the Messages API."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from understudy.dialects.anthropic.decode import decode_count, decode_whole
from understudy.dialects.anthropic.decode_stream import StreamReader
from understudy.dialects.anthropic.encode import encode_chat, encode_count, encode_headers
from understudy.dialects.anthropic.errors import RULES, decode_error
from understudy.dialects.anthropic.models import open_models
from understudy.dialects.anthropic.wire import NAME
from understudy.dialects.base import Classify, Endpoint, Exchange, Reader, SingleExchange, WarningLog, WholeReader
from understudy.dialects.errors import classify
from understudy.dialects.unsupported import UnsupportedExchange
from understudy.domain.events import Event
from understudy.domain.failures import Failure
from understudy.domain.operation import Operation
from understudy.domain.requests import EmbeddingRequest, GenerationRequest, ModelsRequest
from understudy.domain.responses import EmbeddingResponse, ModelInfo, TokenCount
from understudy.wire.http import HttpRequest
from understudy.wire.json import encode

_STREAM = ("text/event-stream",)


def _whole(endpoint: Endpoint, data: bytes) -> list[Event | Failure]:
    return decode_whole(data, endpoint)


def _classify(endpoint: Endpoint, operation: Operation) -> Classify:
    return partial(classify, endpoint=endpoint, rules=RULES, read=decode_error, operation=operation)


class AnthropicDialect:
    """The client half of the `anthropic` dialect."""

    name: ClassVar[str] = NAME
    operations: ClassVar[frozenset[Operation]] = frozenset({Operation.CHAT, Operation.MODELS, Operation.COUNT_TOKENS})

    def chat(self, request: GenerationRequest, endpoint: Endpoint, *, stream: bool) -> Exchange[Event]:
        """Open a chat."""
        notes = WarningLog(request.configured)
        body = encode_chat(request, endpoint, notes, stream=stream)
        whole = partial(_whole, endpoint)
        reader: Reader[Event] = StreamReader(endpoint) if stream else WholeReader[Event](whole)
        return SingleExchange(
            HttpRequest("POST", f"{endpoint.base_url}/v1/messages", encode_headers(request, endpoint), encode(body)),
            reader,
            _classify(endpoint, Operation.CHAT),
            expects=_STREAM if stream else ("application/json",),
            before=notes.events(),
            whole=whole,
        )

    def embed(self, request: EmbeddingRequest, endpoint: Endpoint) -> Exchange[EmbeddingResponse]:
        """Refuse: the service has no embeddings."""
        return UnsupportedExchange("Anthropic's API has no embeddings; configure a provider that has, for embeddings")

    def list_models(self, request: ModelsRequest, endpoint: Endpoint) -> Exchange[ModelInfo]:
        """Open the catalogue, or the look-up of one model."""
        return open_models(request, endpoint, _classify(endpoint, Operation.MODELS))

    def count_tokens(self, request: GenerationRequest, endpoint: Endpoint) -> Exchange[TokenCount]:
        """Open a token count."""
        notes = WarningLog(request.configured)
        body = encode_count(request, endpoint, notes)
        url = f"{endpoint.base_url}/v1/messages/count_tokens"
        model = endpoint.model or request.model
        return SingleExchange(
            HttpRequest("POST", url, encode_headers(request, endpoint), encode(body)),
            WholeReader(lambda data: decode_count(data, model, tuple(notes.warnings))),
            _classify(endpoint, Operation.COUNT_TOKENS),
        )
