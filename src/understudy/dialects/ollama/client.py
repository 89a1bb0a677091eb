"""The client half of Ollama's native API."""

from __future__ import annotations

from functools import partial

from understudy.dialects.base import Classify, Dialect, Endpoint, Exchange, SingleExchange, WarningLog, WholeReader
from understudy.dialects.lookup import LookUp
from understudy.dialects.ollama.decode import decode_whole
from understudy.dialects.ollama.decode_stream import StreamReader
from understudy.dialects.ollama.embeddings import decode_embeddings
from understudy.dialects.ollama.encode import encode_chat, encode_embed
from understudy.dialects.ollama.encode_messages import HISTORY
from understudy.dialects.ollama.errors import classify_error
from understudy.dialects.ollama.models import decode_models, decode_single
from understudy.dialects.ollama.wire import NAME
from understudy.dialects.patching import encoded, further_headers
from understudy.domain.events import Event
from understudy.domain.operation import Operation
from understudy.domain.requests import EmbeddingRequest, GenerationRequest, ModelsRequest
from understudy.domain.responses import EmbeddingResponse, ModelInfo
from understudy.wire.http import HttpRequest
from understudy.wire.json import encode

STREAM_TYPES = ("application/x-ndjson", "application/json")
"""The cloud streams under the second name."""


def _chat(request: GenerationRequest, endpoint: Endpoint, *, stream: bool = False) -> Exchange[Event]:
    notes = WarningLog(request.configured)
    body = encode_chat(request, endpoint, notes, stream=stream)
    return SingleExchange(
        endpoint.post(f"{endpoint.base_url}/api/chat", encoded(body), further_headers(request, NAME, endpoint)),
        StreamReader(endpoint) if stream else WholeReader(partial(decode_whole, endpoint=endpoint)),
        _classify(endpoint, Operation.CHAT),
        expects=STREAM_TYPES if stream else ("application/json",),
        before=notes.before(),
    )


def _embed(request: EmbeddingRequest, endpoint: Endpoint) -> Exchange[EmbeddingResponse]:
    notes = WarningLog()
    body = encode_embed(request, endpoint, notes)
    expected, warnings = len(request.texts), tuple(notes.warnings)
    read = partial(decode_embeddings, endpoint=endpoint, expected=expected, warnings=warnings)
    call = endpoint.post(f"{endpoint.base_url}/api/embed", encoded(body), further_headers(request, NAME, endpoint))
    return SingleExchange(call, WholeReader(read), _classify(endpoint, Operation.EMBED))


def _models(request: ModelsRequest, endpoint: Endpoint) -> Exchange[ModelInfo]:
    """Open the list of local models, or the look-up of one."""
    if request.model is not None:
        shown = endpoint.post(f"{endpoint.base_url}/api/show", encode({"model": request.model}))
        reader = WholeReader(partial(decode_single, name=request.model))
        single = SingleExchange(shown, reader, _classify(endpoint, Operation.MODELS))
        names = (request.model, f"{request.model}:latest")
        return LookUp(single, lambda: _models(ModelsRequest(), endpoint), *names)
    listed = HttpRequest("GET", endpoint.base_url + "/api/tags", endpoint.headers)
    pages = WholeReader(partial(decode_models, limit=request.limit))
    return SingleExchange(listed, pages, _classify(endpoint, Operation.MODELS))


def _classify(endpoint: Endpoint, operation: Operation) -> Classify:
    return partial(classify_error, endpoint=endpoint, operation=operation)


DIALECT = Dialect(NAME, {Operation.CHAT: _chat, Operation.EMBED: _embed, Operation.MODELS: _models}, history=HISTORY)
