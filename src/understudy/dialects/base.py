"""What every dialect implements, and the pieces that all of them share.

The *client half* of a dialect opens an `Exchange` for an operation: it writes requests and reads what comes back. The
*server half* (`understudy.dialects.server`) reads requests and writes responses, for the gateway and the emulators.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from understudy.dialects.flaws import read_mended
from understudy.dialects.histories.rules import FREE, HistoryRules
from understudy.dialects.quirks import ErrorRule, Quirks
from understudy.domain.content import AnyPart
from understudy.domain.events import Event, Warned
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.operation import Operation
from understudy.domain.warnings import Warning, WarningKind  # noqa: A004 - the public name
from understudy.wire.bounds import BOUNDS, Bounds, TooLarge
from understudy.wire.gathered import Gathered
from understudy.wire.http import JSON_HEADERS, Headers, HttpHead, HttpRequest, origin_of
from understudy.wire.json import BadJson

T = TypeVar("T")


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """Where a request goes and how it is written: a provider's row, resolved for one model."""

    provider: str
    """The provider's type, such as `groq`; with the dialect's name, a key of `request.extra`."""
    base_url: str
    """Without a trailing slash."""
    model: str | None = None
    headers: Headers = ()
    """Fixed headers without secrets, such as `anthropic-version`."""
    quirks: Quirks = Quirks()
    error_rules: tuple[ErrorRule, ...] = ()
    """Read before the dialect's own."""
    by_status: Mapping[int, FailureKind] = {}
    """What statuses mean here if neither the code nor the message of an error is more specific."""
    options: dict[str, Any] = {}
    """The entry's `extra` table, merged into every request body."""
    keep_wire: bool = False
    """Keep each event's frame, for a renderer of the same dialect."""
    paths: Mapping[str, str] = {}
    """Paths of the dialect that differ at this target: Azure's dated API names deployments."""
    query: str = ""
    """Appended to every URL, such as `api-version=2024-10-21`."""
    bounds: Bounds = BOUNDS
    """Limits of how much of an answer is read."""
    account: str | None = None
    """The account, where each can read only what it has encrypted itself."""

    @property
    def server(self) -> str:
        """Scheme, host and port, to distinguish the histories of several servers of one wire format."""
        return origin_of(self.base_url)

    def url(self, path: str) -> str:
        """Return the URL of a path of the dialect, such as `chat/completions`."""
        return f"{self.base_url}/{self.paths.get(path, path)}{'?' if self.query else ''}{self.query}"

    def post(self, url: str, body: bytes, received: Headers = ()) -> HttpRequest:
        """Return the request that posts a JSON body to a URL, with the headers that came in beside it."""
        return HttpRequest("POST", url, JSON_HEADERS + self.headers + received, body)


class Send(msgspec.Struct, frozen=True):
    """Ask the engine to send a request. `after` waits that many seconds first; `reuse_credential` is false where the
    provider's key must not be sent (for example to a signed URL)."""

    request: HttpRequest
    after: float = 0.0
    reuse_credential: bool = True


class Exchange(Protocol[T]):
    """One operation at one provider, as a push parser: bytes in, steps out.

    The engine calls `start`, performs each `Send` that is returned, and for its response calls `head` once, `feed`
    for the body as it arrives, and `close` at its clean end. `lost` reports that the send failed on the way,
    `abort` that the caller no longer waits. A `Failure` step ends the exchange. `finished` is true once nothing more is
    expected, so that the engine need not wait for the end of input. When `refused`, the engine reads only the
    beginning of the body, and calls `close` there.
    """

    finished: bool

    @property
    def refused(self) -> bool:
        """Whether the response under way is an error, or of another media type than a success."""
        ...

    @property
    def body(self) -> bytes | None:
        """The last body that was decoded as a whole."""
        ...

    def start(self) -> list[T | Send | Failure]:
        """Return the first steps."""
        ...

    def head(self, head: HttpHead) -> list[T | Send | Failure]:
        """Read the status and headers of the response."""
        ...

    def feed(self, data: bytes) -> list[T | Send | Failure]:
        """Read more of the response's body."""
        ...

    def close(self) -> list[T | Send | Failure]:
        """Read the clean end of the response."""
        ...

    def lost(self, failure: Failure) -> list[T | Send | Failure]:
        """Handle a failure of the connection; by default it is the exchange's own."""
        ...

    def abort(self) -> list[T | Send | Failure]:
        """Return what must still be sent when the caller has gone, such as a cancellation."""
        ...


class Reader(Protocol[T]):
    """Reads the body of a successful response. `finished` as in `Exchange`."""

    finished: bool

    def feed(self, data: bytes) -> list[T | Failure]:
        """Read bytes. May raise `BadJson` or `TooLarge`, which the exchange turns into a failure."""
        ...

    def close(self) -> list[T | Failure]:
        """Read the clean end of the body."""
        ...


