"""Azure's row: addresses of both generations, what older versions do not know, and how its answers are read."""

from __future__ import annotations

import json
from typing import Any

import pytest

import understudy as u
from understudy.dialects import load
from understudy.dialects.base import Endpoint, Send
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.finish import FinishReason
from understudy.domain.fold import fold
from understudy.domain.messages import Message, Tool
from understudy.domain.operation import Operation
from understudy.domain.requests import EmbeddingRequest, GenerationRequest, ModelsRequest
from understudy.providers import row
from understudy.providers.azure_openai import ROW
from understudy.providers.base import Auth, dialect_for, endpoint_of
from understudy.wire.http import HttpHead

HOST = "https://mine.openai.azure.com"
DATED = "2024-10-21"
HELLO = GenerationRequest(messages=(Message.user("hello"),))
DIALECT = load("openai")


def place(base_url: str = HOST, version: str | None = None, model: str | None = "dep") -> Endpoint:
    return endpoint_of(ROW, model, base_url=base_url, api_version=version)


def addresses(endpoint: Endpoint) -> list[str]:
    exchanges = (
        DIALECT.open(Operation.CHAT, HELLO, endpoint),
        DIALECT.open(Operation.EMBED, EmbeddingRequest(texts=("a",)), endpoint),
        DIALECT.open(Operation.MODELS, ModelsRequest(), endpoint),
        load("responses").open(Operation.CHAT, HELLO, endpoint),
    )
    sends = [step for exchange in exchanges for step in exchange.start() if isinstance(step, Send)]
    return [send.request.url for send in sends]


def body(request: GenerationRequest, endpoint: Endpoint, *, stream: bool = False) -> dict[str, Any]:
    (send,) = [
        step
        for step in DIALECT.open(Operation.CHAT, request, endpoint, stream=stream).start()
        if isinstance(step, Send)
    ]
    decoded: dict[str, Any] = json.loads(send.request.body or b"")
    return decoded


def test_the_row() -> None:
    assert row("azure-openai") is ROW
    assert (ROW.auth, ROW.token_auth) == (Auth("api-key", ""), Auth("authorization", "Bearer "))
    assert ROW.text_model is None


@pytest.mark.parametrize(
    "written",
    [HOST, f"{HOST}/", f"{HOST}/openai", f"{HOST}/openai/", f"{HOST}/openai/v1", f"{HOST}//openai/v1/", f"{HOST}/v1"],
)
@pytest.mark.parametrize("version", [None, "v1"])
def test_the_v1_api(written: str, version: str | None) -> None:
    base = f"{HOST}/openai/v1"
    assert addresses(place(written, version)) == [
        f"{base}/chat/completions",
        f"{base}/embeddings",
        f"{base}/models",
        f"{base}/responses",
    ]


def test_the_v1_api_with_previews() -> None:
    assert addresses(place(version="preview"))[0] == f"{HOST}/openai/v1/chat/completions?api-version=preview"


@pytest.mark.parametrize("written", [HOST, f"{HOST}/openai/", f"{HOST}/openai/v1"])
def test_the_dated_api(written: str) -> None:
    base, query = f"{HOST}/openai", f"?api-version={DATED}"
    assert addresses(place(written, DATED, "my dep")) == [
        f"{base}/deployments/my%20dep/chat/completions{query}",
        f"{base}/deployments/my%20dep/embeddings{query}",
        f"{base}/models{query}",
        f"{base}/responses{query}",
    ]


@pytest.mark.parametrize("written", [f"{HOST}/openai/deployments/fixed", f"{HOST}/openai/deployments/fixed/chat/"])
def test_a_deployment_in_the_address_counts(written: str) -> None:
    assert addresses(place(written, DATED))[0] == (
        f"{HOST}/openai/deployments/fixed/chat/completions?api-version={DATED}"
    )
    endpoint = place(written)
    assert addresses(endpoint)[0] == f"{HOST}/openai/v1/chat/completions"
    assert body(HELLO, endpoint)["model"] == "fixed"


@pytest.mark.parametrize(("version", "asks"), [(None, True), ("2024-10-21", True), ("2024-06-01", False)])
def test_older_versions_do_not_know_usage_in_streams(version: str | None, asks: bool) -> None:
    assert ("stream_options" in body(HELLO, place(version=version), stream=True)) is asks


@pytest.mark.parametrize(
    ("version", "dialect"), [(None, "responses"), ("2025-04-01-preview", "responses"), (DATED, "openai")]
)
def test_tools_of_newer_models_need_the_responses_api_where_there_is_one(version: str | None, dialect: str) -> None:
    request = GenerationRequest(messages=HELLO.messages, tools=(Tool(name="t"),))
    quirks = place(version=version, model="gpt-6-luna").quirks
    assert dialect_for(ROW, Operation.CHAT, quirks, request) == dialect


@pytest.mark.parametrize(
    ("model", "field"),
    [
        ("gpt-4o", "max_tokens"),
        ("gpt-35-turbo", "max_tokens"),
        ("gpt-5", "max_completion_tokens"),
        ("x", "max_completion_tokens"),
    ],
)
def test_the_name_of_max_tokens(model: str, field: str) -> None:
    request = GenerationRequest(messages=HELLO.messages, max_tokens=5, user="u")
    assert body(request, place(model=model)) == {
        "model": model,
        "messages": [{"role": "user", "content": "hello"}],
        field: 5,
        "user": "u",
    }


