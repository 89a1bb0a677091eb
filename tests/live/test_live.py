"""One call of each operation at each real provider, at the smallest cost. See README.md beside this file."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import pytest

import understudy as u
from understudy import providers
from understudy.factory import DialectProvider

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(os.environ.get("UNDERSTUDY_LIVE") != "1", reason="needs UNDERSTUDY_LIVE=1 (make live)"),
]


@pytest.fixture(params=providers.types())
async def provider(request: pytest.FixtureRequest) -> AsyncIterator[DialectProvider]:
    row = providers.row(request.param)
    if row.key_required and not any(os.environ.get(name) for name in row.key_variables):
        pytest.skip(f"needs {' or '.join(row.key_variables)}")
    config = u.ProviderConfig(provider=row.type, max_tokens=64, embedding_model=row.embedding_model)
    async with u.create_provider(config) as made:
        if row.local and not (await made.health_check()).ok:
            pytest.skip(f"{row.title} does not run here, or lacks {row.text_model}")
        yield made


async def test_generate(provider: DialectProvider) -> None:
    response = await provider.generate("Reply with the single word: pong", reasoning="low", max_tokens=512)
    assert "pong" in response.text.lower()
    assert response.usage.total


async def test_stream(provider: DialectProvider) -> None:
    response = await provider.stream("Reply with the single word: pong", max_tokens=512).collect()
    assert "pong" in response.text.lower()
    assert response.finish_reason is u.FinishReason.STOP


async def test_embed(provider: DialectProvider) -> None:
    if provider.config.embedding_model is None:
        with pytest.raises((u.ConfigError, u.Unsupported)):
            await provider.embed("pong")
        return
    assert len((await provider.embed(["ping", "pong"])).embeddings) == 2


async def test_models_and_health(provider: DialectProvider) -> None:
    assert await provider.list_models(limit=3)
    assert (await provider.health_check()).ok
    if not provider.row.catalogue_only:
        assert not await provider.is_model_available("no-such-model-anywhere")
