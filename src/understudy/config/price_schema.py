"""The keys of a price table."""

from __future__ import annotations

from collections.abc import Mapping

from understudy.config.rules import Rule


def _rate(example: str, meaning: str, unset: str) -> Rule:
    return Rule("number", example, meaning, unset, least=0, unit="dollars per million tokens")


RATES: Mapping[str, Rule] = {
    "input": _rate("0.15", "prompt tokens", "required, unless there is only a `call`"),
    "cache_read": _rate("0.075", "prompt tokens read from a cache", "as `input`"),
    "cache_write": _rate("0.1875", "prompt tokens written to a cache", "as `input`"),
    "cache_write_1h": _rate("0.3", "prompt tokens written to a cache for an hour", "as `cache_write`"),
    "output": _rate("0.6", "tokens of the answer", "the cost of answers is unknown; embeddings have none"),
    "reasoning": _rate("0.6", "tokens of thinking, where the provider counts them apart", "as `output`"),
    "audio_input": _rate("10", "audio tokens of the prompt", "as `input`"),
    "audio_output": _rate("20", "audio tokens of the answer", "as `output`"),
    "call": Rule("number", "0.005", "the call itself", "0", least=0, unit="dollars"),
}
"""The rates: the fields of `Rates`."""

TIER: Mapping[str, Rule] = {
    "above": Rule(
        "integer", "200000", "the rates of this tier apply to the whole call when its prompt is longer", least=0,
        unit="tokens",
    ),
    **RATES,
}  # fmt: skip
"""The keys of a tier; a rate that it does not name is that of the price itself."""

PRICE: Mapping[str, Rule] = {
    **RATES,
    "tiers": Rule("tables", "[{ above = 200000, input = 0.3, output = 0.9 }]", "other rates for long prompts", "none"),
    "as_of": Rule("text", '"2026-11-22"', "the date of the price, for your own account", "none"),
}
"""The keys of `price`, and of each table in `prices`."""
