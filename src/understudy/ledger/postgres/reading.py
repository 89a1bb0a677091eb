"""What a database of entries answers: the same questions as a file of them does, about all machines."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from understudy.domain.errors import ConfigError
from understudy.ledger import daily, questions
from understudy.ledger.accounts import Account, BalanceKey
from understudy.ledger.captures import CapturedTexts, captured_of
from understudy.ledger.entries import LedgerEntry
from understudy.ledger.holds import Balance, Unit
from understudy.ledger.pages import Answer, DailyUsage, Ending, RequestPage, SessionPage, SessionSums
from understudy.ledger.postgres import locking
from understudy.ledger.postgres.blocking import LoopThread
from understudy.ledger.postgres.changes import clean
from understudy.ledger.postgres.connecting import cannot, connect, driver, failures, place_of, why
from understudy.ledger.postgres.schema import exists
from understudy.ledger.questions import Asking
from understudy.ledger.rows import entry_of, id_of, text_of
from understudy.ledger.selection import By, LedgerSelection
from understudy.ledger.sql import ALL, Database
from understudy.ledger.sums import UsageSums

if TYPE_CHECKING:
    import asyncpg

T = TypeVar("T")

POSTGRES = Database(
    "$",
    "{} = ANY(tagged)",
    clean,
    least="decode(MIN(encode(id, 'hex')), 'hex')",
    by_tag="(SELECT {0}.*, unnest(tagged) AS tag FROM {0}) AS {0}",
    date="to_char(DATE '1970-01-01' + ({})::integer, 'YYYY-MM-DD')",
)
"""Its SQL."""


class PostgresReader:
    """Reads a ledger that others may be writing at the time. Its methods block, also on a running event loop."""

    def __init__(self, url: str) -> None:
        """Connect. Raise `ConfigError` if the server cannot be reached, or if it has no ledger."""
        driver()
        self._url = url
        self._thread = LoopThread("understudy-reader")
        try:
            self._connection = self._wait_for(self._open())
        except BaseException:
            self._thread.end()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Disconnect."""
        self._connection.terminate()
        self._thread.end()

    def usage(self, by: By, selection: LedgerSelection = ALL) -> dict[str, UsageSums]:
        """Return the sums of the selected entries that have ended, by day (`2026-11-29`) or by what they belong to.

        Entries without a value, such as those of no session, are not among the sums by it.
        """
        return self._answer(daily.usage(by, selection, POSTGRES))

    def entries(
        self, selection: LedgerSelection = ALL, *, before: str | None = None, limit: int = 50
    ) -> list[LedgerEntry]:
        """Return the newest selected entries, the newest first; `before`: only those older than that attempt."""

        return self._answer(questions.entries(selection, POSTGRES, before, limit))

    def requests(
        self, selection: LedgerSelection = ALL, *, before: str | None = None, limit: int = 50
    ) -> list[list[LedgerEntry]]:
        """Return the newest requests of which an attempt is selected, each with all its attempts in order.

        `before`: only requests whose selected attempts are older than that attempt.
        """
        found: list[list[LedgerEntry]] = []
        while len(found) < limit:
            page = self.request_page(selection, before=before, limit=limit - len(found))
            found += page.requests
            if (before := page.next) is None:
                break
        return found

    def request_page(
        self, selection: LedgerSelection = ALL, *, before: str | None = None, limit: int = 50
    ) -> RequestPage:
        """Return the same, and where the next page begins."""
        return self._answer(questions.request_page(selection, POSTGRES, before, limit))

    def session_page(
        self, selection: LedgerSelection = ALL, *, before: str | None = None, limit: int = 50
    ) -> SessionPage:
        """Return the sessions of which an attempt is selected, those with the newest one first."""
        return self._answer(questions.session_page(selection, POSTGRES, before, limit))

    def session_sums(self, sessions: Sequence[str]) -> dict[str, SessionSums]:
        """Return what sessions came to; those that are unknown are not among them."""
        return self._answer(questions.session_sums(sessions, POSTGRES))

    def answers(self, sessions: Sequence[str], limit: int = 2_000) -> dict[str, list[Answer]]:
        """Return the newest successful attempts of each session, the oldest of them first."""
        return self._answer(questions.answers(sessions, POSTGRES, limit))

    def endings(self, selection: LedgerSelection = ALL, limit: int = 30_000) -> list[Ending]:
        """Return how the newest selected attempts ended, the newest first."""
        return self._answer(questions.endings(selection, POSTGRES, limit))

    def daily(self, by: By, selection: LedgerSelection = ALL, *, limit: int = 8, prefix: str = "") -> DailyUsage:
        """Return the sums of each whole day in a span, by what they belong to.

        `limit`: of the dearest values. `prefix`: only values that begin so, such as `team=` of tags.
        """
        asking = daily.of_filters if selection.filters else daily.of_days
        return self._answer(asking(by, selection, POSTGRES, limit, prefix))

    def request(self, request_id: str) -> list[LedgerEntry]:
        """Return the attempts of one request, in order."""
        return self._entries(_ATTEMPTS, [[id_of(request_id)]])

    def ids(self, prefix: str, limit: int = 2) -> list[str]:
        """Return the newest ids of requests that begin so, at most `limit` of them."""
        digits = prefix.replace("-", "").lower()
        low, high = bytes.fromhex(digits.ljust(32, "0")), bytes.fromhex(digits.ljust(32, "f"))
        query = "SELECT DISTINCT request FROM entries WHERE request BETWEEN $1 AND $2 ORDER BY request DESC LIMIT $3"

        async def ids(connection: asyncpg.Connection) -> list[str]:
            return [text_of(row["request"]) for row in await connection.fetch(query, low, high, limit)]

        return self._ask(ids)

    def captured(self, attempt_ids: Sequence[str]) -> dict[str, CapturedTexts]:
        """Return the prompts and answers of attempts, as far as they were kept."""
        query, by_id = "SELECT attempt, document FROM captured WHERE attempt = ANY($1)", list(map(id_of, attempt_ids))

        async def captured(connection: asyncpg.Connection) -> dict[str, CapturedTexts]:
            rows = await connection.fetch(query, by_id)
            return {text_of(row["attempt"]): captured_of(row["document"]) for row in rows}

        return self._ask(captured)

    def balances(self, keys: Sequence[tuple[str, str, Unit, int]]) -> list[Balance]:
        """Return balances by `(budget, subject, unit, start)`; empty ones for those that nothing was claimed of."""
        wanted = [BalanceKey(clean(budget), clean(subject), unit.value, start) for budget, subject, unit, start in keys]
        found = self._ask(lambda connection: locking.read(connection, wanted)) if wanted else {}
        return [Account(*found.get(key, ())).balance(key) for key in wanted]

    def all_balances(self) -> list[Balance]:
        """Return all balances of which something was ever claimed, those of limits included."""
        return [Account(*each).balance(key) for key, each in self._ask(locking.read_all).items()]

    def largest_balances(self, periods: Sequence[tuple[str, int]], limit: int) -> list[Balance]:
        """Return, of each budget and the start of one of its periods, the balances of which the most is taken."""
        asked = [(clean(budget), start) for budget, start in periods]
        found = self._ask(lambda connection: locking.read_largest(connection, asked, limit)) if asked else {}
        return [Account(*each).balance(key) for key, each in found.items()]

    def _entries(self, query: str, values: Sequence[Any]) -> list[LedgerEntry]:
        async def entries(connection: asyncpg.Connection) -> list[LedgerEntry]:
            return [entry_of(dict(row)) for row in await connection.fetch(query, *values)]

        return self._ask(entries)

    def _ask(self, question: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
        """Return an answer for which all queries see the same state. Raise `ConfigError` if the server is away."""

        async def ask() -> T:
            async with self._connection.transaction(isolation="repeatable_read", readonly=True):
                return await question(self._connection)

        return self._wait_for(ask())

    def _answer(self, asking: Asking[T]) -> T:
        """Answer questions one after another."""

        async def answer(connection: asyncpg.Connection) -> T:
            try:
                query, values = next(asking)
                while True:
                    query, values = asking.send(await connection.fetch(query, *values))
            except StopIteration as end:
                found: T = end.value
                return found

        return self._ask(answer)

    async def _open(self) -> asyncpg.Connection:
        connection = await connect(self._url)
        try:
            if not await exists(connection):
                raise ConfigError(f"there is no ledger at {place_of(self._url)}\n  it is made by the first request")
        except BaseException:
            connection.terminate()
            raise
        return connection

    def _wait_for(self, work: Awaitable[T]) -> T:
        try:
            return self._thread.wait_for(work)
        except failures() as error:
            raise cannot(self._url, why(error)) from error


def trouble_of(url: str) -> str | None:
    """Return why a database cannot be read; `None` if it can, or if it has no ledger yet."""
    try:
        PostgresReader(url).close()
    except ConfigError as error:
        return str(error).partition("\n")[0] if isinstance(error.__cause__, failures()) else None
    return None


def read_balances(url: str, keys: Sequence[tuple[str, str, Unit, int]]) -> list[Balance]:
    """Return balances of a database."""
    with PostgresReader(url) as reader:
        return reader.balances(keys)


_ATTEMPTS = "SELECT * FROM entries WHERE request = ANY($1) ORDER BY id"
