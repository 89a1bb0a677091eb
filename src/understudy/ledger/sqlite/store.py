"""The ledger of this machine: every attempt in one file, which several processes may share."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from understudy.domain.attempts import AttemptRecord, AttemptStart
from understudy.domain.capture import Capture
from understudy.domain.errors import ConfigError
from understudy.ledger.captures import CapturedDocument
from understudy.ledger.holds import Balance, Claim, Shortage, Unit
from understudy.ledger.reserving import Reservation
from understudy.ledger.sqlite.following import OpenedFile
from understudy.ledger.sqlite.hazards import refuse_network
from understudy.ledger.sqlite.integrity import BackgroundCheck
from understudy.ledger.sqlite.reading import read_balances
from understudy.ledger.sqlite.reserve import RESERVE, Reserve
from understudy.ledger.sqlite.writer import Writer

logger = logging.getLogger("understudy")

CLOSING = 5.0
"""Seconds that closing waits for what is not written yet."""


class SqliteLedger:
    """Keeps attempts in a file. An attempt is there from its beginning, so a crash leaves it as `unknown`.

    A commit survives the end of the process, however it comes. A power cut may take back the commits of the last
    seconds: https://www.sqlite.org/pragma.html#pragma_synchronous
    """

    def __init__(  # noqa: PLR0913 - settings, each by its name
        self,
        path: Path,
        *,
        keep_days: int | None = None,
        capture: Capture | None = None,
        must_keep: bool = False,
        reserve_bytes: int = RESERVE,
        allow_network_filesystem: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Open the file, or make it. Raise `ConfigError` if that fails, or if it is on a network file system.

        `keep_days`: entries that began longer ago are removed bit by bit while others are written. `capture`: which
        prompts and answers are kept, too; unset, none are. `must_keep`: no attempt is sent before its beginning is on
        the disk. `reserve_bytes`: size of a file beside it, which is freed when the disk is full, so that the ends of
        attempts under way are kept; 0: none. `allow_network_filesystem`: whether it may be on one, because only this
        machine uses it and its locks and shared memory work. `clock`: Unix seconds, for leases.
        """
        self.path = path
        self.must_keep = must_keep
        if not allow_network_filesystem:
            refuse_network(path)
        self._opened = OpenedFile(path, self._trust)
        self._writer = Writer(self._opened, Reserve(path, reserve_bytes), keep_days=keep_days, clock=clock)
        self.capture = capture
        self.damage: str | None = None
        """What is damaged in the file, as far as it was checked: then nothing that a budget or limit concerns is
        admitted."""
        self._check: BackgroundCheck | None = None
        atexit.register(self.close)

    @property
    def capture(self) -> Capture | None:
        """Which prompts and answers are kept; a manager that is made later asks for it."""
        return self._capture

    @capture.setter
    def capture(self, capture: Capture | None) -> None:
        self._capture = capture
        self._writer.capture_days = capture.keep_days if capture is not None else None

    def check_in_background(self) -> None:
        """Check the file for damage in a thread. What it finds is logged, and in `damage`."""
        self._check = BackgroundCheck(self.path, self._distrust)

    def _distrust(self, damage: str) -> None:
        self.damage = damage
        self._writer.distrusts = True
        logger.error(
            "the ledger %s is damaged, and what a budget or limit concerns is refused: %s; stop all processes that use "
            "it, and put a copy in its place, or move it away",
            self.path,
            damage,
        )

    def _trust(self) -> None:
        """Begin with another file, which was put in the place of the one that was in use."""
        self.damage, self._writer.distrusts = None, False
        if self._check is not None:
            self._check.close()
        with contextlib.suppress(ConfigError):
            self.check_in_background()

    @property
    def notice(self) -> str | None:
        """What is to be known although the ledger works: that its file was deleted or replaced; `None` if nothing."""
        return self._opened.notice

    def keep_captured(self, captured: CapturedDocument) -> None:
        """Keep a prompt and an answer, which hold no secrets any more. While the file cannot be written, omit them."""
        self._writer.keep(captured)

    @property
    def unwritable(self) -> Exception | str | None:
        """Why nothing can be written at the moment; `None` if it can."""
        return self._writer.trouble or self.damage

    def begin(self, start: AttemptStart) -> None:
        """Keep an attempt that is about to be sent."""
        self._writer.put(start)

    async def reserve(
        self, start: AttemptStart, claims: Sequence[Claim], *, durable: bool, left: list[int] | None = None
    ) -> Shortage | None:
        """Hold all claims of an attempt and keep its beginning, or do nothing and return why; see `Holds`."""
        reservation = Reservation(start, claims, durable=durable)
        self._writer.reserve(reservation)
        shortage = await reservation.future
        if left is not None:
            left.extend(reservation.left)
        return shortage

    async def balances(self, keys: Sequence[tuple[str, str, Unit, int]]) -> list[Balance]:
        """Return balances as they are in the file; see `Holds`."""
        return await asyncio.to_thread(read_balances, self.path, keys)

    def record(self, attempt: AttemptRecord) -> None:
        """Keep how an attempt ended, and settle what it holds. A second end of the same attempt changes nothing."""
        self._writer.put(attempt)

    def flush(self, seconds: float = CLOSING) -> None:
        """Wait until everything so far is written. Raise `TimeoutError`, and `sqlite3.Error` if it cannot be."""
        self._writer.written().result(seconds)

    def close(self) -> None:
        """Write what is left, and close the file."""
        atexit.unregister(self.close)
        if self._check is not None:
            self._check.close()
        self._writer.close(CLOSING)
