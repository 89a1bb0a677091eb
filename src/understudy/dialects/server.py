"""The server half of a dialect: reads requests and writes responses. Used by gateway and emulators."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from functools import partial, wraps
from typing import Any, ClassVar, Protocol, TypeVar, cast

import msgspec

from understudy.dialects.forwarding import NOTHING, HeaderRules
from understudy.dialects.outlines import LongMembers, Outline, outline_of
from understudy.dialects.request_fields import KINDS, Field, is_of
from understudy.domain.bounded import BoundedDict
from understudy.domain.content import JsonObject
from understudy.domain.errors import Misuse, failure_of
from understudy.domain.events import Event
from understudy.domain.failures import Failure
from understudy.domain.operation import Operation
from understudy.domain.requests import EmbeddingRequest, GenerationRequest, ModelsRequest, WireOrigin
from understudy.wire.http import JSON_HEADERS, Headers, HttpReply, HttpRequest
from understudy.wire.json import BadJson, decode_object, encode
from understudy.wire.members import RepeatedMember
from understudy.wire.splice import receive


class Inbound(msgspec.Struct, frozen=True, kw_only=True):
    """A parsed request. `options` holds what matters only to the form of the reply, such as `include_usage`."""

    operation: Operation
    request: GenerationRequest | EmbeddingRequest | ModelsRequest
    stream: bool = False
    options: dict[str, object] = {}
    whole: Callable[[], Inbound] | None = None
    """Parses the request as a whole, if this is only its outline; raises `BadRequest`."""


class ReceivedBody(msgspec.Struct, frozen=True):
    """The body of a request: its fields, the text that has these values, and the bytes to forward."""

    fields: JsonObject
    text: bytes
    origin: WireOrigin


def receive_body(request: HttpRequest, dialect: str, headers: HeaderRules = NOTHING) -> ReceivedBody:
    """Read the body of a request. `headers` are those to forward with it.

    Raise `BadJson` for anything but a JSON object, and for one that names `model` or `stream` twice (`RepeatedMember`).
    """
    data = request.body or b""
    body = receive(data)
    origin = WireOrigin(dialect, data, headers.passed(request.headers), body.flaws)
    return ReceivedBody(body.value, body.text, origin)


def complaint_about(error: BadJson, words: str) -> str:
    """Return what is wrong with a body, introduced by the dialect's words for a body that is not JSON."""
    return str(error) if isinstance(error, RepeatedMember) else f"{words}: {error}"


class BadRequest(Exception):
    """The request is invalid; `failure` states why, in the dialect's own terms."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


_Parse = TypeVar("_Parse", bound=Callable[..., Inbound])


def parser(parse: _Parse) -> _Parse:
    """Make a `parse` raise `BadRequest` for a value of a wrong type that only its message, part or tool found."""

    @wraps(parse)
    def parse_or_refuse(half: Any, request: HttpRequest) -> Inbound:
        try:
            return parse(half, request)
        except Misuse as error:
            raise BadRequest(failure_of(error)) from error

    return cast(_Parse, parse_or_refuse)


KIND_NAMES = {str: "string", int: "integer", float: "number", bool: "boolean", list: "list", dict: "object"}


class BodyFields(ABC):
    """The fields of a request body that have not been read yet (`left`). An explicit null counts as absent."""

    def __init__(self, body: JsonObject) -> None:
        self.left = {name: value for name, value in body.items() if value is not None}

    @abstractmethod
    def wrong_type(self, name: str, kind: type) -> BadRequest:
        """Return the error for a field that is not of the expected type."""

    def take(self, name: str, *kinds: type) -> Any:
        """Return a field and remove it; `None` if it is missing. Raise `BadRequest` if it is of another type."""
        value = self.left.pop(name, None)
        if value is None or is_of(value, kinds):
            return value
        raise self.wrong_type(name, kinds[0])

    def take_plain(self, fields: Iterable[Field]) -> dict[str, Any]:
        """Return plain fields by their unified names, as `take` does."""
        return {field.name: self.take(field.wire, *KINDS[field.name]) for field in fields}


def key_of(request: HttpRequest, *headers: str, schemes: tuple[str, ...] = ("bearer",)) -> str | None:
    """Return the key of the first of these headers that holds one, else that of `Authorization` in one of the schemes.

    A key in the URL is ignored: URLs end up in logs.
    """
    given = {name.lower(): value.strip() for name, value in request.headers}
    if own := next((given[name] for name in headers if given.get(name)), None):
        return own
    scheme, _, token = given.get("authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() in schemes else None


def json_reply(body: object, status: int = 200, headers: Headers = ()) -> HttpReply:
    """Return a JSON body as a reply."""
    return HttpReply(status, JSON_HEADERS + headers, encode(body))


def render_arguments(arguments: str) -> JsonObject | msgspec.Raw:
    """Return the arguments of a call as an object, unchanged; anything else is wrapped as a string."""
    try:
        decode_object(arguments or "{}")
    except BadJson:
        return {"raw_arguments": arguments}
    return msgspec.Raw((arguments or "{}").encode())


class Renderer(Protocol):
    """Writes a streamed answer: events in, bytes out.

    An event that carries a `wire` frame (of the same dialect) is forwarded as that frame: an empty one writes nothing.
    """

    headers: Headers

    def feed(self, event: Event) -> bytes:
        """Write one event; empty if the wire format has nothing for it yet."""
        ...

    def close(self) -> bytes:
        """Write the end of a successful stream, with the dialect's own end mark."""
        ...

    def fail(self, failure: Failure) -> bytes:
        """Write an error in the middle of a stream. Nothing follows it, not even an end mark."""
        ...


