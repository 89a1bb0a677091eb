"""Anthropic's messages and models. Source: the API reference, "Messages", "Streaming messages" and "Errors"."""

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
from tests.hostile.framing import HTML
from understudy.domain.failures import FailureKind as K

_USAGE = ',"usage":{"input_tokens":11,"output_tokens":17}'


def _whole(content: str, stop: str = '"end_turn"') -> bytes:
    return (
        '{"id":"msg_01","type":"message","role":"assistant","model":"claude-haiku-4-5-20251001",'
        f'"content":[{content}],"stop_reason":{stop},"stop_sequence":null{_USAGE}}}'
    ).encode()


def _error(kind: str, message: str, details: str = "") -> bytes:
    return (
        f'{{"type":"error","error":{{"type":"{kind}","message":"{message}"{details}}},"request_id":"req_011"}}'
    ).encode()


def _failed(kind: str, message: str) -> bytes:
    return b"event: error\ndata: " + _error(kind, message) + b"\n\n"


_START = (
    "message_start",
    '{"type":"message_start","message":{"id":"msg_01","type":"message","role":"assistant",'
    '"model":"claude-haiku-4-5-20251001","content":[],"stop_reason":null,"stop_sequence":null,'
    '"usage":{"input_tokens":11,"output_tokens":1}}}',
)
_BLOCK = (
    "content_block_start",
    '{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}',
)
_PING = ("ping", '{"type":"ping"}')
_BLOCK_END = ("content_block_stop", '{"type":"content_block_stop","index":0}')
_STOP = ("message_stop", '{"type":"message_stop"}')


def _text(piece: str) -> tuple[str, str]:
    return (
        "content_block_delta",
        f'{{"type":"content_block_delta","index":0,"delta":{{"type":"text_delta","text":"{piece}"}}}}',
    )


def _delta(stop: str) -> tuple[str, str]:
    return (
        "message_delta",
        f'{{"type":"message_delta","delta":{{"stop_reason":"{stop}","stop_sequence":null}}'
        ',"usage":{"input_tokens":11,"output_tokens":17}}',
    )


_SPENT = "This request would exceed your organization's spend limit."
_USED_UP = "You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC."
_OVER = "prompt is too long: 215003 tokens > 200000 maximum"

ANSWERS = Answers(
    dialect="anthropic",
    provider="anthropic",
    model="claude-haiku-4-5",
    routes={"chat": posts("/v1/messages"), "list": gets("/v1/models")},
    streams=asks_by_body,
    plain=_whole(f'{{"type":"text","text":"{TEXT}"}}'),
    counts_early=True,
    opening=named(_START, _BLOCK, _PING),
    pieces=tuple(named(_text(piece)) for piece in PIECES),
    ending=named(_BLOCK_END, _delta("end_turn")),
    mark=named(_STOP),
    ping=named(_PING),
    broken=b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"del\n\n',
    models=(
        b'{"data":[{"type":"model","id":"claude-haiku-4-5","display_name":"Claude Haiku 4.5",'
        b'"created_at":"2025-10-15T00:00:00Z"}],"has_more":false,"first_id":"claude-haiku-4-5",'
        b'"last_id":"claude-haiku-4-5"}'
    ),
    refusals={
        "rate_limit": (
            Refusal(429, _error("rate_limit_error", "This request would exceed your rate limit of 50 requests/min")),
        ),
        "billing": (
            Refusal(
                429,
                _error("rate_limit_error", _SPENT, ',"details":{"error_code":"enforced_spend_limit_reached"}'),
            ),
            Refusal(400, _error("invalid_request_error", _USED_UP)),
            Refusal(402, _error("billing_error", "Your credit balance is too low.")),
        ),
        "authentication": (Refusal(401, _error("authentication_error", "invalid x-api-key")),),
        "permission": (Refusal(403, _error("permission_error", "Your key may not use this resource.")),),
        "not_found": (Refusal(404, _error("not_found_error", "model: claude-haiku-4-5")),),
        "context": (Refusal(400, _error("invalid_request_error", _OVER)),),
        "too_large": (
            Refusal(413, _error("request_too_large", "Request exceeds the maximum size")),
            Refusal(413, b"<html><body>413 Payload Too Large</body></html>", media_type=HTML),
        ),
        "invalid": (Refusal(400, _error("invalid_request_error", "messages: at least one message is required")),),
        "filter": (Refusal(400, _error("invalid_request_error", "Output blocked by content filtering policy")),),
        "server": (
            Refusal(500, _error("api_error", "Internal server error")),
            Refusal(504, _error("timeout_error", "The request timed out.")),
        ),
        "overloaded": (Refusal(529, _error("overloaded_error", "Overloaded")),),
    },
    in_200=(
        InStream(_error("overloaded_error", "Overloaded"), K.OVERLOADED),
        InStream(_error("api_error", "Internal server error"), K.SERVER_ERROR),
    ),
    in_stream=(
        InStream(_failed("overloaded_error", "Overloaded"), K.OVERLOADED),
        InStream(_failed("api_error", "Internal server error"), K.SERVER_ERROR),
    ),
    empty=(_whole(""), _whole('{"type":"text","text":""}')),
    empty_stream=(named(_START, _delta("end_turn"), _STOP),),
    filtered=_whole(f'{{"type":"text","text":"{PIECES[0]}"}}', '"refusal"'),
    filtered_stream=named(_START, _BLOCK, _text(PIECES[0]), _BLOCK_END, _delta("refusal"), _STOP),
    called_stream=named(
        _START,
        (
            "content_block_start",
            '{"type":"content_block_start","index":0,"content_block":'
            '{"type":"tool_use","id":"toolu_1","name":"weather","input":{}}}',
        ),
        (
            "content_block_delta",
            '{"type":"content_block_delta","index":0,"delta":'
            f'{{"type":"input_json_delta","partial_json":"{BROKEN}"}}}}',
        ),
        _BLOCK_END,
        _delta("tool_use"),
        _STOP,
    ),
    usage=_USAGE.encode(),
    counted=b'"output_tokens":17',
    renamed=(b"claude-haiku-4-5-20251001", b"claude-haiku-4-5-20260301"),
    untranslatable={"seed": 7},
)
