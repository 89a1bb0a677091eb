"""One request for an answer: read in the caller's wire format, answered by any provider, written back."""

from __future__ import annotations

import time
from collections.abc import Awaitable
from functools import partial
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from understudy.dialects.responses.wire import NAME as RESPONSES
from understudy.dialects.server import BadRequest, Inbound, ServerHalf
from understudy.domain import events as e
from understudy.domain.failures import Failure, LimitState
from understudy.domain.limit_states import limits_of
from understudy.domain.requests import EmbeddingRequest, GenerationRequest
from understudy.domain.wire_answer import WireAnswer, wire_answer_of
from understudy.gateway import replies
from understudy.gateway.callers import Caller
from understudy.gateway.classes import class_of
from understudy.gateway.clients import Client
from understudy.gateway.connection import Connection
from understudy.gateway.crossing import Crossing
from understudy.gateway.limit_headers import with_states
from understudy.gateway.names import Resolved
from understudy.gateway.sessions import Session, clues_of, session_of
from understudy.gateway.site import Site
from understudy.gateway.streaming import Streaming
from understudy.ledger.entries import CLASS
from understudy.wire.http import JSON_HEADERS, Headers, HttpReply

if TYPE_CHECKING:
    from understudy.engine.run import Run
    from understudy.gateway.recording import Notes


