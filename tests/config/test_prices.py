"""Prices of one's own, in the configuration."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from understudy.config import Config
from understudy.domain.prices import Price

ENTRY = '[[llm.providers]]\nprovider = "openai"\napi_key = "sk-x"\ntext_model = "m"\n'
"""Four lines; what a test adds stands on line 5."""


def test_a_price_is_read_exactly(read: Callable[..., Config]) -> None:
    (entry,) = read(
        f"{ENTRY}price = {{ input = 0.15, output = 0.60, cache_read = 0.075, as_of = '2026-11-22' }}"
    ).providers
    assert entry.price == Price.per_million(input="0.15", output="0.6", cache_read="0.075", as_of="2026-11-22")
    assert entry.price is not None
    assert entry.price.rates.input == 150_000_000
    assert entry.price.source == "configuration"


def test_every_rate_and_tiers_in_any_order(read: Callable[..., Config]) -> None:
    (entry,) = read(
        f"""{ENTRY}
[llm.providers.price]
input = 1
cache_read = 2
cache_write = 3
cache_write_1h = 4
output = 5
reasoning = 6
audio_input = 7
audio_output = 8
call = 0.009
tiers = [{{ above = 20, output = 50 }}, {{ above = 10, input = 11.5 }}]
"""
    ).providers
    assert entry.price == Price.per_million(
        input=1, cache_read=2, cache_write=3, cache_write_1h=4, output=5, reasoning=6, audio_input=7, audio_output=8,
        call="0.009", tiers={10: {"input": "11.5"}, 20: {"output": 50}},
    )  # fmt: skip


def test_single_models_have_prices_of_their_own(read: Callable[..., Config]) -> None:
    (entry,) = read(f'{ENTRY}prices.m = {{ input = 1, output = 2 }}\nprices."a/b:c" = {{ call = 0.5 }}').providers
    assert entry.prices == {
        "m": Price.per_million(input=1, output=2),
        "a/b:c": Price.per_million(input=0, output=0, call="0.5"),
    }
    assert entry.price is None


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ("price = 3", "price must be a table, not a whole number: price = 3"),
        ("price = {}", "the price has no rate"),
        ("price = { output = 1 }", 'the price has no "input"'),
        ("price = { input = -1 }", "input must be at least 0"),
        ("price = { input = '1' }", "input must be a number, not a string"),
        ("price = { input = nan }", "input must be a finite number"),
        ("price = { input = 1e-10 }", "1e-10 is finer than a nano-dollar"),
        ("price = { inptu = 1, output = 1 }", 'unknown key "inptu" in the price'),
        ("price = { input = 1, as_of = 'today' }", "as_of must be a date"),
        ("price = { input = 1, tiers = [{ input = 2 }] }", 'the tier has no "above"'),
        ("price = { input = 1, tiers = [{ above = 1.5 }] }", "above must be a whole number"),
        ("price = { input = 1, tiers = [{ above = 1, upto = 2 }] }", 'unknown key "upto" in a tier'),
        ("price = { input = 1, tiers = [{ above = 1 }, { above = 1 }] }", "another tier begins at the same length"),
        ("prices.m = 3", 'the price of "m" must be a table'),
        ("prices.m = { inptu = 1 }", 'unknown key "inptu" in the price of "m"'),
    ],
)
def test_a_wrong_price_is_told_with_its_line(fails: Callable[..., str], written: str, complaint: str) -> None:
    text = fails(f"{ENTRY}{written}")
    assert complaint in text
    assert "understudy.toml:5: " in text