SHORT = 2 << 10
"""Bytes up to which an outline is kept, with what it was read as."""
_outlines: BoundedDict[tuple[str, str, str, bytes], Inbound] = BoundedDict(256)
"""The latest ones. They are shared and must not be changed."""

Writer = Callable[[Any, Inbound], HttpReply]
"""Writes the answer of an operation to a request."""


class ServerHalf(ABC):
    """The server half. Paths are those that official clients append to their base URL."""

    name: ClassVar[str]
    operations: ClassVar[Mapping[Operation, Writer]]
    """How the whole answer of each operation is written: a `GenerationResponse`, `EmbeddingResponse` or `TokenCount`;
    for models, a list of `ModelInfo`, of which the requested page or model is written. An unknown model is an error
    reply. Operations that the wire format lacks are absent."""

    @abstractmethod
    def operation(self, method: str, path: str) -> Operation | None:
        """Return the operation of a method and path; `None` if this dialect has no such route."""

    @abstractmethod
    def credential(self, request: HttpRequest) -> str | None:
        """Return the key that came with the request, or `None`."""

    long_members: ClassVar[LongMembers | None] = None
    """What the outline of a body leaves out; `None` if its requests have no outline."""

    forwarded: ClassVar[HeaderRules] = NOTHING
    """The headers that go with the outline of a body; `parse` looks at no others."""

    @abstractmethod
    def parse(self, request: HttpRequest) -> Inbound:
        """Parse a request. Raises `BadRequest`."""

    def outline(self, request: HttpRequest) -> Inbound | None:
        """Parse the outline of a request, which has its own bytes as its origin; `None` if it must be parsed whole."""
        rules = self.long_members
        outline = None if rules is None or request.body is None else outline_of(request.body, rules)
        if outline is None:
            return None
        try:
            found = self._parsed(request, outline.body, is_usual=rules is not None and rules.entry is not None)
        except BadRequest:
            return None  # reported after the whole was read, in its order
        asked = found.request
        if not isinstance(asked, GenerationRequest) or asked.origin is None:
            return None
        headers = self.forwarded.passed(request.headers)
        origin = msgspec.structs.replace(asked.origin, body=request.body, headers=headers)
        return msgspec.structs.replace(
            found,
            request=msgspec.structs.replace(asked, origin=origin),
            options=self.outlined(found.options, outline),
            whole=partial(self.parse, request),
        )

    def _parsed(self, request: HttpRequest, outline: bytes, *, is_usual: bool) -> Inbound:
        """Parse an outline. Those that are all `is_usual`, without a word of the messages, are the same at every step
        of an agent, and parsed once."""
        key = self.name, request.method, request.url, outline
        found = _outlines.get(key) if is_usual else None
        if found is None:
            found = self.parse(HttpRequest(request.method, request.url, (), outline))
            if is_usual and len(outline) <= SHORT:
                _outlines[key] = found
        return found

    def outlined(self, options: dict[str, object], outline: Outline) -> dict[str, object]:
        """Return the options of an outline as they are for the whole."""
        return {**options}

    def render(self, answer: Any, inbound: Inbound) -> HttpReply:
        """Write a whole answer to the operation of the request."""
        return self.operations[inbound.operation](answer, inbound)

    def renderer(self, inbound: Inbound) -> Renderer:
        """Open the writer of a streamed answer."""
        raise LookupError(f"the {self.name} dialect does not support streams")

    @staticmethod
    @abstractmethod
    def render_error(failure: Failure) -> HttpReply:
        """Write an error in the provider's own format, with its status and headers. The status, code and type of the
        failure are used where set."""
