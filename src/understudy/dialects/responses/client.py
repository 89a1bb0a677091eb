"""The client half: opens exchanges with a service that speaks the Responses API."""

from __future__ import annotations

from functools import partial

from understudy.dialects.base import Dialect, Endpoint, Exchange, SingleExchange, WarningLog, WholeReader, WireError
from understudy.dialects.errors import classify, failure_in_answer
from understudy.dialects.responses.decode import Fail, decode_whole
from understudy.dialects.responses.decode_stream import StreamReader
from understudy.dialects.responses.encode import encode_chat, encode_count
from understudy.dialects.responses.errors import RULES, decode_error
from understudy.dialects.responses.wire import COUNT, NAME
from understudy.domain.events import Event
from understudy.domain.failures import Failure
from understudy.domain.operation import Operation
from understudy.domain.requests import GenerationRequest
from understudy.domain.responses import TokenCount
from understudy.domain.usage import token_count
from understudy.domain.warnings import Warning  # noqa: A004 - the public name
from understudy.wire.http import JSON_HEADERS, HttpRequest
from understudy.wire.json import BadJson, decode_as


def _chat(request: GenerationRequest, endpoint: Endpoint, *, stream: bool = False) -> Exchange[Event]:
    """Open `POST /responses`."""
    notes = WarningLog(request.configured)
    body = encode_chat(request, endpoint, notes, stream=stream)
    call = HttpRequest("POST", endpoint.url("responses"), JSON_HEADERS + endpoint.headers, body)
    refuse = partial(classify, endpoint=endpoint, rules=RULES, read=decode_error)
    before = notes.events()

    def whole(data: bytes) -> list[Event | Failure]:
        return decode_whole(data, _fail(endpoint), endpoint.bounds)

    if stream:
        reader = StreamReader(endpoint, _fail(endpoint))
        return SingleExchange(call, reader, refuse, expects=("text/event-stream",), before=before, whole=whole)
    return SingleExchange(call, WholeReader(whole), refuse, before=before)


def _count(request: GenerationRequest, endpoint: Endpoint) -> Exchange[TokenCount]:
    """Open `POST /responses/input_tokens`."""
    notes = WarningLog(request.configured)
    body = encode_count(request, endpoint, notes)
    url = endpoint.url("responses/input_tokens")
    call = HttpRequest("POST", url, JSON_HEADERS + endpoint.headers, body)
    reader = WholeReader(partial(_read_count, endpoint=endpoint, warnings=tuple(notes.warnings)))
    count = Operation.COUNT_TOKENS
    refuse = partial(classify, endpoint=endpoint, rules=RULES, read=decode_error, operation=count)
    return SingleExchange(call, reader, refuse)


def _fail(endpoint: Endpoint) -> Fail:
    """Return how an error inside a success becomes a failure: by its code, because it has no status."""

    def fail(error: WireError) -> Failure:
        return failure_in_answer(error, endpoint=endpoint, rules=RULES)

    return fail


def _read_count(body: bytes, *, endpoint: Endpoint, warnings: tuple[Warning, ...]) -> list[TokenCount | Failure]:
    count = token_count(decode_as(COUNT, body).input_tokens)
    if count is None:
        raise BadJson("the token count has no valid `input_tokens`")
    return [TokenCount(input_tokens=count, model=endpoint.model, warnings=warnings)]


DIALECT = Dialect(NAME, {Operation.CHAT: _chat, Operation.COUNT_TOKENS: _count})
