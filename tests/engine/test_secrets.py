"""A key reaches the provider's own host, and nothing else: not the log, not an error, not a record, not a pickle."""

from __future__ import annotations

import contextlib
import copy
import logging
import pickle

import msgspec
import pytest

import understudy as u
from tests.engine.fakes import CANARY, everything_about
from understudy.emulator import Emulator, Fault


@pytest.mark.parametrize("provider", ["openai", "anthropic", "groq"])
async def test_a_provider_that_repeats_the_key_is_not_repeated(provider: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with Emulator((provider,), keys=None) as emulator:
        echo = Fault.error(u.FailureKind.AUTHENTICATION, message=f"Incorrect API key provided: {CANARY}.")
        emulator.script(provider, always=echo)
        config = u.ProviderConfig(provider=provider, base_url=emulator.url(provider), api_key=u.Secret(CANARY))
        async with u.create_provider(config) as llm:
            with pytest.raises(u.AuthenticationFailed) as caught:
                await llm.generate("hi")
            assert CANARY not in repr(llm) + repr(config) + repr(llm.backend.credential)
            health = await llm.health_check()
            assert CANARY not in repr(health)
    assert "Incorrect API key provided: [key]" in str(caught.value)
    assert CANARY not in everything_about(caught.value)
    assert CANARY not in caplog.text


async def test_a_provider_that_repeats_any_key_of_a_pool_is_not_repeated(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    keys = [f"{CANARY}-{number}" for number in range(3)]
    async with Emulator(("openai",), keys=None) as emulator:
        told = f"Incorrect API key provided: {', '.join(keys)}."
        emulator.script("openai", always=Fault.error(u.FailureKind.AUTHENTICATION, message=told))
        config = u.ProviderConfig(provider="openai", base_url=emulator.url("openai"), api_key=keys)
        async with u.create_provider(config) as llm:
            with pytest.raises(u.AuthenticationFailed) as caught:
                await llm.generate("hi")
            with pytest.raises(u.Unavailable) as later:
                for _ in range(4):  # the fourth finds no key that may be probed
                    with contextlib.suppress(u.AuthenticationFailed):
                        await llm.generate("hi")
            health = await llm.health_check()
            shown = repr((llm, config, llm.backend.credentials, health, llm.backend.text_target()))
    assert "Incorrect API key provided: [key], [key], [key]" in str(caught.value)
    assert len(caught.value.attempts) == 3
    assert health.refused_keys == (1, 2, 3)
    written = shown + everything_about(caught.value) + everything_about(later.value) + caplog.text
    assert CANARY not in written


async def test_a_redirect_does_not_carry_the_key_away() -> None:
    async with Emulator(("openai", "groq"), keys=None) as emulator:
        emulator.script("openai", always=Fault.redirect(emulator.url("groq") + "/chat/completions"))
        config = u.ProviderConfig(provider="openai", base_url=emulator.url("openai"), api_key=u.Secret(CANARY))
        async with u.create_provider(config) as llm:
            with pytest.raises(u.InvalidResponse, match="never followed"):
                await llm.generate("hi")
        assert emulator.requests("groq") == []


def test_a_configuration_with_a_key_cannot_be_pickled_copied_or_encoded() -> None:
    for key in (CANARY, [CANARY, "sk-other"]):
        config = u.ProviderConfig(provider="openai", api_key=key)
        with pytest.raises(TypeError):
            pickle.dumps(config)
        with pytest.raises(TypeError):
            copy.deepcopy(config)
        with pytest.raises(TypeError):
            msgspec.json.encode(config)


@pytest.mark.parametrize("key", ["line\nbreak", "ünïcode", "with space"])
async def test_a_key_that_no_header_can_carry_is_an_error_that_does_not_show_it(key: str) -> None:
    llm = u.create_provider(u.ProviderConfig(provider="openai", api_key=u.Secret(key)))
    with pytest.raises(u.ConfigError) as caught:
        await llm.generate("hi")
    assert "api_key" in str(caught.value)
    assert not key or key not in str(caught.value)


async def test_a_key_that_is_a_common_word_does_not_mangle_errors() -> None:
    async with Emulator(("openai",), keys=None) as emulator:
        emulator.script("openai", always=Fault.error(u.FailureKind.INVALID_REQUEST, message="none of that is known"))
        config = u.ProviderConfig(provider="openai", base_url=emulator.url("openai"), api_key=u.Secret("none"))
        async with u.create_provider(config) as llm:
            with pytest.raises(u.InvalidRequest, match="none of that is known"):
                await llm.generate("hi")
