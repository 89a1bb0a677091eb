"""The console of a gateway: made at its first request, which is answered apart from those of callers.

Its requests are no traffic: they do not keep the gateway from draining, and a caller's key opens nothing here.
"""

from __future__ import annotations

import secrets
from collections.abc import Generator, Sequence
from contextlib import aclosing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from understudy.dialects.server import BadRequest
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.secret import Secret
from understudy.gateway.exchange import ClientGone
from understudy.wire.http import HttpReply

if TYPE_CHECKING:
    from understudy.client.manager import ProviderManager
    from understudy.config import Config
    from understudy.console.console import Console
    from understudy.console.context import Reloading
    from understudy.console.http import Streamed
    from understudy.fleet.fleet import Fleet
    from understudy.gateway.connection import Connection
    from understudy.gateway.recording import Notes
    from understudy.gateway.site import Site

ROOTS = ("/console", "/admin/", "/metrics")
"""How the paths of the console begin."""


class Operated(Protocol):
    """What the console needs to know of its gateway."""

    @property
    def site(self) -> Site:
        """What serves new requests."""
        ...

    @property
    def state_file(self) -> Path | None:
        """A file that the processes of the gateway share; `None` if there is none."""
        ...

    @property
    def fleet(self) -> Fleet:
        """The processes that share what they know, as this one sees them."""
        ...


class Operating:
    """The console, as the gateway serves it."""

    def __init__(self, gateway: Operated) -> None:
        self._gateway = gateway
        self._console: Console | None = None
        self._own_secret = Secret(secrets.token_hex(32))
        """Signs sessions if the configuration has no secret, in a gateway of one process."""
        self.reloading: Reloading | None = None
        """What reads the configuration again; `None` if it has no file."""

    @property
    def config(self) -> Config:
        """The configuration in use."""
        return self._gateway.site.config

    @property
    def fleet(self) -> Fleet:
        """The processes that share what they know, as this one sees them."""
        return self._gateway.fleet

    @property
    def secrets(self) -> Sequence[Secret]:
        """What all processes of the gateway sign with: the first one signs, all are accepted."""
        settings = self.config.gateway
        return (self._own_secret,) if settings.secret is None else (settings.secret, *settings.former_secrets)

    @property
    def state_file(self) -> Path | None:
        """A file that all processes on this machine share; `None` if there is only one process."""
        return self._gateway.state_file

    @contextmanager
    def held(self) -> Generator[ProviderManager]:
        """Return the manager of the configuration in use, kept open until the context ends, whatever is reloaded."""
        site = self._gateway.site
        site.enter()
        try:
            yield site.manager
        finally:
            site.exit()

    @property
    def console(self) -> Console:
        """The console, which is imported and made at its first use."""
        from understudy.console.console import Console

        if self._console is None:
            self._console = Console(self)
        return self._console

    async def serve(self, connection: Connection, notes: Notes) -> str | None:
        """Answer a request, and note whose it is; return the pattern of its route, `None` if it has none."""
        from understudy.console.http import Reply, Request

        request = Request(
            connection.method,
            connection.url,
            headers=connection.headers,
            peer=connection.exchange.peer,
            body=partial(_body, connection),
            id=connection.request_id,
        )
        outcome = await self.console.answer(request)
        notes.operator = request.operator.name if request.is_signed_in else None
        if isinstance(answer := outcome.answer, Reply):
            await connection.reply(HttpReply(answer.status, answer.headers, answer.body))
        else:
            await self._stream(connection, answer)
        return outcome.route

    async def _stream(self, connection: Connection, answer: Streamed) -> None:
        """Send an answer piece by piece, until its end or until the caller leaves."""
        with suppress(ClientGone), connection.watched():
            async with aclosing(answer.pieces) as pieces:
                await connection.start(answer.status, answer.headers)
                async for piece in pieces:
                    await connection.write(piece)
                await connection.end()

    def leave(self) -> None:
        """End answers that have no end of their own: the gateway stops."""
        if self._console is not None:
            self._console.leave()

    def close(self) -> None:
        """End what is under way."""
        if self._console is not None:
            self._console.close()
            self._console = None


async def _body(connection: Connection, cap: int) -> bytes:
    """Return the body of a request. Raise `BadRequest`, also if the caller leaves before it ends."""
    try:
        return await connection.body(cap)
    except ClientGone:
        failure = Failure(kind=FailureKind.INVALID_REQUEST, message="the body is incomplete", status=400, sent=False)
        raise BadRequest(failure) from None
