"""The client half: opens exchanges at a service that speaks the Messages API."""

from __future__ import annotations

from functools import partial

from understudy.dialects.anthropic.decode import decode_count, decode_whole
from understudy.dialects.anthropic.decode_stream import StreamReader
from understudy.dialects.anthropic.encode import encode_chat, encode_count, encode_headers
from understudy.dialects.anthropic.encode_messages import HISTORY
from understudy.dialects.anthropic.errors import classify
from understudy.dialects.anthropic.models import open_models
from understudy.dialects.anthropic.wire import NAME
from understudy.dialects.base import Dialect, Endpoint, Exchange, Reader, SingleExchange, WarningLog, WholeReader
from understudy.dialects.patching import encoded
from understudy.domain.events import Event
from understudy.domain.operation import Operation
from understudy.domain.requests import GenerationRequest
from understudy.domain.responses import TokenCount
from understudy.wire.http import HttpRequest

_STREAM = ("text/event-stream",)


def _chat(request: GenerationRequest, endpoint: Endpoint, *, stream: bool = False) -> Exchange[Event]:
    notes = WarningLog(request.configured)
    body = encode_chat(request, endpoint, notes, stream=stream)
    whole = partial(decode_whole, endpoint=endpoint)
    reader: Reader[Event] = StreamReader(endpoint) if stream else WholeReader[Event](whole)
    return SingleExchange(
        HttpRequest("POST", f"{endpoint.base_url}/v1/messages", encode_headers(request, endpoint), encoded(body)),
        reader,
        classify(endpoint, Operation.CHAT),
        expects=_STREAM if stream else ("application/json",),
        before=notes.before(),
        whole=whole,
    )


def _count(request: GenerationRequest, endpoint: Endpoint) -> Exchange[TokenCount]:
    notes = WarningLog(request.configured)
    body = encode_count(request, endpoint, notes)
    url = f"{endpoint.base_url}/v1/messages/count_tokens"
    model = endpoint.model or request.model
    return SingleExchange(
        HttpRequest("POST", url, encode_headers(request, endpoint), encoded(body)),
        WholeReader(lambda data: decode_count(data, model, tuple(notes.warnings))),
        classify(endpoint, Operation.COUNT_TOKENS),
        before=notes.refusals(),
    )


DIALECT = Dialect(
    NAME, {Operation.CHAT: _chat, Operation.MODELS: open_models, Operation.COUNT_TOKENS: _count}, history=HISTORY
)
