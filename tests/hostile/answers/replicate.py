"""Replicate's predictions. Source: Replicate's HTTP API reference.

A generation is several requests: the model's inputs are read, the prediction is made, a stream is read from another
address, and at the end the prediction is looked at. What the matrix breaks is the making, or the stream.
"""

from __future__ import annotations

from tests.hostile.answers.base import HOME, PIECES, SSE, Answers, InStream, Refusal, at_home, gets
from tests.hostile.framing import LAST, chunk, chunked_head, response
from tests.hostile.server import Request, Script
from understudy.domain.failures import FailureKind as K

MODEL = "meta/meta-llama-3-70b-instruct"
CREATED = f"/v1/models/{MODEL}/predictions"
CLOSE = {"Connection": "close"}
"""So that every request has a connection of its own: what breaks is never one that was kept."""

_SCHEMA = (
    '{"owner":"meta","name":"meta-llama-3-70b-instruct","description":"A model","visibility":"public",'
    '"is_official":true,"latest_version":{"id":"' + "a" * 64 + '","openapi_schema":{"components":{"schemas":'
    '{"Input":{"type":"object","properties":{"prompt":{"type":"string"},"system_prompt":{"type":"string"},'
    '"max_tokens":{"type":"integer"},"temperature":{"type":"number"}}},'
    '"Output":{"type":"array","items":{"type":"string"}}}}}}}'
).encode()
_METRICS = ',"metrics":{"predict_time":0.5,"input_token_count":11,"output_token_count":17}'
_PIECES = ",".join(f'"{piece}"' for piece in PIECES)


def prediction(status: str, output: str = "null", more: str = "", error: str = "null") -> bytes:
    """Write a prediction."""
    return (
        f'{{"id":"p1","model":"{MODEL}","version":"hidden","status":"{status}","input":{{"prompt":"?"}},'
        f'"output":{output},"error":{error},"created_at":"2026-11-28T12:00:00.000000Z"{more},'
        f'"urls":{{"get":"{HOME}/v1/predictions/p1","cancel":"{HOME}/v1/predictions/p1/cancel",'
        f'"stream":"{HOME}/stream/p1"}}}}'
    ).encode()


DONE = prediction("succeeded", f"[{_PIECES}]", f'{_METRICS},"completed_at":"2026-11-28T12:00:01.000000Z"')


def output(text: str) -> bytes:
    """Write a piece of a stream."""
    return f"event: output\nid: 1:0\ndata: {text}\n\n".encode()


def _problem(status: int, title: str, detail: str) -> Refusal:
    return Refusal(status, f'{{"title":"{title}","detail":"{detail}","status":{status}}}'.encode())


def is_creation(request: Request) -> bool:
    """Tell whether a request makes a prediction, which is what is billed."""
    return request.method == "POST" and request.path == CREATED


def waits(request: Request) -> bool:
    """Tell whether the answer is waited for, rather than read from a stream."""
    return "prefer" in request.headers


def others(request: Request) -> Script | None:
    """Answer the requests around the making of a prediction."""
    match request.method, request.path:
        case "GET", path if path == f"/v1/models/{MODEL}":
            return (response(200, _SCHEMA, headers=CLOSE),)
        case "GET", "/v1/predictions":
            return (response(200, b'{"previous":null,"next":null,"results":[]}', headers=CLOSE),)
        case "GET", "/v1/predictions/p1":
            return (response(200, at_home(DONE, request), headers=CLOSE),)
        case "GET", "/stream/p1":
            return (chunked_head(SSE, headers=CLOSE) + b"".join(map(chunk, ANSWERS.stream())) + LAST,)
        case "POST", "/v1/predictions/p1/cancel":
            return (response(200, at_home(prediction("canceled"), request), headers=CLOSE),)
    return None


ANSWERS = Answers(
    dialect="replicate",
    provider="replicate",
    model=MODEL,
    routes={"chat": is_creation, "list": gets("/v1/collections/language-models")},
    other=others,
    streams=lambda request: not waits(request),
    streamed_apart=gets("/stream/p1"),
    begun=prediction("starting"),
    plain_status=201,
    plain=DONE,
    pieces=tuple(map(output, PIECES)),
    mark=b"event: done\nid: 1:9\ndata: {}\n\n",
    broken=b"event: output\ndata: \xff\xfe\n\n",
    models=(
        b'{"name":"Language models","slug":"language-models","models":[{"owner":"meta",'
        b'"name":"meta-llama-3-70b-instruct",'
        b'"description":"A model","visibility":"public","run_count":1,"latest_version":null}]}'
    ),
    refusals={
        "rate_limit": (
            Refusal(429, b'{"detail":"Request was throttled. Your rate limit resets in ~30s."}'),
        ),
        "billing": (_problem(402, "Insufficient credit", "You have insufficient credit to run this model."),),
        "authentication": (_problem(401, "Unauthenticated", "You did not pass a valid authentication token"),),
        "permission": (_problem(403, "Forbidden", "You do not have permission to perform this action."),),
        "not_found": (_problem(404, "Not found", "The requested resource could not be found."),),
        "invalid": (_problem(422, "Input validation failed", "- input: prompt is required"),),
        "server": (_problem(500, "Internal server error", "An unexpected error occurred"),),
        "overloaded": (_problem(503, "Service unavailable", "The service is temporarily unavailable"),),
    },
    in_200=(
        InStream(prediction("failed", error='"Prediction interrupted; please retry (code: PA)"'), K.SERVER_ERROR),
        InStream(prediction("failed", error='"E003: high demand"'), K.OVERLOADED),
    ),
    in_stream=(
        InStream(b'event: error\ndata: {"detail":"CUDA out of memory"}\n\n', K.SERVER_ERROR),
    ),
    empty=(prediction("succeeded", "[]", _METRICS),),
    usage=_METRICS.encode(),
    counted=b'"output_token_count":17',
    untranslatable={"logit_bias": {"50256": -100}},
)  # fmt: skip