class Answering:
    """One generation or embedding, from its parsed request to the last byte of its answer."""

    def __init__(self, site: Site, connection: Connection, half: ServerHalf, caller: Caller, notes: Notes) -> None:
        self._site = site
        self._connection = connection
        self._half = half
        self._caller = caller
        self._notes = notes

    def answer(self, inbound: Inbound) -> Awaitable[None]:
        """Answer a request. Raise `BadRequest`, or `LLMError` as long as nothing has been sent."""
        request = inbound.request
        self._notes.asked = request.model
        own_list = inbound.options.get("models")
        models = tuple(own_list) if own_list is not None and isinstance(own_list, list | tuple) else ()
        try:
            resolved = self._site.names.resolve(request.model, self._connection.headers, models)
        except BadRequest as error:
            self._report(inbound, error.failure)
            raise
        if (refusal := self._caller.refusal(resolved)) is not None:
            self._report(inbound, refusal)
            return self._refuse(refusal)
        if resolved.models:
            resolved = replace(resolved, model=self._site.manager.listed(resolved.models))
        if isinstance(request, GenerationRequest):
            return self._generate(request, inbound, resolved)
        if isinstance(request, EmbeddingRequest):
            return self._embed(request, inbound, resolved)
        raise TypeError("what is answered is a generation or an embedding")

    def _report(self, inbound: Inbound, failure: Failure) -> None:
        """Report a request that is refused to those who follow requests."""
        if isinstance(request := inbound.request, GenerationRequest | EmbeddingRequest):
            self._site.manager.refused(request, failure, streamed=inbound.stream, request_id=self._notes.id)

    def _refuse(self, failure: Failure) -> Awaitable[None]:
        self._notes.failure = failure
        return self._connection.reply(self._half.render_error(failure))

    async def _embed(self, request: EmbeddingRequest, inbound: Inbound, resolved: Resolved) -> None:
        labels, session = self._whose(request, resolved)
        request = replace(request, model=resolved.model, labels=labels, session=session.id)
        response = await self._site.manager.vectors(
            request,
            resolved.options.of_embedding(),
            request_id=self._notes.id,
            allowances=(*self._caller.allowances, *resolved.options.allowances(session.id)),
        )
        self._notes.ended = response.attempts
        reply = self._forwarded(wire_answer_of(response)) or self._half.render(response, inbound)
        await self._reply(reply, limits_of(response), replies.told(response))

    async def _generate(self, request: GenerationRequest, inbound: Inbound, resolved: Resolved) -> None:
        labels, session = self._whose(request, resolved)
        site = self._site
        task = resolved.options.task or request.task or site.classes.task_for(session)
        model = site.classes.model_for(session, resolved, self._caller)
        sealer, known = site.seals.of(self._caller.name), site.signers.known
        self._notes.crossing = crossing = Crossing(
            self._half.name, inbound, sealer, known, model=model, labels=labels, session=session.id, task=task
        )
        run = await site.manager.open(
            crossing.request,
            resolved.options.of_call(),
            "events" if inbound.stream else None,
            request_id=self._notes.id,
            allowances=(*self._caller.allowances, *resolved.options.allowances(session.id)),
        )
        self._notes.run = run
        if inbound.stream:
            crossing.answered_by(run)
            streaming = Streaming(site, self._connection, self._half, self._notes, crossing)
            first, last = partial(self._note_first, run, crossing), partial(self._keep, run, crossing.request)
            try:
                await streaming.send(run, first, last)
            finally:
                crossing.answered_by(None)
            return
        await run.to_end()
        if run.response is None:
            raise AssertionError("a run that ends without an error leaves a response")
        site.signers.note(self._half.name, run.response)
        response = crossing.response(run.response)
        reply = self._forwarded(run.wire_answer) or self._half.render(response, crossing.inbound)
        if self._half.name == RESPONSES:
            self._note(run, run.response.id, crossing.request)
            self._keep(run, crossing.request, reply.body)
        states = run.committed.limits if run.committed is not None else ()
        await self._reply(reply, states, replies.told(response))

    def _reply(self, reply: HttpReply, states: tuple[LimitState, ...], more: Headers) -> Awaitable[None]:
        """Send an answer, with what is left of the gateway's own limits if any concerned it."""
        if states:
            headers = with_states(reply.headers, states, self._half.name, time.time())
            reply = HttpReply(reply.status, headers, reply.body)
        return self._connection.reply(reply, more)

    @staticmethod
    def _forwarded(answer: WireAnswer | None) -> HttpReply | None:
        """Return the provider's own answer, to a caller of its wire format; `None` for any other."""
        if answer is None or answer.body is None or answer.is_error:
            return None
        return HttpReply(answer.status, (*JSON_HEADERS, *answer.headers), answer.body)

    def _note(self, run: Run, name: str | None, request: GenerationRequest) -> None:
        """Remember which entry keeps a response, for requests that continue it."""
        last = run.committed
        if self._is_kept(request) and last is not None and last.stream.dialect == RESPONSES:
            self._site.owners.note(name, self._caller.name, last.launch.target.name)

    def _is_kept(self, request: GenerationRequest) -> bool:
        """Check whether the caller expects that an answer is kept: OpenAI keeps it, unless it is told not to."""
        return self._half.name == RESPONSES and (request.extra or {}).get(RESPONSES, {}).get("store") is not False

    def _keep(self, run: Run, request: GenerationRequest, data: bytes) -> None:
        """Remember the items of an answer, which later requests may refer to. `data`: its body, or the last events."""
        if self._is_kept(request):
            is_native = run.committed is not None and run.committed.stream.dialect == RESPONSES
            caller = self._caller.name
            self._site.items.keep(data, caller, self._site.seals.of(caller), is_native=is_native)

    def _note_first(self, run: Run, crossing: Crossing, first: list[Any]) -> None:
        """Remember who keeps a response whose first events have come."""
        self._note(run, next((each.id for each in first if isinstance(each, e.Started)), None), crossing.request)

    def _whose(self, request: Any, resolved: Resolved) -> tuple[dict[str, str] | None, Session]:
        """Return the labels and the session of a request."""
        session = session_of(self._connection.headers, clues_of(request, self._half.long_members), self._caller.name)
        labels = self._caller.labelled(resolved.options.labels)
        if session.client is not Client.UNKNOWN:
            labels["client"] = str(session.client)
        if (kind := class_of(session)) is not None:
            labels[CLASS] = kind
        self._notes.of(session)
        return labels or None, session
