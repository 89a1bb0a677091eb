"""The server half: predictions read, and what the client half writes for the same model goes out as it came in."""

from __future__ import annotations

from typing import Any

import pytest

from understudy.dialects.base import Endpoint, Send
from understudy.dialects.replicate.client import DIALECT
from understudy.dialects.replicate.server import SERVER
from understudy.dialects.server import BadRequest, Inbound
from understudy.domain.content import Image, Text
from understudy.domain.messages import Message
from understudy.domain.operation import Operation
from understudy.domain.requests import GenerationRequest, Reasoning
from understudy.wire.http import HttpRequest
from understudy.wire.json import decode, encode

VERSION = "ab" * 32


def read(body: Any, path: str = "/v1/models/o/n/predictions", **headers: str) -> Inbound:
    return SERVER.parse(HttpRequest("POST", path, tuple(headers.items()), encode(body)))


def request(inputs: dict[str, Any], **body: Any) -> GenerationRequest:
    found = read({"input": inputs, **body}).request
    assert isinstance(found, GenerationRequest)
    return found


@pytest.mark.parametrize(
    ("method", "path", "operation"),
    [
        ("POST", "/v1/predictions", Operation.CHAT),
        ("POST", "/prefix/v1/models/o/n/predictions", Operation.CHAT),
        ("POST", "/v1/deployments/o/n/predictions", Operation.CHAT),
        ("GET", "/v1/models?cursor=1", Operation.MODELS),
        ("GET", "/v1/models/o/n", Operation.MODELS),
        ("GET", f"/v1/models/o/n/versions/{VERSION}", Operation.MODELS),
        ("GET", "/v1/collections/language-models", Operation.MODELS),
        ("GET", "/v1/predictions/p1", None),
        ("POST", "/v1/predictions/p1/cancel", None),
        ("POST", "/v1/models", None),
    ],
)
def test_routes(method: str, path: str, operation: Operation | None) -> None:
    assert SERVER.operation(method, path) is operation


@pytest.mark.parametrize(("header", "key"), [("Bearer k", "k"), ("Token k", "k"), ("Basic k", None), ("Bearer ", None)])
def test_the_key_has_one_of_two_schemes(header: str, key: str | None) -> None:
    assert SERVER.credential(HttpRequest("GET", "/", (("Authorization", header),))) == key


def test_inputs_find_their_places() -> None:
    found = request(
        {
            "system_prompt": "Be brief.",
            "prompt": "What?",
            "max_new_tokens": 5,
            "temperature": 0.5,
            "stop_sequences": "a,b",
            "image": "data:image/png;base64,AAAA",
            "reasoning_effort": "low",
            "debug": True,
        },
        webhook="https://x.invalid/",
    )
    assert found.messages == (
        Message.system("Be brief."),
        Message.user((Image(data="AAAA", media_type="image/png"), Text("What?"))),
    )
    assert (found.max_tokens, found.temperature, found.stop) == (5, 0.5, ("a", "b"))
    assert found.reasoning == Reasoning(effort="low")
    assert found.extra == {"replicate": {"webhook": "https://x.invalid/", "input": {"debug": True}}}
    assert found.model == "o/n"


@pytest.mark.parametrize("as_text", [False, True])
def test_messages_come_before_the_prompt(as_text: bool) -> None:
    said = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes?"}]
    found = request({"prompt": "ignored", "messages": encode(said).decode() if as_text else said})
    assert found.messages == (Message.user("Hi"), Message.assistant("Yes?"))


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"{", 400), (b'{"input": {}}', 422), (b'{"version": "o/n"}', 422), (b'{"version": "o/n", "input": []}', 422)],
)
def test_what_is_no_prediction_is_refused(body: bytes, status: int) -> None:
    with pytest.raises(BadRequest) as refused:
        SERVER.parse(HttpRequest("POST", "/v1/predictions", (), body))
    assert refused.value.failure.status == status


def sent(inbound: Inbound, model: str, *, stream: bool = False) -> list[HttpRequest]:
    assert isinstance(inbound.request, GenerationRequest)
    endpoint = Endpoint(provider="replicate", base_url="https://x.invalid", model=model)
    steps = DIALECT.open(Operation.CHAT, inbound.request, endpoint, stream=stream).start()
    return [step.request for step in steps if isinstance(step, Send)]


def test_a_request_for_the_same_model_goes_out_as_it_came_in() -> None:
    body = {"input": {"prompt": "x", "debug": True}, "webhook": "https://x.invalid/"}
    (create,) = sent(read(body), "o/n")
    assert create.url == "https://x.invalid/v1/models/o/n/predictions"
    assert decode(create.body or b"") == body
    (create,) = sent(read({"version": VERSION, **body}, "/v1/predictions"), VERSION)
    assert create.url == "https://x.invalid/v1/predictions"
    assert decode(create.body or b"") == {"version": VERSION, **body}


def test_another_model_is_asked_for_its_inputs_first() -> None:
    (asked,) = sent(read({"input": {"prompt": "x"}}), "o/other")
    assert (asked.method, asked.url) == ("GET", "https://x.invalid/v1/models/o/other")
