"""Cohere's second version: chat, embed and models. Source: Cohere's API reference."""

from __future__ import annotations

from tests.hostile.answers.base import (
    BROKEN,
    PIECES,
    TEXT,
    Answers,
    InStream,
    Refusal,
    asks_by_body,
    gets,
    named,
    posts,
)
from understudy.domain.failures import FailureKind as K

_TOKENS = '{"billed_units":{"input_tokens":5,"output_tokens":17},"tokens":{"input_tokens":11,"output_tokens":17}}'
_USAGE = f',"usage":{_TOKENS}'


def _whole(content: str, finish: str = "COMPLETE") -> bytes:
    return (
        f'{{"id":"c-1","finish_reason":"{finish}","message":{{"role":"assistant","content":[{content}]}}{_USAGE}}}'
    ).encode()


def _says(message: str) -> bytes:
    return f'{{"id":"c-1","message":"{message}"}}'.encode()


_START = ("message-start", '{"type":"message-start","id":"c-1","delta":{"message":{"role":"assistant","content":[]}}}')
_BLOCK = (
    "content-start",
    '{"type":"content-start","index":0,"delta":{"message":{"content":{"type":"text","text":""}}}}',
)
_BLOCK_END = ("content-end", '{"type":"content-end","index":0}')


def _text(piece: str) -> tuple[str, str]:
    return (
        "content-delta",
        f'{{"type":"content-delta","index":0,"delta":{{"message":{{"content":{{"text":"{piece}"}}}}}}}}',
    )


def _end(finish: str, more: str = _USAGE) -> tuple[str, str]:
    return "message-end", f'{{"type":"message-end","delta":{{"finish_reason":"{finish}"{more}}}}}'


_CALL = f'{{"id":"call_1","type":"function","function":{{"name":"weather","arguments":"{BROKEN}"}}}}'

ANSWERS = Answers(
    dialect="cohere",
    provider="cohere",
    model="command-a-03-2025",
    embedding_model="embed-v4.0",
    routes={"chat": posts("/v2/chat"), "embed": posts("/v2/embed"), "list": gets("/v1/models")},
    streams=asks_by_body,
    plain=_whole(f'{{"type":"text","text":"{TEXT}"}}'),
    opening=named(_START, _BLOCK),
    pieces=tuple(named(_text(piece)) for piece in PIECES),
    ending=named(_BLOCK_END),
    mark=named(_end("COMPLETE")),
    broken=b'event: content-delta\ndata: {"type":"content-delta","ind\n\n',
    vectors=(
        b'{"id":"e-1","embeddings":{"float":[[0.5,0.25,-0.75]]},"texts":["?"],'
        b'"meta":{"api_version":{"version":"2"},"billed_units":{"input_tokens":11}}}'
    ),
    models=(
        b'{"models":[{"name":"command-a-03-2025","endpoints":["chat"],"finetuned":false,'
        b'"context_length":256000,"tokenizer_url":null,"default_endpoints":[]}],"next_page_token":null}'
    ),
    refusals={
        "rate_limit": (
            Refusal(429, _says("You are using a Trial key, which is limited to 20 API calls / minute.")),
            Refusal(429, _says("Too many requests")),
        ),
        "billing": (
            Refusal(402, _says("Please add or update your payment method")),
            Refusal(429, _says("You are using a Trial key, which is limited to 1000 API calls / month.")),
        ),
        "authentication": (Refusal(401, _says("invalid api token")),),
        "permission": (Refusal(403, _says("you may not use this model")),),
        "not_found": (Refusal(404, _says("model 'x' not found, make sure the correct model ID was used")),),
        "context": (
            Refusal(400, _says("too many tokens: total number of tokens cannot exceed 256000 - received 260000")),
        ),
        "invalid": (
            Refusal(400, _says("invalid request: message must be at least 1 token long")),
            Refusal(422, _says("schema for tool x is not valid")),
        ),
        "filter": (Refusal(498, _says("InvalidToken")),),
        "server": (Refusal(500, _says("internal server error")),),
        "overloaded": (Refusal(503, _says("service unavailable")),),
        "conflict": (Refusal(499, _says("request cancelled")),),
    },
    in_200=(InStream(_says("internal server error"), K.SERVER_ERROR),),
    in_stream=(
        InStream(named(_end("ERROR", ',"error":"internal server error"')), K.SERVER_ERROR),
        InStream(named(_end("TIMEOUT", ',"error":"the generation timed out"')), K.SERVER_ERROR),
    ),
    empty=(_whole(""), _whole('{"type":"text","text":""}')),
    empty_stream=(named(_START, _end("COMPLETE")),),
    filtered=_whole(f'{{"type":"text","text":"{PIECES[0]}"}}', "ERROR_TOXIC"),
    filtered_stream=named(_START, _BLOCK, _text(PIECES[0]), _BLOCK_END, _end("ERROR_TOXIC")),
    called=(
        f'{{"id":"c-1","finish_reason":"TOOL_CALL","message":{{"role":"assistant","tool_calls":[{_CALL}]}}{_USAGE}}}'
    ).encode(),
    called_stream=named(
        _START,
        (
            "tool-call-start",
            '{"type":"tool-call-start","index":0,"delta":{"message":{"tool_calls":'
            '{"id":"call_1","type":"function","function":{"name":"weather","arguments":""}}}}}',
        ),
        (
            "tool-call-delta",
            '{"type":"tool-call-delta","index":0,"delta":{"message":{"tool_calls":'
            f'{{"function":{{"arguments":"{BROKEN}"}}}}}}}}}}',
        ),
        ("tool-call-end", '{"type":"tool-call-end","index":0}'),
        _end("TOOL_CALL"),
    ),
    usage=_USAGE.encode(),
    counted=b'"output_tokens":17',
    untranslatable={"logit_bias": {"50256": -100}},
)
