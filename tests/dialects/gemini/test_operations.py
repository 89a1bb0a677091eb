"""Embeddings, the model catalogue over its pages, and token counts."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from msgspec.structs import replace

from tests.dialects.gemini.helpers import BASE, asked, endpoint
from understudy.dialects.base import Endpoint, Exchange, Send
from understudy.dialects.gemini.client import DIALECT
from understudy.dialects.pages import MAX_PAGES
from understudy.domain.failures import Failure
from understudy.domain.failures import FailureKind as K
from understudy.domain.operation import Operation
from understudy.domain.requests import EmbeddingRequest, ModelsRequest
from understudy.domain.responses import EmbeddingResponse, ModelInfo
from understudy.wire.http import HttpHead, HttpRequest


class Played:
    """An exchange whose sends are answered one after another."""

    def __init__(self, exchange: Exchange[Any], *answers: Any, status: int = 200) -> None:
        self.requests: list[HttpRequest] = []
        self.steps: list[Any] = []
        self._take(exchange.start())
        for answer in answers:
            exchange.head(HttpHead(status, {"content-type": "application/json"}))
            self._take(exchange.feed(json.dumps(answer).encode()))
            self._take(exchange.close())
        self.finished = exchange.finished

    def _take(self, steps: list[Any]) -> None:
        for step in steps:
            if isinstance(step, Send):
                self.requests.append(step.request)
            else:
                self.steps.append(step)

    @property
    def bodies(self) -> list[Any]:
        return [json.loads(request.body or b"") for request in self.requests]


def embedded(request: EmbeddingRequest, *answers: Any, target: Endpoint | None = None) -> Played:
    return Played(DIALECT.open(Operation.EMBED, request, target or endpoint()), *answers)


def vectors(*numbers: float, tokens: int | None = None) -> dict[str, Any]:
    usage = {} if tokens is None else {"usageMetadata": {"promptTokenCount": tokens}}
    return {"embeddings": [{"values": [number]} for number in numbers], **usage}


def test_texts_go_out_together_and_come_back_in_order() -> None:
    texts = tuple(f"t{n}" for n in range(100))
    played = embedded(EmbeddingRequest(texts=texts), vectors(*range(100), tokens=5))
    (body,) = played.bodies
    assert [item["content"]["parts"][0]["text"] for item in body["requests"]] == [*texts]
    assert {request.url for request in played.requests} == {f"{BASE}/v1beta/models/gemini-x:batchEmbedContents"}
    (response,) = played.steps
    assert isinstance(response, EmbeddingResponse)
    assert response.embeddings == tuple((float(n),) for n in range(100))
    assert (response.usage.input, response.model) == (5, "gemini-x")
    assert played.finished


def test_tokens_that_are_not_told_are_unknown() -> None:
    (response,) = embedded(EmbeddingRequest(texts=("t",)), vectors(1)).steps
    assert response.usage.input is None


def test_what_vectors_are_for() -> None:
    request = EmbeddingRequest(texts=("a",), input_type="query", dimensions=8, user="u")
    assert embedded(request).bodies[0]["requests"] == [
        {
            "model": "models/gemini-x",
            "content": {"parts": [{"text": "a"}]},
            "taskType": "RETRIEVAL_QUERY",
            "outputDimensionality": 8,
        }
    ]
    (response,) = embedded(request, vectors(1)).steps
    assert [warning.what for warning in response.warnings] == ["user"]
    deaf = embedded(request, vectors(1), target=endpoint(refused=frozenset({"input_type"})))
    assert "taskType" not in deaf.bodies[0]["requests"][0]
    assert [warning.what for warning in deaf.steps[0].warnings] == ["input_type", "user"]


def test_extra_fields_go_into_every_request() -> None:
    request = EmbeddingRequest(texts=("a", "b"), extra={"gemini": {"title": "T"}})
    target = replace(endpoint(), options={"taskType": "FACT_VERIFICATION"})
    items = embedded(request, target=target).bodies[0]["requests"]
    assert [(item["title"], item["taskType"]) for item in items] == [("T", "FACT_VERIFICATION")] * 2


@pytest.mark.parametrize("answer", [vectors(1), {"embeddings": []}, {}, {"embeddings": 3}])
def test_vectors_that_are_missing_are_a_bad_response(answer: Any) -> None:
    (failure,) = embedded(EmbeddingRequest(texts=("a", "b")), answer).steps
    assert isinstance(failure, Failure)
    assert failure.kind is K.BAD_RESPONSE


def test_an_error_ends_an_embedding() -> None:
    error = {"error": {"code": 429, "message": "Slow down.", "status": "RESOURCE_EXHAUSTED"}}
    played = Played(DIALECT.open(Operation.EMBED, EmbeddingRequest(texts=("t",)), endpoint()), error, status=429)
    assert [(step.kind, len(played.requests)) for step in played.steps] == [(K.RATE_LIMITED, 1)]
    assert played.finished


ITEM = {
    "name": "models/gemini-x",
    "displayName": "Gemini X",
    "inputTokenLimit": 1000,
    "outputTokenLimit": 100,
    "supportedGenerationMethods": ["generateContent", "countTokens"],
    "thinking": True,
}


def listed(request: ModelsRequest, *answers: Any) -> Played:
    return Played(DIALECT.open(Operation.MODELS, request, endpoint()), *answers)


def named(*numbers: int) -> list[dict[str, Any]]:
    return [{"name": f"models/m{n}"} for n in numbers]


def test_a_model() -> None:
    (model,) = listed(ModelsRequest(), {"models": [ITEM]}).steps
    assert model == ModelInfo(
        id="gemini-x",
        display_name="Gemini X",
        context_window=1000,
        max_output_tokens=100,
        capabilities=frozenset({"chat", "thinking"}),
        raw=ITEM,
    )
    embeds = {**ITEM, "supportedGenerationMethods": ["embedContent"], "thinking": None}
    assert listed(ModelsRequest(), {"models": [embeds]}).steps[0].capabilities == frozenset({"embed"})
    assert listed(ModelsRequest(), {"models": named(1)}).steps[0].capabilities is None


def test_pages_follow_one_another() -> None:
    played = listed(ModelsRequest(), {"models": named(1, 2), "nextPageToken": "a b"}, {"models": named(3)})
    queries = [parse_qs(urlsplit(request.url).query) for request in played.requests]
    assert queries == [{"pageSize": ["1000"]}, {"pageSize": ["1000"], "pageToken": ["a b"]}]
    assert [model.id for model in played.steps] == ["m1", "m2", "m3"]
    assert played.finished


def test_no_more_is_asked_for_than_is_wanted() -> None:
    played = listed(ModelsRequest(limit=2), {"models": named(1, 2, 3), "nextPageToken": "x"})
    assert ([model.id for model in played.steps], len(played.requests)) == (["m1", "m2"], 1)
    assert played.finished


def test_a_catalogue_that_never_ends_is_left() -> None:
    stuck = listed(ModelsRequest(), {"models": named(1), "nextPageToken": "x"}, {"models": [], "nextPageToken": "x"})
    assert (len(stuck.requests), stuck.finished) == (2, True)
    pages = [{"models": [], "nextPageToken": str(n)} for n in range(MAX_PAGES)]
    assert len(listed(ModelsRequest(), *pages).requests) == MAX_PAGES


def test_one_model_is_looked_up() -> None:
    played = listed(ModelsRequest(model="gemini-x"), ITEM)
    assert played.requests[0].url == f"{BASE}/v1beta/models/gemini-x"
    assert played.steps[0].id == "gemini-x"


@pytest.mark.parametrize("answer", [{"models": [{"displayName": "x"}]}, {"models": 3}, []])
def test_a_broken_catalogue_is_a_bad_response(answer: Any) -> None:
    (failure,) = listed(ModelsRequest(), answer).steps
    assert failure.kind is K.BAD_RESPONSE


def test_a_count() -> None:
    assert (
        Played(DIALECT.open(Operation.COUNT_TOKENS, asked(), endpoint()), {"totalTokens": 12}).steps[0].input_tokens
        == 12
    )
    for broken in ({}, {"totalTokens": -1}, {"totalTokens": "x"}):
        (failure,) = Played(DIALECT.open(Operation.COUNT_TOKENS, asked(), endpoint()), broken).steps
        assert failure.kind is K.BAD_RESPONSE
