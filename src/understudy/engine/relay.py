"""One request that is handed on to a provider as it is, and its answer as it comes: what no dialect has a word for.

The entry's key, address, proxy and time limits apply as to any other request; nothing is retried, and nobody else is
asked. It ends as one record, whose cost is unknown unless somebody reads the answer as it passes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, Self
from urllib.parse import unquote_plus, urlsplit

import msgspec

from understudy.dialects.error_bodies import read_any
from understudy.dialects.errors import classify
from understudy.domain.attempts import AttemptRecord, AttemptStart, CostBasis, Outcome
from understudy.domain.errors import Misuse, error_of
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.money import NOT_BILLED
from understudy.domain.operation import Operation
from understudy.domain.prices import PriceQuery
from understudy.domain.usage import Usage
from understudy.domain.warnings import Warning  # noqa: A004 - the public name
from understudy.engine.attempt_stream import AttemptFailed
from understudy.engine.auth import NotSigned
from understudy.engine.observing import watch
from understudy.policy.verdicts import VERDICTS
from understudy.transport.base import Incoming, TransportError, Upload
from understudy.transport.bodies import decoded, read_beginning
from understudy.wire.bounds import MIB
from understudy.wire.http import Headers, HttpHead, HttpRequest

if TYPE_CHECKING:
    from understudy.engine.engine import Engine, Gate
    from understudy.engine.http_backend import HttpBackend
    from understudy.settings.budgets import Allowance

LARGEST = 1024 * MIB
"""Bytes of an answer, which is not kept: the largest files of the providers have half as many."""
NOT_MODIFIED = 304


class RelayRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What is handed on."""

    method: str
    path: str
    """Below the entry's `base_url`, without a slash at its start, percent-encoded."""
    query: str = ""
    headers: Headers = ()
    """Those that go on; the entry's own prevail."""
    body: bytes | None = None
    pieces: AsyncIterator[bytes] | None = None
    """The body as it arrives, instead of `body`."""
    operation: Operation = Operation.PASSTHROUGH
    model: str | None = None
    """The model that is asked for, if it is known."""
    labels: Mapping[str, str] = {}
    session: str | None = None
    allowances: tuple[Allowance, ...] = ()
    """Budgets and limits of the caller."""


