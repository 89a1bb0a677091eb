"""What tokens cost: rates by class, tiers by the length of the prompt, and the sum for one answer.

Rates are nano-USD per million tokens, so that every published price is a whole number and a cost is rounded once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from understudy.domain.money import Cost, Money
from understudy.domain.usage import Usage

if TYPE_CHECKING:
    from decimal import Decimal

PER = 1_000_000
"""Tokens that a rate is for."""


class Rates(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Nano-USD per million tokens of each class of `Usage`, and per call.

    A class without a rate of its own is billed at that of the class which it is a part of: what was read from or
    written to a cache and audio of the prompt as `input`, reasoning and audio of the answer as `output`. When that is
    unknown too, so is the cost.
    """

    input: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    cache_write_1h: int | None = None
    output: int | None = None
    reasoning: int | None = None
    audio_input: int | None = None
    audio_output: int | None = None
    call: int = 0
    """Nano-USD for the call itself."""


class Tier(msgspec.Struct, frozen=True):
    """Rates of prompts of more than `above` tokens; they apply to the whole call."""

    above: int
    rates: Rates


_PARENTS = {
    "input": ("input",),
    "cache_read": ("cache_read", "input"),
    "cache_write": ("cache_write", "input"),
    "cache_write_1h": ("cache_write_1h", "cache_write", "input"),
    "audio_input": ("audio_input", "input"),
    "output": ("output",),
    "reasoning": ("reasoning", "output"),
    "audio_output": ("audio_output", "output"),
}
"""Class of usage: the rates that may apply, the first that is known counts."""


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """What a model costs at a provider, and who says so."""

    rates: Rates
    tiers: tuple[Tier, ...] = ()
    """By rising `above`."""
    source: str
    """Where the price comes from: `configuration`, `genai-prices`, the provider's own list, `local`."""
    as_of: str | None = None
    """ISO date of the price, where its source gives one."""

    def rates_for(self, usage: Usage) -> Rates:
        """Return the rates of the tier that the whole prompt falls into."""
        prompt = usage.input_total or 0
        fitting = [tier.rates for tier in self.tiers if prompt > tier.above]
        return fitting[-1] if fitting else self.rates

    def cost(self, usage: Usage) -> Cost | None:
        """Return what this usage costs, rounded half to even to the nano-USD once.

        `None` when nothing is known of the usage, or a class of it has no rate; what is free costs 0 all the same.
        """
        if self.rates == _NOTHING and not self.tiers:
            return Cost(amount=Money(0), source=self.source, as_of=self.as_of)
        if usage.total is None:
            return None
        rates = self.rates_for(usage)
        sum_of = 0
        for name, choices in _PARENTS.items():
            if tokens := getattr(usage, name):
                rate = next((found for choice in choices if (found := getattr(rates, choice)) is not None), None)
                if rate is None:
                    return None
                sum_of += tokens * rate
        return Cost(amount=Money(_rounded(sum_of) + rates.call), source=self.source, as_of=self.as_of)


_NOTHING = Rates(input=0, output=0)

FREE = Price(rates=_NOTHING, source="local")
"""What runs on the user's own machine."""


def rate_of(dollars: Decimal | str) -> int:
    """Return a rate of a price in US dollars per million tokens. Raises `ValueError` when it is none."""
    from decimal import Decimal

    amount = Decimal(dollars)
    if not amount.is_finite() or amount < 0:
        raise ValueError(f"{dollars} is no price")
    return int((amount * 1_000_000_000).to_integral_value())


def _rounded(sum_of: int) -> int:
    """Divide by `PER`, half to even."""
    whole, rest = divmod(sum_of, PER)
    if rest * 2 > PER or (rest * 2 == PER and whole % 2):
        whole += 1
    return whole
