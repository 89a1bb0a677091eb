"""Vectors and model lists, as many servers write them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.dialects.openai.talking import ENDPOINT, JSON, drive
from understudy.dialects.base import Send
from understudy.dialects.embeddings import pack_vector, unpack_vector
from understudy.dialects.openai.client import DIALECT
from understudy.dialects.quirks import Quirks
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.operation import Operation
from understudy.domain.requests import EmbeddingRequest, ModelsRequest, WireOrigin
from understudy.domain.responses import EmbeddingResponse, ModelInfo
from understudy.wire.http import HttpHead, HttpRequest

TWO = EmbeddingRequest(texts=("a", "b"))


def embed(body: Any, request: EmbeddingRequest = TWO) -> Any:
    (step,) = drive(DIALECT.open(Operation.EMBED, request, ENDPOINT), HttpHead(200, JSON), json.dumps(body).encode())
    return step


def models(body: Any, request: ModelsRequest | None = None) -> list[Any]:
    exchange = DIALECT.open(Operation.MODELS, request or ModelsRequest(), ENDPOINT)
    return drive(exchange, HttpHead(200, JSON), json.dumps(body).encode())


def request_of(exchange: Any) -> HttpRequest:
    (send,) = exchange.start()
    assert isinstance(send, Send)
    return send.request


class TestEmbeddings:
    def test_numbers_and_base64_are_the_same_vectors(self) -> None:
        vectors = [[0.5, -1.25], [2.0, 3.0]]
        for write in (list, pack_vector):
            data = [{"index": index, "embedding": write(vector)} for index, vector in enumerate(vectors)]
            found = embed({"data": data, "model": "e", "usage": {"prompt_tokens": 4, "total_tokens": 4}})
            assert isinstance(found, EmbeddingResponse)
            assert found.embeddings == ((0.5, -1.25), (2.0, 3.0))
            assert (found.model, found.usage.total) == ("e", 4)

    def test_no_text_has_no_tokens_so_zero_is_no_count(self) -> None:
        """Servers that do not count write a zero, because the form demands a number."""
        data = [{"embedding": [1.0]}, {"embedding": [2.0]}]
        found = embed({"data": data, "usage": {"prompt_tokens": 0, "total_tokens": 0}})
        assert found.usage.input_total is None

    def test_base64_is_little_endian_floats(self) -> None:
        assert unpack_vector("AAAAPwAAoL8=") == (0.5, -1.25)
        assert pack_vector((0.5, -1.25)) == "AAAAPwAAoL8="

    def test_vectors_come_in_the_order_of_the_texts(self) -> None:
        data = [{"index": 1, "embedding": [2.0]}, {"index": 0, "embedding": [1.0]}]
        assert embed({"data": data}).embeddings == ((1.0,), (2.0,))
        unnumbered = [{"embedding": [1.0]}, {"embedding": [2.0]}]
        assert embed({"data": unnumbered}).embeddings == ((1.0,), (2.0,))
        assert embed({"data": unnumbered}).usage.total is None

    @pytest.mark.parametrize(
        "body",
        [
            {"data": [{"index": 0, "embedding": [1.0]}]},
            {"data": [{"index": 0, "embedding": "not base64!"}, {"index": 1, "embedding": "AAAAPw=="}]},
            {"data": [{"index": 0, "embedding": "AAA="}, {"index": 1, "embedding": "AAAAPw=="}]},
            {"data": [{"index": 0}, {"index": 1}]},
            {"model": "e"},
            [],
        ],
    )
    def test_anything_missing_is_a_bad_response(self, body: Any) -> None:
        found = embed(body)
        assert isinstance(found, Failure)
        assert found.kind is FailureKind.BAD_RESPONSE

    def test_an_error_with_status_200(self) -> None:
        assert embed({"error": {"message": "no", "code": "insufficient_quota"}}).kind is FailureKind.BILLING

    def test_what_is_sent(self) -> None:
        request = EmbeddingRequest(texts=("a",), single=True, dimensions=3, user="u", extra={"openai": {"x": 1}})
        sent = request_of(DIALECT.open(Operation.EMBED, request, ENDPOINT))
        assert (sent.method, sent.url) == ("POST", "http://upstream.invalid/v1/embeddings")
        assert json.loads(sent.body or b"") == {"model": "m", "input": "a", "dimensions": 3, "user": "u", "x": 1}
        sent = request_of(DIALECT.open(Operation.EMBED, TWO, ENDPOINT))
        assert json.loads(sent.body or b"") == {"model": "m", "input": ["a", "b"]}

    def test_tokens_and_unknown_fields_pass_from_this_wire_to_this_wire(self) -> None:
        origin = WireOrigin("openai", b'{"input": [[1, 2]], "model": "asked", "zeta": 1}')
        sent = request_of(DIALECT.open(Operation.EMBED, EmbeddingRequest(texts=(), origin=origin), ENDPOINT))
        assert json.loads(sent.body or b"") == {"input": [[1, 2]], "model": "m", "zeta": 1}

    def test_warnings_are_on_the_response(self) -> None:
        request = EmbeddingRequest(texts=("a",), dimensions=3, input_type="query")
        endpoint = type(ENDPOINT)(
            provider="x", base_url="http://x.invalid", quirks=Quirks(refused=frozenset({"dimensions"}))
        )
        body = json.dumps({"data": [{"index": 0, "embedding": [1.0]}]}).encode()
        (found,) = drive(DIALECT.open(Operation.EMBED, request, endpoint), HttpHead(200, JSON), body)
        assert [warning.what for warning in found.warnings] == ["dimensions", "input_type"]


class TestModels:
    def test_openais_plain_list(self) -> None:
        body = {"object": "list", "data": [{"id": "a", "object": "model", "created": 5, "owned_by": "openai"}]}
        raw = body["data"][0]
        assert models(body) == [ModelInfo(id="a", provider="openai", owned_by="openai", created=5, raw=raw)]  # type: ignore[arg-type]

    def test_groqs_rich_list(self) -> None:
        entry = {
            "id": "g", "name": "G", "owned_by": "OpenAI", "created": 0, "context_window": 131072,
            "max_completion_tokens": 65536, "input_modalities": ["text", "image"], "output_modalities": ["text"],
            "pricing": {"prompt": "0.000000075", "completion": "0.0000003"},
            "supported_features": ["tools", "json_mode", "structured_outputs", "reasoning"],
        }  # fmt: skip
        (found,) = models({"data": [entry]})
        assert (found.display_name, found.created, found.context_window, found.max_output_tokens) == (
            "G",
            None,
            131072,
            65536,
        )
        assert (found.input_price, found.output_price) == ("0.075", "0.3")
        assert found.capabilities == {"chat", "tools", "vision", "structured_output", "thinking"}

    def test_a_bare_array_with_dollars_a_million(self) -> None:
        entry = {
            "id": "t",
            "type": "embedding",
            "organization": "O",
            "context_length": 512,
            "pricing": {"input": 0.02, "output": 0},
        }
        (found,) = models([entry, {"no": "id"}])
        assert (found.owned_by, found.context_window, found.capabilities) == ("O", 512, {"embed"})
        assert (found.input_price, found.output_price) == ("0.02", "0")

    def test_what_is_not_told_is_unknown(self) -> None:
        (found,) = models({"data": [{"id": "x", "pricing": {"prompt": "?"}, "context_window": -1}]})
        assert (found.capabilities, found.context_window, found.input_price) == (None, None, None)

    def test_one_model_and_a_limit(self) -> None:
        (one,) = models({"id": "a", "object": "model"}, ModelsRequest(model="a"))
        assert one.id == "a"
        assert [m.id for m in models({"data": [{"id": str(n)} for n in range(5)]}, ModelsRequest(limit=2))] == [
            "0",
            "1",
        ]

    @pytest.mark.parametrize("body", [{}, {"data": {}}, 5, "x"])
    def test_anything_else_is_a_bad_response(self, body: Any) -> None:
        (found,) = models(body)
        assert found.kind is FailureKind.BAD_RESPONSE

    def test_paths(self) -> None:
        assert (
            request_of(DIALECT.open(Operation.MODELS, ModelsRequest(), ENDPOINT)).url
            == "http://upstream.invalid/v1/models"
        )
        one = request_of(DIALECT.open(Operation.MODELS, ModelsRequest(model="openai/gpt oss?"), ENDPOINT))
        assert one.url == "http://upstream.invalid/v1/models/openai/gpt%20oss%3F"


def test_counting_is_not_in_this_dialect() -> None:
    assert Operation.COUNT_TOKENS not in DIALECT.operations
