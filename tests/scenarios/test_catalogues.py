"""Lists of models, look-ups and health checks of all ten, over real sockets: every page, no billed call."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest

import understudy as u
from tests.contract.public import MODELS
from understudy import providers
from understudy.client.provider import Provider
from understudy.domain.operation import SPOKEN, Operation
from understudy.emulator import Emulator, Fault
from understudy.emulator.server import RecordedRequest

TEN = providers.types()
MANY = tuple(f"model-{number}" for number in range(2_300))

Open = Callable[..., AbstractAsyncContextManager[Provider]]


def opened(emulator: Emulator, provider: str, **fields: Any) -> Provider:
    settings = {"text_model": None, **MODELS.get(provider, {}), "api_key": u.Secret(emulator.key), **fields}
    config = u.ProviderConfig(provider=provider, base_url=emulator.url(provider), **settings)
    return u.create_provider(config, fallback=u.FallbackConfig(retry_delay_ms=0, max_retries=1))


@asynccontextmanager
async def stage(provider: str, **fields: Any) -> AsyncIterator[tuple[Emulator, Provider]]:
    async with Emulator((provider,)) as emulator, opened(emulator, provider, **fields) as llm:
        yield emulator, llm


def asked(emulator: Emulator, provider: str) -> list[str]:
    return [f"{request.method} {request.path}" for request in emulator.requests(provider)]


def is_free(request: RecordedRequest) -> bool:
    """Whether a request generates nothing: what is not a look at the catalogue would be billed."""
    return request.operation is Operation.MODELS


PAGED = {"anthropic": "after_id", "google": "pageToken", "cohere": "page_token"}
"""Those whose lists come in pages, and what names the next; all others tell everything at once."""


@pytest.mark.parametrize("provider", TEN)
async def test_the_list_goes_over_all_pages(provider: str) -> None:
    async with Emulator((provider,), models={provider: MANY}) as emulator, opened(emulator, provider) as llm:
        found = [model.id for model in await llm.list_models()]
        lists = asked(emulator, provider)
    # Ollama's names have tags, and Replicate's have owners.
    assert {name.partition(":")[0].rpartition("/")[2] for name in found} >= set(MANY)
    assert len(found) == len(set(found))
    assert len(lists) == (3 if provider in PAGED else 1)
    assert all(PAGED[provider] in path for path in lists[1:])


@pytest.mark.parametrize("limit", [1, 3, 1_001])
@pytest.mark.parametrize("provider", TEN)
async def test_a_limit_bounds_what_is_listed_and_what_is_asked_for(provider: str, limit: int) -> None:
    async with Emulator((provider,), models={provider: MANY}) as emulator, opened(emulator, provider) as llm:
        assert len(await llm.list_models(limit=limit)) == limit
        lists = asked(emulator, provider)
    assert len(lists) == (2 if provider in PAGED and limit > 1_000 else 1)
    if provider in PAGED:
        assert str(min(limit, 1_000)) in lists[0]


CHAT = frozenset({"chat"})
TOLD: dict[str, tuple[str, dict[str, Any]]] = {
    "ollama": ("qwen3-vl:latest", {"capabilities": CHAT | {"tools", "vision", "thinking"}}),
    "openai": ("gpt-6-luna", {"capabilities": None, "context_window": None, "owned_by": "system"}),
    "anthropic": (
        "claude-sonnet-5-5",
        {
            "capabilities": CHAT | {"tools", "vision", "thinking", "structured_output"},
            "context_window": 200_000,
            "max_output_tokens": 64_000,
            "display_name": "Claude Sonnet 5.5",
        },
    ),
    "google": (
        "gemini-3.8-flash",
        {"capabilities": CHAT | {"thinking"}, "context_window": 1_048_576, "max_output_tokens": 65_536},
    ),
    "groq": (
        "openai/gpt-oss-20b",
        {"capabilities": CHAT | {"thinking", "tools"}, "context_window": 131_072, "max_output_tokens": 65_536},
    ),
    "together": (
        "openai/gpt-oss-120b",
        {"capabilities": CHAT, "context_window": 131_072, "input_price": "0.15", "output_price": "0.6"},
    ),
    "azure-openai": ("gpt-6-luna", {"capabilities": None, "context_window": None}),
    "replicate": ("openai/gpt-5-mini", {"capabilities": CHAT | {"vision", "thinking"}, "context_window": None}),
    "huggingface": (
        "openai/gpt-oss-120b:together",
        {
            "capabilities": CHAT | {"tools", "structured_output"},
            "context_window": 131_072,
            "input_price": "0.2",
            "output_price": "0.8",
        },
    ),
    "cohere": (
        "command-a-plus-05-2026",
        {"capabilities": CHAT | {"tools", "vision", "thinking", "structured_output"}, "context_window": 256_000},
    ),
}
"""What each list tells of one of its models; what it does not tell is unknown, not absent."""


@pytest.mark.parametrize("provider", TEN)
async def test_capabilities_windows_and_prices_where_the_api_tells_them(provider: str) -> None:
    name, told = TOLD[provider]
    async with stage(provider) as (_, llm):
        (model,) = [model for model in await llm.list_models() if model.id == name]
    assert {field: getattr(model, field) for field in told} == told
    priced = model.input_price is not None and model.output_price is not None
    assert priced == (provider in ("together", "huggingface"))
    assert model.provider == provider


async def test_the_price_of_a_model_that_any_partner_may_serve_is_unknown() -> None:
    async with stage("huggingface") as (_, llm):
        found = {model.id: model for model in await llm.list_models()}
    assert found["openai/gpt-oss-120b"].input_price is None
    assert {name.partition(":")[2] for name in found if name.startswith("openai/gpt-oss-120b:")} == {
        "groq",
        "together",
        "hf-inference",
    }


LOOK_UP = {
    "ollama": "POST /api/show",
    "openai": "GET /v1/models/gpt-6-luna",
    "anthropic": "GET /v1/models/claude-sonnet-5-5",
    "google": "GET /v1beta/models/gemini-3.8-flash",
    "groq": "GET /openai/v1/models/openai/gpt-oss-20b",
    # It has no such request: the list is looked through.
    "together": "GET /v1/models",
    "replicate": "GET /v1/models/openai/gpt-5-mini",
    "huggingface": "GET /v1/models/openai/gpt-oss-120b",
    "cohere": "GET /v1/models/command-a-plus-05-2026",
}


@pytest.mark.parametrize("provider", LOOK_UP)
async def test_a_model_is_asked_for_by_its_name(provider: str) -> None:
    async with stage(provider) as (emulator, llm):
        assert await llm.is_model_available(TOLD[provider][0])
        assert asked(emulator, provider) == [LOOK_UP[provider]]
        assert not await llm.is_model_available("no/such-model")


@pytest.mark.parametrize("provider", sorted({*TEN} - {*LOOK_UP}))
async def test_whether_a_deployment_is_there_cannot_be_asked_for_free(provider: str) -> None:
    row = providers.row(provider)
    assert row.catalogue_only
    async with stage(provider) as (emulator, llm):
        with pytest.raises(
            u.Unsupported, match=f"{row.title} cannot report whether a model is available.*short answer"
        ):
            await llm.is_model_available(TOLD[provider][0])
        assert emulator.requests(provider) == []


@pytest.mark.parametrize("provider", TEN)
async def test_a_health_check_is_never_billed(provider: str) -> None:
    async with stage(provider) as (emulator, llm):
        status = await llm.health_check()
        assert all(map(is_free, emulator.requests(provider)))
        assert llm.stats().total_requests == 0
    row = providers.row(provider)
    assert (status.reachable, status.ok) == (True, True)
    # A list that everybody may read proves no key; Azure lists no deployments.
    assert status.authenticated is (None if row.catalogue_is_open else True)
    assert status.model_available is (None if row.catalogue_only else True)


@pytest.mark.parametrize("provider", TEN)
async def test_a_health_check_finds_a_wrong_key(provider: str) -> None:
    async with stage(provider, api_key=u.Secret("wrong-key")) as (_, llm):
        status = await llm.health_check()
    open_to_all = providers.row(provider).catalogue_is_open
    assert status.reachable
    assert status.authenticated is (None if open_to_all else False)
    assert status.ok is open_to_all
    assert status.detail or open_to_all
    assert "wrong-key" not in (status.detail or "")


@pytest.mark.parametrize("provider", [name for name in TEN if not providers.row(name).catalogue_only])
async def test_a_health_check_finds_a_model_that_is_not_there(provider: str) -> None:
    async with stage(provider, text_model="no/such-model") as (emulator, llm):
        status = await llm.health_check()
        assert all(map(is_free, emulator.requests(provider)))
    assert (status.reachable, status.model_available, status.ok) == (True, False, False)
    assert "no/such-model" in (status.detail or "")


@pytest.mark.parametrize("provider", TEN)
async def test_a_health_check_finds_a_server_that_fails_or_is_not_there(provider: str) -> None:
    async with stage(provider) as (emulator, llm):
        emulator.script(provider, always=Fault.status(503))
        status = await llm.health_check()
        assert (status.reachable, status.serving, status.ok) == (True, False, False)
        await emulator.stop(provider)
        status = await llm.health_check()
        assert (status.reachable, status.ok) == (False, False)
        assert status.detail


MISSING = [
    (provider, operation)
    for provider in TEN
    for operation in SPOKEN
    if operation not in providers.row(provider).dialects
]


@pytest.mark.parametrize(("provider", "operation"), MISSING)
async def test_a_missing_operation_names_provider_operation_and_what_to_use_instead(
    provider: str, operation: Operation
) -> None:
    row = providers.row(provider)
    async with stage(provider) as (emulator, llm):
        with pytest.raises(u.Unsupported) as caught:
            await (llm.embed("hello", model="any") if operation is Operation.EMBED else llm.count_tokens("hello"))
        assert emulator.requests(provider) == []
    for word in (row.title, str(operation), row.instead[operation]):
        assert word in str(caught.value)
