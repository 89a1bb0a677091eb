"""The ASGI application: from a path to its route, and what becomes of the whole when it is reloaded or stopped."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from understudy.config import Config, read_given
from understudy.domain.secret import Secret
from understudy.engine.job import new_id
from understudy.engine.observing import following
from understudy.fleet.fleet import Fleet
from understudy.fleet.memory import MemoryFleet
from understudy.gateway.access_log import AccessRecord
from understudy.gateway.asgi import AsgiExchange, Message, Receive, Send
from understudy.gateway.connection import Connection
from understudy.gateway.exchange import Exchange
from understudy.gateway.handling import Handling, plain_error
from understudy.gateway.head import Head
from understudy.gateway.member import GatewayMember
from understudy.gateway.memory import Memory
from understudy.gateway.operating import ROOTS, Operating
from understudy.gateway.recording import Notes
from understudy.gateway.routes import ROUTES, Router
from understudy.gateway.site import Lasting, Site
from understudy.gateway.tracing import note_caller
from understudy.wire.http import Headers, HttpReply

if TYPE_CHECKING:
    from understudy.fleet.store import FleetStore
    from understudy.gateway.access_log import Sink
    from understudy.ledger import LedgerSink, Observer
    from understudy.transport.base import Transport


class Gateway:
    """The gateway as an ASGI application (ASGI 3, HTTP and lifespan), which any ASGI server runs, mounted or not."""

    def __init__(
        self,
        config: Config,
        *,
        transport: Transport | None = None,
        sink: LedgerSink | None = None,
        observers: Sequence[Observer] = (),
        file: Path | None = None,
        url: str | Secret | None = None,
    ) -> None:
        """`file` or `url`: where a ledger is, for virtual keys and kept answers.

        Raise `ConfigError` for a configuration that does not fit together, or if a file cannot be used.
        """
        self._transport = transport
        self._sink = sink
        self.member = GatewayMember(self._sites)
        """What this process knows of itself."""
        self.fleet = Fleet(self.member, MemoryFleet())
        """The processes that serve together."""
        self.observers = tuple(observers)
        memory = Memory(Path(config.gateway.state_file) if config.gateway.state_file else None)
        self._lasting = Lasting(memory, Secret(url) if isinstance(url, str) else url or file)
        self._site = self._made(config)
        self._site.check()
        self._router = Router(ROUTES)
        self._former: dict[Site, asyncio.Task[None]] = {}
        """What earlier configurations made, while requests are under way there."""
        self.operating = Operating(self)
        """The console."""
        self.access_log: Sink | None = None
        """What takes a record of each request once its answer has ended."""

    def _made(self, config: Config) -> Site:
        observers = (self.member.meters.attempt, *self._observers)
        parts: dict[str, Any] = {"transport": self._transport, "sink": self._sink, "observers": observers}
        site = Site(config, **parts, lasting=self._lasting)
        self.member.prepare(site.manager)
        return site

    def _sites(self) -> tuple[Site, ...]:
        """Return the site of new requests, and those before it where requests are under way."""
        return (self._site, *self._former)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request, or the lifespan of the server."""
        match scope["type"]:
            case "http":
                await self.serve(AsgiExchange(scope, receive, send))
            case "lifespan":
                await self._live(receive, send)
            case "websocket":
                await receive()
                await send({"type": "websocket.close", "code": 1008})

    async def serve(self, exchange: Exchange) -> None:
        """Serve one request, whichever server has it."""
        site, connection = self._site, Connection(exchange)
        head = exchange.notes.get(site) or await self._looked_up(site, connection)
        if head is None:
            return
        if self._traces:
            note_caller(connection.headers)
        handling = Handling(head, connection)
        site.enter()
        try:
            await handling.serve()
        finally:
            self._record(handling.notes, connection, head.route.path, handling.face)
            site.exit()

    async def _looked_up(self, site: Site, connection: Connection) -> Head | None:
        """Return what the head of a request decides, and note it; `None` if that was an answer, which is sent."""
        exchange = connection.exchange
        if (refused := site.hosts.refusal(connection.headers, exchange.http_version)) is not None:
            await self._turn_away(connection, plain_error(refused.status or 400, refused.message))
            return None
        route = self._router.find(connection.method, connection.path)
        if route is None:
            await (self._operate(connection) if connection.path.startswith(ROOTS) else self._deny(connection))
            return None
        exchange.notes.clear()  # of a former site
        head = exchange.notes[site] = Head.of(site, route, connection.headers, connection.query)
        return head

    @property
    def site(self) -> Site:
        """What serves new requests."""
        return self._site

    @property
    def state_file(self) -> Path | None:
        """A file that the processes of the gateway share; `None` if there is none."""
        return self._lasting.memory.path

    @property
    def config(self) -> Config:
        """The configuration that new requests are served with."""
        return self._site.config

    @property
    def observers(self) -> tuple[Observer, ...]:
        """Who observes attempts and requests. Another value holds from the next configuration on."""
        return self._observers

    @observers.setter
    def observers(self, observers: tuple[Observer, ...]) -> None:
        self._observers = observers
        self._traces = bool(following(observers)) if observers else False

    @property
    def under_way(self) -> int:
        """The number of requests that are being answered."""
        return self._site.under_way

    async def reload(self, config: Config) -> None:
        """Serve new requests with another configuration; those under way end with theirs.

        Raise `ConfigError`, with nothing changed, if it does not fit together.
        """
        made = self._made(config)
        await asyncio.to_thread(made.check)
        former, self._site = self._site, made
        task = asyncio.get_running_loop().create_task(former.retire())
        self._former[former] = task
        task.add_done_callback(lambda _: self._former.pop(former, None))

    def share(self, store: FleetStore, instance: str) -> None:
        """Share with other processes what this one knows. `instance`: the name of those that serve together here."""
        self.member.instance = instance
        self.fleet = Fleet(self.member, store)

    def leave(self) -> None:
        """Fail the readiness check from now on, while requests are still served: the first step of stopping."""
        self._site.is_leaving = True
        self.operating.leave()

    async def drain(self, seconds: float) -> None:
        """Take no more requests, and end those that are still under way after so many seconds with an error."""
        sites = self._sites()
        for site in sites:
            site.is_draining = True
        await asyncio.gather(*(site.finished(seconds) for site in sites))
        await self.aclose()
        await asyncio.gather(*(site.finished(ENDING) for site in sites))

    async def aclose(self) -> None:
        """End the requests under way, and close all connections to providers."""
        self.operating.close()
        former = dict(self._former)
        await asyncio.gather(*(site.manager.aclose() for site in (self._site, *former)))
        for task in former.values():
            task.cancel()
        await asyncio.gather(*former.values(), return_exceptions=True)
        self._lasting.close()

    def _record(self, notes: Notes, connection: Connection, route: str | None, face: str = "") -> None:
        status, began, first = connection.status, notes.began, notes.first
        outcome, seconds = notes.outcome(status), time.monotonic() - began
        self.member.meters.request(
            face, outcome, status or notes.refused, seconds, None if first is None else first - began
        )
        if self.access_log is not None:
            self.access_log(notes.record(connection.method, route, status, outcome))

    def note_refusal(self, method: str, status: int, seconds: float) -> None:
        """Log a request that the server refused by itself."""
        self.member.meters.request("", "refused", status, seconds)
        if self.access_log is not None:
            since, ms = time.time() - seconds, round(seconds * 1000, 1)
            self.access_log(
                AccessRecord(time=since, id=new_id(), method=method, status=status, outcome="refused", ms=ms)
            )

    async def _turn_away(self, connection: Connection, reply: HttpReply, more: Headers = ()) -> None:
        """Answer and log a request that has no route."""
        notes = Notes.on(connection)
        await connection.reply(reply, more)
        notes.answered = True
        self._record(notes, connection, None)

    async def _operate(self, connection: Connection) -> None:
        """Answer and log a request to the console."""
        notes, route = Notes.on(connection), None
        try:
            route = await self.operating.serve(connection, notes)
            notes.answered = not connection.exchange.is_gone
        finally:
            notes.refused = connection.exchange.refused
            self._record(notes, connection, route)

    async def _deny(self, connection: Connection) -> None:
        """Answer a request for what is not served."""
        if methods := self._router.methods(connection.path):
            allow = (("allow", ", ".join(methods)),)
            reply = plain_error(405, f"the method must be {' or '.join(methods)}")
            await self._turn_away(connection, reply, allow)
        else:
            reply = plain_error(404, "nothing is served at this path: see GET /openapi.json")
            await self._turn_away(connection, reply)

    async def _live(self, receive: Receive, send: Send) -> None:
        """Speak the lifespan protocol of ASGI."""
        while True:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                await self.aclose()
                await send({"type": "lifespan.shutdown.complete"})
                return
            await send({"type": "lifespan.startup.complete"})


ENDING = 1.0
"""Seconds for requests to hand on the error with which they are ended."""


def app(config: Config | Mapping[str, Any] | str | Path | None = None, **parts: Any) -> Gateway:
    """Return the gateway of a configuration: a loaded one, a file's path, a dictionary, or what `from_config` finds.

    `parts`: `transport`, `sink` and `observers`, as for `from_config`; `file`: that of a ledger, in which
    virtual keys are and answers to requests with an `Idempotency-Key` are kept, or `url`: that of a PostgreSQL database
    instead. Raise `ConfigError`.
    """
    return Gateway(config if isinstance(config, Config) else read_given(config), **parts)
