"""Ollama's own API. Source: Ollama's documentation, `docs/api.md`, and its server's error texts."""

from __future__ import annotations

import msgspec

from tests.hostile.answers.base import NDJSON, PIECES, TEXT, Answers, InStream, Refusal, gets, lines, posts
from tests.hostile.server import Request
from understudy.domain.failures import FailureKind as K

_COUNTS = ',"prompt_eval_count":11,"prompt_eval_duration":5000000,"eval_count":17'


def _line(content: str, more: str = ',"done":false') -> str:
    return (
        '{"model":"llama3.2","created_at":"2026-11-28T12:00:00.000000Z",'
        f'"message":{{"role":"assistant","content":"{content}"}}{more}}}'
    )


def _done(content: str = "") -> str:
    return _line(content, f',"done":true,"done_reason":"stop","total_duration":9000000{_COUNTS}')


def _error(message: str) -> bytes:
    return f'{{"error":"{message}"}}'.encode()


def _streams(request: Request) -> bool:
    """It streams unless it is told not to."""
    return msgspec.json.decode(request.body).get("stream") is not False


_BUSY = "server busy, please try again.  maximum pending requests exceeded"

ANSWERS = Answers(
    dialect="ollama",
    provider="ollama",
    model="llama3.2",
    embedding_model="nomic-embed-text",
    routes={"chat": posts("/api/chat"), "embed": posts("/api/embed"), "list": gets("/api/tags")},
    streams=_streams,
    plain=_done(TEXT).encode(),
    pieces=tuple(lines(_line(piece)) for piece in PIECES),
    mark=lines(_done()),
    stream_type=NDJSON,
    ping=b"\n",
    broken=b'{"model":"llama3.2","mess\n',
    vectors=(
        b'{"model":"nomic-embed-text","embeddings":[[0.5,0.25,-0.75]],"total_duration":14143917,'
        b'"load_duration":1019500,"prompt_eval_count":11}'
    ),
    models=(
        b'{"models":[{"name":"llama3.2:latest","model":"llama3.2:latest","modified_at":"2026-05-04T17:37:44Z",'
        b'"size":2019393189,"digest":"a80c4f17acd5","details":{"format":"gguf","family":"llama"}}]}'
    ),
    refusals={
        "rate_limit": (Refusal(429, _error("too many concurrent requests")),),
        "authentication": (Refusal(401, _error("unauthorized")),),
        "permission": (Refusal(403, _error("cloud models are disabled")),),
        "not_found": (Refusal(404, _error("model 'llama3.2' not found")),),
        "context": (Refusal(400, _error("the input length exceeds the context length")),),
        "invalid": (Refusal(400, _error("invalid options: temperature")),),
        "server": (
            Refusal(500, _error("llama runner process has terminated: exit status 2")),
            Refusal(500, _error("model requires more system memory (8.1 GiB) than is available (4.2 GiB)")),
        ),
        "overloaded": (Refusal(503, _error(_BUSY)),),
    },
    in_200=(
        InStream(_error(_BUSY), K.OVERLOADED),
        InStream(_error("llama runner process has terminated: exit status 2"), K.SERVER_ERROR),
    ),
    in_stream=(
        InStream(_error("an error was encountered while running the model: CUDA error") + b"\n", K.SERVER_ERROR),
    ),
    empty=(_done().encode(),),
    empty_stream=(lines(_done()),),
    usage=_COUNTS.encode(),
    counted=b'"eval_count":17',
    renamed=(b'"model":"llama3.2"', b'"model":"llama3.2:1b"'),
    untranslatable={"logit_bias": {"50256": -100}},
)
