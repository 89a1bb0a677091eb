"""Operations beside chat: embeddings, models in pages, long texts counted in pieces."""

from __future__ import annotations

import json
from typing import Any

import pytest

from understudy import providers
from understudy.dialects.base import Endpoint, Exchange, Send
from understudy.dialects.cohere.client import DIALECT
from understudy.dialects.cohere.tokens import MAX_TEXT
from understudy.dialects.embeddings import pack_vector
from understudy.dialects.pages import MAX_PAGES
from understudy.domain.content import File, Image, Text, Thinking, ToolCall, ToolResult
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.messages import Message, OpaqueTool, Tool
from understudy.domain.operation import Operation
from understudy.domain.requests import EmbeddingRequest, GenerationRequest, ModelsRequest, WireOrigin
from understudy.domain.responses import EmbeddingResponse, TokenCount
from understudy.providers.base import quirks_of
from understudy.wire.http import HttpHead, HttpRequest

ENDPOINT = Endpoint(provider="cohere", base_url="https://host", model="m", headers=(("x-client-name", "u"),))
BILLED = {"billed_units": {"input_tokens": 3.0}}


def run(exchange: Exchange[Any], *bodies: Any, status: int = 200) -> tuple[list[HttpRequest], list[Any]]:
    """Answer each request with the next body; return the requests and the other steps."""
    requests: list[HttpRequest] = []
    found: list[Any] = []
    answers = iter(bodies)
    steps = exchange.start()
    while True:
        found += [step for step in steps if not isinstance(step, Send)]
        sends = [step for step in steps if isinstance(step, Send)]
        if not sends:
            assert exchange.finished
            return requests, found
        assert ("x-client-name", "u") in sends[0].request.headers
        requests.append(sends[0].request)
        steps = [*exchange.head(HttpHead(status, {"content-type": "application/json"}))]
        steps += exchange.feed(json.dumps(next(answers)).encode())
        steps += exchange.close()


def sent(request: HttpRequest) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(request.body or b"")
    return body


def embedded(*bodies: Any, request: EmbeddingRequest, **endpoint: Any) -> tuple[list[dict[str, Any]], Any]:
    target = Endpoint(**{"provider": "cohere", "base_url": "https://host", "headers": ENDPOINT.headers, **endpoint})
    requests, steps = run(DIALECT.open(Operation.EMBED, request, target), *bodies)
    assert {asked.url for asked in requests} == {"https://host/v2/embed"}
    (step,) = steps
    return [sent(asked) for asked in requests], step


def vectors(*numbers: float, meta: Any = BILLED, kind: str = "float") -> dict[str, Any]:
    return {"id": "1", "embeddings": {kind: [[number, 0.5] for number in numbers]}, "texts": [], "meta": meta}


def test_an_embedding() -> None:
    request = EmbeddingRequest(texts=("a", "b"), model="e", dimensions=256, input_type="query")
    bodies, response = embedded(vectors(1, 2), request=request)
    assert bodies == [
        {
            "model": "e",
            "input_type": "search_query",
            "texts": ["a", "b"],
            "embedding_types": ["float"],
            "output_dimension": 256,
        }
    ]
    assert isinstance(response, EmbeddingResponse)
    assert response.embeddings == ((1.0, 0.5), (2.0, 0.5))
    assert (response.model, response.usage.input, response.usage.raw) == ("e", 3, BILLED)
    assert response.warnings == ()
    assert response.raw


def test_without_a_purpose_texts_are_documents() -> None:
    bodies, response = embedded(vectors(1), request=EmbeddingRequest(texts=("a",), user="u"))
    assert bodies[0]["input_type"] == "search_document"
    assert [(str(w.kind), w.what) for w in response.warnings] == [("emulated", "input_type"), ("dropped", "user")]
    extra = {"cohere": {"input_type": "classification"}}
    bodies, response = embedded(vectors(1), request=EmbeddingRequest(texts=("a",), extra=extra))
    assert bodies[0]["input_type"] == "classification"
    assert response.warnings == ()


def test_texts_go_in_one_request_and_come_back_in_order() -> None:
    texts = tuple(map(str, range(96)))
    (body,), response = embedded(vectors(*range(96)), request=EmbeddingRequest(texts=texts, input_type="document"))
    assert body["texts"] == list(texts)
    assert [vector[0] for vector in response.embeddings] == list(range(96))
    assert response.usage.input == 3


