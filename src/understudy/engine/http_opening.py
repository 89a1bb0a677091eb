"""Opens the attempts of one entry: from a job to an exchange over HTTP.

What is the same for every request of a model in one wire format is made once (`Line`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
from msgspec.structs import replace

from understudy.dialects.base import Dialect, Endpoint
from understudy.dialects.history import goes_unchanged, localize
from understudy.domain.bounded import BoundedDict
from understudy.domain.events import Event
from understudy.domain.operation import Operation
from understudy.domain.requests import GenerationRequest, outline_of, whole_of
from understudy.engine.concessions import Concessions
from understudy.engine.exchanges import dialect_of, is_forwarded, limit_of, open_exchange, widened
from understudy.engine.http_attempt import HttpAttempt
from understudy.engine.http_context import HttpContext, HttpPlace
from understudy.policy.targets import Limits, Target
from understudy.wire.quotas import reporting

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from understudy.engine.auth import Credential
    from understudy.engine.background import Background
    from understudy.engine.job import Job
    from understudy.engine.observing import Watched
    from understudy.providers.base import ProviderRow
    from understudy.settings import ProviderConfig
    from understudy.transport.base import Transport

REMEMBERED = 1024
"""Lines of one entry that are remembered; names of models come from callers and have no end."""
THINKING_FIRST_EVENT = 300.0
"""Seconds until the first content when the model thinks first."""


class Entry(Protocol):
    """What is asked of the entry whose attempts are opened."""

    @property
    def config(self) -> ProviderConfig:
        """Its settings."""
        ...

    @property
    def row(self) -> ProviderRow:
        """What is known of its provider."""
        ...

    @property
    def transport(self) -> Transport:
        """What its requests are sent over."""
        ...

    def endpoint(self, model: str | None, /) -> Endpoint:
        """Return where a model is asked."""
        ...

    def account(self, dialect: Dialect, /) -> str | None:
        """Return whose account is used, where the wire format has one."""
        ...

    def credential_of(self, target: Target, /) -> Credential:
        """Return the key that an attempt at a target uses."""
        ...


class Line(msgspec.Struct, frozen=True):
    """Where a model is asked, and in which wire format."""

    dialect: Dialect
    endpoint: Endpoint
    kept: Endpoint
    """The same for a caller that speaks the wire format too: frames are kept, to go on as they arrive."""
    place: HttpPlace
    """The same for its attempts."""


_NO_WARNINGS: Sequence[Event] = ()


class HttpOpening:
    """Opens the attempts of one entry."""

    def __init__(self, entry: Entry, background: Background) -> None:
        self._entry = entry
        self._config, self._row = entry.config, entry.row
        self._quota_names = reporting(entry.row.quotas)
        self._transport, self._background = entry.transport, background
        self._has_defaults = entry.config.max_tokens is not None or entry.config.temperature is not None
        self._concessions = Concessions()
        self._lines: BoundedDict[tuple[str | None, Operation, str], Line] = BoundedDict(REMEMBERED)
        self._usual: BoundedDict[tuple[str | None, Operation, str | None], Line] = BoundedDict(REMEMBERED)
        """By the wire format in which a request came in, where nothing else of it decides about its own."""

    def open(
        self, job: Job, target: Target, limits: Limits, attempt_id: str, began: float, loop: AbstractEventLoop | None
    ) -> HttpAttempt:
        """Open an attempt; nothing is sent before it is iterated. `began`: when, by the clock of the event loop."""
        request, operation, whole = job.request, job.operation, not job.rules.streamed
        model, streamed = target.model, False
        usual = endpoint = self._entry.endpoint(model)
        chat = operation is Operation.CHAT and isinstance(request, GenerationRequest)
        if chat:
            request = self._with_defaults(request) if self._has_defaults else request
            endpoint = widened(endpoint, request)
            limits = self._patient(request, limits)
        origin = getattr(request, "origin", None)
        line = self._usual.get((model, operation, None if origin is None else origin.dialect))
        if line is None or endpoint is not usual:
            line = self._line(model, operation, endpoint, request)
        dialect, endpoint = line.dialect, line.endpoint
        forwards, warnings = origin is not None and origin.dialect == dialect.name, _NO_WARNINGS
        if chat:
            request = request if forwards else self._whole(request)
            streamed = not whole or self._streams_inside(job, request, limits, line, forwards=forwards)
        if isinstance(request, GenerationRequest) and not (forwards and goes_unchanged(request)):
            request, dialect, warnings = self._fitted(request, line)
            forwards = is_forwarded(request, dialect)
        if forwards and not whole:
            endpoint = line.kept
        place = line.place if job.watched is None else self._announced(job.watched, line.place, attempt_id)
        context = HttpContext(
            place,
            self._entry.credential_of(target),
            limits,
            attempt_id,
            streamed,
            keep_raw=whole,
            again=self._concessions.again(dialect, request, endpoint, streamed, inside=whole) if chat else None,
            forwards=forwards,
            strict=job.strict,
            limit=limit_of(request, endpoint.bounds, streamed),
            began=began,
            loop=loop,
        )
        exchange = open_exchange(dialect, operation, request, endpoint, streamed)
        return HttpAttempt(exchange, context, dialect=dialect.name, before=warnings)

    def _line(self, model: str | None, operation: Operation, endpoint: Endpoint, request: Any) -> Line:
        """Return the line of a request, made anew only for one whose answer may be longer than usual."""
        dialect = dialect_of(self._row, operation, endpoint, request)
        key = model, operation, dialect.name
        line = self._lines.get(key)
        if line is not None and line.endpoint.bounds is endpoint.bounds:
            return line
        account = self._entry.account(dialect)
        owned = endpoint if account is None else replace(endpoint, account=account)
        place = HttpPlace(
            transport=self._transport,
            server=owned.server,
            account=owned.account,
            fact_headers=self._row.fact_headers if operation is Operation.CHAT else (),
            quotas=self._row.quotas,
            quota_names=self._quota_names,
            background=self._background,
            bounds=owned.bounds,
        )
        line = Line(dialect, owned, replace(owned, keep_wire=True), place)
        if endpoint is self._entry.endpoint(model):
            self._lines[key] = line
            origin = getattr(request, "origin", None)
            if endpoint.quirks.responses == "never" or self._row.dialects[operation] != "openai":
                self._usual[model, operation, None if origin is None else origin.dialect] = line
        return line

    def _announced(self, watched: Watched, place: HttpPlace, attempt_id: str) -> HttpPlace:
        """Return a place to which an attempt sends the headers of those that follow its request."""
        headers = watched.headers(attempt_id, self._config.entry, place.server)
        if not headers or place.server is None:
            return place
        from understudy.engine.observing import WithHeaders

        return replace(place, transport=WithHeaders(place.transport, place.server, headers))

    def _fitted(self, request: GenerationRequest, line: Line) -> tuple[GenerationRequest, Dialect, Sequence[Event]]:
        """Return a request as the target accepts it: its history, and without what the model is known to refuse; in
        which dialect, and what is to be said of that."""
        dialect, endpoint = line.dialect, line.endpoint
        localized = localize(request, dialect, endpoint)
        if localized.restores:
            dialect = localized.dialect(dialect, endpoint)
        request, conceded = self._concessions.conceded(localized.request, dialect, endpoint)
        return request, dialect, [*localized.warnings, *conceded]

    def _patient(self, request: GenerationRequest, limits: Limits) -> Limits:
        """Return the limits of a request that is answered after some thinking."""
        if request.reasoning is None or self._config.first_event_timeout is not None:
            return limits
        return replace(limits, first_event=max(limits.first_event, THINKING_FIRST_EVENT))

    def _whole(self, request: GenerationRequest) -> GenerationRequest:
        """Return a request with all that its body holds, for another wire format than its own."""
        return request if outline_of(request) is None else self._with_defaults(whole_of(request))

    def _with_defaults(self, request: GenerationRequest) -> GenerationRequest:
        config = self._config
        return request.with_defaults(max_tokens=config.max_tokens, temperature=config.temperature)

    def _streams_inside(
        self, job: Job, request: GenerationRequest, limits: Limits, line: Line, *, forwards: bool
    ) -> bool:
        whole, others = self._config.whole or job.whole, limits.has_others
        if forwards and whole == "auto":
            return False  # as `streams_inside` finds, too: what came in over this wire format goes on as it is
        return self._concessions.streams.wanted(request, line.dialect, line.endpoint, whole=whole, others=others)
