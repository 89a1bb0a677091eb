"""How a gateway is started: its command, its configuration, and where these settings come from."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from subprocess import Popen
from typing import NamedTuple

from benchmarks.environments import Environment
from benchmarks.load import LoadError, load, request_of
from benchmarks.processes import Cores, ProcessTree, running

PATH = "/v1/chat/completions"
MESSAGES_PATH = "/v1/messages"
"""Of Anthropic's wire format, whose requests have to be translated for the upstream."""
PATIENCE = 240.0
"""Seconds until a gateway must answer; LiteLLM's proxy takes ten on an idle machine, and a minute on a busy one."""
_POLL = 0.02


class Place(NamedTuple):
    """Where a gateway runs in this run: its folder, the port of the upstream and its own."""

    folder: Path
    upstream: int
    port: int
    authority: str = ""
    """If the upstream speaks TLS: the path of the authority's certificate, which a gateway has to trust."""

    @property
    def origin(self) -> str:
        """The URL of the upstream, without a path."""
        return f"{'https' if self.authority else 'http'}://127.0.0.1:{self.upstream}"

    def trusted(self, variable: str) -> Mapping[str, str]:
        """Return the environment variable that names the authority, for programs that read it from there."""
        return {variable: self.authority} if self.authority else {}

    def path(self, name: str) -> str:
        """Return the path of a file in the folder."""
        return str(self.folder / name)


class Launch(NamedTuple):
    """What starts a gateway, and what its callers send with each request."""

    command: Sequence[str]
    files: Mapping[str, str] = {}
    """Configuration files, by name, which are written into its folder first."""
    environment: Mapping[str, str] = {}
    """Variables besides those of every program."""
    headers: Mapping[str, str] = {}
    """What each request has besides its length and type."""


class Gateway(NamedTuple):
    """One of the gateways that are compared."""

    name: str
    launch: Callable[[Place], Launch]
    about: str
    """What it does with each request, as the report states it."""
    environment: Environment | None = None
    """What must be installed; None: it is part of this project."""
    sources: Sequence[str] = ()
    """The documents that its settings are from."""

    @property
    def missing(self) -> str | None:
        """Why it cannot be started, if it is not installed."""
        if self.environment is None or self.environment.installed:
            return None
        return "is not installed (`python -m benchmarks --install`)"


class NotStartedError(Exception):
    """A gateway ended, or gave no answer in time."""


class Server:
    """A gateway that runs."""

    def __init__(self, process: Popen[bytes], port: int, headers: Mapping[str, str]) -> None:
        self.tree = ProcessTree(process.pid)
        self._port = port
        self._headers = headers

    async def ask(
        self, body: bytes, *, count: int = 1, concurrency: int = 1, path: str = PATH, is_new: bool = False
    ) -> list[float]:
        """Send a request `count` times on each connection. Return the seconds that each took.

        `is_new`: each time as one of another conversation.
        """
        request = request_of(self._port, path, body, self._headers)
        try:
            async with asyncio.timeout(PATIENCE):
                return await load(self._port, request, count=count, concurrency=concurrency, is_new=is_new)
        except TimeoutError as error:
            raise LoadError(f"gave no answer within {PATIENCE:.0f} s") from error


@contextlib.contextmanager
def started(launch: Launch, place: Place, cores: Cores) -> Iterator[tuple[Popen[bytes], Path]]:
    """Start a gateway, and end it. Yields its process and its log."""
    place.folder.mkdir(parents=True, exist_ok=True)
    for name, text in launch.files.items():
        (place.folder / name).write_text(text, encoding="utf-8")
    # What it keeps in the user's folders is of this run alone.
    folders = {
        name: place.path(name.lower()) for name in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")
    }
    for folder in folders.values():
        Path(folder).mkdir(exist_ok=True)
    inherited = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
    environment = {**inherited, **folders, **launch.environment}
    log = place.folder / "output.log"
    with running(cores.pinned(launch.command), environment, log, place.folder) as process:
        yield process, log


_PROXIES = ("http_proxy", "https_proxy", "all_proxy")
_NOT_INHERITED = frozenset(
    # Installed packages are byte-compiled; a checkout that may not write its caches would measure the compiler.
    # The upstream is on this machine, and some programs would ask a proxy for it.
    {"PYTHONDONTWRITEBYTECODE", "PYTHONPATH", *_PROXIES, *map(str.upper, _PROXIES)}
)


def listening(process: Popen[bytes], log: Path, port: int) -> None:
    """Wait until a gateway listens. Raise `NotStartedError` if it ends, or does not in time."""

    def attempt() -> None:
        socket.create_connection(("127.0.0.1", port), timeout=5.0).close()

    _until(attempt, process, log)


def answering(process: Popen[bytes], log: Path, server: Server, body: bytes) -> None:
    """Wait until a gateway answers. Raise `NotStartedError` if it ends, or does not in time."""
    _until(lambda: asyncio.run(server.ask(body)), process, log)


def _until(attempt: Callable[[], object], process: Popen[bytes], log: Path) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        try:
            attempt()
        except (OSError, LoadError) as error:
            if process.poll() is not None:
                raise NotStartedError(f"did not start: {_last_line(log) or error}") from error
            if time.monotonic() > end:
                raise NotStartedError(f"did not answer within {PATIENCE:.0f} s: {error}") from error
            time.sleep(_POLL)
        else:
            return


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1].strip()[:300] if lines else ""


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
