"""Google's Gemini API. Source: its API reference; google.rpc's `Status` and error details."""

from __future__ import annotations

from tests.hostile.answers.base import PIECES, TEXT, Answers, InStream, Refusal, data, gets, posts
from tests.hostile.server import Request
from understudy.domain.failures import FailureKind as K

USAGE = '{"promptTokenCount":11,"candidatesTokenCount":17,"totalTokenCount":28}'


def _answer(parts: str, finish: str = "") -> str:
    return (
        f'{{"candidates":[{{"content":{{"parts":[{parts}],"role":"model"}}{finish},"index":0}}],'
        f'"usageMetadata":{USAGE},"modelVersion":"gemini-2.5-flash","responseId":"r-1"}}'
    )


def _error(status: int, name: str, message: str, details: str = "[]") -> bytes:
    return (f'{{"error":{{"code":{status},"message":"{message}","status":"{name}","details":{details}}}}}').encode()


def _info(kind: str, rest: str) -> str:
    return f'{{"@type":"type.googleapis.com/google.rpc.{kind}",{rest}}}'


def _quota(name: str) -> str:
    return _info("QuotaFailure", f'"violations":[{{"quotaId":"{name}","quotaValue":"10"}}]')


_STOP = ',"finishReason":"STOP"'
_SPENT = "You exceeded your current quota, please check your plan and billing details."
_PER_DAY = _quota("GenerateRequestsPerDayPerProjectPerModel-FreeTier")
_TEN_HOURS = _info("RetryInfo", '"retryDelay":"36000s"')
_A_DAY = f"[{_PER_DAY},{_TEN_HOURS}]"
_A_MINUTE = f"[{_quota('GenerateRequestsPerMinutePerProjectPerModel')}]"
_KEY_INVALID = _info("ErrorInfo", '"reason":"API_KEY_INVALID"')
_WRONG_KEY = f"[{_KEY_INVALID}]"
_BLOCKED = (
    '{"promptFeedback":{"blockReason":"SAFETY"},'
    '"usageMetadata":{"promptTokenCount":11,"totalTokenCount":11},"modelVersion":"gemini-2.5-flash"}'
)


def _generates(request: Request) -> bool:
    return any(posts(end)(request) for end in (":generateContent", ":streamGenerateContent"))


ANSWERS = Answers(
    dialect="gemini",
    provider="google",
    model="gemini-2.5-flash",
    embedding_model="gemini-embedding-001",
    routes={"chat": _generates, "embed": posts(":batchEmbedContents"), "list": gets("/v1beta/models")},
    streams=lambda request: ":streamGenerateContent" in request.path,
    plain=_answer(f'{{"text":"{TEXT}"}}', _STOP).encode(),
    opening=b"",
    pieces=tuple(data(_answer(f'{{"text":"{piece}"}}')) for piece in PIECES),
    ending=data(_answer('{"text":""}', _STOP)),
    broken=b'data: {"candidates":[{"content":{"par\n\n',
    vectors=b'{"embeddings":[{"values":[0.5,0.25,-0.75]}],"usageMetadata":{"promptTokenCount":11}}',
    models=(
        b'{"models":[{"name":"models/gemini-2.5-flash","version":"001","displayName":"Gemini 2.5 Flash",'
        b'"inputTokenLimit":1048576,"outputTokenLimit":65536,"supportedGenerationMethods":["generateContent"]}]}'
    ),
    refusals={
        "rate_limit": (Refusal(429, _error(429, "RESOURCE_EXHAUSTED", _SPENT, _A_MINUTE)),),
        "billing": (
            Refusal(402, _error(402, "RESOURCE_EXHAUSTED", "Your prepayment credits are depleted.")),
            Refusal(429, _error(429, "RESOURCE_EXHAUSTED", "Your prepayment credits are depleted.")),
        ),
        "daily": (Refusal(429, _error(429, "RESOURCE_EXHAUSTED", _SPENT, _A_DAY)),),
        "authentication": (
            Refusal(400, _error(400, "INVALID_ARGUMENT", "API key not valid.", _WRONG_KEY)),
            Refusal(401, _error(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")),
        ),
        "permission": (
            Refusal(403, _error(403, "PERMISSION_DENIED", "Your API key may not use this model.")),
            Refusal(400, _error(400, "FAILED_PRECONDITION", "User location is not supported for the API use.")),
        ),
        "not_found": (Refusal(404, _error(404, "NOT_FOUND", "models/x is not found for API version v1beta")),),
        "context": (
            Refusal(
                400,
                _error(
                    400,
                    "INVALID_ARGUMENT",
                    "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
                ),
            ),
        ),
        "invalid": (Refusal(400, _error(400, "INVALID_ARGUMENT", "Invalid value at 'contents'")),),
        "server": (Refusal(500, _error(500, "INTERNAL", "An internal error has occurred.")),),
        "overloaded": (Refusal(503, _error(503, "UNAVAILABLE", "The model is overloaded.")),),
    },
    in_200=(
        InStream(_error(429, "RESOURCE_EXHAUSTED", "Resource has been exhausted."), K.RATE_LIMITED),
        InStream(_error(500, "INTERNAL", "An internal error has occurred."), K.SERVER_ERROR),
    ),
    in_stream=(
        InStream(b"data: " + _error(503, "UNAVAILABLE", "The model is overloaded.") + b"\n\n", K.OVERLOADED),
        InStream(b'{\n  "error": {\n    "code": 500,\n    "status": "INTERNAL",\n    "message": "x"\n  }\n}\n',
                 K.SERVER_ERROR, last=True),
    ),
    empty=(
        _answer("", _STOP).encode(),
        f'{{"candidates":[{{"finishReason":"STOP","index":0}}],"usageMetadata":{USAGE}}}'.encode(),
    ),
    empty_stream=(data(_answer("", _STOP)),),
    filtered=_answer(f'{{"text":"{PIECES[0]}"}}', ',"finishReason":"SAFETY"').encode(),
    filtered_stream=data(_answer(f'{{"text":"{PIECES[0]}"}}'), _answer("", ',"finishReason":"SAFETY"')),
    usage=f',"usageMetadata":{USAGE}'.encode(),
    counted=b'"candidatesTokenCount":17',
    renamed=(b'"modelVersion":"gemini-2.5-flash"', b'"modelVersion":"gemini-2.5-flash-002"'),
    untranslatable={"logit_bias": {"50256": -100}},
)  # fmt: skip
BLOCKED_PROMPT = _BLOCKED.encode()
"""A prompt that the filter stopped: a 200 without candidates."""
