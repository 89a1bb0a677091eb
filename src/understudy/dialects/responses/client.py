"""The client half: opens exchanges with a service that speaks the Responses API."""

from __future__ import annotations

from functools import partial

from understudy.dialects.base import Dialect, Endpoint, Exchange, SingleExchange, WarningLog, WholeReader
from understudy.dialects.errors import failure_in_answer
from understudy.dialects.patching import further_headers
from understudy.dialects.responses.decode import decode_whole
from understudy.dialects.responses.decode_stream import StreamReader
from understudy.dialects.responses.encode import encode_chat, encode_count
from understudy.dialects.responses.encode_messages import HISTORY
from understudy.dialects.responses.errors import RULES, classify
from understudy.dialects.responses.wire import COUNT, NAME
from understudy.domain.events import Event
from understudy.domain.failures import Failure
from understudy.domain.operation import Operation
from understudy.domain.requests import GenerationRequest
from understudy.domain.responses import TokenCount
from understudy.domain.usage import token_count
from understudy.domain.warnings import Warning  # noqa: A004 - the public name
from understudy.wire.json import BadJson, decode_as


def _chat(request: GenerationRequest, endpoint: Endpoint, *, stream: bool = False) -> Exchange[Event]:
    notes = WarningLog(request.configured)
    body = encode_chat(request, endpoint, notes, stream=stream)
    call = endpoint.post(endpoint.url("responses"), body, further_headers(request, NAME, endpoint))
    refuse = classify(endpoint, Operation.CHAT)
    before = notes.before()
    # Errors inside a success have no status of their own: their code decides.
    fail = partial(failure_in_answer, endpoint=endpoint, rules=RULES)
    whole = partial(decode_whole, fail=fail, bounds=endpoint.bounds)
    if stream:
        reader = StreamReader(endpoint, fail)
        return SingleExchange(call, reader, refuse, expects=("text/event-stream",), before=before, whole=whole)
    return SingleExchange(call, WholeReader(whole), refuse, before=before)


def _count(request: GenerationRequest, endpoint: Endpoint) -> Exchange[TokenCount]:
    notes = WarningLog(request.configured)
    body = encode_count(request, endpoint, notes)
    call = endpoint.post(endpoint.url("responses/input_tokens"), body, further_headers(request, NAME, endpoint))
    reader = WholeReader(partial(_read_count, endpoint=endpoint, warnings=tuple(notes.warnings)))
    return SingleExchange(call, reader, classify(endpoint, Operation.COUNT_TOKENS), before=notes.refusals())


def _read_count(body: bytes, *, endpoint: Endpoint, warnings: tuple[Warning, ...]) -> list[TokenCount | Failure]:
    count = token_count(decode_as(COUNT, body).input_tokens)
    if count is None:
        raise BadJson("the token count has no valid `input_tokens`")
    return [TokenCount(input_tokens=count, model=endpoint.model, warnings=warnings)]


DIALECT = Dialect(NAME, {Operation.CHAT: _chat, Operation.COUNT_TOKENS: _count}, history=HISTORY)
