"""What a health check makes of a provider's answers."""

from __future__ import annotations

import pytest

import understudy
from understudy.domain.failures import FailureKind
from understudy.emulator import Emulator, Fault


def provider(emulator: Emulator, key: str | None = None) -> understudy.LLMProvider:
    return understudy.create_provider(
        understudy.ProviderConfig(
            provider="openai", base_url=emulator.url("openai"), api_key=understudy.Secret(key or emulator.key)
        )
    )


async def test_a_provider_that_answers_is_well() -> None:
    async with Emulator(("openai",)) as emulator, provider(emulator) as llm:
        status = await llm.health_check()
    assert status.ok
    assert (status.reachable, status.serving, status.authenticated, status.model_available) == (True, True, True, True)


@pytest.mark.parametrize(
    "fault",
    [Fault.status(500), Fault.status(429), Fault.error(FailureKind.OVERLOADED), Fault.wrong_content_type()],
    ids=["fails", "limits", "overloaded", "another server"],
)
async def test_a_provider_that_is_reached_but_does_not_serve_is_not_well(fault: Fault) -> None:
    async with Emulator(("openai",)) as emulator, provider(emulator) as llm:
        emulator.script("openai", always=fault)
        status = await llm.health_check()
    assert not status.ok
    assert (status.reachable, status.serving) == (True, False)
    assert status.detail


async def test_a_refused_key_says_nothing_about_serving() -> None:
    async with Emulator(("openai",)) as emulator, provider(emulator, key="wrong") as llm:
        status = await llm.health_check()
    assert not status.ok
    assert (status.reachable, status.serving, status.authenticated) == (True, None, False)


async def test_a_server_without_a_model_list_may_be_well() -> None:
    async with Emulator(("openai",)) as emulator, provider(emulator) as llm:
        emulator.script("openai", always=Fault.status(404))
        status = await llm.health_check()
    assert status.reachable
    assert status.serving is None


EMBEDDING_PROVIDERS = {
    "openai": "text-embedding-3-small",
    "google": "gemini-embedding-2",
    "together": "intfloat/multilingual-e5-large-instruct",
    "ollama": "nomic-embed-text",
    "cohere": "embed-v4.0",
    "huggingface": "thenlper/gte-large",
}


@pytest.mark.parametrize("name", EMBEDDING_PROVIDERS)
@pytest.mark.parametrize("there", [True, False], ids=["there", "missing"])
async def test_an_entry_for_embeddings_alone_is_judged_by_its_embedding_model(name: str, there: bool) -> None:
    """Its provider's default text model is no part of it: a server of embeddings has none."""
    model = EMBEDDING_PROVIDERS[name] if there else "no-such-embedding-model"
    async with Emulator((name,)) as emulator:
        config = understudy.ProviderConfig(
            provider=name,
            base_url=emulator.url(name),
            api_key=understudy.Secret(emulator.key),
            embedding_model=model,
            temperature=0.5,
        )
        async with understudy.create_provider(config) as llm:
            status = await llm.health_check()
        asked = [request.path for request in emulator.requests(name)]
    assert status.reachable
    assert status.model_available is there
    assert there or model in (status.detail or "")
    assert len(asked) == 2
