"""Feature extraction: bare arrays of any depth, and errors in several forms."""

from __future__ import annotations

from typing import Any

import pytest

from understudy.dialects.base import Endpoint, Send
from understudy.dialects.hf_features.client import DIALECT
from understudy.dialects.hf_features.server import SERVER
from understudy.dialects.server import BadRequest
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.operation import Operation
from understudy.domain.requests import EmbeddingRequest
from understudy.domain.responses import EmbeddingResponse
from understudy.wire.http import HttpHead, HttpRequest
from understudy.wire.json import decode, encode

K = FailureKind
BASE = "https://router.test/v1"


def asked(*texts: str, model: str = "o/m", **fields: Any) -> Any:
    endpoint = Endpoint(provider="huggingface", base_url=BASE, model=model)
    return DIALECT.open(Operation.EMBED, EmbeddingRequest(texts=texts, **fields), endpoint)


def answered(exchange: Any, *bodies: Any, status: int = 200, content_type: str = "application/json") -> list[Any]:
    """Answer request after request; return the steps, the sends among them."""
    steps: list[Any] = exchange.start()
    for body in bodies:
        data = body if isinstance(body, bytes) else encode(body)
        steps += [*exchange.head(HttpHead(status, {"content-type": content_type})), *exchange.feed(data)]
        steps += exchange.close()
    return steps


@pytest.mark.parametrize(
    ("texts", "body", "vectors"),
    [
        (("a",), [0.5, 1], ((0.5, 1.0),)),
        (("a",), [[0.5, 1]], ((0.5, 1.0),)),
        (("a", "b"), [[0.5, 1], [2, 3]], ((0.5, 1.0), (2.0, 3.0))),
        (("a", "b"), [[[0.5, 1]], [[2, 3]]], ((0.5, 1.0), (2.0, 3.0))),
    ],
    ids=["alone", "a list of one", "a list", "a list of lists of one"],
)
def test_vectors_are_found_at_any_depth(texts: tuple[str, ...], body: Any, vectors: Any) -> None:
    response = answered(asked(*texts), body)[-1]
    assert isinstance(response, EmbeddingResponse)
    assert (response.embeddings, response.model, response.usage.total) == (vectors, "o/m", None)


@pytest.mark.parametrize(
    ("texts", "body", "kind"),
    [
        (("a",), [[[1, 2], [3, 4]]], K.UNSUPPORTED),
        (("a",), [[1, 2], [3, 4]], K.UNSUPPORTED),
        (("a", "b"), [[[1, 2], [3, 4]], [[5, 6]]], K.UNSUPPORTED),
        (("a", "b"), [[1, 2]], K.BAD_RESPONSE),
        (("a", "b"), [1, 2], K.BAD_RESPONSE),
        (("a",), [], K.BAD_RESPONSE),
        (("a",), [[]], K.BAD_RESPONSE),
        (("a",), "text", K.BAD_RESPONSE),
        (("a",), [["x"]], K.BAD_RESPONSE),
        (("a",), {"what": "ever"}, K.BAD_RESPONSE),
        (("a",), {"error": "Internal"}, K.SERVER_ERROR),
    ],
)
def test_what_are_no_vectors_of_the_texts_is_a_failure(texts: tuple[str, ...], body: Any, kind: FailureKind) -> None:
    failure = answered(asked(*texts), body)[-1]
    assert isinstance(failure, Failure)
    assert failure.kind is kind


def test_texts_go_together_and_come_back_in_order() -> None:
    texts = [str(number) for number in range(32)]
    steps = answered(asked(*texts), [[float(number)] for number in range(32)])
    (sent,) = (decode(step.request.body or b"")["inputs"] for step in steps if isinstance(step, Send))
    assert sent == texts
    assert steps[-1].embeddings == tuple((float(number),) for number in range(32))


def test_the_task_stands_beside_the_chats() -> None:
    (send,) = asked("a", single=True, extra={"huggingface": {"truncate": True}}).start()
    assert send.request.url == "https://router.test/hf-inference/models/o/m/pipeline/feature-extraction"
    assert decode(send.request.body) == {"inputs": "a", "truncate": True}


def test_what_the_task_does_not_have_becomes_a_warning() -> None:
    response = answered(asked("a", dimensions=8, input_type="query", user="me"), [[1.0]])[-1]
    assert [warning.what for warning in response.warnings] == ["dimensions", "input_type", "user"]


def test_only_hugging_faces_own_servers_are_asked() -> None:
    (send,) = asked("a", model="o/m:hf-inference").start()
    assert "/models/o/m/pipeline" in send.request.url
    (failure,) = asked("a", model="o/m:together").start()
    assert (failure.kind, failure.sent) == (K.UNSUPPORTED, False)


@pytest.mark.parametrize(
    ("status", "body", "content_type", "kind", "wait"),
    [
        (
            503,
            {"error": "Model o/m is currently loading", "estimated_time": 20.5},
            "application/json",
            K.OVERLOADED,
            20.5,
        ),
        (429, {"error": "Too many requests"}, "application/json", K.RATE_LIMITED, None),
        (404, b"Not Found", "text/plain", K.NOT_FOUND, None),
        (400, {"error": ["inputs: too long"]}, "application/json", K.INVALID_REQUEST, None),
        (502, b"<html>Bad gateway</html>", "text/html", K.SERVER_ERROR, None),
    ],
)
def test_errors_come_in_several_forms(
    status: int, body: Any, content_type: str, kind: FailureKind, wait: float | None
) -> None:
    failure = answered(asked("a"), body, status=status, content_type=content_type)[-1]
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.status, failure.retry_after) == (kind, status, wait)
    assert failure.message


PATH = "/hf-inference/models/o/m/pipeline/feature-extraction"


@pytest.mark.parametrize(("inputs", "alone"), [("a", True), (["a"], False)])
def test_the_server_half_answers_in_the_form_of_the_question(inputs: Any, alone: bool) -> None:
    inbound = SERVER.parse(HttpRequest("POST", PATH, (), encode({"inputs": inputs, "normalize": True})))
    assert inbound.request == EmbeddingRequest(
        texts=("a",),
        model="o/m",
        single=alone,
        extra={"hf-features": {"normalize": True}},
        origin=inbound.request.origin,  # type: ignore[union-attr]
    )
    reply = SERVER.render(EmbeddingResponse(embeddings=((1.0, 2.0),)), inbound)
    assert decode(reply.body) == ([1.0, 2.0] if alone else [[1.0, 2.0]])


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"inputs": []}', b'{"inputs": [1]}', b"{"])
def test_what_are_no_texts_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest) as refused:
        SERVER.parse(HttpRequest("POST", PATH, (), body))
    reply = SERVER.render_error(refused.value.failure)
    assert reply.status == 400
    assert isinstance(decode(reply.body)["error"], str)
