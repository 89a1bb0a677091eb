"""A caller that speaks the wire format of the provider is handed the frames as they arrive, any other caller is not."""

from __future__ import annotations

import msgspec
import pytest

import understudy as u
from tests.contract.native import inbound
from understudy.emulator import Emulator

SPEAKS = {
    "together": "openai",
    "openai": "openai",
    "anthropic": "anthropic",
    "google": "gemini",
    "cohere": "cohere",
    "ollama": "ollama",
    "replicate": "replicate",
}
"""The dialect of each provider here."""


async def frames(provider: str, origin: str | None) -> list[bytes | None]:
    """Stream the answer to a request that came in over a wire, or to one of the library's own."""
    request = inbound(origin or "openai", stream=True).request
    assert isinstance(request, u.GenerationRequest)
    request = msgspec.structs.replace(request, model=None, origin=request.origin if origin else None)
    async with Emulator((provider,)) as emulator:
        config = u.ProviderConfig(provider=provider, base_url=emulator.url(provider), api_key=u.Secret(emulator.key))
        async with u.create_provider(config) as llm, llm.stream(request) as stream:
            return [event.wire async for event in stream]


@pytest.mark.parametrize(("provider", "dialect"), SPEAKS.items())
async def test_frames_are_kept_for_a_caller_of_the_same_dialect(provider: str, dialect: str) -> None:
    kept = await frames(provider, dialect)
    assert kept
    assert any(kept)


@pytest.mark.parametrize(("provider", "dialect"), SPEAKS.items())
@pytest.mark.parametrize("other", ["another", None])
async def test_frames_are_not_kept_for_other_callers(provider: str, dialect: str, other: str | None) -> None:
    origin = other and ("anthropic" if dialect != "anthropic" else "openai")
    assert set(await frames(provider, origin)) == {None}
