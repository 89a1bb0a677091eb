"""Money as integer nano-USD (10⁻⁹ US dollar): exact sums, no floats. An unknown amount is `None`, never zero."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from decimal import Decimal


class Money(msgspec.Struct, frozen=True, order=True):
    """An amount in nano-USD."""

    nano_usd: int = 0

    @property
    def usd(self) -> Decimal:
        """The amount in US dollars, exact."""
        from decimal import Decimal

        # Written as a string: arithmetic would round to the caller's decimal context.
        return Decimal(f"{self.nano_usd}E-9")

    def __add__(self, other: Money) -> Money:
        return Money(self.nano_usd + other.nano_usd)

    def __str__(self) -> str:
        return f"${dollars(self.nano_usd)}"


def dollars(nano_usd: int) -> str:
    """Return an amount in US dollars as a decimal number, exact: with nine decimals."""
    whole, rest = divmod(abs(nano_usd), 1_000_000_000)
    return f"{'-' if nano_usd < 0 else ''}{whole}.{rest:09}"


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What an answer cost, and the source of the price.

    `as_of` is the ISO date of the source, if it has one. `estimated` costs are based on tokens that were counted here,
    because the provider did not report how many there were.
    """

    amount: Money
    source: str
    as_of: str | None = None
    estimated: bool = False

    def __add__(self, other: Cost) -> Cost:
        """Return the sum. Its source is that of both, or names both; its date the older one."""
        # A cost of zero does not contribute a source.
        billed = [cost for cost in (self, other) if cost.amount.nano_usd] or [other]
        sources = dict.fromkeys(source for cost in billed for source in cost.source.split(_AND))
        return Cost(
            amount=self.amount + other.amount,
            source=_AND.join(sources),
            as_of=min((cost.as_of for cost in billed if cost.as_of is not None), default=None),
            estimated=self.estimated or other.estimated,
        )


NOT_BILLED = Cost(amount=Money(0), source="not billed")
"""The cost of an attempt that never reached a provider, or was refused by it."""

_AND = " + "
