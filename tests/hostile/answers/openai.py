"""OpenAI's chat completions, embeddings and models. Source: OpenAI's API reference and its guide to error codes."""

from __future__ import annotations

import base64
import struct

from tests.hostile.answers.base import (
    BROKEN,
    PIECES,
    TEXT,
    VECTOR,
    Answers,
    InStream,
    Refusal,
    asks_by_body,
    data,
    gets,
    posts,
)
from understudy.domain.failures import FailureKind as K

USAGE = '{"prompt_tokens":11,"completion_tokens":17,"total_tokens":28}'
_HEAD = '{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1764300000,"model":"gpt-4o-mini-2024-07-18",'


def _chunk(delta: str, finish: str = "null") -> str:
    return f'{_HEAD}"choices":[{{"index":0,"delta":{delta},"logprobs":null,"finish_reason":{finish}}}],"usage":null}}'


def _whole(message: str, finish: str = '"stop"') -> bytes:
    return (
        '{"id":"chatcmpl-1","object":"chat.completion","created":1764300000,"model":"gpt-4o-mini-2024-07-18",'
        f'"choices":[{{"index":0,"message":{message},"logprobs":null,"finish_reason":{finish}}}],"usage":{USAGE}}}'
    ).encode()


def _error(message: str, kind: str, code: str = "null", param: str = "null") -> bytes:
    return f'{{"error":{{"message":"{message}","type":"{kind}","param":{param},"code":{code}}}}}'.encode()


_INDEXED = '{"index":0,'
_CALL = f'{{"id":"call_1","type":"function","function":{{"name":"weather","arguments":"{BROKEN}"}}}}'
_USAGE_CHUNK = f'{_HEAD}"choices":[],"usage":{USAGE}}}'
_OVER = (
    "This model's maximum context length is 128000 tokens. However, your messages resulted in 130001 tokens. "
    "Please reduce the length of the messages."
)
_QUOTA = "You exceeded your current quota, please check your plan and billing details."
REFUSALS = {
    "rate_limit": (
        Refusal(429, _error("Rate limit reached for gpt-4o-mini", "requests", '"rate_limit_exceeded"')),
        Refusal(429, _error("Slow down", "requests", '"slow_down"')),
    ),
    "billing": (
        Refusal(429, _error(_QUOTA, "insufficient_quota", '"insufficient_quota"')),
        Refusal(429, _error(_QUOTA, "insufficient_quota", '"credit_balance_exhausted"')),
        Refusal(429, _error("Limit of the project.", "insufficient_quota", '"project_spend_limit_exceeded"')),
        Refusal(429, _error("Limit of use.", "insufficient_quota", '"organization_usage_limit_exceeded"')),
    ),
    "authentication": (
        Refusal(401, _error("Incorrect API key provided.", "invalid_request_error", '"invalid_api_key"')),
    ),
    "permission": (
        Refusal(403, _error("Country not supported", "request_forbidden", '"unsupported_country"')),
    ),
    "not_found": (
        Refusal(404, _error("The model `x` does not exist", "invalid_request_error", '"model_not_found"')),
    ),
    "context": (
        Refusal(400, _error(_OVER, "invalid_request_error", '"context_length_exceeded"', '"messages"')),
    ),
    "invalid": (
        Refusal(400, _error("Invalid value for 'temperature'.", "invalid_request_error", '"invalid_value"')),
        Refusal(422, _error("Unprocessable.", "invalid_request_error")),
    ),
    "filter": (
        Refusal(400, _error("Your request was rejected by our safety system.", "invalid_request_error",
                            '"content_policy_violation"')),
    ),
    "server": (
        Refusal(500, _error("The server had an error while processing your request.", "server_error")),
    ),
    "overloaded": (
        Refusal(503, _error("The engine is currently overloaded, please try again later", "overloaded")),
    ),
}  # fmt: skip

ANSWERS = Answers(
    dialect="openai",
    provider="openai",
    model="gpt-4o-mini",
    base="/v1",
    embedding_model="text-embedding-3-small",
    routes={"chat": posts("/chat/completions"), "embed": posts("/embeddings"), "list": gets("/models")},
    streams=asks_by_body,
    plain=_whole(f'{{"role":"assistant","content":"{TEXT}","refusal":null}}'),
    opening=data(_chunk('{"role":"assistant","content":"","refusal":null}')),
    pieces=tuple(data(_chunk(f'{{"content":"{piece}"}}')) for piece in PIECES),
    ending=data(_chunk("{}", '"stop"'), _USAGE_CHUNK),
    mark=b"data: [DONE]\n\n",
    vectors=(
        '{"object":"list","data":[{"object":"embedding","index":0,"embedding":"'
        + base64.b64encode(struct.pack("<3f", *VECTOR)).decode()
        + '"}],"model":"text-embedding-3-small","usage":{"prompt_tokens":11,"total_tokens":11}}'
    ).encode(),
    models=b'{"object":"list","data":[{"id":"gpt-4o-mini","object":"model","created":1721172741,"owned_by":"system"}]}',
    refusals=REFUSALS,
    in_200=(
        InStream(_error(_QUOTA, "insufficient_quota", '"insufficient_quota"'), K.BILLING),
        InStream(_error("Rate limit reached", "requests", '"rate_limit_exceeded"'), K.RATE_LIMITED),
        InStream(_error("The server had an error", "server_error"), K.SERVER_ERROR),
    ),
    in_stream=(
        InStream(b"data: " + _error("The server had an error", "server_error") + b"\n\n", K.SERVER_ERROR),
        InStream(
            b"data: " + _error("Rate limit reached", "requests", '"rate_limit_exceeded"') + b"\n\n", K.RATE_LIMITED
        ),
    ),
    empty=(
        _whole('{"role":"assistant","content":null,"refusal":null}'),
        _whole('{"role":"assistant","content":"","refusal":null}'),
    ),
    empty_stream=(data(_chunk('{"role":"assistant","content":""}'), _chunk("{}", '"stop"'), _USAGE_CHUNK, "[DONE]"),),
    filtered=_whole(f'{{"role":"assistant","content":"{PIECES[0]}","refusal":null}}', '"content_filter"'),
    filtered_stream=data(
        _chunk(f'{{"role":"assistant","content":"{PIECES[0]}"}}'),
        _chunk("{}", '"content_filter"'),
        _USAGE_CHUNK,
        "[DONE]",
    ),
    called=_whole(f'{{"role":"assistant","content":null,"tool_calls":[{_CALL}]}}', '"tool_calls"'),
    called_stream=data(
        _chunk(f'{{"role":"assistant","content":null,"tool_calls":[{_CALL.replace("{", _INDEXED, 1)}]}}'),
        _chunk("{}", '"tool_calls"'),
        _USAGE_CHUNK,
        "[DONE]",
    ),
    usage=f',"usage":{USAGE}'.encode(),
    counted=b'"completion_tokens":17',
    renamed=(b"gpt-4o-mini-2024-07-18", b"gpt-4.1-nano-2025-04-14"),
    untranslatable={"top_k": 5},
)