class WholeReader(Generic[T]):
    """Gathers a body and decodes it at its end."""

    def __init__(self, decode: Callable[[bytes], list[T | Failure]]) -> None:
        self._decode = decode
        self._gathered = Gathered()
        self.body: bytes | None = None
        self.finished = False

    def feed(self, data: bytes) -> list[T | Failure]:
        """Gather more bytes."""
        self._gathered.add(data)
        return []

    def close(self) -> list[T | Failure]:
        """Decode the body."""
        self.finished = True
        self.body = self._gathered.take()
        return read_mended(self.body, self._decode)


JSON = ("application/json",)

Classify = Callable[[HttpHead, bytes], Failure]
"""Reads an error response: status, headers and body to a failure."""


def not_valid(flaw: BadJson, head: HttpHead, body: bytes, classify: Classify) -> Failure:
    """Return the failure for a success with an invalid body: the error in that body, in any form, if there is one.

    Proxies report errors with status 200, in another form than that of the wire format they use.
    """
    bad = FailureKind.BAD_RESPONSE
    if flaw.kind is bad and (found := classify(head, body[: BOUNDS.error])).kind is not bad:
        return found
    return Failure(kind=flaw.kind, message=f"the response is invalid: {flaw}")


class SingleExchange(Generic[T]):
    """The exchange of almost all operations: one request, one response."""

    __slots__ = ("_before", "_classify", "_error", "_expects", "_head", "_reader", "_request", "_whole", "finished")

    def __init__(
        self,
        request: HttpRequest,
        reader: Reader[T],
        classify: Classify,
        *,
        expects: tuple[str, ...] = ("application/json",),
        before: list[T] | list[T | Failure] | None = None,
        whole: Callable[[bytes], list[T | Failure]] | None = None,
    ) -> None:
        """`expects` holds the media types of a success. `before` is returned ahead of the send (warnings); a failure at
        its end replaces the send. `whole` decodes the JSON body of a server that answers a request for a stream
        without streaming."""
        self._request = request
        self._reader = reader
        self._classify = classify
        self._expects = expects
        self._before = before or []
        self._whole = whole
        self._head = HttpHead(0, {})
        self._error: Gathered | None = None
        self.finished = False

    @property
    def refused(self) -> bool:
        """Whether the response is not a 200 of an expected type."""
        return self._error is not None

    @property
    def body(self) -> bytes | None:
        """The body, where it was decoded as a whole."""
        return self._reader.body if isinstance(self._reader, WholeReader) else None

    @property
    def failed_event(self) -> bytes | None:
        """The frame of the event in which the provider reported a failure, if frames are kept."""
        return getattr(self._reader, "failed_event", None)

    def start(self) -> list[T | Send | Failure]:
        """Return what precedes the request, then the request."""
        before = self._before
        if before and isinstance(before[-1], Failure):
            self.finished = True
            return [*before]
        return [*before, Send(self._request)]

    def head(self, head: HttpHead) -> list[T | Send | Failure]:
        """Read status and headers; anything but a 200 of an expected type is gathered as an error."""
        self._head = head
        if head.status == 200 and is_expected(head.content_type, self._expects):
            return []
        if head.status == 200 and self._whole is not None and is_expected(head.content_type, JSON):
            self._reader = WholeReader(self._whole)
        else:
            self._error = Gathered()
        return []

    def feed(self, data: bytes) -> list[T | Send | Failure]:
        """Read more of the body."""
        if self._error is not None:
            self._error.add(data)
            return []
        reader = self._reader
        try:
            steps = reader.feed(data)
        except (TooLarge, BadJson) as error:
            return self._failed(error)
        if reader.finished:
            self.finished = True
        return steps  # type: ignore[return-value]  # list is invariant; nothing is added to it here

    def close(self) -> list[T | Send | Failure]:
        """Read the end of the body."""
        self.finished = True
        if self._error is not None:
            return [self._classify(self._head, self._error.take())]
        try:
            return self._reader.close()  # type: ignore[return-value]
        except (TooLarge, BadJson) as error:
            return self._failed(error)

    def lost(self, failure: Failure) -> list[T | Send | Failure]:
        """Return the failure."""
        self.finished = True
        return [failure]

    def abort(self) -> list[T | Send | Failure]:
        """Return nothing: closing the connection is enough."""
        self.finished = True
        return []

    def _failed(self, error: TooLarge | BadJson) -> list[T | Send | Failure]:
        self.finished = True
        if isinstance(error, TooLarge):
            return [Failure(kind=FailureKind.TOO_LARGE, message=str(error))]
        return [not_valid(error, self._head, self.body or b"", self._classify)]


