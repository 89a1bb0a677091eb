"""Together's row: what its API takes otherwise than OpenAI's, and how its answers are read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from understudy.dialects import load
from understudy.dialects.base import Endpoint, Exchange, Send
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.messages import Message
from understudy.domain.operation import Operation
from understudy.domain.requests import EmbeddingRequest, GenerationRequest, ModelsRequest, WireOrigin
from understudy.domain.responses import EmbeddingResponse, ModelInfo
from understudy.providers import row
from understudy.providers.base import endpoint_of
from understudy.providers.together import ROW
from understudy.wire.http import HttpHead

DIALECT = load("openai")
HELLO = (Message.user("hello"),)


def place(model: str = "Qwen/Qwen3.5-397B-A17B") -> Endpoint:
    return endpoint_of(ROW, model)


def body(request: GenerationRequest, *, stream: bool = False) -> dict[str, Any]:
    (send,) = [
        step for step in DIALECT.open(Operation.CHAT, request, place(), stream=stream).start() if isinstance(step, Send)
    ]
    assert send.request.url == "https://api.together.ai/v1/chat/completions"
    decoded: dict[str, Any] = json.loads(send.request.body or b"")
    return decoded


def answered(exchange: Exchange[Any], status: int, value: Any) -> list[Any]:
    exchange.start()
    exchange.head(HttpHead(status, {"content-type": "application/json"}))
    return [*exchange.feed(json.dumps(value).encode()), *exchange.close()]


def test_the_row() -> None:
    assert row("together") is ROW
    assert set(ROW.dialects.values()) == {"openai"}


@pytest.mark.parametrize(
    "written", [None, "https://api.together.ai", "https://api.together.ai/", "https://api.together.ai/v1/"]
)
def test_the_base_url_with_and_without_version(written: str | None) -> None:
    assert endpoint_of(ROW, "m", base_url=written).base_url == "https://api.together.ai/v1"


def test_what_is_sent() -> None:
    request = GenerationRequest(
        messages=(Message.system("a"), *HELLO),
        max_tokens=5,
        top_k=3,
        min_p=0.1,
        user="u",
        logprobs=True,
        top_logprobs=4,
        stop=("x",),
    )
    assert body(request, stream=True) == {
        "model": "Qwen/Qwen3.5-397B-A17B",
        "messages": [{"role": "system", "content": "a"}, {"role": "user", "content": "hello"}],
        "max_tokens": 5,
        "top_k": 3,
        "min_p": 0.1,
        "logprobs": 4,
        "stop": ["x"],
        "stream": True,
    }


@pytest.mark.parametrize(
    ("came", "goes"),
    [
        ({"stop": "x"}, {"stop": ["x"]}),
        ({"max_completion_tokens": 5}, {"max_tokens": 5}),
        ({"logprobs": True}, {"logprobs": 1}),
        ({"logprobs": False, "top_logprobs": 2}, {}),
        ({"logprobs": 3}, {"logprobs": 3}),
        ({"messages": [{"role": "developer", "content": "x"}]}, {"messages": [{"role": "system", "content": "x"}]}),
    ],
)
def test_a_request_of_an_openai_client_is_made_to_fit(came: dict[str, Any], goes: dict[str, Any]) -> None:
    said = [{"role": "user", "content": "hi"}]
    origin = WireOrigin("openai", json.dumps({"model": "m", "messages": said, **came}).encode())
    sent = body(GenerationRequest(messages=HELLO, origin=origin))
    assert sent == {"model": "Qwen/Qwen3.5-397B-A17B", "messages": said, **goes}


MODELS = [
    {"id": "a/x", "type": "chat", "context_length": 10, "pricing": {"input": 0.15, "output": 0.6}},
    {"id": "a/y", "type": "embedding", "organization": "A", "pricing": {"input": 0, "output": 0}},
]


def test_the_list_of_models_is_a_bare_array_with_prices() -> None:
    first, second = answered(DIALECT.open(Operation.MODELS, ModelsRequest(), place()), 200, MODELS)
    assert (first.id, first.context_window, first.input_price, first.output_price) == ("a/x", 10, "0.15", "0.6")
    assert (first.capabilities, second.capabilities) == ({"chat"}, {"embed"})
    assert len(answered(DIALECT.open(Operation.MODELS, ModelsRequest(limit=1), place()), 200, MODELS)) == 1


def test_one_model_is_looked_for_in_the_list() -> None:
    exchange = DIALECT.open(Operation.MODELS, ModelsRequest(model="a/y"), place())
    (found,) = answered(exchange, 200, MODELS)
    assert isinstance(found, ModelInfo)
    assert found.id == "a/y"
    (none,) = answered(DIALECT.open(Operation.MODELS, ModelsRequest(model="nonesuch"), place()), 200, MODELS)
    assert isinstance(none, Failure)
    assert none.kind is FailureKind.NOT_FOUND


@pytest.mark.parametrize(
    ("status", "words", "kind"),
    [
        (403, "Input token count + max_tokens must be less than the context length", FailureKind.CONTEXT_LENGTH),
        (422, "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 8193", FailureKind.CONTEXT_LENGTH),
        (422, "Input validation error: temperature", FailureKind.INVALID_REQUEST),
        (402, "monthly limit", FailureKind.BILLING),
        (429, "dynamic rate", FailureKind.RATE_LIMITED),
        (503, "overloaded", FailureKind.OVERLOADED),
        (524, "timeout", FailureKind.SERVER_ERROR),
    ],
)
def test_errors(status: int, words: str, kind: FailureKind) -> None:
    error = {"error": {"message": words, "type": "x", "param": None, "code": None}}
    (failure,) = answered(DIALECT.open(Operation.CHAT, GenerationRequest(messages=HELLO), place()), status, error)
    assert (failure.kind, failure.message) == (kind, words)


def test_vectors_without_usage() -> None:
    value = {"object": "list", "model": "e", "data": [{"index": 0, "object": "embedding", "embedding": [0.5]}]}
    request = EmbeddingRequest(texts=("a",), dimensions=3)
    (response,) = answered(DIALECT.open(Operation.EMBED, request, place("e")), 200, value)
    assert isinstance(response, EmbeddingResponse)
    assert response.embeddings == ((0.5,),)
    assert response.usage.total is None
    assert [warning.what for warning in response.warnings] == ["dimensions"]
