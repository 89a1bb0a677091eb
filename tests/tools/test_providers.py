"""A tool loop over real sockets at every provider, and from each to the next in its middle."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import pytest

import understudy as u
from understudy import providers
from understudy.emulator import Emulator, Fault, cast, emulate


def weather(city: Annotated[str, "The city, in English"], unit: Literal["c", "f"] = "c") -> dict[str, Any]:
    """Look up the weather in a city.

    Args:
        unit: Celsius or Fahrenheit.
    """
    return {"city": city, "degrees": {"Paris": 18, "London": 12}[city], "unit": unit}


QUESTION = "What is the weather in Paris and London? Use the tool."


def model_of(provider: str) -> str | None:
    """An emulated model that calls tools; `None` where none does."""
    return next((each.id for each in cast.find(provider).models if "tools" in each.capabilities), None)


ABLE = tuple(provider for provider in providers.types() if model_of(provider) is not None)
PAIRS = [pytest.param(one, ABLE[at - 1], id=f"{one} to {ABLE[at - 1]}") for at, one in enumerate(ABLE)]


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with emulate(emulator=Emulator(ABLE)) as running:
        yield running


def at(emulator: Emulator, *names: str) -> u.ProviderManager:
    return u.ProviderManager(
        [
            u.create_provider(
                u.ProviderConfig(
                    provider=name,
                    base_url=emulator.url(name),
                    api_key=u.Secret(emulator.key),
                    text_model=model_of(name),
                    priority=number,
                )
            )
            for number, name in enumerate(names)
        ],
        u.FallbackConfig(max_retries=1, retry_delay_ms=1),
    )


def test_nine_providers_call_tools() -> None:
    assert len(ABLE) == 9


async def run(llm: u.ProviderManager, *, streamed: bool) -> u.RunResult[Any]:
    if streamed:
        return await llm.stream_tools(QUESTION, tools=[weather]).collect()
    return await llm.run_tools(QUESTION, tools=[weather])


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(("first", "second"), PAIRS)
async def test_the_next_provider_goes_on_in_the_middle(
    emulator: Emulator, first: str, second: str, streamed: bool
) -> None:
    emulator.script(first, [None], always=Fault.status(503))
    async with at(emulator, first, second) as llm:
        result = await run(llm, streamed=streamed)
    emulator.script(first)
    assert [step.response.provider for step in result.steps] == [first, second]
    assert [outcome.value for outcome in result.outcomes] == [
        {"city": "Paris", "degrees": 18, "unit": "c"},
        {"city": "London", "degrees": 12, "unit": "c"},
    ]
    assert "18" in result.text
    assert "12" in result.text
    assert result.pending == ()
    assert [attempt.outcome.value for attempt in result.attempts] == ["won", "failed", "won"]