def test_usage_that_is_not_told_is_unknown() -> None:
    request = EmbeddingRequest(texts=("x",), input_type="document")
    _, response = embedded(vectors(1, meta=None), request=request)
    assert response.usage.input is None


def test_models_of_one_size_say_that_dimensions_are_dropped() -> None:
    request = EmbeddingRequest(texts=("x",), input_type="document", dimensions=256)
    row = providers.row("cohere")
    for model, dropped in (("embed-english-v3.0", ["dimensions"]), ("embed-v4.0", []), ("embed-v5.0-pro", [])):
        (body,), response = embedded(vectors(1), request=request, model=model, quirks=quirks_of(row, model))
        assert ("output_dimension" in body) is (not dropped)
        assert [warning.what for warning in response.warnings] == dropped


def test_an_error_in_an_answer_is_a_failure() -> None:
    request = EmbeddingRequest(texts=("x",), input_type="document")
    _, failure = embedded({"message": "too many tokens"}, request=request)
    assert isinstance(failure, Failure)
    assert failure.kind is FailureKind.CONTEXT_LENGTH


@pytest.mark.parametrize(
    "body",
    [
        {"id": "1"},
        {"id": "1", "embeddings": {}},
        vectors(1, 2),
        {"embeddings": {"float": [["a"]]}},
        {"embeddings": {"base64": ["%%"]}},
        {"embeddings": {"base64": ["AAA="]}},
        [],
    ],
)
def test_what_is_no_vector_for_each_text_is_a_failure(body: Any) -> None:
    _, failure = embedded(body, request=EmbeddingRequest(texts=("a",), input_type="document"))
    assert isinstance(failure, Failure)
    assert failure.kind is FailureKind.BAD_RESPONSE


def test_other_forms_of_vectors() -> None:
    request = EmbeddingRequest(texts=("a",), input_type="document")
    body: Any = {"embeddings": {"float": None, "base64": [pack_vector((1.0, -0.5))]}, "meta": None}
    assert embedded(body, request=request)[1].embeddings == ((1.0, -0.5),)
    body = {"embeddings": {"int8": [[1, -2]], "float": [[0.25]]}}
    assert embedded(body, request=request)[1].embeddings == ((0.25,),)
    assert embedded({"embeddings": {"int8": [[1, -2]]}}, request=request)[1].embeddings == ((1.0, -2.0),)


def test_an_embedding_of_this_dialect_is_patched() -> None:
    origin = b'{"texts": ["a"], "model": "asked", "input_type": "image", "embedding_types": ["int8"], "new": 1}'
    request = EmbeddingRequest(texts=("a",), model="asked", origin=WireOrigin("cohere", origin))
    bodies, _ = embedded(vectors(1), request=request, model="m", options={"new": 2, "truncate": "NONE"})
    assert bodies == [{**json.loads(origin), "model": "m", "truncate": "NONE"}]


def models(*bodies: Any, request: ModelsRequest, status: int = 200) -> tuple[list[str], list[Any]]:
    requests, found = run(DIALECT.open(Operation.MODELS, request, ENDPOINT), *bodies, status=status)
    return [asked.url for asked in requests], found


def page(*names: str, token: str | None = None) -> dict[str, Any]:
    return {"models": [{"name": name, "endpoints": ["embed"]} for name in names], "next_page_token": token}


def test_all_pages_of_models() -> None:
    urls, found = models(page("a", "b", token="t/1"), page("c"), request=ModelsRequest())
    assert urls == [
        "https://host/v1/models?page_size=1000",
        "https://host/v1/models?page_size=1000&page_token=t%2F1",
    ]
    assert [model.id for model in found] == ["a", "b", "c"]


def test_no_more_models_than_asked_for() -> None:
    urls, found = models(page("a", "b", token="t"), page("c", "d", token="u"), request=ModelsRequest(limit=3))
    assert urls[1].endswith("?page_size=1&page_token=t")
    assert [model.id for model in found] == ["a", "b", "c"]


