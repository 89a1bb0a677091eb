"""At each of the ten a streamed answer costs what the same answer costs in one piece, over real sockets."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import understudy as u
from understudy.emulator import Emulator, emulate

PRICE = u.Price.per_million(input=1, cache_read="0.1", output=4, reasoning=5)


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with emulate(emulator=Emulator(tuple(member.value for member in u.ProviderType))) as running:
        yield running


@pytest.mark.parametrize("kind", list(u.ProviderType))
async def test_streamed_and_plain_cost_the_same(kind: u.ProviderType, emulator: Emulator) -> None:
    entry = u.ProviderConfig(
        provider=kind, base_url=emulator.url(kind), api_key=u.Secret(emulator.key), text_model=model(kind), price=PRICE
    )
    async with u.create_provider(entry) as llm:
        plain = await llm.generate("Tell me why the sky is blue.")
        streamed = await llm.stream("Tell me why the sky is blue.").collect()
        assert plain.text == streamed.text
        assert plain.cost == streamed.cost
        assert plain.cost is not None
        assert plain.cost.amount > u.Money(0)
        assert not plain.cost.estimated
        assert llm.stats().estimated_cost == plain.cost.amount + plain.cost.amount


def model(kind: str) -> str | None:
    from understudy import providers

    return providers.row(kind).text_model or "gpt-5-mini"
