"""What tokens cost: rates by class, tiers by prompt length, and the sum for one answer.

Rates are nano-USD per million tokens, so that every published price is a whole number and a cost is rounded once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import repeat
from operator import add, and_, floordiv, mod, not_, sub
from typing import TYPE_CHECKING, TypedDict, Unpack, cast

import msgspec

from understudy.domain.money import Cost, Money
from understudy.domain.suggestions import shown
from understudy.domain.usage import Usage

if TYPE_CHECKING:
    from decimal import Decimal

PER = 1_000_000
"""Tokens that a rate is for."""
_HIGHEST = 10**9


class Rates(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Nano-USD per million tokens of each class of `Usage`, and per call.

    A class without its own rate is billed at the rate of the class that contains it: cache reads, cache writes and
    audio of the prompt as `input`, reasoning and audio of the answer as `output`. If that is unknown too, so is the
    cost.
    """

    input: int | None = None
    cache_read: int | None = None
    cache_read_audio: int | None = None
    cache_write: int | None = None
    cache_write_1h: int | None = None
    output: int | None = None
    reasoning: int | None = None
    audio_input: int | None = None
    audio_output: int | None = None
    call: int = 0
    """Nano-USD for the call itself."""


class Tier(msgspec.Struct, frozen=True):
    """Rates of calls whose prompt has more than `above` tokens, cached ones included. They apply to the whole call,
    including the answer and the tokens below the limit, and they are complete: nothing is inherited from other
    tiers."""

    above: int
    rates: Rates


_PARENTS = {
    "input": ("input",),
    "cache_read": ("cache_read", "input"),
    "cache_read_audio": ("cache_read_audio", "cache_read", "input"),
    "cache_write": ("cache_write", "input"),
    "cache_write_1h": ("cache_write_1h", "cache_write", "input"),
    "audio_input": ("audio_input", "input"),
    "output": ("output",),
    "reasoning": ("reasoning", "output"),
    "audio_output": ("audio_output", "output"),
}
"""The rates that may apply to each class of usage, in order of precedence."""
CLASSES = tuple(_PARENTS)
"""The classes of tokens that have rates."""


class Dollars(TypedDict, total=False):
    """Rates as in price lists: US dollars per million tokens, and per `call`. Strings and decimals are exact; floats
    are read to 15 digits, so that the result of arithmetic (`0.1 + 0.2`) is what was meant."""

    input: Decimal | str | float
    cache_read: Decimal | str | float
    cache_read_audio: Decimal | str | float
    cache_write: Decimal | str | float
    cache_write_1h: Decimal | str | float
    output: Decimal | str | float
    reasoning: Decimal | str | float
    audio_input: Decimal | str | float
    audio_output: Decimal | str | float
    call: Decimal | str | float


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """What a model costs at a provider, and the source of the price."""

    rates: Rates
    tiers: tuple[Tier, ...] = ()
    """By rising `above`."""
    source: str
    """Where the price comes from: `configuration`, `genai-prices`, the provider's own list, `local`."""
    as_of: str | None = None
    """ISO date of the price, if its source has one."""
    fees: Mapping[str, int] = {}
    """Nano-USD per call of each hosted tool, by the names in `Usage.tools`. A tool that is not among them has an
    unknown fee, so a call that used it has an unknown cost."""

    @classmethod
    def per_million(
        cls,
        *,
        tiers: Mapping[int, Dollars] | None = None,
        fees: Mapping[str, Decimal | str | float] | None = None,
        source: str = "configuration",
        as_of: str | None = None,
        **dollars: Unpack[Dollars],
    ) -> Price:
        """Return the price of US dollars per million tokens, and dollars per `call`, as in price lists.

        `tiers` maps a number of tokens to the rates for prompts longer than that, `fees` a hosted tool to dollars per
        call of it. Raise `ValueError` for invalid prices.
        """
        if (lowest := min(tiers or {}, default=0)) < 0:
            raise ValueError(f"a tier begins above {lowest} tokens: it must be 0 or more")
        base = _rates_of(dollars)
        further = tuple(
            Tier(above, Rates(**{**base, **_rates_of(rates)})) for above, rates in sorted((tiers or {}).items())
        )
        of_tools = {tool: rate_of(fee) for tool, fee in (fees or {}).items()}
        return cls(rates=Rates(**base), tiers=further, source=source, as_of=as_of, fees=of_tools)

    def rates_for(self, prompt: int) -> Rates:
        """Return the rates for a prompt of that many tokens."""
        matching = [tier.rates for tier in self.tiers if prompt > tier.above]
        return matching[-1] if matching else self.rates

    def cost(self, usage: Usage, *, estimated: bool = False) -> Cost | None:
        """Return what this usage costs, rounded half to even to the nano-USD once.

        Return `None` if the prompt's length is unknown, or a class of the usage has no rate, or a hosted tool no fee;
        if tokens cost nothing, the usage may be unknown. `estimated` states that the usage is, and so the cost.
        """
        fees = self._fees(usage.tools) if usage.tools else 0
        if fees is None:
            return None
        usage = usage.billed or usage
        prompt = usage.input_total
        rates = self.rates_for(prompt or 0) if self.tiers else self.rates
        sum_of, counted = 0, not _is_free(rates)
        if counted:
            if prompt is None:
                return None
            for name, choices in _PARENTS.items():
                if tokens := getattr(usage, name):
                    rate = _first_known(rates, choices)
                    if rate is None:
                        return None
                    sum_of += tokens * rate
        amount = Money(_rounded(sum_of) + rates.call + fees)
        return Cost(amount=amount, source=self.source, as_of=self.as_of, estimated=estimated and counted)

    def parts(self, usage: Usage) -> dict[str, int] | None:
        """Return what each class of tokens costs in nano-USD, and under `call` and `tools` what does not depend on
        tokens, together as much as `cost`; `None` where that is unknown."""
        cost, billed = self.cost(usage), usage.billed or usage
        if cost is None:
            return None
        rates, found, exact, counted = self.rates_for(billed.input_total or 0), dict[str, int](), 0, 0
        for name, choices in _PARENTS.items():
            if tokens := getattr(billed, name):
                exact += tokens * (_first_known(rates, choices) or 0)
                found[name] = _rounded(exact) - counted  # of the sum, which is rounded once
                counted += found[name]
        if rates.call:
            found["call"] = rates.call
        if usage.tools:
            found["tools"] = self._fees(usage.tools) or 0
        return found

    def _fees(self, calls: Mapping[str, int]) -> int | None:
        """Return the fees of calls of hosted tools; `None` if one of them is unknown."""
        known = [count * fee for tool, count in calls.items() if (fee := self.fees.get(tool)) is not None]
        return sum(known) if len(known) == len(calls) else None


class PriceQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What an attempt used, and what else its price may depend on."""

    usage: Usage
    model: str | None
    """The model asked for."""
    answered_model: str | None = None
    service_tier: str | None = None
    """The tier at which the provider reports to have served it: `flex`, `priority`, …"""
    speed: str | None = None
    region: str | None = None
    """The region to which the call was bound, which may cost more (Anthropic's `inference_geo`)."""
    partner: str | None = None
    """The partner that answered, if the provider forwards calls to others."""
    estimated: bool = False
    """Whether tokens of the usage were counted here."""

    @property
    def models(self) -> tuple[str, ...]:
        """The models whose price may apply, in order: the one that answered, then the one asked for."""
        names = dict.fromkeys(name for name in (self.answered_model, self.model) if name is not None)
        return tuple(names)


FREE = Price(rates=Rates(input=0, output=0), source="local")
"""The price of models on the user's own machine."""


def rate_of(dollars: Decimal | str | float) -> int:
    """Return the rate of a price in US dollars per million tokens, or the nano-USD of a fee in dollars.

    Raise `ValueError` for an invalid price: not a number, negative, absurd (above 10⁹ dollars), or finer than a
    nano-dollar, which no published price is.
    """
    from decimal import Decimal, InvalidOperation

    try:
        # Up to 15 digits a float is what was written; further digits come from binary arithmetic.
        amount = Decimal(f"{dollars:.15g}" if isinstance(dollars, float) else str(dollars))
    except InvalidOperation:
        raise ValueError(f"{shown(dollars)} is not a valid price") from None
    if not amount.is_finite() or not 0 <= amount <= _HIGHEST:
        raise ValueError(f"{dollars} is not a valid price")
    # Shifted as digits: arithmetic would round to the caller's decimal context.
    sign, digits, exponent = amount.as_tuple()
    rate = Decimal((sign, digits, int(exponent) + 9))
    if rate != int(rate):
        raise ValueError(f"{dollars} is finer than a nano-dollar")
    return int(rate)


def _is_free(rates: Rates) -> bool:
    """Check whether no class of tokens costs anything, so that a cost is known without a count."""
    if rates.input != 0 or rates.output != 0:
        return False
    return not any(getattr(rates, name) for name in _PARENTS)


def rate_in(rates: Rates, name: str) -> int | None:
    """Return the rate at which a class of tokens is billed; `None` if it is unknown."""
    return _first_known(rates, _PARENTS[name])


def rounded_all(sums: Iterable[int]) -> list[int]:
    """Divide sums of tokens times rates by `PER`, half to even as the cost of one answer is rounded, all at once."""
    doubled = list(map(add, sums, repeat(PER // 2)))
    rounded = list(map(floordiv, doubled, repeat(PER)))
    rests = list(map(mod, doubled, repeat(PER)))
    if 0 not in rests:
        return rounded
    return list(map(sub, rounded, map(and_, map(not_, rests), rounded)))  # halves were rounded up, some to odd numbers


def _first_known(rates: Rates, choices: tuple[str, ...]) -> int | None:
    for choice in choices:
        rate: int | None = getattr(rates, choice)
        if rate is not None:
            return rate
    return None


def _rates_of(dollars: Dollars) -> dict[str, int]:
    return {name: rate_of(value) for name, value in cast("Mapping[str, str]", dollars).items()}


def _rounded(sum_of: int) -> int:
    """Divide by `PER`, half to even."""
    whole, rest = divmod(sum_of, PER)
    if rest * 2 > PER or (rest * 2 == PER and whole % 2):
        whole += 1
    return whole
