"""Reads `price` and `prices`: what models cost, in US dollars per million tokens, as in price lists."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from understudy.config.lines import KeyPath
from understudy.config.schema import PRICE, RATES, TIER
from understudy.config.tables import Context, read_table
from understudy.domain.prices import Price, Rates, Tier, rate_of

SOURCE = "configuration"


def read_price(context: Context, table: Mapping[str, Any], path: KeyPath) -> Price | None:
    """Return the price in a table; `None` if it has no rate, which is reported."""
    title = f'the price of "{path[-1]}"' if path[-2] == "prices" else "the price"
    context.report.unknown_keys(table, path, title, PRICE)
    values = read_table(context, table, path, PRICE)
    rates = _rates(context, values, path)
    if not values.keys() & RATES.keys():
        context.report.error(path, "the price has no rate", "for example: { input = 0.15, output = 0.6 }")
        return None
    if "call" in values and not values.keys() & (RATES.keys() - {"call"}):
        rates = {**rates, "input": 0, "output": 0}  # the call is all that costs
    elif "input" not in values and "input" not in table:
        context.report.error(path, 'the price has no "input"', "for example: input = 0.15, or 0 if it costs nothing")
    if "as_of" in values and not _is_date(values["as_of"]):
        context.report.error((*path, "as_of"), "as_of must be a date", f"for example: as_of = {PRICE['as_of'].example}")
    tiers = _tiers(context, values.get("tiers", []), rates, (*path, "tiers"))
    return Price(rates=Rates(**rates), tiers=tiers, source=SOURCE, as_of=values.get("as_of"))


def read_prices(context: Context, tables: Mapping[str, Any], path: KeyPath) -> dict[str, Price]:
    """Return the prices of individual models, by name."""
    prices: dict[str, Price] = {}
    for model, table in tables.items():
        here = (*path, model)
        if not isinstance(table, dict):
            what = f'the price of "{model}" must be a table'
            context.report.error(here, what, f'for example: "{model}" = {{ input = 0.15, output = 0.6 }}')
        elif price := read_price(context, table, here):
            prices[model] = price
    return prices


def _rates(context: Context, values: Mapping[str, Any], path: KeyPath) -> dict[str, int]:
    rates: dict[str, int] = {}
    for key in values.keys() & RATES.keys():
        try:
            rates[key] = rate_of(values[key])
        except ValueError as error:
            context.report.error((*path, key), str(error), f"for example: {key} = {RATES[key].example}")
    return rates


def _tiers(context: Context, tables: list[dict[str, Any]], base: Mapping[str, int], path: KeyPath) -> tuple[Tier, ...]:
    tiers: list[Tier] = []
    for index, table in enumerate(tables):
        here = (*path, index)
        context.report.unknown_keys(table, here, "a tier", TIER)
        values = read_table(context, table, here, TIER)
        if "above" not in table:
            what = 'the tier has no "above", the prompt length above which it applies'
            context.report.error(here, what, f"for example: above = {TIER['above'].example}")
        elif "above" in values:
            if any(tier.above == values["above"] for tier in tiers):
                context.report.error((*here, "above"), "another tier begins at the same length", "keep one of them")
            tiers.append(Tier(values["above"], Rates(**{**base, **_rates(context, values, here)})))
    return tuple(sorted(tiers, key=lambda tier: tier.above))


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
