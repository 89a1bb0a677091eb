"""The order of the sources of a price, and which of them have to be loaded at all."""

from __future__ import annotations

from typing import Any

import pytest

from understudy import providers
from understudy.domain.money import Money
from understudy.domain.prices import Price, PriceQuery
from understudy.domain.responses import ModelInfo
from understudy.domain.usage import Usage
from understudy.pricing.cache import PublishedPriceCache
from understudy.pricing.lookup import PriceLookup
from understudy.pricing.published import PublishedPrices, read_published
from understudy.settings import ProviderConfig

PUBLISHED = read_published()
USAGE = Usage(input=1_000_000, output=1_000_000)
OWN = Price.per_million(input=1, output=2)


class CountingCache(PublishedPriceCache):
    """Counts how often its prices are loaded; they are there at once."""

    def __init__(self) -> None:
        self.loads = 0
        super().__init__(self._count)

    def _count(self) -> PublishedPrices:
        self.loads += 1
        return PUBLISHED


def lookup(provider: str, *, cache: PublishedPriceCache | None = None, **config: Any) -> PriceLookup:
    row = providers.row(provider)
    if cache is None:
        cache = CountingCache()
        cache.load()
    return PriceLookup(
        ProviderConfig(provider=provider, **config), row, config.get("base_url") or row.base_url, cache=cache
    )


def dollars(lookup: PriceLookup, model: str, **facts: Any) -> tuple[str, str] | None:
    cost = lookup.cost(PriceQuery(usage=USAGE, model=model, **facts))
    return (f"{cost.amount.usd.normalize():f}", cost.source.split()[0]) if cost else None


def listed(model: str, **told: Any) -> ModelInfo:
    return ModelInfo(id=model, **told)


def test_ones_own_price_comes_first_and_the_published_one_last() -> None:
    model = "openai/gpt-oss-120b"
    live = listed(model, input_price="0.2", output_price="0.7")
    published = lookup("together")
    assert dollars(published, model) == ("0.75", "genai-prices")
    published.learn([live])
    assert dollars(published, model) == ("0.9", "Together")
    own = lookup("together", price=OWN, prices={model: Price.per_million(input=5, output=5)})
    own.learn([live])
    assert dollars(own, model) == ("10", "configuration")
    assert dollars(own, "another") == ("3", "configuration")


def test_the_model_that_answered_counts() -> None:
    """A deployment at Azure has any name; a router answers with what it chose."""
    azure = lookup("azure-openai", base_url="https://acme.openai.azure.com/openai/v1")
    assert dollars(azure, "my-deployment") is None
    assert dollars(azure, "my-deployment", answered_model="gpt-4o-2024-11-20") == ("12.5", "genai-prices")
    assert dollars(azure, "gpt-4o", answered_model="some-alias") == ("12.5", "genai-prices")
    by_deployment = lookup("azure-openai", prices={"my-deployment": OWN})
    assert dollars(by_deployment, "my-deployment", answered_model="gpt-4o-2024-11-20") == ("3", "configuration")


def test_partners_have_prices_of_their_own() -> None:
    model = "openai/gpt-oss-120b"
    router = lookup("huggingface")
    assert dollars(router, model) is None  # anyone may answer
    assert dollars(router, f"{model}:cheapest") is None
    assert dollars(router, f"{model}:groq") == ("0.9", "genai-prices")
    assert dollars(router, model, partner="groq") == ("0.9", "genai-prices")
    assert dollars(router, model, partner="cerebras") == dollars(router, f"{model}:cerebras")
    assert dollars(router, model, partner="nobody-knows") is None
    assert dollars(router, f"{model}:groq", partner="cerebras") == dollars(router, f"{model}:cerebras")
    router.learn(
        [
            listed(model),
            listed(f"{model}:groq", input_price="0.1", output_price="0.4"),
            listed(f"{model}:novita", input_price="0.3", output_price="0.3"),
        ]
    )
    assert dollars(router, f"{model}:groq") == ("0.5", "Hugging")
    assert dollars(router, model, partner="novita", answered_model="other/name") == ("0.6", "Hugging")
    assert dollars(router, model) is None
    proxy = lookup("huggingface", base_url="http://127.0.0.1:9/v1")
    proxy.learn([listed(model), listed(f"{model}:novita", input_price="0.3", output_price="0.3")])
    assert dollars(proxy, model, partner="novita") == ("0.6", "Hugging"), "its list tells by partner wherever it stands"
    assert dollars(proxy, model, partner="groq") is None, "nobody published prices of that address"


def test_a_list_is_believed_that_something_is_free_only_when_it_says_so() -> None:
    """Together writes zeros for what it bills by the hour."""
    together = lookup("together")
    together.learn(
        [
            listed("x", input_price="0", output_price="0"),
            listed("y", input_price="0", output_price="0", raw={"is_free": True}),
        ]
    )
    assert dollars(together, "x") is None
    assert dollars(together, "y") == ("0", "Together")


