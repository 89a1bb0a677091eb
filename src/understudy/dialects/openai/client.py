"""The client half: opens exchanges with a service that speaks chat completions."""

from __future__ import annotations

from functools import partial

from understudy.dialects.addresses import in_path
from understudy.dialects.base import Dialect, Endpoint, Exchange, SingleExchange, WarningLog, WholeReader
from understudy.dialects.lookup import LookUp
from understudy.dialects.openai.decode_stream import StreamReader, decode_whole
from understudy.dialects.openai.embeddings import decode_embeddings, encode_embed
from understudy.dialects.openai.encode import encode_chat
from understudy.dialects.openai.encode_messages import HISTORY
from understudy.dialects.openai.errors import classify
from understudy.dialects.openai.models import decode_models
from understudy.dialects.openai.wire import NAME
from understudy.dialects.patching import further_headers
from understudy.domain.events import Event
from understudy.domain.operation import Operation
from understudy.domain.requests import EmbeddingRequest, GenerationRequest, ModelsRequest
from understudy.domain.responses import EmbeddingResponse, ModelInfo
from understudy.wire.http import HttpRequest


def _chat(request: GenerationRequest, endpoint: Endpoint, *, stream: bool = False) -> Exchange[Event]:
    notes = WarningLog(request.configured)
    body = encode_chat(request, endpoint, notes, stream=stream)
    call = endpoint.post(endpoint.url("chat/completions"), body, further_headers(request, NAME, endpoint))
    whole = partial(decode_whole, endpoint=endpoint)
    if stream:
        return SingleExchange(
            call,
            StreamReader(endpoint),
            classify(endpoint, Operation.CHAT),
            expects=("text/event-stream",),
            before=notes.before(),
            whole=whole,
        )
    return SingleExchange(call, WholeReader(whole), classify(endpoint, Operation.CHAT), before=notes.before())


def _embed(request: EmbeddingRequest, endpoint: Endpoint) -> Exchange[EmbeddingResponse]:
    notes = WarningLog()
    body = encode_embed(request, endpoint, notes)
    read = partial(decode_embeddings, endpoint=endpoint, expected=len(request.texts), warnings=tuple(notes.warnings))
    call = endpoint.post(endpoint.url("embeddings"), body, further_headers(request, NAME, endpoint))
    return SingleExchange(call, WholeReader(read), classify(endpoint, Operation.EMBED))


def _models(request: ModelsRequest, endpoint: Endpoint) -> Exchange[ModelInfo]:
    """Open `GET /models`, which has one page, or `GET /models/{id}`."""
    single = request.model is not None and endpoint.quirks.single_models
    name = request.model or ""
    if endpoint.quirks.partner_suffix:
        name = name.partition(":")[0]
    # Slashes in ids stay: servers whose ids have them route the rest of the path.
    path = f"models/{in_path(name, slashes=True, safe=':@')}" if single else "models"
    call = HttpRequest("GET", endpoint.url(path), endpoint.headers)
    read = partial(decode_models, endpoint=endpoint, request=request, single=single)
    asked = SingleExchange(call, WholeReader(read), classify(endpoint, Operation.MODELS))
    if not single or request.model is None:
        return asked
    return LookUp(asked, lambda: _models(ModelsRequest(), endpoint), request.model, name)


DIALECT = Dialect(NAME, {Operation.CHAT: _chat, Operation.EMBED: _embed, Operation.MODELS: _models}, history=HISTORY)
