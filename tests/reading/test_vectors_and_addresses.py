"""Vectors that would corrupt an index are refused, and no name or address leads anywhere but to its place."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Callable
from typing import Any

import pytest

from tests.reading.talking import BASES, STREAM, endpoint, vectors, with_model
from understudy import dialects
from understudy.dialects.base import Send
from understudy.dialects.replicate.names import stream_address
from understudy.domain.errors import Misuse
from understudy.domain.failures import FailureKind
from understudy.domain.messages import Message
from understudy.domain.operation import Operation
from understudy.domain.requests import EmbeddingRequest, GenerationRequest, ModelsRequest

BODIES: dict[str, Callable[[Any], Any]] = {
    "openai": lambda found: {"data": [{"embedding": vector, "index": n} for n, vector in enumerate(found)]},
    "cohere": lambda found: {"embeddings": {"float": found}},
    "gemini": lambda found: {"embeddings": [{"values": vector} for vector in found]},
    "ollama": lambda found: {"embeddings": found},
    "hf-features": lambda found: found,
}
WRONG: dict[str, list[Any]] = {
    "too few": [[1.0, 2.0]],
    "too many": [[1.0], [2.0], [3.0]],
    "none": [],
    "an empty one": [[1.0], []],
    "of several lengths": [[1.0, 2.0], [1.0]],
    "a string in one": [[1.0], ["x"]],
    "a null in one": [[1.0], [None]],
    "a boolean in one": [[1.0], [True]],
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("dialect", BODIES)
def test_vectors_that_are_none_are_refused(dialect: str, wrong: str) -> None:
    outcome = vectors(dialect, BODIES[dialect](WRONG[wrong]))
    assert outcome.failure is not None
    assert outcome.failure.kind is FailureKind.BAD_RESPONSE


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity", "1e400"])
@pytest.mark.parametrize("dialect", BODIES)
def test_numbers_that_are_not_finite_are_refused(dialect: str, literal: str) -> None:
    body = json.dumps(BODIES[dialect]([[1.0, 123454321], [1.0, 2.0]])).replace("123454321", literal)
    outcome = vectors(dialect, body.encode())
    assert outcome.failure is not None
    assert outcome.failure.kind is FailureKind.BAD_RESPONSE


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_base64_may_hold_no_such_number_either(number: float) -> None:
    packed = base64.b64encode(struct.pack("<2f", 1.0, number)).decode()
    for dialect, body in (
        ("openai", {"data": [{"embedding": packed, "index": 0}]}),
        ("cohere", {"embeddings": {"base64": [packed]}}),
    ):
        assert vectors(dialect, body, texts=1).failure is not None


@pytest.mark.parametrize(
    "indexes", [(0, 0), (1, 2), (-1, 0), (0, 2**70), (0, None), (0, "1"), (0, True), (0.5, 1), (0, [])]
)
def test_indexes_that_are_not_those_of_a_list_are_refused(indexes: tuple[Any, Any]) -> None:
    found = [{"embedding": [float(n)], "index": index} for n, index in enumerate(indexes)]
    assert vectors("openai", {"data": found}).failure is not None


def test_indexes_say_the_order() -> None:
    found = [{"embedding": [1.0], "index": 1.0}, {"embedding": [0.0], "index": 0}]
    assert vectors("openai", {"data": found}).one().embeddings == ((0.0,), (1.0,))
    bare = [{"embedding": [float(n)]} for n in range(2)]
    assert vectors("openai", {"data": bare}).one().embeddings == ((0.0,), (1.0,))


HELLO = GenerationRequest(messages=(Message.user("hello"),))


def addresses(dialect: str, model: str) -> list[str]:
    """The addresses at which the dialect would ask for a model: its look-up, its answers and its vectors."""
    half, place = dialects.load(dialect), with_model(dialect, model)
    asked: list[tuple[Operation, Any, dict[str, bool]]] = [
        (Operation.MODELS, ModelsRequest(model=model), {}),
        (Operation.CHAT, HELLO, {"stream": True}),
        (Operation.EMBED, EmbeddingRequest(texts=("t",)), {}),
    ]
    opened = [half.open(what, request, place, **more) for what, request, more in asked if what in half.operations]
    return [step.request.url for exchange in opened for step in exchange.start() if isinstance(step, Send)]


EIGHT = ("openai", "responses", "anthropic", "gemini", "cohere", "ollama", "replicate", "hf-features")


@pytest.mark.parametrize("name", ["a?b", "a#b", "a b", "a%2e", "a%00b", "a&b", "ä", "a;b", "a\\..\\b"])
@pytest.mark.parametrize("dialect", EIGHT)
def test_odd_names_are_encoded(dialect: str, name: str) -> None:
    for url in addresses(dialect, name):
        path = url.removeprefix(BASES.get(dialect, "http://upstream.invalid")).removesuffix("?alt=sse")
        assert not set(path) & set("?# \\&;ä")
        assert "%2e" not in path
        assert "%00" not in path


@pytest.mark.parametrize("name", ["..", "../x", "a/../../x", "a\r\nb", "a\0b", "a//b", "a/.", "/a", "a/"])
@pytest.mark.parametrize("dialect", EIGHT)
def test_names_that_lead_elsewhere_are_refused_or_one_segment(dialect: str, name: str) -> None:
    try:
        found = addresses(dialect, name)
    except Misuse:
        return
    for url in found:
        assert url.isprintable()
        segments = url.removeprefix("http://upstream.invalid").split("/")[1:]
        assert not {"", ".", ".."} & set(segments)


def test_the_slash_of_an_owner_stays() -> None:
    assert "http://upstream.invalid/v1/models/owner/name" in addresses("replicate", "owner/name")
    assert "http://upstream.invalid/v1/models/owner/name" in addresses("openai", "owner/name")


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/x", "http://stream.replicate.com/x", "https://[", "https://stream.replicate.com.evil.example/",
        "https://user:pw@stream.replicate.com/", "https://stream.replicate.com:8443/", "file:///etc/passwd",
        "https://evil.example\\@stream.replicate.com/", "https://streamreplicate.com/", "//evil.example/x",
        "https://stream.replicate.com/\r\nx", "https://169.254.169.254/", "javascript:alert(1)", "https://replicate.com/",
        "http://u@upstream.invalid/x", "https://stream.replicate.com:99999/",
    ],
)  # fmt: skip
def test_a_stream_elsewhere_is_not_followed(url: str) -> None:
    assert stream_address(endpoint("replicate"), url) is None


def test_streams_at_documented_hosts_get_no_key_and_those_at_home_do() -> None:
    at_home = stream_address(endpoint("replicate"), "/v1/stream/1")
    assert at_home == ("http://upstream.invalid/v1/stream/1", True)
    for url in ("https://stream.replicate.com/1", "https://streaming-api.svc.us.c.replicate.net/1"):
        assert stream_address(endpoint("replicate"), url) == (url, False)


@pytest.mark.parametrize("id_", ["../../x", "..", "a\r\nb", "a/b", "", 7, None])
def test_a_prediction_whose_id_leads_elsewhere_is_not_asked_for(id_: Any) -> None:
    exchange = dialects.load("replicate").open(Operation.CHAT, HELLO, with_model("replicate", "a" * 64), stream=True)
    exchange.start()
    exchange.head(STREAM)
    exchange.head(type(STREAM)(201, {"content-type": "application/json"}))
    body = {"id": id_, "status": "processing", "urls": {"stream": "https://evil.example"}}
    steps = [*exchange.feed(json.dumps(body).encode()), *exchange.close(), *exchange.abort()]
    urls = [step.request.url for step in steps if isinstance(step, Send)]
    assert all(
        url.removeprefix("http://upstream.invalid/v1/predictions") in ("", "/a%2Fb", "/a%2Fb/cancel") for url in urls
    )
