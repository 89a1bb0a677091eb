"""Requests with an `Idempotency-Key`: one that is repeated gets the answer of the first, byte for byte, for a day.

A caller whose connection broke does not know whether its request was answered, and to ask once more would cost once
more. So a request with a key is answered to its end even if its caller has left, and its answer is kept; what failed,
or was refused, is not, and is tried anew. The file or database in which answers are kept is used in a thread of its
own, and only for such requests.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
import secrets
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import msgspec

from understudy.dialects.server import BadRequest
from understudy.domain.failures import Failure, FailureKind
from understudy.ledger.holds import LedgerUnavailable
from understudy.ledger.replays import LEASE, KeptAnswer, Replays, Scope, ScopeState

if TYPE_CHECKING:
    from understudy.gateway.connection import Connection
    from understudy.gateway.exchange import Outlet
    from understudy.gateway.recording import Notes
    from understudy.wire.http import Headers

log = logging.getLogger("understudy.gateway")

HEADER = "idempotency-key"
REPLAYED = "idempotent-replayed"
"""The header of an answer that was given before."""
AGAIN = 1
"""Seconds after which a caller may ask again for an answer that is under way."""
_NAME = re.compile(r"[\x20-\x7e]{1,255}")
_OWN = "x-understudy-"
T = TypeVar("T")


class Named(msgspec.Struct, frozen=True):
    """What a request is known by."""

    scope: bytes
    """The digest of whose it is, its route and its key."""
    request: bytes
    """The digest of what it asks for."""


def name_of(connection: Connection, caller: str, route: str, body: bytes) -> Named:
    """Return by what a request with a key is known: two keys of the gateway share nothing, and neither do two routes.

    Raise `BadRequest` if its `Idempotency-Key` is invalid.
    """
    key = connection.headers[HEADER].strip()
    if not _NAME.fullmatch(key):
        message = "Idempotency-Key must be 1 to 255 characters of printable ASCII"
        raise BadRequest(Failure(kind=FailureKind.INVALID_REQUEST, message=message, status=400, sent=False))
    own = sorted((name, value) for name, value in connection.headers.items() if name.startswith(_OWN))
    return Named(_digest(caller, route, key), _digest(connection.url, own, _canonical(body)))


def _canonical(body: bytes) -> object:
    """Return JSON without the order of its members and its blanks; anything else as it is."""
    try:
        return msgspec.json.decode(body)
    except (ValueError, RecursionError):
        return body


def _digest(*parts: object) -> bytes:
    return hashlib.sha256(msgspec.json.encode(parts, order="sorted")).digest()


class Record:
    """What is sent to a caller, who may leave meanwhile. Its end waits until the answer is kept."""

    def __init__(self, outlet: Outlet, largest: int) -> None:
        self.status = 0
        self.is_whole = False
        self.is_over = False
        """Whether what is sent passes without being recorded, because it is an error."""
        self._outlet = outlet
        self._largest = largest
        self._headers: Headers = ()
        self._pieces: list[bytes] = []
        self._size = 0
        self._last: Callable[[], Awaitable[None]] | None = None
        """Sends the end."""

    async def start(self, status: int, headers: Headers, data: bytes = b"") -> None:
        """Send the beginning."""
        self.status, self._headers = status, headers
        self._add(data)
        await self._sent(self._outlet.start(status, headers, data))

    def write_now(self, data: bytes) -> bool:
        """Send nothing: `write` does, and notes who has left."""
        return False

    async def write(self, data: bytes) -> None:
        """Send a part."""
        self._add(data)
        await self._sent(self._outlet.write(data))

    async def end(self, data: bytes = b"") -> None:
        """Keep back the end."""
        self._add(data)
        await self._ended(partial(self._outlet.end, data))

    async def reply(self, status: int, headers: Headers, body: bytes) -> None:
        """Keep back a whole answer."""
        self.status, self._headers = status, (*headers, ("content-length", str(len(body))))
        self._add(body)
        await self._ended(partial(self._outlet.reply, status, headers, body))

    async def _ended(self, last: Callable[[], Awaitable[None]]) -> None:
        if self.is_over:
            await self._sent(last())
        else:
            self.is_whole, self._last = True, last

    def _add(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size <= self._largest:
            self._pieces.append(piece)
        else:
            self._pieces.clear()

    def answer(self) -> KeptAnswer | None:
        """Return the answer; `None` if it is too large."""
        if self._size > self._largest:
            return None
        return KeptAnswer(self.status, self._headers, b"".join(self._pieces))

    async def finish(self) -> None:
        """Send the end."""
        if self._last is not None:
            await self._sent(self._last())

    async def _sent(self, sending: Awaitable[None]) -> None:
        with suppress(OSError):  # the caller has left
            await sending


Answer = Callable[[], Awaitable[None]]
"""Answers a request, whatever it asks for."""


class Repeats:
    """What one process answers once."""

    def __init__(self, store: Replays) -> None:
        self._store = store
        self._owner = secrets.randbits(62)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="understudy-replays")
        self._held = 0
        self._renewing: asyncio.Task[None] | None = None

    def close(self) -> None:
        """Close the file or the connection, which the next use opens again."""
        self._thread.submit(self._store.close).result()

    async def serve(self, named: Named, connection: Connection, notes: Notes, answer: Answer) -> None:
        """Answer a request, or replay its answer. Raise `BadRequest` if neither may be, and what `answer` raises."""
        try:
            found = await self._asked(self._store.begin, named.scope, named.request, self._owner)
        except LedgerUnavailable as error:
            log.error("a request with an Idempotency-Key is refused, because answers cannot be kept: %s", error)
            raise _unavailable() from error
        if found.state is ScopeState.NEW:
            await self._first(named, connection, notes, answer)
        elif found.answer is None:
            raise _refused(found)
        else:
            notes.answered = True
            await connection.replay(found.answer, (REPLAYED, "true"))

    async def _first(self, named: Named, connection: Connection, notes: Notes, answer: Answer) -> None:
        """Answer a request, and keep the answer before its last byte is sent."""
        record = connection.outlive(partial(Record, largest=self._store.largest))
        self._hold()
        try:
            await answer()
        except BaseException:
            record.is_over = True
            await asyncio.shield(self._end(named, None))
            raise
        else:
            is_good = record.is_whole and record.status < 300 and notes.failure is None
            await asyncio.shield(self._end(named, record if is_good else None))
            await record.finish()
        finally:
            self._held -= 1

    async def _end(self, named: Named, record: Record | None) -> None:
        """Keep an answer, or forget a request that got none."""
        try:
            if record is None:
                await self._asked(self._store.release, named.scope, self._owner)
            else:
                await self._asked(self._store.keep, named.scope, self._owner, record.answer())
        except LedgerUnavailable as error:
            log.error("an answer could not be kept, and counts as under way for %d s: %s", LEASE, error)

    def _hold(self) -> None:
        self._held += 1
        if self._renewing is None or self._renewing.done():
            self._renewing = asyncio.get_running_loop().create_task(self._renew())

    async def _renew(self) -> None:
        """Extend the lease of what is held, as long as anything is."""
        while True:
            await asyncio.sleep(LEASE / 3)
            if not self._held:
                return
            try:
                await self._asked(self._store.renew, self._owner)
            except LedgerUnavailable as error:
                log.error("the lease of requests with an Idempotency-Key was not extended: %s", error)

    def _asked(self, function: Callable[..., T], *given: object) -> Awaitable[T]:
        return asyncio.get_running_loop().run_in_executor(self._thread, function, *given)


def _refused(found: Scope) -> BadRequest:
    """Return why a request that was sent before is neither answered nor replayed."""
    wait: int | None
    match found.state:
        case ScopeState.UNDER_WAY:
            message = "a request with this Idempotency-Key is being answered: send it again later"
            kind, status, wait = FailureKind.CONFLICT, 409, AGAIN
        case ScopeState.OTHER:
            message = "this Idempotency-Key was used for another request: use another key for each"
            kind, status, wait = FailureKind.INVALID_REQUEST, 422, None
        case _:
            message = "the request with this Idempotency-Key was answered, and its answer was too large to be kept"
            kind, status, wait = FailureKind.INVALID_REQUEST, 409, None
    code = f"idempotency_{'in_progress' if wait else 'key_reused' if status == 422 else 'answer_not_kept'}"
    return BadRequest(Failure(kind=kind, message=message, status=status, code=code, retry_after=wait, sent=False))


def _unavailable() -> BadRequest:
    message = "the gateway cannot keep answers at the moment, which an Idempotency-Key needs"
    kind = FailureKind.OVERLOADED
    return BadRequest(
        Failure(kind=kind, message=message, status=503, code="ledger_unavailable", retry_after=AGAIN, sent=False)
    )
