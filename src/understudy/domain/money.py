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

        # Written as text: arithmetic would round to the caller's decimal context.
        return Decimal(f"{self.nano_usd}E-9")

    def __add__(self, other: Money) -> Money:
        return Money(self.nano_usd + other.nano_usd)

    def __str__(self) -> str:
        return f"${self.usd:f}"


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What an answer cost, and on which price that rests.

    `source` says where the price comes from, `as_of` is that price's ISO date where the source gives one.
    """

    amount: Money
    source: str
    as_of: str | None = None
