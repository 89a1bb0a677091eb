"""One request for an answer: read in the caller's wire format, answered by any provider, written back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from understudy.dialects.responses.wire import NAME as RESPONSES
from understudy.dialects.server import Inbound, Renderer, ServerHalf
from understudy.domain import events as e
from understudy.domain.errors import LLMError, failure_of
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.requests import EmbeddingRequest, GenerationRequest
from understudy.domain.warnings import Warning  # noqa: A004 - the public name
from understudy.domain.wire_answer import WireAnswer, wire_answer_of
from understudy.gateway import replies
from understudy.gateway.access import Caller
from understudy.gateway.clients import Client, client_of
from understudy.gateway.connection import Connection
from understudy.gateway.crossing import Crossing
from understudy.gateway.manners import manner_of
from understudy.gateway.names import Resolved
from understudy.gateway.sessions import clues_of, session_of
from understudy.gateway.site import Site
from understudy.protocol import EmbedOptions
from understudy.wire.http import JSON_HEADERS, Headers, HttpReply

if TYPE_CHECKING:
    from understudy.engine.run import Run
    from understudy.gateway.recording import Notes

PING = 15.0
"""Seconds of silence after which the caller gets a sign of life. Proxies close connections that are idle for 60 seconds
(nginx: proxy_read_timeout), Claude Code gives up after five minutes."""

_CUT = Failure(kind=FailureKind.TRUNCATED, message="the answer ended before its end")


class Answering:
    """One generation or embedding, from its parsed request to the last byte of its answer."""

    def __init__(self, site: Site, connection: Connection, half: ServerHalf, caller: Caller, notes: Notes) -> None:
        self._site = site
        self._connection = connection
        self._half = half
        self._caller = caller
        self._notes = notes

    async def answer(self, inbound: Inbound) -> None:
        """Answer a request. Raise `BadRequest`, or `LLMError` as long as nothing has been sent."""
        request = inbound.request
        self._notes.asked = request.model
        own_list = inbound.options.get("models")
        models = tuple(own_list) if isinstance(own_list, list | tuple) else ()
        resolved = self._site.names.resolve(request.model, self._connection.headers, models)
        if (refusal := self._caller.refusal(resolved)) is not None:
            await self._refuse(refusal)
            return
        if resolved.models:
            resolved = replace(resolved, model=self._site.manager.listed(resolved.models))
        if isinstance(request, EmbeddingRequest):
            await self._embed(request, inbound, resolved)
        elif isinstance(request, GenerationRequest):
            await self._generate(request, inbound, resolved)

    async def _refuse(self, failure: Failure) -> None:
        self._notes.failure = failure
        await self._connection.reply(self._half.render_error(failure))

    async def _embed(self, request: EmbeddingRequest, inbound: Inbound, resolved: Resolved) -> None:
        labels, session = self._whose(request, resolved)
        request = replace(request, model=resolved.model, labels=labels, session=session)
        options = (
            EmbedOptions() if resolved.options.deadline is None else EmbedOptions(deadline=resolved.options.deadline)
        )
        response = await self._site.manager.vectors(request, options, request_id=self._notes.id)
        self._notes.ended = response.attempts
        reply = self._forwarded(wire_answer_of(response)) or self._half.render(response, inbound)
        await self._connection.reply(reply, replies.told(response))

    async def _generate(self, request: GenerationRequest, inbound: Inbound, resolved: Resolved) -> None:
        labels, session = self._whose(request, resolved)
        task = resolved.options.task or request.task
        request = replace(request, model=resolved.model, labels=labels, session=session, task=task)
        crossing = Crossing(self._half.name, request, self._site.seals.of(self._caller.name))
        self._notes.lost = crossing.warnings
        options, name = resolved.options.of_call(), self._notes.id
        if inbound.stream:
            self._notes.run = run = await self._site.manager.open(crossing.request, options, "events", request_id=name)
            crossing.run = run
            await self._stream(run, inbound, crossing)
        else:
            self._notes.run = run = await self._site.manager.open(crossing.request, options, request_id=name)
            await run.to_end()
            if run.response is None:
                raise AssertionError("a run that ends without an error leaves a response")
            self._note(run, run.response.id, crossing.request)
            response = crossing.response(run.response)
            reply = self._forwarded(run.wire_answer) or self._half.render(response, inbound)
            await self._connection.reply(reply, replies.told(response))

    @staticmethod
    def _forwarded(answer: WireAnswer | None) -> HttpReply | None:
        """Return the provider's own answer, to a caller of its wire format; `None` for any other."""
        if answer is None or answer.body is None or answer.is_error:
            return None
        return HttpReply(answer.status, (*JSON_HEADERS, *answer.headers), answer.body)

    def _note(self, run: Run, name: str | None, request: GenerationRequest) -> None:
        """Remember which entry keeps a response, for requests that continue it."""
        last = run.committed
        is_kept = self._half.name == RESPONSES and (request.extra or {}).get(RESPONSES, {}).get("store") is not False
        if is_kept and last is not None and last.stream.dialect == RESPONSES:
            self._site.owners.note(name, self._caller.name, last.launch.target.name)

    def _whose(self, request: Any, resolved: Resolved) -> tuple[dict[str, str] | None, str | None]:
        """Return the labels and the session of a request."""
        session = session_of(self._connection.headers, clues_of(request), self._caller.name)
        labels = self._caller.labelled(resolved.options.labels)
        if session.client is not Client.UNKNOWN:
            labels["client"] = str(session.client)
        self._notes.session = session.id
        return labels or None, session.id

    async def _stream(self, run: Run, inbound: Inbound, crossing: Crossing) -> None:
        """Send an answer as it arrives. Its first events come before the status, so that an error has its own."""
        events: AsyncGenerator[list[Any], None] = run.events()
        connection, renderer = self._connection, self._half.renderer(inbound)
        try:
            first = await anext(events, None) or []
            forwarded = run.wire_answer.headers if run.wire_answer is not None else ()
            headers = (*renderer.headers, *forwarded, *self._told(run, first, crossing.warnings))
            self._note(run, next((each.id for each in first if isinstance(each, e.Started)), None), crossing.request)
            await connection.start(200, headers)
            self._notes.begin()
            ping = _Pings(connection, renderer)
            try:
                await connection.write(_rendered(renderer, crossing.events(first)))
                async for batch in events:
                    if data := _rendered(renderer, crossing.events(batch)):
                        ping.is_silent = False
                        await connection.write(data)
                if run.response is None:
                    raise LLMError(_CUT.message, failure=run.interrupted or _CUT)
                await connection.write(renderer.close())
            except LLMError as error:
                if manner_of(client_of(connection.headers), self._half.name).broken == "cut":
                    raise  # the connection is closed before the end of the body
                await connection.write(self._broken(error, renderer))
            finally:
                ping.stop()
            await connection.end()
        finally:
            await events.aclose()

    def _broken(self, error: LLMError, renderer: Renderer) -> bytes:
        """Return the event that ends a stream which broke: the provider's own, unless it concerns the gateway."""
        own, answer = failure_of(error), wire_answer_of(error)
        self._notes.failure = failure = replies.outward(own, draining=self._site.is_draining)
        if failure is own and answer is not None and answer.event is not None:
            return answer.event
        return renderer.fail(replies.without_foreign_type(failure, answer))

    def _told(self, run: Run, first: list[Any], lost: list[Warning]) -> Headers:
        """Return what is known of an answer that begins."""
        attempt = run.committed
        warnings = replies.warned((*lost, *(each.warning for each in first if isinstance(each, e.Warned))))
        if attempt is None:
            return warnings
        return (*replies.about(attempt.launch.target.name, attempt.launch.target.model, attempt.number), *warnings)


def _rendered(renderer: Renderer, batch: list[Any]) -> bytes:
    return renderer.feed(batch[0]) if len(batch) == 1 else b"".join(map(renderer.feed, batch))


class _Pings:
    """Sends a sign of life while the provider is silent: one timer for a stream, none for a piece of it."""

    def __init__(self, connection: Connection, renderer: Renderer) -> None:
        self.is_silent = True
        self._connection = connection
        self._renderer = renderer
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(PING, self._due)
        self._sending: asyncio.Task[None] | None = None

    def _due(self) -> None:
        if self.is_silent and (self._sending is None or self._sending.done()):
            data = self._renderer.feed(e.Heartbeat())
            self._sending = self._loop.create_task(self._connection.write(data))
        self.is_silent = True
        self._timer = self._loop.call_later(PING, self._due)

    def stop(self) -> None:
        """Send no more."""
        self._timer.cancel()
        if self._sending is not None:
            self._sending.cancel()
