"""One call of each operation at each real provider, at the smallest cost. See README.md beside this file."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

import understudy as u
from tests.live.calls import CALLS
from understudy import providers
from understudy.client.provider import Provider
from understudy.domain.operation import Operation

MODELS = {"azure-openai": ("AZURE_OPENAI_DEPLOYMENT", "AZURE_OPENAI_EMBEDDING_DEPLOYMENT")}
"""Variables that name the models where no row can: deployments have the names that their owner gives them."""

OFFERED = [
    pytest.param(provider, call, id=f"{provider}-{call.__name__}")
    for provider in providers.types()
    for call, operation in CALLS.items()
    if operation in providers.row(provider).dialects
]


@pytest.fixture
async def llm(provider: str) -> AsyncIterator[Provider]:
    row = providers.row(provider)
    needed = [(*row.key_variables, *row.token_variables)] if row.key_required else []
    text, embedding = (os.environ.get(name) for name in MODELS.get(provider, ("", "")))
    if provider in MODELS:
        needed += [row.base_url_variables, MODELS[provider][:1]]
    for names in needed:
        if not any(os.environ.get(name) for name in names):
            pytest.skip(f"needs {' or '.join(names)}")
    config = u.ProviderConfig(
        provider=row.type, text_model=text, embedding_model=embedding or row.embedding_model, max_tokens=64
    )
    async with u.create_provider(config) as made:
        if row.local and not (await made.health_check()).ok:
            pytest.skip(f"{row.title} does not run here, or lacks {row.text_model}")
        yield made


@pytest.mark.live
@pytest.mark.skipif(os.environ.get("UNDERSTUDY_LIVE") != "1", reason="needs UNDERSTUDY_LIVE=1 (make live)")
@pytest.mark.parametrize(("provider", "call"), OFFERED)
async def test_live(provider: str, call: Callable[[Provider], Awaitable[None]], llm: Provider) -> None:
    if CALLS[call] is Operation.EMBED and llm.config.embedding_model is None:
        pytest.skip(f"needs {MODELS[provider][1]}")
    await call(llm)