FILTERED = {
    "error": {
        "message": "The response was filtered due to the prompt triggering the content management policy.",
        "type": None,
        "param": "prompt",
        "code": "content_filter",
        "status": 400,
        "innererror": {
            "code": "ResponsibleAIPolicyViolation",
            "content_filter_result": {"violence": {"filtered": True, "severity": "high"}},
        },
    }
}


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (400, FILTERED["error"], FailureKind.CONTENT_FILTER),
        (401, {"code": "401", "message": "Access denied"}, FailureKind.AUTHENTICATION),
        (401, {"code": "PermissionDenied", "message": "lacks the role"}, FailureKind.PERMISSION),
        (404, {"code": "DeploymentNotFound", "message": "no deployment"}, FailureKind.NOT_FOUND),
        (404, {"code": "404", "message": "Resource not found"}, FailureKind.NOT_FOUND),
        (424, {"code": "424", "message": "failed dependency"}, FailureKind.SERVER_ERROR),
        (429, {"code": "429", "message": "exceeded"}, FailureKind.RATE_LIMITED),
        (429, {"code": "insufficient_quota", "message": "quota"}, FailureKind.BILLING),
    ],
)
def test_errors(status: int, error: dict[str, Any], kind: FailureKind) -> None:
    exchange = DIALECT.open(Operation.CHAT, HELLO, place())
    exchange.start()
    exchange.head(HttpHead(status, {"content-type": "application/json", "retry-after-ms": "1500", "retry-after": "9"}))
    (failure,) = [*exchange.feed(json.dumps({"error": error}).encode()), *exchange.close()]
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.retry_after, failure.body) == (kind, 1.5, error)


def test_a_stream_begins_with_a_chunk_without_choices() -> None:
    seen = {"violence": {"filtered": True, "severity": "high"}}
    chunks = (
        {"choices": [], "created": 0, "id": "", "model": "", "prompt_filter_results": [{"prompt_index": 0}]},
        {
            "id": "1",
            "model": "gpt-4o-2024-11-20",
            "created": 9,
            "choices": [{"index": 0, "delta": {"role": "assistant"}}],
        },
        {"id": "", "model": "", "choices": [{"index": 0, "delta": {}, "content_filter_results": seen}]},
        {"id": "1", "choices": [{"index": 0, "delta": {}, "finish_reason": "content_filter"}]},
    )
    exchange = DIALECT.open(Operation.CHAT, HELLO, place(), stream=True)
    exchange.start()
    data = b"".join(b"data: %b\n\n" % json.dumps(chunk).encode() for chunk in chunks) + b"data: [DONE]\n\n"
    response = fold([step for step in exchange.feed(data) if not isinstance(step, (Send, Failure))])
    assert (response.model, response.text, response.finish_reason) == (
        "gpt-4o-2024-11-20",
        "",
        FinishReason.CONTENT_FILTER,
    )
    assert response.extra == {"prompt_filter_results": [{"prompt_index": 0}], "content_filter_results": seen}


def provider(**fields: Any) -> Any:
    return u.create_provider(
        u.ProviderConfig(provider="azure-openai", text_model="dep", **{"base_url": HOST, **fields})
    )


def sent_headers(made: Any) -> dict[str, str]:
    (send,) = [step for step in DIALECT.open(Operation.CHAT, HELLO, place()).start() if isinstance(step, Send)]
    return dict(made.backend.credential.attach(send.request, "id").headers)


def test_a_key_and_a_token_go_by_different_headers() -> None:
    assert sent_headers(provider(api_key=u.Secret("k")))["api-key"] == "k"
    headers = sent_headers(provider(token=u.Secret("t")))
    assert headers["authorization"] == "Bearer t"
    assert "api-key" not in headers


async def test_a_token_that_is_fetched_goes_where_one_that_is_written_does() -> None:
    made = provider(token=lambda: "fetched")
    (send,) = [step for step in DIALECT.open(Operation.CHAT, HELLO, place()).start() if isinstance(step, Send)]
    request, _ = await made.backend.credential.equip(send.request, "id")
    assert dict(request.headers)["authorization"] == "Bearer fetched"
    assert "api-key" not in dict(request.headers)


def test_a_key_and_a_token_together_are_a_mistake() -> None:
    with pytest.raises(u.ConfigError, match="set either api_key or token, not both"):
        _ = provider(api_key=u.Secret("k"), token=u.Secret("t")).backend.credential
    with pytest.raises(u.ConfigError, match="OpenAI does not accept a token"):
        _ = u.create_provider(u.ProviderConfig(provider="openai", token=u.Secret("t"))).backend.credential


def test_no_address_is_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURE_OPENAI_ENDPOINT", raising=False)
    with pytest.raises(u.ConfigError, match=r"no base_url is configured.*AZURE_OPENAI_ENDPOINT"):
        provider(base_url=None).backend.endpoint("dep")


def test_the_environment_of_the_official_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURE_OPENAI_API_KEY", raising=False)
    monkeypatch.setenv("AZURE_OPENAI_AD_TOKEN", "t")
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", f"{HOST}/")
    monkeypatch.setenv("OPENAI_API_VERSION", DATED)
    made = provider(base_url=None)
    assert made.backend.endpoint("dep").url("chat/completions") == (
        f"{HOST}/openai/deployments/dep/chat/completions?api-version={DATED}"
    )
    assert sent_headers(made)["authorization"] == "Bearer t"
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "k")
    assert sent_headers(provider(base_url=None))["api-key"] == "k"
