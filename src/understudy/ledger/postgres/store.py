"""The ledger of several machines: every attempt in one database."""

from __future__ import annotations

import asyncio
import atexit
import secrets
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from understudy.domain.attempts import AttemptRecord, AttemptStart
from understudy.domain.capture import Capture
from understudy.domain.errors import ConfigError
from understudy.ledger.captures import CapturedDocument
from understudy.ledger.holds import Balance, Claim, Shortage, Unit
from understudy.ledger.postgres.connecting import cannot, driver, why
from understudy.ledger.postgres.link import Link
from understudy.ledger.postgres.reading import read_balances
from understudy.ledger.postgres.transaction import LEASE
from understudy.ledger.postgres.writer import Writer
from understudy.ledger.reserving import Reservation
from understudy.ledger.spool import Spool

CLOSING = 5.0
"""Seconds that closing waits for what is not written yet."""


class PostgresLedger:
    """Keeps attempts in PostgreSQL. An attempt is there from its beginning, so a crash leaves it as `unknown`.

    Every commit is on the server's disk before it counts (`synchronous_commit = on`, or stricter). While the server is
    away, entries wait in memory, or in a spool, which lasts.
    """

    def __init__(  # noqa: PLR0913 - settings, each by its name
        self,
        url: str,
        *,
        spool: Path | None = None,
        keep_days: int | None = None,
        capture: Capture | None = None,
        must_keep: bool = False,
        lease: float = LEASE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Connect, and create the tables if they are missing. Raise `ConfigError` if that fails.

        `spool`: a folder on a local disk, for entries while the server is away; with one, the server may be away from
        the beginning. `keep_days`: entries that began longer ago are removed bit by bit while others are written.
        `capture`: which prompts and answers are kept, too; unset, none are. They do not go to the spool.
        `must_keep`: no attempt is sent before its beginning is in the database.
        `lease`: seconds after which this process's open entries are `unknown` if it is not heard of;
        `clock`: seconds, to renew it in time.
        """
        driver()
        self._url = url
        self.must_keep = must_keep
        owner = secrets.randbits(62)
        self._writer = Writer(
            Link(url),
            owner,
            lease=lease,
            clock=clock,
            spool=None if spool is None else Spool(spool, owner),
            keep_days=keep_days,
        )
        self.capture = capture
        try:
            self._writer.opened.result()
        except Exception as error:
            if spool is None or isinstance(error, ConfigError):
                self._writer.close(0)
                raise error if isinstance(error, ConfigError) else cannot(url, why(error)) from error
        atexit.register(self.close)

    @property
    def capture(self) -> Capture | None:
        """Which prompts and answers are kept; a manager that is made later asks for it."""
        return self._capture

    @capture.setter
    def capture(self, capture: Capture | None) -> None:
        self._capture = capture
        self._writer.capture_days = capture.keep_days if capture is not None else None

    def keep_captured(self, captured: CapturedDocument) -> None:
        """Keep a prompt and an answer, which hold no secrets any more. While the server is away, omit them."""
        self._writer.keep(captured)

    @property
    def trouble(self) -> Exception | None:
        """Why nothing can be written at the moment; `None` if it can."""
        return self._writer.trouble

    @property
    def unwritable(self) -> Exception | None:
        """The same, as every ledger that lasts has it."""
        return self._writer.trouble

    def begin(self, start: AttemptStart) -> None:
        """Keep an attempt that is about to be sent."""
        self._writer.put(start)

    def record(self, attempt: AttemptRecord) -> None:
        """Keep how an attempt ended. A second end of the same attempt changes nothing."""
        self._writer.put(attempt)

    async def reserve(
        self, start: AttemptStart, claims: Sequence[Claim], *, durable: bool, left: list[int] | None = None
    ) -> Shortage | None:
        """Hold all claims of an attempt and keep its beginning, or do nothing and return why; see `Holds`. Every
        commit is durable. Raise `LedgerUnavailable` while the server is away, with a spool too."""
        reservation = Reservation(start, claims, durable=durable)
        self._writer.reserve(reservation)
        shortage = await reservation.future
        if left is not None:
            left.extend(reservation.left)
        return shortage

    async def balances(self, keys: Sequence[tuple[str, str, Unit, int]]) -> list[Balance]:
        """Return balances as they are in the database; see `Holds`."""
        return await asyncio.to_thread(read_balances, self._url, keys)

    def flush(self, seconds: float = CLOSING) -> None:
        """Wait until everything so far is written. Raise `TimeoutError`, and the server's error if it cannot be."""
        self._writer.written().result(seconds)

    def close(self) -> None:
        """Write what is left, and disconnect."""
        atexit.unregister(self.close)
        self._writer.close(CLOSING)
