"""The rest of a provider's API, under `/passthrough/ENTRY/PATH`: what this gateway has no words for.

Requests and answers are handed on as they come, with the key of the entry. What a caller chooses is the method, a path
on the allow-list `passthrough` below the entry's address, the query, and headers that concern the content. Host, key
and account are the configuration's. Redirects are not followed, and are not handed to the caller either: a client that
followed one would take its key along.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote

from understudy.dialects.forwarding import ANSWERED, HeaderRules
from understudy.dialects.server import BadRequest
from understudy.domain.errors import LLMError
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.operation import Operation
from understudy.domain.patterns import matches
from understudy.engine.claims import PRICE_UNKNOWN
from understudy.engine.relay import Relay, RelayRequest
from understudy.gateway import replies
from understudy.gateway.options import MAX_COST, SESSION_MAX_COST
from understudy.gateway.sessions import Clues, session_of
from understudy.gateway.uploads import Upload
from understudy.policy.health import DISABLED
from understudy.policy.selection import split_name
from understudy.wire.http import Headers, HttpReply

if TYPE_CHECKING:
    from understudy.gateway.callers import Caller
    from understudy.gateway.connection import Connection
    from understudy.gateway.recording import Notes
    from understudy.gateway.site import Site

MOUNT = "/passthrough/"
LONGEST = 2_000
"""Characters of a path."""

_NEVER = ("anthropic-organization", "anthropic-workspace", "openai-organization", "openai-project")
SENT = HeaderRules(
    prefixes=("anthropic-", "openai-"),
    names=frozenset(
        {"accept", "accept-language", "content-type", "content-encoding", "content-language", "content-disposition"}
        | {"range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range"}
        | {"content-length", "idempotency-key", "prefer"}
    ),
    never=_NEVER,
)
"""Headers of the caller that go on: those of the content, and those of a wire format."""
RETURNED = HeaderRules(
    prefixes=ANSWERED.prefixes,
    names=ANSWERED.names
    | {"content-type", "content-length", "content-encoding", "content-language", "content-disposition"}
    | {"content-range", "accept-ranges", "etag", "last-modified", "cache-control", "expires", "vary"},
    never=ANSWERED.never,
)
"""Headers of the provider that come back. Cookies and locations do not."""

_WRITTEN = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,=:@-]|%[0-9A-Fa-f]{2})+")
_MEANT = re.compile(r"(?!\.+$)[A-Za-z0-9 ._~!$&'()*+,=:@-]+(?<! )")
_QUERY = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/?\[\]|-]|%[0-9A-Fa-f]{2})*")


def segments_of(path: str) -> tuple[str, ...]:
    """Return the segments of a path, decoded once. Raise `BadRequest` unless every server reads it in the same way.

    Refused are empty segments, dot segments, and whatever a server may take for a separator or decode once more:
    slashes and backslashes in any spelling, percent signs, semicolons, control characters, letters beyond ASCII.
    """
    if len(path) > LONGEST:
        raise _bad(f"the path has more than {LONGEST} characters")
    found: list[str] = []
    for written in path.split("/"):
        if _WRITTEN.fullmatch(written) is None:
            raise _bad("the path has an empty segment, or a character that must not be in it")
        meant = re.sub("%(..)", lambda match: chr(int(match[1], 16)), written)
        if _MEANT.fullmatch(meant) is None or meant.startswith(" "):
            raise _bad("the path has a segment that servers may read in different ways")
        found.append(meant)
    return tuple(found)


def written(segments: tuple[str, ...]) -> str:
    """Return a path with its only spelling."""
    return "/".join(quote(segment, safe="!$&'()*+,=:@~") for segment in segments)


class Reader(Protocol):
    """Reads an answer as it passes, for its record."""

    model: str | None
    """The model that is asked for."""

    def see(self, data: bytes) -> None:
        """Read a piece."""
        ...

    def account(self, relay: Relay) -> None:
        """Note what the whole answer used."""
        ...


class Passthrough:
    """One request that is handed on."""

    def __init__(self, site: Site, connection: Connection, caller: Caller, notes: Notes) -> None:
        self._site = site
        self._connection = connection
        self._caller = caller
        self._notes = notes

    async def serve(self) -> None:
        """Answer the request. Raise `BadRequest`, or `LLMError` as long as nothing has been sent."""
        entry, segments = self._target()
        self._refuse_ceiling()
        await self.hand_on(entry, written(segments))

    async def hand_on(self, entry: str, path: str, body: bytes | None = None, reader: Reader | None = None) -> None:
        """Hand the request on to a path below the address of an entry, with a body that was read before if it has one.

        `reader` reads the answer as it passes. Raise as `serve` does.
        """
        connection, site = self._connection, self._site
        upload: Upload | None = None
        if body is None and Upload.has_body(connection.method, connection.headers):
            upload = connection.upload(site.config.gateway.body_limit)
        if reader is not None:
            self._refuse_ceiling()
        self._notes.session = session_of(connection.headers, Clues(), self._caller.name).id
        headers = SENT.passed(connection.headers.items())
        if body is not None:
            headers = tuple(each for each in headers if each[0] not in ("content-length", "content-encoding"))
        request = RelayRequest(
            method=connection.method,
            path=path,
            query=connection.query,
            headers=headers,
            body=body,
            pieces=None if upload is None else upload.pieces(),
            operation=Operation.PASSTHROUGH if reader is None else Operation.CHAT,
            model=None if reader is None else reader.model,
            labels=self._caller.labels,
            session=self._notes.session,
            allowances=self._caller.allowances,
        )
        if site.manager.is_out(entry):
            raise _denied(503, FailureKind.OVERLOADED, f"the entry {entry!r} is {DISABLED}", "entry_disabled")
        relay = site.manager.relay(entry, request, self._notes.id)
        try:
            with connection.watched(None if upload is None else upload.is_over):
                async with relay:
                    await self._answer(relay, reader)
        except LLMError:
            if upload is not None and upload.error is not None and not connection.started:
                raise upload.error from None
            raise
        finally:
            self._notes.ended = () if relay.record is None else (relay.record,)

    def _refuse_ceiling(self) -> None:
        """Raise `BadRequest` if the caller has set what the request may cost."""
        for header in (MAX_COST, SESSION_MAX_COST):
            if header not in self._connection.headers:
                continue
            what = f"the header {header} cannot be kept here: nothing limits what a request costs that is handed on"
            raise _denied(400, FailureKind.INVALID_REQUEST, what, PRICE_UNKNOWN)

    def _target(self) -> tuple[str, tuple[str, ...]]:
        """Return the entry and the path of the request, if the caller may use them."""
        connection, gateway = self._connection, self._site.config.gateway
        if "websocket" in connection.headers.get("upgrade", "").lower():
            raise _bad("WebSocket is not supported")
        if _QUERY.fullmatch(connection.query) is None:
            raise _bad("the query has a character that must not be in it")
        entry, *rest = segments_of(connection.path.removeprefix(MOUNT))
        allowed = [each for each in gateway.passthrough if split_name(each)[0] == entry]
        if not self._site.manager.has_entry(entry):
            raise _denied(
                404, FailureKind.NOT_FOUND, f"no entry that can be asked is called {entry!r}", "unknown_entry"
            )
        if not self._caller.may_use(entry):
            raise _denied(403, FailureKind.PERMISSION, f"the key {self._caller.name!r} may not use the entry {entry!r}")
        name = "/".join((entry, *rest))
        if not rest or not any(matches(pattern, name) for pattern in allowed):
            what = f"{name!r} is not among the paths that pass: see passthrough in [llm.gateway]"
            raise _denied(404, FailureKind.NOT_FOUND, what, "path_not_passed")
        return entry, tuple(rest)

    async def _answer(self, relay: Relay, reader: Reader | None) -> None:
        connection, head = self._connection, relay.head
        own: Headers = ((replies.PROVIDER, relay.entry), *replies.warned(relay.warnings))
        headers = RETURNED.passed(head.headers.items())
        if head.status == HTTPStatus.NO_CONTENT:
            headers = tuple(each for each in headers if each[0] != "content-length")  # RFC 9110, 8.6
        if head.status >= 400:
            await self._refused(relay, headers, own)
            return
        await connection.start(head.status, (*headers, *own))
        self._notes.begin()
        while data := await relay.read():
            if reader is not None:
                reader.see(data)
            await connection.write(data)
        if reader is not None:
            reader.account(relay)
        await connection.end()

    async def _refused(self, relay: Relay, headers: Headers, own: Headers) -> None:
        """Send an error of the provider: its own, unless it is about the gateway's key, or too large."""
        body = await relay.refusal()
        self._notes.failure = failure = relay.failure
        if failure is not None and (told := replies.outward(failure)) is not failure and failure.status in (401, 402):
            raise BadRequest(told)
        if body is None and failure is not None:
            raise BadRequest(failure)
        kept = tuple(each for each in headers if each[0] not in ("content-length", "content-encoding"))
        await self._connection.reply(HttpReply(relay.head.status, kept, body or b""), own)


def _bad(message: str) -> BadRequest:
    return _denied(400, FailureKind.INVALID_REQUEST, message)


def _denied(status: int, kind: FailureKind, message: str, code: str | None = None) -> BadRequest:
    return BadRequest(Failure(kind=kind, message=message, status=status, code=code, sent=False))