def is_expected(content_type: str, expected: tuple[str, ...]) -> bool:
    """Check whether a media type is expected. A missing one passes: the body decides."""
    if not content_type or content_type in expected:
        return True
    return "application/json" in expected and content_type.endswith("+json")


Opening = Callable[..., Exchange[Any]]
"""Opens the exchange of an operation, from a request and an endpoint; for a chat also from `stream`."""


class Dialect(msgspec.Struct, frozen=True):
    """The client half: how to open each operation that the wire format has.

    The steps of a chat are events, those of a model list (over all its pages, or the look-up of one model) are models;
    an embedding and a token count have their response as their one step.
    """

    name: str
    operations: Mapping[Operation, Opening]
    history: HistoryRules = FREE
    """What the wire format demands of a conversation."""

    def open(self, operation: Operation, request: Any, endpoint: Endpoint, *, stream: bool = False) -> Exchange[Any]:
        """Open an exchange; nothing is sent yet. Only a chat can be streamed."""
        opening = self.operations[operation]
        return opening(request, endpoint, stream=True) if stream else opening(request, endpoint)


_NAMED_OTHERWISE = {"citation": "citations", "opaque": "opaque part"}


def word_of(part: AnyPart) -> str:
    """Return the name of a part in warnings, the same in every dialect: `image`, `tool call`, `opaque part`."""
    tag = str(part.__struct_config__.tag)
    return _NAMED_OTHERWISE.get(tag, tag.replace("_", " "))


class WarningLog:
    """Gathers what an encoding had to leave out or change, as warnings.

    The subject of a warning has one name in all dialects: a field of the request (`max_tokens`), a part (`word_of`),
    or a part and its field (`image detail`, `tool result is_error`).

    A field whose value comes from the configuration is left out silently (`understudy check` reports it); one set by
    the caller becomes a warning.
    """

    __slots__ = ("_configured", "refusal", "warnings")

    def __init__(self, configured: frozenset[str] = frozenset()) -> None:
        self._configured = configured
        self.warnings: list[Warning] = []
        self.refusal: Failure | None = None
        """Why the target must not be asked at all; the first reason counts."""

    def drop(self, what: str, why: str) -> None:
        """Record that something was left out; that its value was clamped before is no longer true."""
        if self.warnings:
            self.warnings = [each for each in self.warnings if (each.kind, each.what) != (WarningKind.CLAMPED, what)]
        self._add(WarningKind.DROPPED, what, why)

    def clamp(self, what: str, why: str) -> None:
        """Record that a value was clamped to the accepted range."""
        self._add(WarningKind.CLAMPED, what, why)

    def rename(self, what: str, why: str) -> None:
        """Record that something was sent under another name."""
        self._add(WarningKind.RENAMED, what, why)

    def emulate(self, what: str, why: str) -> None:
        """Record that something was done in another way than requested."""
        self._add(WarningKind.EMULATED, what, why)

    def refuse(self, what: str, why: str) -> None:
        """Record that the target cannot be asked, because the request means little without this. Other targets may."""
        if self.refusal is None:
            self.refusal = Failure(kind=FailureKind.UNSUPPORTED, message=f"{what}: {why}", sent=False)

    def _add(self, kind: WarningKind, what: str, why: str) -> None:
        if what not in self._configured:
            warning = Warning(kind, what, why)
            if warning not in self.warnings:
                self.warnings.append(warning)

    def events(self) -> list[Event]:
        """Return the warnings as events, which come before the answer."""
        return [Warned(warning) for warning in self.warnings]

    def before(self) -> list[Any]:
        """Return what precedes the request: the warnings, and the refusal, which replaces it."""
        return [*self.events(), *self.refusals()] if self.warnings or self.refusal is not None else []

    def refusals(self) -> list[Any]:
        """Return the refusal, if any."""
        return [] if self.refusal is None else [self.refusal]


def extra_fields(extra: dict[str, dict[str, Any]] | None, dialect: str, endpoint: Endpoint) -> dict[str, Any]:
    """Return the wire fields that the entry and the caller add to a body: entry < dialect < provider."""
    if not extra:
        return endpoint.options
    return {**endpoint.options, **extra.get(dialect, {}), **extra.get(endpoint.provider, {})}


class WireError(msgspec.Struct, frozen=True, kw_only=True):
    """An error body, read into what all providers' errors have in common."""

    message: str = ""
    code: str | None = None
    type: str | None = None
    param: str | None = None
    request_id: str | None = None
    retry_after: float | None = None
    """Seconds to wait according to a field of the body (Google's `RetryInfo`); headers take precedence."""
    status: int | None = None
    """The HTTP status in the error object; it counts if the response's own is 200."""
    body: dict[str, Any] | None = None
