"""Hugging Face's row: what stays on the wire, who serves a model at which price, and how errors are read."""

from __future__ import annotations

from typing import Any

import pytest

from understudy.dialects import load
from understudy.dialects.base import Send
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.messages import Message
from understudy.domain.operation import Operation
from understudy.domain.requests import GenerationRequest, ModelsRequest
from understudy.domain.responses import ModelInfo
from understudy.providers.base import endpoint_of
from understudy.providers.huggingface import ROW
from understudy.wire.http import HttpHead
from understudy.wire.json import decode, encode

K = FailureKind
OPENAI = load("openai")
PARTNERS = [
    {
        "provider": "groq",
        "status": "live",
        "context_length": 131072,
        "pricing": {"input": 0.060000000000000005, "output": 0.3},
        "supports_tools": True,
        "supports_structured_output": False,
    },
    {"provider": "novita", "status": "live"},
    {"provider": "gone", "status": "error", "pricing": {"input": 1, "output": 1}},
]
LIST: dict[str, Any] = {
    "object": "list",
    "data": [
        {
            "id": "o/m",
            "object": "model",
            "owned_by": "o",
            "architecture": {"input_modalities": ["text", "image"], "output_modalities": ["text"]},
            "providers": PARTNERS,
        }
    ],
}


def handed(exchange: Any, body: Any, status: int = 200, content_type: str = "application/json") -> list[Any]:
    exchange.start()
    data = body if isinstance(body, bytes) else encode(body)
    return [
        *exchange.head(HttpHead(status, {"content-type": content_type})),
        *exchange.feed(data),
        *exchange.close(),
    ]


def models(body: Any = LIST, **fields: Any) -> list[Any]:
    return handed(OPENAI.open(Operation.MODELS, ModelsRequest(**fields), endpoint_of(ROW, None)), body)


def test_the_partner_stays_on_the_wire_and_fields_have_the_routers_names() -> None:
    request = GenerationRequest(
        messages=(Message.system("Be brief."), Message.user("Hello")), max_tokens=5, top_k=3, user="me"
    )
    steps = OPENAI.open(Operation.CHAT, request, endpoint_of(ROW, "o/m:groq"), stream=True).start()
    (send,) = [step for step in steps if isinstance(step, Send)]
    body = decode(send.request.body or b"")
    assert (body["model"], body["max_tokens"]) == ("o/m:groq", 5)
    assert body["stream_options"] == {"include_usage": True}
    assert body.keys() == {"model", "messages", "max_tokens", "stream", "stream_options"}


def test_one_model_is_asked_for_by_its_name_alone() -> None:
    exchange = OPENAI.open(Operation.MODELS, ModelsRequest(model="o/m:groq"), endpoint_of(ROW, None))
    (send,) = exchange.start()
    assert isinstance(send, Send)
    assert send.request.url == "https://router.huggingface.co/v1/models/o/m"


def test_each_live_partner_offers_the_model_at_its_price() -> None:
    told = [(model.id, model.input_price, model.output_price, model.context_window) for model in models()]
    assert told == [
        ("o/m", None, None, None),
        ("o/m:groq", "0.06", "0.3", 131072),
        ("o/m:novita", None, None, None),
    ]
    routed, groq, _ = models()
    assert routed.capabilities == {"chat", "vision"}
    assert groq.capabilities == {"chat", "vision", "tools"}


@pytest.mark.parametrize(
    ("name", "found"),
    [("o/m", "o/m"), ("o/m:groq", "o/m:groq"), ("o/m:cheapest", "o/m"), ("o/m:gone", None), ("o/other", None)],
)
@pytest.mark.parametrize("body", [LIST["data"][0], {"data": LIST["data"][0]}, LIST], ids=["bare", "within", "a list"])
def test_a_model_is_looked_up_with_who_is_to_serve_it(name: str, found: str | None, body: Any) -> None:
    (step,) = models(body, model=name)
    if found is None:
        assert isinstance(step, Failure)
        assert step.kind is K.NOT_FOUND
    else:
        assert isinstance(step, ModelInfo)
        assert step.id == found


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (402, {"error": "You have exceeded your monthly included credits for Inference Providers."}, K.BILLING),
        (
            400,
            {"error": {"message": "The requested model 'x' is not supported", "code": "model_not_supported"}},
            K.NOT_FOUND,
        ),
        (400, {"error": "Model not supported by provider novita"}, K.NOT_FOUND),
        (401, {"error": "Invalid username or password."}, K.AUTHENTICATION),
        (422, {"message": "validation failed"}, K.INVALID_REQUEST),
        (400, {"detail": "bad"}, K.INVALID_REQUEST),
        (503, {"error": "Model o/m is currently loading", "estimated_time": 12}, K.OVERLOADED),
        (504, b"<html>Gateway time-out</html>", K.SERVER_ERROR),
    ],
)
def test_errors_of_router_and_partners(status: int, body: Any, kind: FailureKind) -> None:
    chat = OPENAI.open(Operation.CHAT, GenerationRequest(messages=(Message.user("x"),)), endpoint_of(ROW, "o/m"))
    kind_of_body = "text/html" if isinstance(body, bytes) else "application/json"
    (failure,) = handed(chat, body, status, kind_of_body)
    assert isinstance(failure, Failure)
    assert failure.kind is kind
    if status == 503:
        assert failure.retry_after == 12.0
