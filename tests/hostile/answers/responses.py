"""OpenAI's Responses API. Source: OpenAI's API reference, "Responses" and "Streaming events"."""

from __future__ import annotations

from tests.hostile.answers.base import BROKEN, PIECES, TEXT, Answers, InStream, asks_by_body, gets, named, posts
from tests.hostile.answers.openai import REFUSALS
from understudy.domain.failures import FailureKind as K

USAGE = (
    '{"input_tokens":11,"input_tokens_details":{"cached_tokens":0},"output_tokens":17,'
    '"output_tokens_details":{"reasoning_tokens":0},"total_tokens":28}'
)


def _response(output: str, status: str = "completed", more: str = "") -> str:
    return (
        f'{{"id":"resp_1","object":"response","created_at":1764300000,"status":"{status}","error":null,'
        f'"incomplete_details":null,"model":"gpt-5.5-pro-2026-04-23","output":[{output}]{more}}}'
    )


def _message(text: str, status: str = "completed") -> str:
    part = f'{{"type":"output_text","text":"{text}","annotations":[]}}'
    return f'{{"type":"message","id":"msg_1","status":"{status}","role":"assistant","content":[{part}]}}'


def _event(number: int, name: str, rest: str) -> tuple[str, str]:
    return name, f'{{"type":"{name}","sequence_number":{number},{rest}}}'


_COUNTED = f',"usage":{USAGE}'
_AT = '"item_id":"msg_1","output_index":0'
_OPENING = (
    _event(0, "response.created", f'"response":{_response("", "in_progress")}'),
    _event(1, "response.in_progress", f'"response":{_response("", "in_progress")}'),
    _event(
        2,
        "response.output_item.added",
        '"output_index":0,"item":{"type":"message","id":"msg_1","status":"in_progress","role":"assistant","content":[]}',
    ),
    _event(
        3,
        "response.content_part.added",
        f'{_AT},"content_index":0,"part":{{"type":"output_text","text":"","annotations":[]}}',
    ),
)
_ENDING = (
    _event(7, "response.output_text.done", f'{_AT},"content_index":0,"text":"{TEXT}"'),
    _event(
        8,
        "response.content_part.done",
        f'{_AT},"content_index":0,"part":{{"type":"output_text","text":"{TEXT}","annotations":[]}}',
    ),
    _event(9, "response.output_item.done", f'"output_index":0,"item":{_message(TEXT)}'),
)
_CALL = (
    '{"type":"function_call","id":"fc_1","call_id":"call_1","name":"weather","status":"completed",'
    f'"arguments":"{BROKEN}"}}'
)
_FILTERED = _response(_message(PIECES[0], "incomplete"), "incomplete", _COUNTED).replace(
    '"incomplete_details":null', '"incomplete_details":{"reason":"content_filter"}'
)


def _failed(code: str, message: str) -> str:
    return _response("", "failed").replace('"error":null', f'"error":{{"code":"{code}","message":"{message}"}}')


ANSWERS = Answers(
    dialect="responses",
    provider="openai",
    model="gpt-5.5-pro",
    base="/v1",
    routes={"chat": posts("/responses"), "list": gets("/models")},
    streams=asks_by_body,
    plain=_response(_message(TEXT), more=_COUNTED).encode(),
    opening=named(*_OPENING),
    pieces=tuple(
        named(_event(4 + at, "response.output_text.delta", f'{_AT},"content_index":0,"delta":"{piece}"'))
        for at, piece in enumerate(PIECES)
    ),
    ending=named(*_ENDING),
    mark=named(_event(10, "response.completed", f'"response":{_response(_message(TEXT), more=_COUNTED)}')),
    broken=b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","del\n\n',
    refusals=REFUSALS,
    models=b'{"object":"list","data":[{"id":"gpt-5.5-pro","object":"model","created":1776902400,"owned_by":"system"}]}',
    in_200=(
        InStream(_failed("server_error", "The model failed to generate a response.").encode(), K.SERVER_ERROR),
        InStream(_failed("rate_limit_exceeded", "Rate limit reached.").encode(), K.RATE_LIMITED),
    ),
    in_stream=(
        InStream(
            named(_event(4, "error", '"code":"server_error","message":"The server had an error.","param":null')),
            K.SERVER_ERROR,
        ),
        InStream(
            named(_event(4, "response.failed", f'"response":{_failed("rate_limit_exceeded", "Rate limit reached.")}')),
            K.RATE_LIMITED,
        ),
    ),
    empty=(_response("", more=_COUNTED).encode(), _response(_message(""), more=_COUNTED).encode()),
    empty_stream=(named(_OPENING[0], _event(2, "response.completed", f'"response":{_response("", more=_COUNTED)}')),),
    filtered=_FILTERED.encode(),
    filtered_stream=named(
        *_OPENING,
        _event(4, "response.output_text.delta", f'{_AT},"content_index":0,"delta":"{PIECES[0]}"'),
        _event(5, "response.incomplete", f'"response":{_FILTERED}'),
    ),
    called=_response(_CALL, more=_COUNTED).encode(),
    called_stream=named(
        _OPENING[0],
        _event(1, "response.output_item.added", f'"output_index":0,"item":{_CALL.replace(BROKEN, "")}'),
        _event(2, "response.function_call_arguments.delta", f'"item_id":"fc_1","output_index":0,"delta":"{BROKEN}"'),
        _event(3, "response.output_item.done", f'"output_index":0,"item":{_CALL}'),
        _event(4, "response.completed", f'"response":{_response(_CALL, more=_COUNTED)}'),
    ),
    usage=_COUNTED.encode(),
    counted=b'"output_tokens":17',
    renamed=(b"gpt-5.5-pro-2026-04-23", b"gpt-5.5-pro-2026-09-01"),
    untranslatable={"seed": 7},
)
