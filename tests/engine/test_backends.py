"""Which backend a provider has, and what an adapted one leaves unknown."""

from __future__ import annotations

from typing import Any

import understudy as u
from tests.engine.fakes import RecordingTransport
from tests.engine.test_foreign_providers import Own
from understudy.client.provider import Provider
from understudy.engine.backend import ModelFacts
from understudy.engine.custom_backend import CustomBackend
from understudy.engine.registry import backend_of


def built_in(**fields: Any) -> Provider:
    config = u.ProviderConfig(**{"provider": "openai", "api_key": u.Secret("k"), **fields})
    return u.create_provider(config, transport=RecordingTransport())


def test_a_built_in_provider_and_its_subclasses_have_their_own() -> None:
    class Named(Provider):
        pass

    provider = built_in()
    subclass = Named(provider.config, provider.row, fallback=u.FallbackConfig())
    assert backend_of(provider) is provider.backend
    assert backend_of(subclass) is subclass.backend


async def test_a_wrapper_is_asked_through_its_own_methods() -> None:
    """Whatever it forwards to the provider inside, its own `generate` is not bypassed."""

    class Wrapper:
        def __init__(self, inner: Provider) -> None:
            self.inner = inner
            self.calls = 0

        def __getattr__(self, name: str) -> Any:
            return getattr(self.inner, name)

        async def generate(self, prompt: u.GenerationRequest) -> u.GenerationResponse:
            self.calls += 1
            return await self.inner.generate(prompt)

    wrapper: Any = Wrapper(built_in())
    async with u.ProviderManager([wrapper]) as manager:
        assert (await manager.generate("Hi")).text == "hello"
    assert wrapper.calls == 1


def test_what_a_custom_provider_does_not_state_is_unknown() -> None:
    backend = backend_of(Own("mine", "hello"))
    assert isinstance(backend, CustomBackend)
    assert backend.facts("any") == ModelFacts()
    assert backend.price_of("any") is None
    assert (backend.generates, backend.embeds(), backend.models) == (True, True, ())
    assert backend.text_target() == u.Target(name="mine", provider_type="mine")
    assert not backend.text_target("other").default


async def test_a_health_check_of_entries_without_a_text_model() -> None:
    """Whose model each call names, or which are there for embeddings: there is no target to enable again."""
    azure = {"provider": "azure-openai", "base_url": "https://x.openai.azure.com"}
    alone = built_in(name="bare", **azure), built_in(name="vectors", embedding_model="e", **azure)
    async with u.ProviderManager(alone) as manager:
        status = await manager.health_check()
    assert [each.provider for each in status.targets] == ["bare", "vectors"]