class Relay:
    """A request under way. Entering it sends the request, leaving it closes the answer and publishes the record."""

    def __init__(self, engine: Engine, backend: HttpBackend, request: RelayRequest, request_id: str) -> None:
        """Raise `ConfigError` for an entry without a valid key, and `Misuse` for a path outside its address."""
        self._engine = engine
        self._backend = backend
        self._request = request
        self._id = engine.new_id()
        self._credential = backend.credential
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._incoming: Incoming | None = None
        self._failure: Failure | None = None
        self._size = 0
        self._is_over = False
        self._used: PriceQuery | None = None
        self.entry = backend.name
        self.head = HttpHead(0, {})
        """Status and headers of the answer."""
        self.record: AttemptRecord | None = None
        """The record, once it has ended."""
        self.warnings: tuple[Warning, ...] = ()
        """What is to be said of its admission."""
        self._beginning: dict[str, Any] = {
            "request_id": request_id,
            "attempt_id": self._id,
            "number": 1,
            "provider": backend.name,
            "provider_type": backend.row.type,
            "model": request.model,
            "operation": request.operation,
            "started": engine.wall_clock(),
            "why": "passed through",
            "session": request.session,
            "labels": request.labels,
        }
        self._watched = (
            watch(engine.request_observers, request_id, engine.wall_clock()) if engine.request_observers else None
        )
        self._plain = self._written()

    async def __aenter__(self) -> Self:
        """Send the request and wait for the head of the answer. Raise `LLMError`."""
        start, admission = AttemptStart(**self._beginning), self._engine.admission
        waits = admission is not None and admission.concerns(start, self._request.allowances)
        if self._engine.keeps_beginnings and not waits:
            self._engine.begin(start)
        try:
            if admission is not None and waits:
                await self._admitted(admission, start)
            await self._send()
        except BaseException as error:
            self._end(error)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end(error)

    async def _admitted(self, admission: Gate, start: AttemptStart) -> None:
        """Reserve what it may cost, of which nothing is known. Raise `LLMError` if a budget or limit forbids it."""
        try:
            self.warnings = await admission.pass_on(start, self._request.allowances)
        except BaseException as error:
            refused = Failure(kind=FailureKind.CANCELLED, message="it was given up before it was sent", sent=False)
            self._failure = error.failure if isinstance(error, AttemptFailed) else refused
            if isinstance(error, AttemptFailed):
                raise error_of(error.failure) from None
            raise

    async def read(self) -> bytes:
        """Return the next piece of the answer; empty at its end. Raise `LLMError` if it breaks."""
        incoming = self._incoming
        if incoming is None:
            return b""
        idle = self._backend.config.idle_timeout
        try:
            async with asyncio.timeout(idle):
                data = await incoming.read()
        except TimeoutError:
            self._fail(Failure(kind=FailureKind.STALLED, message=f"nothing arrived for {idle:g} s"))
        except TransportError as error:
            self._fail(error.failure)
        self._size += len(data)
        if self._size > LARGEST:
            self._fail(Failure(kind=FailureKind.TOO_LARGE, message=f"the response exceeds {LARGEST} bytes"))
        if not data:
            self._is_over = True
            incoming.release()
            self._incoming = None
        return data

    def account(self, usage: Usage, model: str | None, service_tier: str | None) -> None:
        """Note what the answer states of its tokens, if somebody could read it."""
        self._used = PriceQuery(usage=usage, model=self._request.model, answered_model=model, service_tier=service_tier)

    async def refusal(self) -> bytes | None:
        """Return the body of an answer whose status is an error, without secrets; `None` if it is too large to be read,
        since its beginning would pass for the whole."""
        incoming, self._incoming = self._incoming, None
        endpoint = self._backend.endpoint(None)
        data = b""
        if incoming is not None:
            # The status is known, whatever becomes of the body.
            with suppress(TransportError):
                data = b"".join(await read_beginning(decoded(incoming, endpoint.bounds), endpoint.bounds.error))
            incoming.close()
        self._is_over = True
        failure = classify(self.head, data, endpoint=endpoint, rules=(), read=read_any, operation=Operation.PASSTHROUGH)
        self._failure = self._credential.scrub(failure)
        text = data.decode("utf-8", "replace")
        clean = self._credential.redactor.text(text)
        if len(data) >= endpoint.bounds.error:
            return None
        return data if clean == text else clean.encode()

    @property
    def failure(self) -> Failure | None:
        """Why it failed, once that is known."""
        return self._failure

    async def _send(self) -> None:
        config, transport = self._backend.config, self._backend.transport
        plain = self._plain
        if self._request.model is not None:
            self._backend.prices.begin(self._request.model)
        request: HttpRequest | None = None
        try:
            async with asyncio.timeout(config.timeout):
                pieces = self._request.pieces
                if pieces is not None and (
                    self._credential.sign is not None or not getattr(transport, "uploads", False)
                ):
                    # What is signed is signed whole.
                    whole = b"".join([piece async for piece in pieces])
                    plain, pieces = HttpRequest(plain.method, plain.url, plain.headers, whole), None
                request, self._credential = await self._credential.equip(plain, self._id)
                if pieces is not None:
                    request = Upload(request.method, request.url, request.headers, None, pieces)
                self._incoming = await transport.send(request, connect=config.connect_timeout)
        except TimeoutError:
            message = f"no response within {config.timeout:g} s"
            self._fail(Failure(kind=FailureKind.TIMEOUT_HEADERS, message=message, sent=request is not None))
        except NotSigned as error:
            self._fail(Failure(kind=FailureKind.NOT_SIGNED, message=str(error), sent=False))
        except TransportError as error:
            self._fail(error.failure)
        self.head = self._incoming.head if self._incoming is not None else self.head
        if 300 <= self.head.status < 400 and self.head.status != NOT_MODIFIED:
            message = "the provider answered with a redirect, which is not followed"
            self._fail(Failure(kind=FailureKind.REDIRECT, message=message, status=self.head.status))

    def _written(self) -> HttpRequest:
        """Return the request without its key. Raise `Misuse` if it would leave the entry's address."""
        endpoint, request = self._backend.endpoint(None), self._request
        home = endpoint.base_url.rstrip("/")
        own = [part.partition("=")[0] for part in endpoint.query.split("&")]
        given = [part for part in request.query.split("&") if unquote_plus(part.partition("=")[0]) not in own]
        query = "&".join(filter(None, (endpoint.query, *given)))
        url = f"{home}/{request.path}" + (f"?{query}" if query else "")
        there, here = urlsplit(url), urlsplit(home)
        if there[:2] != here[:2] or not there.path.startswith(f"{here.path}/") or there.fragment:
            raise Misuse("the path is not below the address of the entry")
        names = {name.lower() for name, _ in endpoint.headers}
        headers = (*endpoint.headers, *(each for each in request.headers if each[0] not in names))
        if self._watched is not None:
            headers = (*headers, *self._watched.headers(self._id, self.entry, endpoint.server))
        return HttpRequest(request.method, url, headers, request.body)

    def _fail(self, failure: Failure) -> NoReturn:
        self._failure = self._credential.scrub(failure)
        raise error_of(self._failure)

    def _end(self, error: BaseException | None) -> None:
        if self.record is not None:
            return
        if self._incoming is not None:
            self._incoming.close()
            self._incoming = None
        if self._failure is not None:
            outcome = Outcome.FAILED
        else:
            outcome = Outcome.WON if self._is_over and error is None else Outcome.ABORTED
        backend = self._backend
        used, basis = self._used, self._basis()
        is_free = basis in (CostBasis.NOT_SENT, CostBasis.REFUSED)
        self.record = AttemptRecord(
            **self._beginning,
            answered_model=None if used is None else used.answered_model,
            outcome=outcome,
            duration=self._loop.time() - self._began,
            failure=self._failure,
            usage=Usage() if used is None else used.usage,
            cost=NOT_BILLED if is_free else None if used is None else backend.cost_of(used),
            cost_basis=basis,
            warnings=self.warnings,
        )
        self._engine.publish(self.record, backend)
        if self._watched is not None:
            from understudy.engine.capturing import redacted

            self._watched.end_passed_on(self.record, partial(redacted, {backend.name: backend}))

    def _basis(self) -> CostBasis:
        failure = self._failure
        if failure is None:
            return CostBasis.UNKNOWN if self._used is None else CostBasis.EXACT
        basis = VERDICTS[failure.kind].basis if failure.sent else CostBasis.NOT_SENT
        return CostBasis.UNKNOWN if basis in (CostBasis.EXACT, CostBasis.ESTIMATED) else basis