def test_a_list_that_never_ends() -> None:
    assert len(models(page("a", token="t"), page("b", token="t"), request=ModelsRequest())[0]) == 2
    pages = [page(str(n), token=f"t{n}") for n in range(MAX_PAGES + 1)]
    assert len(models(*pages, request=ModelsRequest())[0]) == MAX_PAGES


def test_what_a_model_tells() -> None:
    item = {
        "name": "command/x",
        "endpoints": ["chat", "rerank"],
        "context_length": 1000.0,
        "features": ["tools", "vision", "reasoning", "json_schema", "other"],
        "config": {"max_output_tokens": 32},
    }
    urls, (model,) = models(item, request=ModelsRequest(model="command/x"))
    assert urls == ["https://host/v1/models/command%2Fx"]
    assert (model.id, model.context_window, model.max_output_tokens) == ("command/x", 1000, 32)
    assert model.capabilities == {"chat", "tools", "vision", "thinking", "structured_output"}
    assert model.raw == item


@pytest.mark.parametrize(
    ("item", "capabilities"),
    [
        ({"endpoints": ["embed"]}, {"embed"}),
        ({"endpoints": ["chat"], "features": None}, None),
        ({"endpoints": ["rerank"]}, set()),
        ({}, None),
    ],
)
def test_what_a_model_does_not_tell_is_unknown(item: dict[str, Any], capabilities: set[str] | None) -> None:
    _, (model,) = models({"name": "x", **item}, request=ModelsRequest(model="x"))
    assert model.capabilities == capabilities


@pytest.mark.parametrize("body", [{}, {"models": [{"endpoints": []}]}, {"models": "many"}, []])
def test_what_is_no_model_list_is_a_failure(body: Any) -> None:
    _, (failure,) = models(body, request=ModelsRequest())
    assert failure.kind is FailureKind.BAD_RESPONSE


def test_an_unknown_model() -> None:
    _, (failure,) = models({"message": "model 'x' not found"}, request=ModelsRequest(model="x"), status=404)
    assert (failure.kind, failure.message) == (FailureKind.NOT_FOUND, "model 'x' not found")


def counted(*sizes: int, request: GenerationRequest) -> tuple[list[dict[str, Any]], Any]:
    answers = [{"tokens": [1] * size, "token_strings": []} for size in sizes]
    requests, (step,) = run(DIALECT.open(Operation.COUNT_TOKENS, request, ENDPOINT), *answers)
    assert {asked.url for asked in requests} == {"https://host/v1/tokenize"}
    return [sent(asked) for asked in requests], step


def test_a_count_is_of_all_text() -> None:
    call = ToolCall(id="1", name="look", arguments='{"q":1}')
    inner = (Text("six "), File(text="seven"))
    request = GenerationRequest(
        messages=(
            Message.system("one "),
            Message.user((Text("two "), Image(url="https://x"))),
            Message.assistant((Thinking("three "), call)),
            Message.tool(ToolResult(call_id="1", content="five "), ToolResult(call_id="2", content=inner)),
        ),
        tools=(Tool(name="t", description="d"), OpaqueTool("cohere", {"type": "h"})),
    )
    (body,), count = counted(4, request=request)
    assert body["model"] == "m"
    assert body["text"].startswith('{"name":"t","description":"d"')
    assert body["text"].endswith('one two three look{"q":1}five six seven')
    assert isinstance(count, TokenCount)
    assert (count.input_tokens, count.model) == (4, "m")
    assert [(str(w.kind), w.what) for w in count.warnings] == [("dropped", "image"), ("emulated", "count")]


def test_a_long_text_is_counted_in_pieces() -> None:
    text = "x" * (MAX_TEXT + 5)
    bodies, count = counted(10, 2, request=GenerationRequest(messages=(Message.user(text),)))
    assert [len(body["text"]) for body in bodies] == [MAX_TEXT, 5]
    assert count.input_tokens == 12


def test_no_text_at_all() -> None:
    (body,), count = counted(1, request=GenerationRequest(messages=()))
    assert body["text"] == " "
    assert count.input_tokens == 1


def test_a_count_that_is_none() -> None:
    _, (failure,) = run(DIALECT.open(Operation.COUNT_TOKENS, GenerationRequest(messages=()), ENDPOINT), {"tokens": 3})
    assert failure.kind is FailureKind.BAD_RESPONSE
