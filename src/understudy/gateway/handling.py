"""One request: who asks, in which wire format, and for what."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable
from functools import partial

from msgspec.structs import replace

from understudy.dialects.responses.wire import NAME as RESPONSES
from understudy.dialects.server import BadRequest, Inbound, ServerHalf, json_reply
from understudy.domain.errors import LLMError, failure_of
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.requests import GenerationRequest, ModelsRequest
from understudy.domain.wire_answer import WireAnswer, wire_answer_of
from understudy.gateway import idempotency, replies
from understudy.gateway.answering import Answering
from understudy.gateway.callers import Caller, Refusal
from understudy.gateway.catalogue import assumed
from understudy.gateway.clients import client_of
from understudy.gateway.connection import Connection
from understudy.gateway.counting import counted
from understudy.gateway.crossing import Crossing
from understudy.gateway.exchange import ClientGone
from understudy.gateway.faces import load_face
from understudy.gateway.head import Head
from understudy.gateway.items import Resolved, read, resolved
from understudy.gateway.limit_headers import limit_headers
from understudy.gateway.manners import reported
from understudy.gateway.openapi import document
from understudy.gateway.passthrough import Passthrough
from understudy.gateway.recording import Notes
from understudy.gateway.routes import ROUTES
from understudy.gateway.sealing import BEGINNING
from understudy.gateway.stored import Kept, kept_field
from understudy.gateway.thinking import CARRIERS
from understudy.wire.http import Headers, HttpReply, HttpRequest

logger = logging.getLogger("understudy")

OLLAMA_VERSION = "0.12.0"
"""The version of Ollama whose API is served; its clients ask for it to know what the server can do."""

ONCE = ("answer", "embed")
"""Services that cost something, and so may be asked for with an `Idempotency-Key`."""

FIXED = ("version", "running")
"""Services that answer the same to everyone, although in a wire format."""

LONG = 8 << 10
"""Bytes from which a body is read in outline. Reading a shorter one costs no more than its outline."""

SEALED = BEGINNING.encode()
"""What is in a body with something that must be opened."""

_OWN_FAULT = Failure(kind=FailureKind.LOCAL, message="the gateway failed; its log says why", status=500)
_DRAINING = Failure(
    kind=FailureKind.OVERLOADED,
    message="the gateway is shutting down",
    status=503,
    code="server_shutdown",
    retry_after=1,
    sent=False,
)


class Handling:
    """One request at one route, answered in the wire format of the route."""

    def __init__(self, head: Head, connection: Connection) -> None:
        self._caller = head.caller
        self._site = head.site
        self._route = head.route
        self._connection = connection
        self._half = head.half
        if self._half is not None and self._half.name == "anthropic":
            connection.id_names = ("request-id",)  # https://platform.claude.com/docs/en/api/errors#request-id
        self.notes = Notes.on(connection)
        """What the access log states about the request."""

    @property
    def face(self) -> str:
        """The wire format that the caller speaks; empty for the gateway's own paths."""
        return self._half.name if self._half is not None else ""

    async def serve(self) -> None:
        """Answer the request, whatever becomes of it."""
        try:
            await self._admitted(self._caller or await self._site.admit(self._connection))
            self.notes.answered = True
        except ClientGone:
            self.notes.refused = self._connection.exchange.refused
        except (BadRequest, LLMError) as error:
            failure = error.failure if isinstance(error, BadRequest) else failure_of(error)
            if isinstance(error, LLMError) and error.attempts:
                self.notes.ended = error.attempts
            answer = wire_answer_of(error)
            if self._site.is_draining:
                failure, answer = replies.outward(failure, draining=True), None
            await self._fail(failure, answer=answer)
        except Exception:
            logger.exception("the gateway failed to serve %s", self._route.name)
            await self._fail(_OWN_FAULT)

    async def _fail(self, failure: Failure, more: Headers = (), *, answer: WireAnswer | None = None) -> None:
        self.notes.failure = failure
        if self._connection.started:
            return  # what was begun is cut, which no client takes for an end
        half = self._half or load_face("openai")  # the form of errors that most programs read
        if failure.request_id is None:
            failure = replace(failure, request_id=self._connection.shown_id)
        reply = reported(failure, client_of(self._connection.headers), half, answer)
        await self._connection.reply(reply, (*more, *limit_headers(failure, half.name, time.time())))

    def _admitted(self, caller: Caller | Refusal) -> Awaitable[None]:
        """Serve a request whose caller may make it; deny any other."""
        service, half, is_draining = self._route.service, self._half, self._site.is_draining
        if isinstance(caller, Refusal):
            return self._fail(caller.failure, caller.headers)
        self.notes.key = caller.name or None
        if service in FIXED or (half is None and service != "passthrough"):
            return self._connection.reply(self._own())
        if is_draining:
            return self._fail(_DRAINING)
        if half is None:
            return Passthrough(self._site, self._connection, caller, self.notes).serve()
        return self._spoken(half, caller)

    async def _spoken(self, half: ServerHalf, caller: Caller) -> None:
        """Answer a request in a wire format."""
        connection, repeats = self._connection, self._site.repeats
        body = None
        if connection.method == "POST":
            cap = self._site.config.gateway.body_limit
            body = connection.body_now(cap)
            if body is None:
                body = await connection.body(cap)
        request = self._request(body)
        if repeats is not None and idempotency.HEADER in connection.headers and self._route.service in ONCE:
            named = idempotency.name_of(connection, caller.name, self._route.name, body or b"")
            await repeats.serve(named, connection, self.notes, partial(self._answer, half, caller, request))
        else:
            await self._answer(half, caller, request)

    async def _answer(self, half: ServerHalf, caller: Caller, request: HttpRequest) -> None:
        inbound = None
        if self._route.face == RESPONSES:
            kept = Kept(self._site, self._connection, caller, self.notes)
            if self._route.service == "stored":
                await kept.fetch()
                return
            if (field := self._kept_field(request)) is not None:
                await kept.go_on(request.body or b"", field)
                return
            if (found := self._referring(request, caller)) is not None:
                if found.missing is not None:
                    await kept.go_on(found.native, "input", found.missing)
                    return
                inbound = read(half, request, found)
        if inbound is None and len(request.body or b"") >= LONG:
            inbound = self._outline(half, request)
        inbound = inbound or half.parse(request)
        with self._connection.watched():
            await self._asked(half, inbound, caller)

    def _referring(self, request: HttpRequest, caller: Caller) -> Resolved | None:
        """Return what a request of the Responses API refers to; `None` if that is nothing."""
        if self._route.service not in ("answer", "count"):
            return None
        return resolved(request.body, self._site.items, caller.name, self._site.seals.of(caller.name))

    def _outline(self, half: ServerHalf, request: HttpRequest) -> Inbound | None:
        """Read a long request in outline. Return `None` for one that must be read as a whole."""
        body = request.body or b""
        if self._route.service != "answer" or (half.name in CARRIERS and SEALED in body):
            return None
        return half.outline(request)

    def _request(self, body: bytes | None) -> HttpRequest:
        """Return the request as the server half of its wire format reads it: below no vendor's name."""
        connection, method = self._connection, self._connection.method
        url = connection.url[len(self._route.mount) :]
        return HttpRequest("GET" if method == "HEAD" else method, url, tuple(connection.headers.items()), body)

    def _kept_field(self, request: HttpRequest) -> str | None:
        """Return the field of a request for a response that only the provider can answer which keeps it."""
        return kept_field(request.body) if self._route.service == "answer" else None

    def _asked(self, half: ServerHalf, inbound: Inbound, caller: Caller) -> Awaitable[None]:
        """Answer what a request asks for."""
        match self._route.service:
            case "models":
                return self._list(half, inbound, caller)
            case "count":
                return self._count(half, inbound, caller)
            case _:
                return Answering(self._site, self._connection, half, caller, self.notes).answer(inbound)

    async def _list(self, half: ServerHalf, inbound: Inbound, caller: Caller) -> None:
        await self._connection.reply(await self._models(half, inbound, caller))

    async def _models(self, half: ServerHalf, inbound: Inbound, caller: Caller) -> HttpReply:
        site, wanted = self._site, inbound.request
        if not isinstance(wanted, ModelsRequest):
            raise TypeError("a list of models answers a ModelsRequest")
        if wanted.model is None:
            return half.render(await site.catalogue.models(caller), inbound)
        if (refusal := caller.refusal(site.names.resolve(wanted.model, {}))) is not None:
            return half.render_error(refusal)
        named = site.catalogue.named(wanted.model)
        return half.render([assumed(named) if half.name == "ollama" else named], inbound)

    async def _count(self, half: ServerHalf, inbound: Inbound, caller: Caller) -> None:
        request = inbound.request
        if not isinstance(request, GenerationRequest):
            raise TypeError("what is counted is a generation")
        resolved = self._site.names.resolve(request.model, {})
        if (refusal := caller.refusal(resolved)) is not None:
            await self._fail(refusal)
            return
        seals, known = self._site.seals, self._site.signers.known
        request = Crossing(half.name, inbound, seals.of(caller.name), known, model=resolved.model).request
        found = await counted(self._site.manager, request, resolved.model)
        marks = ((replies.ESTIMATED, "true"),) if found.is_estimated else ()
        await self._connection.reply(half.render(found.tokens, inbound), marks)

    def _own(self) -> HttpReply:
        """Return what the gateway says of itself."""
        match self._route.service:
            case "ready" if self._site.is_leaving or self._site.is_draining:
                return json_reply({"status": "draining"}, 503)
            case "ready" if self._site.has_damaged_ledger:
                return json_reply({"status": "the ledger is damaged"}, 503)
            case "openapi":
                return json_reply(document(ROUTES))
            case "version":
                return json_reply({"version": OLLAMA_VERSION})
            case "running":
                return json_reply({"models": []})
            case _:
                return json_reply({"status": "ok", "service": "understudy"})


def plain_error(status: int, message: str) -> HttpReply:
    """Return an error of the gateway's own paths."""
    return json_reply({"error": {"message": message, "type": "invalid_request_error", "code": None}}, status)
