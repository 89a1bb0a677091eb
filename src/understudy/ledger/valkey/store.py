"""Limits in a server that several processes and machines share; budgets stay in the ledger."""

from __future__ import annotations

import asyncio
import atexit
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

from understudy.domain.attempts import AttemptRecord, AttemptStart
from understudy.domain.capture import Capture
from understudy.ledger.accounts import BalanceKey
from understudy.ledger.captures import CapturedDocument
from understudy.ledger.holds import Balance, Claim, Shortage, Unit
from understudy.ledger.memory_holds import MemoryHolds
from understudy.ledger.sinks import LedgerSink
from understudy.ledger.valkey.commands import PREFIX
from understudy.ledger.valkey.limiter import LEASE, PATIENCE, Limiter
from understudy.ledger.valkey.link import CONNECTING

logger = logging.getLogger("understudy")

CLOSING = 2.0
"""Seconds that closing waits for what is not sent yet."""


class ValkeyLimits:
    """Keeps limits in Valkey, or in Redis 7 or later, and hands everything else to a ledger.

    While the server is away, slow or has lost its data, each process keeps its own share of the limits: that of all,
    divided by the number of processes. Nothing waits for the server longer than `patience`.
    """

    def __init__(  # noqa: PLR0913 - settings, each by its name
        self,
        url: str,
        ledger: LedgerSink | None = None,
        *,
        processes: int = 1,
        prefix: str = PREFIX,
        patience: float = PATIENCE,
        lease: float = LEASE,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Connect; after two seconds at most, go on without. Raise `ConfigError` if the URL is invalid or the package
        `redis` is missing.

        `url`: such as `redis://user:password@host:6379/0`; `rediss://` is encrypted. `ledger`: keeps attempts and, if
        it can, budgets; they are kept in memory otherwise. It is closed with this. `processes`: how many share the
        limits, as long as the server could not be asked, which counts them. `prefix`: of all keys. `patience`:
        seconds that a request waits for the server. `lease`: seconds after which what a killed process holds is free.
        `clock`: Unix seconds of this machine, which need not be right.
        """
        self._limiter = Limiter(url, processes=processes, prefix=prefix, patience=patience, lease=lease, clock=clock)
        self._limiter.tried.wait(CONNECTING)
        self._ledger: Any = ledger
        self._begin = getattr(ledger, "begin", None)
        self._keeps = hasattr(ledger, "reserve")
        self._memory = MemoryHolds()
        atexit.register(self.close)

    @property
    def processes(self) -> int:
        """How many processes share the limits, as far as is known."""
        return self._limiter.processes

    @property
    def trouble(self) -> str | None:
        """Why the server does not keep the limits at the moment; `None` if it does, or was not asked yet."""
        return self._limiter.trouble

    @property
    def damage(self) -> str | None:
        """What is damaged in the ledger's file, as far as it was checked."""
        found: str | None = getattr(self._ledger, "damage", None)
        return found

    @property
    def unwritable(self) -> Exception | str | None:
        """Why the ledger can keep nothing at the moment; `None` if it can. Raise `AttributeError` if there is none that
        knows."""
        found: Exception | str | None = self._ledger.unwritable
        return found

    @property
    def notice(self) -> str | None:
        """What is to be known of the ledger although it works."""
        found: str | None = getattr(self._ledger, "notice", None)
        return found

    @property
    def must_keep(self) -> bool:
        """Whether no attempt is sent before the ledger has kept its beginning."""
        return self._keeps and getattr(self._ledger, "must_keep", False)

    @property
    def capture(self) -> Capture | None:
        """Which prompts and answers the ledger keeps."""
        found: Capture | None = getattr(self._ledger, "capture", None)
        return found

    @capture.setter
    def capture(self, capture: Capture | None) -> None:
        if hasattr(self._ledger, "capture"):
            self._ledger.capture = capture

    def keep_captured(self, captured: CapturedDocument) -> None:
        """Keep a prompt and an answer, if the ledger can."""
        if hasattr(self._ledger, "keep_captured"):
            self._ledger.keep_captured(captured)

    def begin(self, start: AttemptStart) -> None:
        """Keep an attempt that is about to be sent, if the ledger keeps beginnings."""
        if self._begin is not None:
            self._begin(start)

    def record(self, attempt: AttemptRecord) -> None:
        """Settle what an attempt has held, and keep how it ended. A second end settles nothing more."""
        self._limiter.record(attempt)
        if not self._keeps:
            self._memory.record(attempt)
        if self._ledger is not None:
            self._ledger.record(attempt)

    async def reserve(
        self, start: AttemptStart, claims: Sequence[Claim], *, durable: bool, left: list[int] | None = None
    ) -> Shortage | None:
        """Hold all claims of an attempt and keep its beginning, or do nothing and return why; see `Holds`.

        Limits first: what they refuse is not in the ledger. Raise `LedgerUnavailable` if that cannot be written.
        """
        limits = [each for each in claims if each.unit is not Unit.MONEY]
        money = [each for each in claims if each.unit is Unit.MONEY]
        of_limits, of_money = list[int](), list[int]()
        if limits and (shortage := await self._limiter.reserve(start, limits, of_limits)) is not None:
            return shortage
        try:
            shortage = await self._spend(start, money, of_money, durable=durable)
        except BaseException:
            self._limiter.release(start.attempt_id)
            raise
        if shortage is not None:
            self._limiter.release(start.attempt_id)
        elif left is not None and (len(of_limits), len(of_money)) == (len(limits), len(money)):
            both = {True: iter(of_money), False: iter(of_limits)}
            left.extend(next(both[claim.unit is Unit.MONEY]) for claim in claims)
        return shortage

    async def _spend(
        self, start: AttemptStart, claims: list[Claim], left: list[int], *, durable: bool
    ) -> Shortage | None:
        if self._keeps and (claims or self.must_keep):
            found: Shortage | None = await self._ledger.reserve(start, claims, durable=durable, left=left)
            return found
        shortage = await self._memory.reserve(start, claims, durable=False, left=left) if claims else None
        if shortage is None:
            try:
                self.begin(start)
            except Exception:  # it must not cost the caller the answer
                logger.exception("the ledger failed to keep the beginning of attempt %s", start.attempt_id)
        return shortage

    async def balances(self, keys: Sequence[tuple[str, str, Unit, int]]) -> list[Balance]:
        """Return balances; of limits those of this process alone while the server is away."""
        limits = [BalanceKey(budget, subject, unit.value, start) for budget, subject, unit, start in keys]
        limits = [each for each in limits if each.unit != Unit.MONEY.value]
        found = dict(zip(limits, await asyncio.to_thread(self._limiter.read, limits), strict=True)) if limits else {}
        money = [each for each in keys if each[2] is Unit.MONEY]
        kept = iter(await (self._ledger if self._keeps else self._memory).balances(money) if money else ())
        balances: list[Balance] = []
        for budget, subject, unit, start in keys:
            if unit is Unit.MONEY:
                balances.append(next(kept))
            else:
                spent, reserved = found[BalanceKey(budget, subject, unit.value, start)]
                balances.append(
                    Balance(budget=budget, subject=subject, unit=unit, start=start, spent=spent, reserved=reserved)
                )
        return balances

    def limits_clock(self) -> float:
        """Return the time by which limits are counted, in Unix seconds: that of the server."""
        return self._limiter.now()

    def limited_alone(self, attempt_id: str) -> str | None:
        """Return why this process has granted the limits of an attempt by itself; `None` if it has not."""
        if not self._limiter.was_alone(attempt_id):
            return None
        return self._limiter.why_alone()

    def flush(self, seconds: float = CLOSING) -> None:
        """Wait until the ledger has kept everything so far; see `LastingLedger`."""
        if hasattr(self._ledger, "flush"):
            self._ledger.flush(seconds)

    def close(self) -> None:
        """Send what is left, disconnect, and close the ledger."""
        atexit.unregister(self.close)
        self._limiter.close(CLOSING)
        if hasattr(self._ledger, "close"):
            self._ledger.close()