def test_a_live_price_has_a_date_and_a_rate_for_the_cache() -> None:
    groq = lookup("groq")
    groq.learn([listed("m", input_price="0.15", output_price="0.6", cache_read_price="0.075")])
    price = groq.price("m")
    assert price is not None
    assert price.rates.cache_read == 75_000_000
    assert price.as_of is not None
    assert price.as_of.startswith("20")


@pytest.mark.parametrize(
    ("base_url", "price_id", "cost"),
    [
        ("https://api.openai.com/v1", None, ("12.5", "genai-prices")),
        ("https://proxy.example/v1", None, None),
        ("http://127.0.0.1:8000/v1", None, None),
        ("https://proxy.example/v1", "openai", ("12.5", "genai-prices")),
    ],
)
def test_the_address_tells_whose_prices_apply(
    base_url: str, price_id: str | None, cost: tuple[str, str] | None
) -> None:
    """A server of one's own may serve any model under the name of a dear one."""
    assert dollars(lookup("openai", base_url=base_url, price_id=price_id), "gpt-4o") == cost


def test_another_provider_of_the_same_form_is_known_by_its_address() -> None:
    deepseek = lookup("openai", base_url="https://api.deepseek.com/v1")
    assert dollars(deepseek, "deepseek-chat") is not None
    assert dollars(deepseek, "gpt-4o") is None


def test_what_runs_here_is_free_and_a_price_of_ones_own_still_counts() -> None:
    assert dollars(lookup("ollama"), "llama3.2") == ("0", "local")
    assert dollars(lookup("ollama", base_url="https://ollama.com"), "gpt-oss:120b") is None
    assert dollars(lookup("ollama", price=OWN), "llama3.2") == ("3", "configuration")
    assert lookup("ollama").cost(PriceQuery(usage=Usage(), model="llama3.2")) is not None


@pytest.mark.parametrize(
    ("provider", "config", "model", "needed"),
    [
        ("openai", {}, "gpt-4o", True),
        ("openai", {"price": OWN}, "gpt-4o", False),
        ("openai", {"prices": {"gpt-4o": OWN}}, "gpt-4o", False),
        ("openai", {"prices": {"gpt-4o": OWN}}, "gpt-5", True),
        ("openai", {"base_url": "http://127.0.0.1:8000/v1"}, "gpt-4o", False),
        ("openai", {"base_url": "http://llm.internal/v1"}, "gpt-4o", False),
        ("ollama", {}, "llama3.2", False),
        ("ollama", {"base_url": "https://ollama.com"}, "gpt-oss:120b", False),
        ("replicate", {}, "meta/meta-llama-3-70b-instruct", False),
        ("huggingface", {}, "openai/gpt-oss-120b", True),
    ],
)
async def test_published_prices_are_loaded_only_where_they_are_needed(
    provider: str, config: dict[str, Any], model: str, needed: bool
) -> None:
    cache = CountingCache()
    prices = lookup(provider, cache=cache, **config)
    assert cache.loads == 0
    prices.begin(model)
    await prices.ready(model)
    prices.load(model)
    assert (cache.loads == 1) is needed
    assert cache.loaded is needed


def test_before_they_are_loaded_the_cost_is_unknown() -> None:
    prices = lookup("openai", cache=CountingCache())
    assert dollars(prices, "gpt-4o") is None
    prices.load("gpt-4o")
    assert dollars(prices, "gpt-4o") == ("12.5", "genai-prices")


def test_the_tier_at_which_a_call_was_served_has_its_price() -> None:
    openai = lookup("openai")
    usual, flex = dollars(openai, "gpt-5-mini"), dollars(openai, "gpt-5-mini", service_tier="flex")
    assert usual == ("2.25", "genai-prices")
    assert flex == ("1.125", "genai-prices")


def test_what_is_known_of_a_model() -> None:
    openai = lookup("openai")
    assert openai.known("no-such-model") is None
    published = openai.known("gpt-4o")
    assert published is not None
    assert published.context_window == 128_000
    openai.learn([listed("gpt-4o", owned_by="openai"), listed("mine", context_window=7)])
    told = openai.known("gpt-4o")
    assert told is not None
    assert (told.owned_by, told.context_window) == ("openai", 128_000)
    mine = openai.known("mine")
    assert mine is not None
    assert mine.context_window == 7
    assert lookup("openai", cache=CountingCache()).known("gpt-4o") is None


def test_an_estimate_stays_one() -> None:
    cost = lookup("openai", price=OWN).cost(PriceQuery(usage=USAGE, model="m", estimated=True))
    assert cost is not None
    assert cost.estimated
    assert cost.amount == Money(3 * 10**9)


def test_a_call_bound_to_a_place_is_dearer_by_what_no_list_tells() -> None:
    bound = PriceQuery(usage=USAGE, model="claude-haiku-4-5", region="us")
    assert lookup("anthropic").cost(bound) is None
    assert lookup("anthropic").cost(PriceQuery(usage=USAGE, model="claude-haiku-4-5")) is not None
    assert lookup("anthropic", price=OWN).cost(bound) is not None, "a price of one's own knows"
