"""Reservations on their way through the writer's thread, and their results on the way back to the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from understudy.domain.attempts import AttemptStart
from understudy.ledger.holds import Claim, LedgerUnavailable, Shortage


class Reservation:
    """One attempt that waits for its claims. Made on the event loop, carried out by the writer's thread."""

    __slots__ = ("claims", "durable", "error", "future", "is_over", "left", "loop", "shortage", "start")

    def __init__(self, start: AttemptStart, claims: Sequence[Claim], *, durable: bool) -> None:
        self.start = start
        self.claims = claims
        self.durable = durable
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Shortage | None] = self.loop.create_future()
        self.shortage: Shortage | None = None
        self.left: list[int] = []
        """What is left below the ceiling of each claim, once all are held."""
        self.error: Exception | None = None
        self.is_over = False
        """Whether it has failed: it must not be carried out any more."""

    @property
    def is_granted(self) -> bool:
        """Whether its claims are held, as far as is known."""
        return self.error is None and self.shortage is None

    def fail(self, error: Exception) -> None:
        """Give it up."""
        self.error = LedgerUnavailable(f"the ledger cannot be written, so nothing may be spent: {error}")
        self.is_over = True


def deliver(reservations: Iterable[Reservation]) -> None:
    """Wake those who wait: once for each event loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[Reservation]] = {}
    for each in reservations:
        by_loop.setdefault(each.loop, []).append(each)
    for loop, ready in by_loop.items():
        try:
            loop.call_soon_threadsafe(_wake, ready)
        except RuntimeError:
            continue  # the loop is closed: the lease of the process ends the hold


def _wake(ready: list[Reservation]) -> None:
    for each in ready:
        if each.future.done():
            continue
        if each.error is not None:
            each.future.set_exception(each.error)
        else:
            each.future.set_result(each.shortage)
