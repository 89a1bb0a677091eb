"""What one request may cost, all its attempts together: `max_cost` of a call, of `[llm.fallback]` or of a route.

It is kept in memory, as a hard budget of which nobody else spends: what an attempt can cost is held before it is sent,
and what it did cost, or all that was held if that is not known, is spent when it has ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from understudy.domain.attempts import AttemptRecord
from understudy.domain.money import Money
from understudy.domain.prices import rate_of
from understudy.ledger.holds import Claim, Shortage
from understudy.ledger.memory_holds import MemoryHolds
from understudy.settings.budgets import Budget

if TYPE_CHECKING:
    from decimal import Decimal

MAX_COST = "max_cost"


def ceilings_of(
    called: int | None, configured: Decimal | float | str | None, shared: Ceiling | None = None
) -> tuple[Ceiling, ...]:
    """Return what holds for a request: `called` is what the call states, in nano-USD, `configured` what the
    configuration does, in US dollars, and `shared` is for this request and others together."""
    if called is None and configured is None and shared is None:
        return ()
    amounts = [] if called is None else [called]
    if configured is not None:
        amounts.append(rate_of(configured))
    own = (Ceiling(min(amounts)),) if amounts else ()
    return own if shared is None else (shared, *own)


class Ceiling:
    """The most that a request may cost; its attempts, batches and steps share it."""

    def __init__(self, nano_usd: int) -> None:
        """`nano_usd`: greater than 0."""
        # A target that does not fit leaves the others of the plan, which may be cheaper.
        self.budget = Budget(name=MAX_COST, max=Money(nano_usd).usd, period="total", on_exceeded="cheaper")
        self._holds = MemoryHolds()

    def take(self, attempt_id: str, claims: Sequence[Claim]) -> Shortage | None:
        """Hold what an attempt can cost, or do nothing and return why."""
        return self._holds.take(attempt_id, claims)

    def free(self, attempt_id: str) -> None:
        """Give back what is held for an attempt that is not made."""
        self._holds.free(attempt_id)

    def record(self, attempt: AttemptRecord) -> None:
        """Spend what an attempt has cost instead of what was held for it."""
        self._holds.record(attempt)
