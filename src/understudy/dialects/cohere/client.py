"""The client half: opens exchanges at a service that speaks Cohere's API."""

from __future__ import annotations

from functools import partial

from understudy.dialects.base import Dialect, Endpoint, Exchange, Reader, SingleExchange, WarningLog, WholeReader
from understudy.dialects.cohere.decode import decode_whole
from understudy.dialects.cohere.decode_stream import StreamReader
from understudy.dialects.cohere.embeddings import open_embed
from understudy.dialects.cohere.encode import encode_chat
from understudy.dialects.cohere.encode_messages import HISTORY
from understudy.dialects.cohere.errors import classify
from understudy.dialects.cohere.models import open_models
from understudy.dialects.cohere.tokens import open_token_count
from understudy.dialects.cohere.wire import NAME
from understudy.dialects.patching import encoded, further_headers
from understudy.domain.events import Event
from understudy.domain.operation import Operation
from understudy.domain.requests import GenerationRequest

_STREAM = ("text/event-stream",)


def _chat(request: GenerationRequest, endpoint: Endpoint, *, stream: bool = False) -> Exchange[Event]:
    notes = WarningLog(request.configured)
    body = encode_chat(request, endpoint, notes, stream=stream)
    model = endpoint.model or request.model
    whole = partial(decode_whole, endpoint=endpoint, model=model)
    reader: Reader[Event] = StreamReader(endpoint, model) if stream else WholeReader[Event](whole)
    return SingleExchange(
        endpoint.post(f"{endpoint.base_url}/v2/chat", encoded(body), further_headers(request, NAME, endpoint)),
        reader,
        classify(endpoint, Operation.CHAT),
        expects=_STREAM if stream else ("application/json",),
        before=notes.before(),
        whole=whole,
    )


DIALECT = Dialect(
    NAME,
    {
        Operation.CHAT: _chat,
        Operation.EMBED: open_embed,
        Operation.MODELS: open_models,
        Operation.COUNT_TOKENS: open_token_count,
    },
    history=HISTORY,
)
