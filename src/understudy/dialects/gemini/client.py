"""The client half: opens exchanges at a service with the Gemini API.

The key goes in the header `x-goog-api-key`, never in the URL.
"""

from __future__ import annotations

from functools import partial

import msgspec

from understudy.dialects.base import Dialect, Endpoint, Exchange, Reader, SingleExchange, WarningLog, WholeReader
from understudy.dialects.gemini.decode import decode_whole
from understudy.dialects.gemini.decode_stream import StreamReader
from understudy.dialects.gemini.embeddings import open_embed
from understudy.dialects.gemini.encode import encode_chat, encode_count
from understudy.dialects.gemini.encode_messages import HISTORY
from understudy.dialects.gemini.errors import classify
from understudy.dialects.gemini.models import open_models
from understudy.dialects.gemini.names import method_url
from understudy.dialects.gemini.wire import NAME, Count
from understudy.dialects.patching import encoded, further_headers
from understudy.domain.events import Event
from understudy.domain.failures import Failure
from understudy.domain.operation import Operation
from understudy.domain.requests import GenerationRequest
from understudy.domain.responses import TokenCount
from understudy.domain.usage import token_count
from understudy.domain.warnings import Warning  # noqa: A004 - the public name
from understudy.wire.json import BadJson, decode_as

STREAM_TYPES = ("text/event-stream", "application/json")
"""The second comes if a proxy drops `alt=sse`: an array that grows."""

_COUNT: msgspec.json.Decoder[Count] = msgspec.json.Decoder(Count)


def _chat(request: GenerationRequest, endpoint: Endpoint, *, stream: bool = False) -> Exchange[Event]:
    notes = WarningLog(request.configured)
    body = encode_chat(request, endpoint, notes)
    method = "streamGenerateContent?alt=sse" if stream else "generateContent"
    url = method_url(endpoint, endpoint.model or request.model, method)
    whole = partial(decode_whole, endpoint=endpoint)
    reader: Reader[Event] = StreamReader(endpoint) if stream else WholeReader[Event](whole)
    return SingleExchange(
        endpoint.post(url, encoded(body), further_headers(request, NAME, endpoint)),
        reader,
        classify(endpoint, Operation.CHAT),
        expects=STREAM_TYPES if stream else ("application/json",),
        before=notes.before(),
    )


def _count(request: GenerationRequest, endpoint: Endpoint) -> Exchange[TokenCount]:
    notes = WarningLog(request.configured)
    model = endpoint.model or request.model
    body = encode_count(request, endpoint, notes)
    return SingleExchange(
        endpoint.post(
            method_url(endpoint, model, "countTokens"), encoded(body), further_headers(request, NAME, endpoint)
        ),
        WholeReader(partial(_counted, model, tuple(notes.warnings))),
        classify(endpoint, Operation.COUNT_TOKENS),
        before=notes.refusals(),
    )


def _counted(model: str | None, warnings: tuple[Warning, ...], data: bytes) -> list[TokenCount | Failure]:
    count = token_count(decode_as(_COUNT, data).total_tokens)
    if count is None:
        raise BadJson("`totalTokens` is not a token count")
    return [TokenCount(input_tokens=count, model=model, warnings=warnings)]


DIALECT = Dialect(
    NAME,
    {
        Operation.CHAT: _chat,
        Operation.EMBED: open_embed,
        Operation.MODELS: open_models,
        Operation.COUNT_TOKENS: _count,
    },
    history=HISTORY,
)
