"""What a supervisor and its workers say to each other, over a pair of sockets: one JSON object a line.

The end of the stream says that the other side is gone. A worker whose supervisor is gone stops, so that none is left
behind with the port.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import msgspec

from understudy.config import Config
from understudy.engine.job import new_id


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How a process serves, apart from the configuration."""

    host: str
    """Where it listens; the configuration's own address may be another one."""
    secret: str
    """Seals what callers keep, unless the configuration has a secret: one for all processes, and across reloads."""
    state_file: str | None = None
    """What processes remember together, unless the configuration has a file for it."""
    drain: float | None = None
    """Seconds; the configuration's `drain_timeout` if `None`."""
    access_log: str | None = None
    """The file; stderr if `None`."""
    logs_access: bool = True
    verbose: bool = False
    workers: int = 1
    """How many processes serve."""
    instance: str = msgspec.field(default_factory=new_id)
    """The name that all of them have in common."""
    fleet_file: str | None = None
    """Where they share what they know, unless there is a ledger for it."""

    def drain_of(self, config: Config) -> float:
        """Return how many seconds requests under way have when the gateway is stopped."""
        return config.gateway.drain_timeout if self.drain is None else self.drain


class Start(msgspec.Struct, frozen=True, kw_only=True, tag="start"):
    """To a worker: serve."""

    path: str | None
    """The configuration file, for messages."""
    text: str | None
    """Its text: all workers use what the supervisor has checked, whatever happens to the file."""
    sockets: tuple[int, ...]
    """Descriptors on which to listen."""
    options: Options


class Reload(msgspec.Struct, frozen=True, tag="reload"):
    """To a worker: use another configuration. It has been checked."""

    text: str | None


class Reopen(msgspec.Struct, frozen=True, tag="reopen"):
    """To a worker: open the log file again."""


class Reloaded(msgspec.Struct, frozen=True, tag="reloaded"):
    """To a worker that asked for it: all use what the file says, or why they do not."""

    message: str | None = None


class AskReload(msgspec.Struct, frozen=True, tag="ask_reload"):
    """To the supervisor: have all workers use what the file says now."""


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """To the supervisor: the worker serves."""


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """To the supervisor: the worker could not start, or could not reload."""

    message: str


Word = Start | Reload | Reopen | Reloaded | AskReload | Ready | Failed
_DECODER = msgspec.json.Decoder(Word)
_LONGEST = 64 * 2**20


class Channel:
    """One end of the connection between a supervisor and a worker."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def over(cls, sock: socket.socket) -> Channel:
        """Use a connected socket."""
        return cls(*await asyncio.open_connection(sock=sock, limit=_LONGEST))

    async def say(self, word: Word) -> None:
        """Send a word. Raise `ConnectionError` if the other side is gone."""
        self._writer.write(msgspec.json.encode(word) + b"\n")
        await self._writer.drain()

    async def words(self) -> AsyncIterator[Word]:
        """Yield what the other side says, until it is gone."""
        try:
            while line := await self._reader.readline():
                yield _DECODER.decode(line)
        except ConnectionError:
            return

    def close(self) -> None:
        """Close this end."""
        self._writer.close()
