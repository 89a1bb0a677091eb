"""What is made of genai-prices: every price that it has of the ten, and the sums that it makes of them itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from itertools import product
from typing import Any

import pytest
from genai_prices import Usage as TheirUsage
from genai_prices.types import (
    ClauseEquals,
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    PriceVariant,
    Provider,
    StartDateConstraint,
    Tier,
    TieredPrices,
    TimeOfDateConstraint,
)

from understudy.domain.usage import Usage
from understudy.pricing.published import PublishedPrices, read_published

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def published() -> PublishedPrices:
    return read_published()


def of(prices: Any, **further: Any) -> PublishedPrices:
    model = ModelInfo(id="m", match=ClauseEquals(equals="m"), prices=prices, **further)
    return PublishedPrices([Provider(id="acme", name="Acme", api_pattern=r"https://api\.acme\.", models=[model])])


def targets() -> Iterator[tuple[str, str]]:
    from genai_prices.data import providers

    ours = ("openai", "anthropic", "google", "azure", "groq", "together", "cohere")
    for provider in providers:
        if provider.id in ours or provider.id.startswith("huggingface_"):
            for model in provider.models:
                if provider.find_model(model.id) is model:
                    yield provider.id, model.id


def test_every_price_of_the_ten_gives_the_sum_that_they_make_themselves(published: PublishedPrices) -> None:
    """Prompts below and beyond every mark, and each class of tokens that a usage of ours can have."""
    from genai_prices import calc_price

    compared = 0
    for (provider, model), prompt in product(targets(), (1_000, 150_000, 250_000, 300_000)):
        price = published.price(provider, model, now=NOW)
        if price is None or price.rates.output is None:
            continue
        usage = Usage(
            input=prompt, cache_read=500, cache_write=200, cache_write_1h=100, output=300, reasoning=50, audio_input=70
        )
        if price.rates.audio_input is None:
            usage = Usage(input=prompt + 70, cache_read=500, cache_write=200, cache_write_1h=100, output=350)
        theirs = calc_price(
            TheirUsage(
                input_tokens=usage.input_total,
                cache_read_tokens=500,
                cache_write_tokens=300,
                cache_write_1h_tokens=100,
                input_audio_tokens=usage.audio_input or 0,
                cache_audio_read_tokens=0,
                cache_audio_write_tokens=0,
                output_tokens=usage.output_total,
            ),
            model,
            provider_id=provider,
            genai_request_timestamp=NOW,
        )
        ours = price.cost(usage)
        assert ours is not None
        assert abs(ours.amount.usd - theirs.total_price) <= Decimal("1E-9"), (provider, model, prompt)
        compared += 1
    assert compared > 1000


def test_models_without_a_price_per_token_have_none(published: PublishedPrices) -> None:
    """Speech is billed by the hour or the character, and free models at Azure are not free for everyone."""
    assert published.price("groq", "whisper-large-v3", now=NOW) is None
    assert published.price("groq", "no-such-model", now=NOW) is None
    assert published.price("acme", "gpt-4o", now=NOW) is None


def test_an_answer_that_may_hold_pictures_has_no_rate(published: PublishedPrices) -> None:
    price = published.price("google", "gemini-2.5-flash-image", now=NOW)
    assert price is not None
    assert price.rates.output is None


def test_source_and_date_are_told(published: PublishedPrices) -> None:
    price = published.price("openai", "gpt-4o", now=NOW)
    assert price is not None
    assert price.source.startswith("genai-prices ")
    assert price.as_of is not None
    assert "2026-01-01" < price.as_of <= "2026-11-22"


def test_the_date_decides() -> None:
    dated = of(
        [
            ConditionalPrice(prices=ModelPrice(input_mtok=Decimal(1))),
            ConditionalPrice(
                StartDateConstraint(start_date=datetime(2026, 6, 1).date()), prices=ModelPrice(input_mtok=Decimal(2))
            ),
        ]
    )
    rates = [
        price.rates.input
        for day in (datetime(2026, 5, 31, 23, 59, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC))
        if (price := dated.price("acme", "m", now=day))
    ]
    assert rates == [10**9, 2 * 10**9]


def test_the_hour_decides() -> None:
    night = TimeOfDateConstraint(
        start_time=datetime(2026, 1, 1, 0, 0, tzinfo=UTC).timetz(),
        end_time=datetime(2026, 1, 1, 6, 0, tzinfo=UTC).timetz(),
    )
    hourly = of(
        [
            ConditionalPrice(prices=ModelPrice(input_mtok=Decimal(2))),
            ConditionalPrice(night, prices=ModelPrice(input_mtok=Decimal(1))),
        ]
    )
    rates = [
        price.rates.input for hour in (1, 12, 2) if (price := hourly.price("acme", "m", now=NOW.replace(hour=hour)))
    ]
    assert rates == [10**9, 2 * 10**9, 10**9]


def test_the_tier_at_which_a_call_was_served_decides() -> None:
    served = of(
        ModelPrice(input_mtok=Decimal(2), output_mtok=Decimal(8)),
        price_variants=[
            PriceVariant(when={"service_tier": "flex"}, prices=ModelPrice(input_mtok=Decimal(1))),
            PriceVariant(when={"speed": "fast"}, prices=ModelPrice(output_mtok=Decimal(40))),
        ],
    )
    found = {
        case: price and (price.rates.input, price.rates.output)
        for case in (
            (None, None),
            ("default", None),
            ("FLEX", None),
            ("scale", None),
            (None, "fast"),
            (None, "standard"),
        )
        for price in (served.price("acme", "m", tier=case[0], speed=case[1], now=NOW),)
    }
    usual, flex, fast = (2 * 10**9, 8 * 10**9), (10**9, 8 * 10**9), (2 * 10**9, 40 * 10**9)
    assert found == {
        (None, None): usual,
        ("default", None): usual,
        ("FLEX", None): flex,
        ("scale", None): None,  # a tier of which nothing is said may cost anything
        (None, "fast"): fast,
        (None, "standard"): usual,
    }


def test_a_tier_of_which_no_model_differs_is_the_price() -> None:
    price = of(ModelPrice(input_mtok=Decimal(2))).price("acme", "m", tier="flex", now=NOW)
    assert price is not None


def test_marks_of_different_rates_become_tiers() -> None:
    tiered = of(
        ModelPrice(
            input_mtok=TieredPrices(base=Decimal(1), tiers=[Tier(100, Decimal(2)), Tier(200, Decimal(3))]),
            output_mtok=TieredPrices(base=Decimal(10), tiers=[Tier(200, Decimal(20))]),
            requests_kcount=Decimal(5),
        )
    ).price("acme", "m", now=NOW)
    assert tiered is not None
    assert [(tier.above, tier.rates.input, tier.rates.output) for tier in tiered.tiers] == [
        (100, 2 * 10**9, 10 * 10**9),
        (200, 3 * 10**9, 20 * 10**9),
    ]
    assert tiered.rates.call == 5_000_000


def test_a_provider_is_found_by_its_name_or_its_address(published: PublishedPrices) -> None:
    assert published.provider("openai") == "openai"
    assert published.provider("openai-of-mine") is None
    assert published.provider(None, "https://api.deepseek.com/v1") == "deepseek"
    assert published.provider("unknown", "https://api.openai.com/v1") == "openai"
    assert published.provider(None, "https://llm.example/v1") is None


def test_what_it_knows_besides_prices(published: PublishedPrices) -> None:
    known = published.known("openai", "gpt-4o-2024-08-06")
    assert known is not None
    assert known.context_window == 128_000
    assert published.known("openai", "nothing") is None
