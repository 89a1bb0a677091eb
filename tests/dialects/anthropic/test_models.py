"""The catalogue: pages, limits, look-ups; and the token count's answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from understudy.dialects.anthropic.client import DIALECT
from understudy.dialects.base import Endpoint, Exchange, Send
from understudy.dialects.pages import MAX_MODELS, MAX_PAGES
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.messages import Message
from understudy.domain.operation import Operation
from understudy.domain.requests import GenerationRequest, ModelsRequest
from understudy.domain.responses import ModelInfo, TokenCount
from understudy.wire.http import HttpHead

ENDPOINT = Endpoint(
    provider="anthropic", base_url="https://host", model="m", headers=(("anthropic-version", "2026-10-21"),)
)


def item(name: str, **more: Any) -> dict[str, Any]:
    return {"type": "model", "id": name, "display_name": name.title(), "created_at": "2026-07-24T00:00:00Z", **more}


def run(exchange: Exchange[Any], *bodies: Any, status: int = 200) -> tuple[list[str], list[Any]]:
    """Answer each request with the next body; return the URLs and the other steps."""
    urls: list[str] = []
    found: list[Any] = []
    answers = iter(bodies)
    steps = exchange.start()
    while True:
        found += [step for step in steps if not isinstance(step, Send)]
        sends = [step for step in steps if isinstance(step, Send)]
        if not sends:
            assert exchange.finished
            return urls, found
        assert sends[0].request.headers == ENDPOINT.headers or sends[0].request.method == "POST"
        urls.append(sends[0].request.url)
        steps = [*exchange.head(HttpHead(status, {"content-type": "application/json"}))]
        steps += exchange.feed(json.dumps(next(answers)).encode())
        steps += exchange.close()


def page(*names: str, more: bool) -> dict[str, Any]:
    return {"data": [item(name) for name in names], "has_more": more, "first_id": names[0], "last_id": names[-1]}


def ids(models: list[Any]) -> list[str]:
    return [model.id for model in models]


def test_all_pages() -> None:
    exchange = DIALECT.open(Operation.MODELS, ModelsRequest(), ENDPOINT)
    urls, models = run(exchange, page("a", "b", more=True), page("c", more=False))
    assert urls == ["https://host/v1/models?limit=1000", "https://host/v1/models?limit=1000&after_id=b"]
    assert ids(models) == ["a", "b", "c"]


def test_a_limit_bounds_all_pages() -> None:
    exchange = DIALECT.open(Operation.MODELS, ModelsRequest(limit=3), ENDPOINT)
    urls, models = run(exchange, page("a", "b", more=True), page("c", "d", more=True))
    assert [url.partition("?")[2] for url in urls] == ["limit=3", "limit=1&after_id=b"]
    assert ids(models) == ["a", "b", "c"]


def test_a_catalogue_that_never_ends_is_left() -> None:
    still, _ = run(DIALECT.open(Operation.MODELS, ModelsRequest(), ENDPOINT), *[page("a", more=True)] * 9)
    assert len(still) == 2, "a cursor that does not move ends the list"
    moving = [page(f"m{n}", more=True) for n in range(MAX_PAGES + 9)]
    urls, found = run(DIALECT.open(Operation.MODELS, ModelsRequest(), ENDPOINT), *moving)
    assert len(urls) == MAX_PAGES
    assert [step.kind for step in found if isinstance(step, Failure)] == [FailureKind.TOO_LARGE]


def test_an_incomplete_catalogue_does_not_pass_for_the_whole() -> None:
    names = [f"m{n}" for n in range(1000)]
    full = [page(*names[:-1], f"last-{n}", more=True) for n in range(MAX_MODELS // 1000)]
    urls, found = run(DIALECT.open(Operation.MODELS, ModelsRequest(), ENDPOINT), *full)
    assert (len(urls), found[-1].kind) == (20, FailureKind.TOO_LARGE)
    whole = [*full[:-1], page(*names, more=False)]
    assert len(ids(run(DIALECT.open(Operation.MODELS, ModelsRequest(), ENDPOINT), *whole)[1])) == MAX_MODELS
    more = [*full, page("a", more=True)]
    limited = ModelsRequest(limit=MAX_MODELS + 1)
    assert len(ids(run(DIALECT.open(Operation.MODELS, limited, ENDPOINT), *more)[1])) == MAX_MODELS + 1


def test_one_model_with_what_it_can_do() -> None:
    capabilities = {
        "image_input": {"supported": True},
        "pdf_input": {"supported": False},
        "thinking": {"supported": True, "types": {}},
        "structured_outputs": {"supported": True},
        "batch": {"supported": True},
    }
    raw = item("claude-x", max_input_tokens=1_000_000, max_tokens=128_000, capabilities=capabilities)
    urls, models = run(DIALECT.open(Operation.MODELS, ModelsRequest(model="claude-x/y"), ENDPOINT), raw)
    assert urls == ["https://host/v1/models/claude-x%2Fy"]
    assert models == [
        ModelInfo(
            id="claude-x",
            display_name="Claude-X",
            created=1784851200.0,
            context_window=1_000_000,
            max_output_tokens=128_000,
            capabilities=frozenset({"chat", "tools", "vision", "thinking", "structured_output"}),
            lacks=frozenset({"pdf_input"}),
            raw=raw,
        )
    ]


def test_an_older_catalogue_tells_less() -> None:
    _, (model,) = run(
        DIALECT.open(Operation.MODELS, ModelsRequest(), ENDPOINT),
        {"data": [{"id": "m", "created_at": "1970-01-01T00:00:00Z"}], "has_more": False},
    )
    assert (model.capabilities, model.context_window, model.created) == (None, None, None)


@pytest.mark.parametrize("body", [{"object": "list"}, {"data": [{"name": "no id"}]}, {"data": "x"}])
def test_another_body_is_a_bad_response(body: Any) -> None:
    _, (failure,) = run(DIALECT.open(Operation.MODELS, ModelsRequest(), ENDPOINT), body)
    assert isinstance(failure, Failure)
    assert failure.kind is FailureKind.BAD_RESPONSE


def test_an_error_on_a_later_page_ends_the_list() -> None:
    exchange = DIALECT.open(Operation.MODELS, ModelsRequest(), ENDPOINT)
    exchange.start()
    exchange.head(HttpHead(401, {}))
    exchange.feed(b'{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"}}')
    (failure,) = exchange.close()
    assert isinstance(failure, Failure)
    assert failure.kind is FailureKind.AUTHENTICATION


def test_a_count() -> None:
    request = GenerationRequest(messages=(Message.user("hello"),))
    _, steps = run(DIALECT.open(Operation.COUNT_TOKENS, request, ENDPOINT), {"input_tokens": 12})
    assert steps == [TokenCount(input_tokens=12, model="m")]
    _, (failure,) = run(DIALECT.open(Operation.COUNT_TOKENS, request, ENDPOINT), {"input_tokens": -3})
    assert failure.kind is FailureKind.BAD_RESPONSE


def test_there_are_no_embeddings() -> None:
    assert Operation.EMBED not in DIALECT.operations
