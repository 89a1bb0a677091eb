"""What every ledger does that outlives its process, whether it is a file or a database."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Protocol, Self

from understudy.domain.attempts import AttemptRecord, AttemptStart
from understudy.domain.capture import Capture
from understudy.ledger.captures import CapturedDocument, CapturedTexts
from understudy.ledger.entries import LedgerEntry
from understudy.ledger.holds import Balance, Unit
from understudy.ledger.pages import Answer, DailyUsage, Ending, RequestPage, SessionPage, SessionSums
from understudy.ledger.selection import By, LedgerSelection
from understudy.ledger.sql import ALL
from understudy.ledger.sums import UsageSums


class LastingLedger(Protocol):
    """Keeps attempts where they outlive the process, and where other processes may keep theirs."""

    @property
    def capture(self) -> Capture | None:
        """Which prompts and answers are kept; a manager that is made later asks for it."""
        ...

    @capture.setter
    def capture(self, capture: Capture | None) -> None: ...

    @property
    def unwritable(self) -> Exception | str | None:
        """Why nothing can be kept at the moment; `None` if it can. Entries wait meanwhile."""
        ...

    def keep_captured(self, captured: CapturedDocument) -> None:
        """Keep a prompt and an answer. Must not block."""
        ...

    def begin(self, start: AttemptStart) -> None:
        """Keep an attempt that is about to be sent. Must not block."""
        ...

    def record(self, attempt: AttemptRecord) -> None:
        """Keep how an attempt ended. Must not block."""
        ...

    def flush(self, seconds: float = 5.0) -> None:
        """Wait until everything so far is kept. Raise `TimeoutError`, and the storage's error if it cannot be."""
        ...

    def close(self) -> None:
        """Keep what is left, and close. Block for some seconds at most."""
        ...


class LedgerQueries(Protocol):
    """Answers what is kept; `LedgerReader` states what its methods return. They block."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        ...

    def usage(self, by: By, selection: LedgerSelection = ALL) -> dict[str, UsageSums]:
        """Return the sums of the selected entries that have ended, by day or by what they belong to."""
        ...

    def entries(
        self, selection: LedgerSelection = ALL, *, before: str | None = None, limit: int = 50
    ) -> list[LedgerEntry]:
        """Return the newest selected entries."""
        ...

    def requests(
        self, selection: LedgerSelection = ALL, *, before: str | None = None, limit: int = 50
    ) -> list[list[LedgerEntry]]:
        """Return the newest requests of which an attempt is selected."""
        ...

    def request_page(
        self, selection: LedgerSelection = ALL, *, before: str | None = None, limit: int = 50
    ) -> RequestPage:
        """Return the same, and where the next page begins."""
        ...

    def session_page(
        self, selection: LedgerSelection = ALL, *, before: str | None = None, limit: int = 50
    ) -> SessionPage:
        """Return the sessions of which an attempt is selected."""
        ...

    def session_sums(self, sessions: Sequence[str]) -> dict[str, SessionSums]:
        """Return what sessions came to."""
        ...

    def answers(self, sessions: Sequence[str], limit: int = 2_000) -> dict[str, list[Answer]]:
        """Return the newest successful attempts of each session."""
        ...

    def endings(self, selection: LedgerSelection = ALL, limit: int = 30_000) -> list[Ending]:
        """Return how the newest selected attempts ended."""
        ...

    def daily(self, by: By, selection: LedgerSelection = ALL, *, limit: int = 8, prefix: str = "") -> DailyUsage:
        """Return the sums of each whole day in a span, by what they belong to."""
        ...

    def request(self, request_id: str) -> list[LedgerEntry]:
        """Return the attempts of one request."""
        ...

    def captured(self, attempt_ids: Sequence[str]) -> dict[str, CapturedTexts]:
        """Return the prompts and answers of attempts, as far as they were kept."""
        ...

    def balances(self, keys: Sequence[tuple[str, str, Unit, int]]) -> list[Balance]:
        """Return balances by `(budget, subject, unit, start)`; empty ones for those that nothing was claimed of."""
        ...

    def all_balances(self) -> list[Balance]:
        """Return all balances of which something was ever claimed."""
        ...

    def largest_balances(self, periods: Sequence[tuple[str, int]], limit: int) -> list[Balance]:
        """Return, of each budget and the start of one of its periods, the balances of which the most is taken."""
        ...

    def ids(self, prefix: str, limit: int = 2) -> list[str]:
        """Return the newest ids of requests that begin so."""
        ...
