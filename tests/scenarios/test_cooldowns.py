"""What a provider says about waiting, over real sockets: which tries it ends, and what later calls do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import pytest

import understudy as u
from tests.scenarios.conftest import Stage
from understudy.domain.failures import FailureKind as K
from understudy.emulator import Emulator, Fault

QUICK = u.FallbackConfig(retry_delay_ms=1, max_retries=3)
HINTS = {"an hour": (3600.0, 3600.0), "never": (-5.0, None), "just too long": (20.5, 20.5)}
"""What `retry-after` says, and what is told of it."""
SAID_IN_WORDS = {u.ProviderType.REPLICATE: 30.0}
"""What an emulator's message says of it besides."""


async def refused(asked: Awaitable[object]) -> u.LLMError:
    with pytest.raises(u.LLMError) as caught:
        await asked
    return caught.value


@pytest.mark.parametrize("kind", list(u.ProviderType))
@pytest.mark.parametrize("hint", HINTS)
async def test_a_hint_that_is_not_waited_for_ends_the_tries_at_once(kind: u.ProviderType, hint: str) -> None:
    said, told = HINTS[hint]
    async with Emulator((kind,)) as emulator:
        emulator.script(kind, always=Fault.status(429, retry_after=said))
        config = u.ProviderConfig(
            provider=kind, base_url=emulator.url(kind), api_key=u.Secret(emulator.key), text_model="some-model"
        )
        async with u.create_provider(config, fallback=QUICK) as llm:
            error = await refused(llm.generate("Hello"))
        assert isinstance(error, u.RateLimited)
        assert len(error.attempts) == len(emulator.requests(kind)) == 1
        assert error.retry_after == (told or SAID_IN_WORDS.get(kind))


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("status", [429, 500, 503, 529])
async def test_another_target_goes_on_at_once(emulator: Emulator, stage: Stage, status: int, streamed: bool) -> None:
    emulator.script("openai", always=Fault.status(status, retry_after=3600))
    manager = stage()
    for expected in (["primary", "backup"], ["backup"]):
        response = await (manager.stream("Hello").collect() if streamed else manager.generate("Hello"))
        assert [attempt.provider for attempt in response.attempts] == expected
    assert len(emulator.requests("openai")) == 1


ANSWERED: dict[str, tuple[Fault, type[u.LLMError], type[u.LLMError]]] = {
    "an hour": (Fault.status(429, retry_after=3600), u.RateLimited, u.Overloaded),
    "a wrong key": (Fault.status(401), u.AuthenticationFailed, u.Overloaded),
    "no credit": (Fault.error(K.BILLING), u.QuotaExhausted, u.Overloaded),
    # Nobody is told to wait for a model that does not exist.
    "an unknown model": (Fault.status(404), u.ModelNotFound, u.ModelNotFound),
}
"""What the provider answers, the error of the calls that ask it, and that of those which do not."""


@pytest.mark.parametrize("name", ANSWERED)
async def test_later_calls_probe_once_and_then_fail_at_once_until_it_is_over(
    emulator: Emulator, stage: Stage, name: str
) -> None:
    fault, error, later = ANSWERED[name]
    emulator.script("openai", always=fault)
    manager = stage("openai")
    failures = [await refused(manager.generate("Hello")) for _ in range(6)]
    assert [type(each) for each in failures] == [error, error, *[later] * 4]
    assert len(emulator.requests("openai")) == 2
    assert all(not each.attempts for each in failures[2:])
    wait = failures[-1].retry_after
    assert wait is not None
    assert 290 < wait <= 3600


async def test_a_probe_that_succeeds_brings_the_target_back(emulator: Emulator, stage: Stage) -> None:
    emulator.script("openai", [Fault.status(429, retry_after=3600)])
    manager = stage("openai")
    await refused(manager.generate("Hello"))
    answers = [await manager.generate("Hello") for _ in range(3)]
    assert all(answer.text for answer in answers)
    assert len(emulator.requests("openai")) == 4


async def test_calls_wait_for_a_probe_and_go_on_together_when_it_succeeds(emulator: Emulator, stage: Stage) -> None:
    emulator.script("openai", [Fault.status(401), Fault.slow_headers(0.3)])
    manager = stage("openai")
    await refused(manager.generate("Hello"))
    answers = await asyncio.gather(*(manager.generate("Hello") for _ in range(6)))
    assert all(answer.text for answer in answers)
    assert len(emulator.requests("openai")) == 7


@pytest.mark.parametrize("max_wait", [0.0, 0.5])
async def test_calls_fail_together_when_the_probe_does(emulator: Emulator, stage: Stage, max_wait: float) -> None:
    emulator.script("openai", [Fault.status(401), Fault.slow_headers(0.1)], always=Fault.status(401))
    manager = stage("openai", max_wait=max_wait, max_retries=1)
    await refused(manager.generate("Hello"))
    probing = asyncio.create_task(manager.generate("Hello"))
    while len(emulator.requests("openai")) < 2:
        await asyncio.sleep(0.005)
    probing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await probing
    failures = await asyncio.gather(*(refused(manager.generate("Hello")) for _ in range(4)))
    assert sorted(type(each).__name__ for each in failures) == ["AuthenticationFailed", *["Overloaded"] * 3]
    assert len(emulator.requests("openai")) == 3


async def test_of_each_target_the_latest_hint_counts(emulator: Emulator, stage: Stage) -> None:
    emulator.script("openai", [Fault.status(429, retry_after=0.01)], always=Fault.status(429, retry_after=900))
    emulator.script("anthropic", always=Fault.status(429, retry_after=700))
    error = await refused(stage("openai", "anthropic").generate("Hello"))
    assert [attempt.provider for attempt in error.attempts] == ["primary", "primary", "backup"]
    assert error.retry_after == 700.0
