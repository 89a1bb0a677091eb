"""Pools of keys over real sockets: a refused or limited key costs one attempt, and the load is spread."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

import understudy as u
from tests.engine.servers import WHOLE, Asked, message, serving
from tests.scenarios.conftest import Stage
from understudy.blocking import create_provider as create_blocking_provider
from understudy.emulator import Emulator, Fault, emulate
from understudy.providers import row

KEYED = [kind for kind in u.ProviderType if kind is not u.ProviderType.OLLAMA]
FAST = u.FallbackConfig(retry_delay_ms=1)


def entry(emulator: Emulator, provider: str, *keys: str, **fields: object) -> u.ProviderConfig:
    model = row(provider).text_model or "gpt-5"
    given = {"base_url": emulator.url(provider), "api_key": keys, "text_model": model, **fields}
    return u.ProviderConfig(provider=provider, **given)  # type: ignore[arg-type]


def attempts(response: u.GenerationResponse | u.LLMError) -> list[tuple[str | None, str]]:
    return [(each.key, str(each.failure.kind if each.failure else each.outcome)) for each in response.attempts]


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("kind", KEYED)
async def test_a_revoked_key_costs_one_attempt_once(kind: u.ProviderType, streamed: bool) -> None:
    async with Emulator((kind,), models={kind: ("gpt-5",)}) as emulator:
        async with u.create_provider(entry(emulator, kind, "revoked", emulator.key), fallback=FAST) as llm:
            found = [await (llm.stream("Hello").collect() if streamed else llm.generate("Hello")) for _ in range(4)]
        assert attempts(found[0]) == [("1 of 2", "authentication"), ("2 of 2", "won")]
        assert [attempts(each) for each in found[1:]] == [[("2 of 2", "won")]] * 3
        assert sum(not request.authenticated for request in emulator.requests(kind)) == 1
    assert found[0].attempts[0].next_step == "try another of the 2 keys"
    assert "(key 1 of 2) authentication" in str(found[0].attempts[0])


async def test_a_limited_key_is_left_alone_for_as_long_as_the_provider_asks() -> None:
    async with Emulator(("openai",), keys=("a", "b")) as own:
        own.script("openai", [Fault.status(429, retry_after=60)])
        async with u.create_provider(entry(own, "openai", "a", "b")) as llm:
            began = asyncio.get_running_loop().time()
            found = [await llm.generate("Hello") for _ in range(4)]
            assert asyncio.get_running_loop().time() - began < 30.0
    assert attempts(found[0]) == [("1 of 2", "rate_limited"), ("2 of 2", "won")]
    assert [attempts(each) for each in found[1:]] == [[("2 of 2", "won")]] * 3


async def test_the_load_is_spread() -> None:
    async def slowly(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.02)
        writer.write(message("application/json", WHOLE))

    async with serving(slowly) as (server,):
        config = u.ProviderConfig(
            provider="openai", base_url=server.url, api_key=["sk-a", "sk-b", "sk-c"], text_model="gpt-5"
        )
        async with u.create_provider(config) as llm:
            for _ in range(6):
                await llm.generate("Hello")
            assert [asked.key for asked in server.requests] == ["sk-a", "sk-b", "sk-c"] * 2
            await asyncio.gather(*(llm.generate("Hello") for _ in range(18)))
        assert Counter(asked.key for asked in server.requests[6:]) == {"sk-a": 6, "sk-b": 6, "sk-c": 6}


async def test_when_all_are_refused_the_error_says_how_many() -> None:
    async with Emulator(("openai",)) as emulator:
        async with u.create_provider(entry(emulator, "openai", "x", "y", "z"), fallback=FAST) as llm:
            with pytest.raises(u.AuthenticationFailed, match="none of the 3 keys of openai may be used now") as caught:
                await llm.generate("Hello")
            assert [key for key, _ in attempts(caught.value)] == ["1 of 3", "2 of 3", "3 of 3"]
            later = [await refused(llm) for _ in range(5)]
        # Each key is probed once before its time is over, because there is no other target.
        assert [len(each.attempts) for each in later] == [1, 1, 1, 0, 0]
        assert "none of the 3 keys may be used; the first to be is key 1, authentication" in str(later[-1])
        assert len(emulator.requests("openai")) == 6


async def refused(llm: u.LLMProvider) -> u.LLMError:
    with pytest.raises(u.LLMError) as caught:
        await llm.generate("Hello")
    return caught.value


async def test_the_backup_goes_on_after_the_last_key(emulator: Emulator, stage: Stage) -> None:
    manager = stage(entries={"openai": {"api_key": ["x", "y"]}})
    for expected in (["primary", "primary", "backup"], ["backup"]):
        response = await manager.generate("Hello")
        assert [attempt.provider for attempt in response.attempts] == expected
    assert len(emulator.requests("openai")) == 2


async def test_embeddings_and_lists_of_models_use_the_pool(emulator: Emulator) -> None:
    config = entry(emulator, "openai", "x", emulator.key, embedding_model="text-embedding-3-small")
    async with u.create_provider(config, fallback=FAST) as llm:
        assert await llm.list_models()
        assert (await llm.embed("Hello")).embedding
    assert sum(not request.authenticated for request in emulator.requests("openai")) == 1


def test_the_blocking_twin() -> None:
    with emulate("openai") as emulator:
        llm = create_blocking_provider(entry(emulator, "openai", "revoked", emulator.key), fallback=FAST)
        with llm:
            found = [llm.generate("Hello") for _ in range(2)]
            status = llm.health_check()
    assert [len(each.attempts) for each in found] == [2, 1]
    assert (status.ok, status.refused_keys) == (True, (1,))


class TestHealthChecks:
    async def test_every_key_is_checked(self) -> None:
        async with (
            Emulator(("openai",), keys=("a", "c")) as emulator,
            u.create_provider(entry(emulator, "openai", "a", "x", "c")) as llm,
        ):
            status = await llm.health_check()
        assert (status.ok, status.authenticated, status.refused_keys) == (True, True, (2,))
        assert status.detail is not None
        assert status.detail.startswith("key 2 of 3: Incorrect API key provided")

    async def test_a_pool_of_refused_keys_is_not_well(self) -> None:
        async with (
            Emulator(("openai",)) as emulator,
            u.create_provider(entry(emulator, "openai", "x", "y")) as llm,
        ):
            status = await llm.health_check()
        assert (status.ok, status.authenticated, status.refused_keys) == (False, False, (1, 2))
        assert "key 1 of 2: " in str(status.detail)

    async def test_a_limited_key_is_named_and_not_refused(self) -> None:
        async with Emulator(("openai",), keys=("a", "b")) as emulator:
            emulator.script("openai", [Fault.status(429)])
            async with u.create_provider(entry(emulator, "openai", "a", "b")) as llm:
                status = await llm.health_check()
        assert (status.ok, status.refused_keys) == (True, ())
        assert "of 2: " in str(status.detail)

    async def test_it_enables_only_the_keys_that_are_accepted(self) -> None:
        async with Emulator(("openai",), keys=("a",)) as emulator:
            emulator.script("openai", [Fault.status(401)] * 2)
            providers = [u.create_provider(entry(emulator, "openai", "a", "x"))]
            async with u.ProviderManager(providers, FAST) as manager:
                await refused(manager)
                assert (await manager.health_check()).ok
                found = [await manager.generate("Hello") for _ in range(3)]
        assert [attempts(each) for each in found] == [[("1 of 2", "won")]] * 3
