"""Emulators of several providers, each on a port of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from understudy import providers
from understudy.domain.failures import FailureKind
from understudy.domain.operation import Operation
from understudy.domain.requests import GenerationRequest
from understudy.emulator import cast
from understudy.emulator.actor import Actor
from understudy.emulator.answers import Answers, ScriptedAnswer, StepFaults
from understudy.emulator.faults import Fault
from understudy.emulator.in_memory import InMemoryTransport
from understudy.emulator.script import Script
from understudy.emulator.server import ProviderServer, RecordedRequest
from understudy.transport.base import Transport

KEY = "test-key"
"""The key that emulators accept by default."""


class Emulator:
    """Stands in for providers, over real sockets on this machine. An async context manager.

        async with Emulator(("openai", "anthropic")) as emulator:
            config = ProviderConfig(provider="openai", base_url=emulator.url("openai"), api_key=emulator.key)
            emulator.script("openai", [Fault.status(429, retry_after=1), None, Fault.stall(after=2)])

    Answers are deterministic: the same requests in the same order give the same bytes.
    """

    def __init__(  # noqa: PLR0913 - independent settings, all but the first by keyword
        self,
        providers: Sequence[str] | None = None,
        *,
        keys: Sequence[str] | None = (KEY,),
        models: Mapping[str, Sequence[str]] | None = None,
        host: str = "127.0.0.1",
        ports: Mapping[str, int] | None = None,
        pace: float = 0.0,
        lenient: bool = False,
    ) -> None:
        """`providers`: which to emulate, all by default. `keys`: the accepted ones; with `None`, any that is not empty.

        `models`: further model names, by provider. `ports`: fixed ports, by provider; the system chooses the others.
        `pace`: seconds between the events of a stream. `lenient`: accept requests that break a rule of form that the
        vendor documents, such as a tool result without its call.

        Raises `LookupError` for a provider without an emulator.
        """
        self.key = keys[0] if keys else KEY
        """A key that is accepted."""
        self._servers = {
            name: ProviderServer(
                Actor(cast.find(name), keys, (models or {}).get(name, ()), lenient=lenient),
                host,
                (ports or {}).get(name, 0),
                pace=pace,
            )
            for name in (cast.types() if providers is None else providers)
        }
        self._host = host
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __aenter__(self) -> Emulator:
        self._loop = asyncio.get_running_loop()
        try:
            for server in self._servers.values():
                await server.start()
        except BaseException:
            await self.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close all ports and connections."""
        for server in self._servers.values():
            await server.stop()

    @property
    def providers(self) -> tuple[str, ...]:
        """The types of the emulated providers."""
        return tuple(self._servers)

    def origin(self, provider: str) -> str:
        """Return scheme, host and port: the base URL for clients that add the provider's path themselves."""
        host = "127.0.0.1" if self._host in ("0.0.0.0", "") else self._host  # noqa: S104 - compared, not bound
        return f"http://{f'[{host}]' if ':' in host else host}:{self._server(provider).port}"

    def url(self, provider: str) -> str:
        """Return the base URL to configure for a provider, such as `http://127.0.0.1:40001/openai/v1` for Groq."""
        return self.origin(provider) + self._server(provider).actor.mount

    def environment(self, provider: str) -> dict[str, str]:
        """Return the variables that point the provider's own client, and `from_config`, at its emulator."""
        row = providers.row(provider)
        origin, url = self.origin(provider), self.url(provider)
        # If the provider's own client adds the path to the variable's value, the path is omitted.
        short = row.normalize_base_url(origin).rstrip("/") == url
        variables = {row.base_url_variables[0]: origin if short else url} if row.base_url_variables else {}
        return variables | ({row.key_variables[0]: self.key} if row.key_required else {})

    def transport(self, provider: str) -> Transport:
        """Return a transport that reaches a provider without a socket, for `create_provider(..., transport=...)`.

        Faults, and the requests that are recorded, are the same. Nothing needs to be closed, and time may be virtual.
        """
        return InMemoryTransport(self._server(provider))

    def script(
        self,
        provider: str,
        faults: Fault | FailureKind | Iterable[Fault | FailureKind | None] = (),
        *,
        always: Fault | FailureKind | None = None,
        every: int = 1,
        on: Operation | None = None,
    ) -> None:
        """Set the faults of the next requests, replacing the script set before.

        Each request takes one entry of `faults`; `None` is a healthy answer, a `FailureKind` the provider's own error
        of that kind. Once they are used up, `always` strikes
        every `every`-th request. `on` restricts the script to one operation. Without faults the provider is healthy.
        """
        self._server(provider).script = Script(faults, always=always, every=every, on=on)

    def answers(
        self,
        provider: str,
        answers: Iterable[ScriptedAnswer],
        *,
        faults: StepFaults | None = None,
        when: Callable[[GenerationRequest], bool] | None = None,
        first: int = 0,
    ) -> None:
        """Add a script of answers for a conversation; the first script that applies to a request answers it.

            emulator.answers("openai", [tool_call("read", path="a.txt"), "It is empty."], faults={1: Fault.cut()})

        A request gets the answer after the last one that its conversation contains, in every dialect, streamed or not:
        a repeated request gets the same answer again. The script applies to requests that offer all tools which it
        calls, and for which `when` is true; all others, and those after the last answer, are answered as without it.
        `faults` are taken by the first requests for a step, counted from 0, before those of `script`; an iterator of
        them may be shared by the scripts of several providers. `first` is the step with which a conversation begins,
        such as one that goes on from a summary.

        Raises `TypeError` or `ValueError` if an answer or a step is invalid.
        """
        self._server(provider).actor.answers += (Answers(answers, faults=faults, when=when, first=first),)

    def forget_answers(self, provider: str) -> None:
        """Remove a provider's scripts of answers."""
        self._server(provider).actor.answers = ()

    def remaining(self, provider: str) -> int:
        """Return how many scripted faults no request has taken yet."""
        return self._server(provider).script.remaining

    def requests(self, provider: str) -> list[RecordedRequest]:
        """Return the requests to a provider so far, oldest first; the last ten thousand are kept."""
        return list(self._server(provider).requests)

    def cancelled(self, provider: str) -> int:
        """Return the number of answers that the client did not read to the end."""
        return sum(request.outcome == "client_left" for request in self._server(provider).requests)

    @property
    def open_connections(self) -> int:
        """The number of open connections, over all providers."""
        return sum(server.open_connections for server in self._servers.values())

    def stop(self, provider: str) -> Awaitable[None]:
        """Close a provider's port and connections: from then on, connections are refused.

        Await it; in synchronous code, beside `emulate`, it is done when the call returns.
        """
        return self._perform(self._server(provider).stop())

    def start(self, provider: str) -> Awaitable[None]:
        """Open a stopped provider's port again, the same one. Await it as `stop`."""
        return self._perform(self._server(provider).start())

    def _perform(self, work: Coroutine[Any, Any, None]) -> Awaitable[None]:
        """Return work to await; called from a thread without a loop, do it on the emulator's own first."""
        running = asyncio._get_running_loop()  # noqa: SLF001 - public, but without a loop it raises
        if self._loop is None or running is self._loop:
            return work
        done = asyncio.run_coroutine_threadsafe(work, self._loop)
        if running is not None:
            return asyncio.wrap_future(done)
        done.result()
        return _Done()

    def _server(self, provider: str) -> ProviderServer:
        if provider not in self._servers:
            raise LookupError(
                f"{provider!r} is not emulated here; the emulated providers are {', '.join(self._servers)}"
            )
        return self._servers[provider]


class _Done:
    """What is done already; awaiting it returns at once."""

    def __await__(self) -> Generator[Any, None, None]:
        yield from ()


@contextmanager
def emulate(*providers: str, emulator: Emulator | None = None) -> Iterator[Emulator]:
    """Run an emulator in a thread of its own, for synchronous code.

    `providers` are the ones to emulate, all by default; pass `emulator` instead for one with other settings.
    Reading, scripting, `start` and `stop` are safe from other threads.
    """
    running = emulator or Emulator(providers or None)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="understudy-emulator", daemon=True)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(running.__aenter__(), loop).result()
        yield running
    finally:
        asyncio.run_coroutine_threadsafe(running.aclose(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
