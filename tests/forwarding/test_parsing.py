"""What each server half reads of a body that it will forward, and which headers go with it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.contract.driving import open_only
from tests.contract.native import REQUESTS
from tests.contract.targets import server_of
from understudy import dialects
from understudy.dialects.base import Endpoint
from understudy.dialects.forwarding import answered_headers
from understudy.dialects.history import localize
from understudy.dialects.server import BadRequest
from understudy.domain.operation import Operation
from understudy.domain.requests import EmbeddingRequest, GenerationRequest
from understudy.wire.http import Headers, HttpRequest

POSTS = sorted(
    (dialect, operation)
    for (dialect, operation), (method, *_) in REQUESTS.items()
    if method == "POST" and dialect != "replicate"
)
SECRETS: Headers = (
    *(("Authorization", "Bearer sk-caller"), ("x-api-key", "sk-caller"), ("api-key", "sk-caller")),
    *(("x-goog-api-key", "sk-caller"), ("x-goog-user-project", "theirs"), ("x-goog-iam-authorization-token", "theirs")),
    *(("OpenAI-Organization", "theirs"), ("openai-project", "theirs"), ("anthropic-workspace-id", "theirs")),
    *(("anthropic-organization-id", "theirs"), ("x-goog-request-params", "model=theirs")),
    *(("Host", "theirs.invalid"), ("Cookie", "theirs"), ("Connection", "close"), ("Content-Length", "1")),
    *(("Accept-Encoding", "br"), ("Transfer-Encoding", "chunked"), ("X-Forwarded-For", "1.2.3.4")),
)
OWN: dict[str, Headers] = {
    "openai": (("openai-beta", "assistants=v2"),),
    "responses": (("openai-beta", "responses=v1"),),
    "anthropic": (
        ("anthropic-version", "2026-10-21"),
        ("anthropic-beta", "a-1, b-2"),
        ("anthropic-tomorrow", "yes"),
    ),
    "gemini": (("x-goog-api-client", "genai-py/3"),),
    "cohere": (("x-client-name", "a-project"),),
    "ollama": (),
    "hf-features": (),
}


def posted(dialect: str, operation: Operation, **changes: Any) -> HttpRequest:
    _, path, body = REQUESTS[dialect, operation]
    return HttpRequest("POST", path, (*SECRETS, *OWN[dialect]), json.dumps({**(body or {}), **changes}).encode())


@pytest.mark.parametrize(("dialect", "operation"), POSTS)
@pytest.mark.parametrize("name", ["model", "stream", "mod\\u0065l", "Model"])
def test_a_body_that_names_its_model_twice_is_refused(dialect: str, operation: Operation, name: str) -> None:
    plain = posted(dialect, operation, model="m", stream=True)
    assert plain.body is not None
    twice = HttpRequest("POST", plain.url, (), plain.body[:-1] + b',"%b":"m"}' % name.encode())
    with pytest.raises(BadRequest) as refused:
        server_of(dialect).parse(twice)
    assert "send it once" in refused.value.failure.message
    assert refused.value.failure.status == 400


@pytest.mark.parametrize(("dialect", "operation"), POSTS)
def test_headers_of_the_wire_format_go_on_and_no_others(dialect: str, operation: Operation) -> None:
    request = server_of(dialect).parse(posted(dialect, operation)).request
    assert isinstance(request, GenerationRequest | EmbeddingRequest)
    assert request.origin is not None
    assert dict(request.origin.headers) == dict(OWN[dialect])
    endpoint = Endpoint(provider="p", base_url="http://p.invalid", model="m")
    sent = open_only(dialects.load(dialect).open(operation, request, endpoint)).request
    own = dict(OWN[dialect]) if (dialect, operation) != ("cohere", Operation.COUNT_TOKENS) else {}
    assert dict(sent.headers) == {"content-type": "application/json", **own}


def test_the_entrys_headers_win_but_features_and_version() -> None:
    request = server_of("openai").parse(posted("openai", Operation.CHAT)).request
    endpoint = Endpoint(provider="p", base_url="http://p.invalid", headers=(("OpenAI-Beta", "ours"),))
    sent = open_only(dialects.load("openai").open(Operation.CHAT, request, endpoint)).request
    assert ("OpenAI-Beta", "ours") in sent.headers
    assert not any(name == "openai-beta" for name, _ in sent.headers)
    request = server_of("anthropic").parse(posted("anthropic", Operation.CHAT)).request
    configured = (("anthropic-version", "2023-06-01"), ("anthropic-beta", "ours,a-1"), ("anthropic-tomorrow", "no"))
    endpoint = Endpoint(provider="p", base_url="http://p.invalid", headers=configured)
    headers = dict(open_only(dialects.load("anthropic").open(Operation.CHAT, request, endpoint)).request.headers)
    assert headers["anthropic-beta"] == "ours,a-1,b-2"
    assert headers["anthropic-version"] == "2026-10-21"
    assert headers["anthropic-tomorrow"] == "no"


def test_a_repeated_header_is_joined() -> None:
    _, path, body = REQUESTS["anthropic", Operation.CHAT]
    twice = (("Anthropic-Beta", "a"), ("anthropic-beta", "b"))
    request = server_of("anthropic").parse(HttpRequest("POST", path, twice, json.dumps(body).encode())).request
    assert isinstance(request, GenerationRequest)
    assert request.origin is not None
    assert request.origin.headers == (("anthropic-beta", "a, b"),)


def test_another_wire_format_gets_no_headers() -> None:
    request = server_of("anthropic").parse(posted("anthropic", Operation.CHAT)).request
    endpoint = Endpoint(provider="p", base_url="http://p.invalid", model="m")
    sent = open_only(dialects.load("openai").open(Operation.CHAT, request, endpoint)).request
    assert sent.headers == (("content-type", "application/json"),)


@pytest.mark.parametrize("dialect", sorted({dialect for dialect, _ in POSTS}))
def test_what_python_cannot_hold_is_forwarded_and_noted_elsewhere(dialect: str) -> None:
    operation = Operation.CHAT if (dialect, Operation.CHAT) in REQUESTS else Operation.EMBED
    body = (posted(dialect, operation).body or b"").replace(b"hello", b"hel\\ud83dlo")[:-1] + b', "zz" : 1e400 }'
    request = server_of(dialect).parse(HttpRequest("POST", REQUESTS[dialect, operation][1], (), body)).request
    assert isinstance(request, GenerationRequest | EmbeddingRequest)
    assert request.origin is not None
    assert request.origin.body == body
    if isinstance(request, GenerationRequest):
        assert request.messages[-1].text == "hel�lo"
        assert set(request.origin.flaws) == {"numbers", "text"}
        other = dialects.load("anthropic" if dialect != "anthropic" else "openai")
        endpoint = Endpoint(provider="p", base_url="http://p.invalid", model="m")
        dropped = {event.warning.what for event in localize(request, other, endpoint).warnings}  # type: ignore[union-attr]
        assert dropped >= {"numbers", "text"}


def test_an_answers_headers_are_an_allow_list() -> None:
    theirs = {
        "request-id": "r",
        "x-request-id": "x",
        "retry-after": "7",
        "retry-after-ms": "7000",
        "x-should-retry": "true",
        "anthropic-ratelimit-tokens-remaining": "1",
        "x-ratelimit-limit-requests": "2",
        "openai-processing-ms": "3",
        "openai-version": "2020-10-01",
    }
    others = {
        "set-cookie": "c",
        "content-length": "1",
        "transfer-encoding": "chunked",
        "connection": "close",
        "server": "cloudflare",
        "anthropic-organization-id": "ours",
        "openai-organization": "ours",
        "openai-project": "ours",
        "content-encoding": "gzip",
    }
    assert dict(answered_headers(theirs | others)) == theirs
