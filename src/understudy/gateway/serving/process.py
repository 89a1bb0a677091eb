"""One process that serves a gateway: alone, or as the worker of a supervisor."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import socket
import sys
from collections.abc import Callable, Coroutine, Generator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from understudy import gateway
from understudy.client.ledger import capture_of, open_ledger, place_of
from understudy.config import Config
from understudy.domain.secret import Secret
from understudy.engine.registry import backend_of
from understudy.fleet.opening import open_fleet
from understudy.gateway.serving.control import Options
from understudy.gateway.serving.limits import LIMITS, Limits
from understudy.gateway.serving.reloading import Rereading
from understudy.gateway.serving.server import Server
from understudy.gateway.serving.source import Source
from understudy.gateway.serving.writing import LineHandler, LineWriter
from understudy.gateway.tracing import Traces

if TYPE_CHECKING:
    from understudy.ledger import Observer
    from understudy.telemetry.tracing.tracing import Tracing

log = logging.getLogger("understudy.gateway")
COLLECTED = (10_000, 20, 20)
"""How many objects are made between two collections of the youngest, and how many of these between those of older ones;
Python's own are 700, 10 and 10."""
FILES = 65_536
"""Open files that a process asks for: each caller and each request to a provider needs one."""
ALERTS = 5.0
"""Seconds between two looks whether the configuration asks for alerts."""
WARMING = 3.0
"""Seconds after the start before prices are loaded, unless a request needs them earlier."""
OWN_FILES = 64
"""Open files that are left for everything else, such as the ledger and the logs."""


class Process:
    """The gateway, its server and its logs, in one process."""

    def __init__(self, config: Config, options: Options, writer: LineWriter) -> None:
        self.options = options
        self.writer = writer
        self._ledger = open_ledger(config, processes=options.workers, checks=True)
        place = place_of(config)
        kept: dict[str, Any] = {"url" if isinstance(place, Secret) else "file": place}
        self._traces = Traces(config)
        self.gateway = gateway.app(
            self._own(config), sink=self._ledger, observers=self._observers(self._traces.current), **kept
        )
        file = Path(options.fleet_file) if options.fleet_file else None
        self.gateway.share(open_fleet(place, file=file), options.instance)
        if options.logs_access:
            self.gateway.access_log = writer.record
        self.server = Server(self.gateway, drain=options.drain_of(config), limits=_limits())

    async def use(self, config: Config) -> None:
        """Use another configuration for the requests from now on."""
        if self._ledger is not None:
            self._ledger.capture = capture_of(config)
        tracing, former = self._traces.prepared(config), self.gateway.observers
        self.gateway.observers = self._observers(tracing)
        try:
            await self.gateway.reload(self._own(config))
        except BaseException:
            self.gateway.observers = former
            raise
        await self._traces.use(tracing)
        self.server.drain_time = self.options.drain_of(config)

    async def _alerts(self) -> None:
        """Send alerts, if the configuration asks for them, also one that is read later; until cancelled."""
        file = Path(self.options.fleet_file) if self.options.fleet_file else None
        while True:
            if self.gateway.config.telemetry.alerts is not None:
                from understudy.gateway.alerting import send_alerts

                await send_alerts(self.gateway, file)
            await asyncio.sleep(ALERTS)

    async def _warm(self) -> None:
        """Load the published prices, in a thread, if the console is on and an entry's prices need them: else the first
        plan that an operator asks for would wait for that."""
        await asyncio.sleep(WARMING)
        if self.gateway.config.console.enabled:
            with self.gateway.operating.held() as manager:
                for each in manager.providers:
                    if (loading := backend_of(each).prices_ready()) is not None:
                        await loading

    def _observers(self, tracing: Tracing | None = None) -> tuple[Observer, ...]:
        return () if tracing is None else (tracing,)

    def reads_again(self, source: Source, renew: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Let operators reload what a file says. `renew` has all processes use it, and raises `LLMError` if they do
        not."""
        if source.path is not None:
            self.gateway.operating.reloading = Rereading(source, self.options.host, self._own, renew)

    def _own(self, config: Config) -> Config:
        """Return the configuration with what the command line says instead."""
        secret = config.gateway.secret or Secret(self.options.secret)
        own = {
            "host": self.options.host,
            "secret": secret,
            "state_file": config.gateway.state_file or self.options.state_file,
        }
        return replace(config, gateway=replace(config.gateway, **own))

    async def serve(self, sockets: Sequence[socket.socket], *beside: Coroutine[Any, Any, None]) -> None:
        """Serve until stopped. What runs beside ends then; if it fails, the server stops."""
        _spare_collector()
        await self.gateway.fleet.join()
        tasks = [
            asyncio.create_task(each) for each in (*beside, self.gateway.fleet.run(), self._alerts(), self._warm())
        ]
        for task in tasks:
            task.add_done_callback(self._stop_after)
        try:
            await self.server.run_on(sockets)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._traces.close()
            await self.gateway.fleet.leave()
            if self._ledger is not None:
                await asyncio.to_thread(self._ledger.close)

    def _stop_after(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("the gateway stops: %s: %s", type(error).__name__, error)
            self.server.stop()


def _spare_collector() -> None:
    """Let the garbage collector pass over what was loaded at the start, and begin less often: a request makes some
    hundred objects, nearly all of which end without it."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTED)


class Later:
    """A coroutine function as a function that starts it."""

    def __init__(self, action: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._action = action
        self._running: set[asyncio.Task[None]] = set()

    def __call__(self) -> None:
        """Start it."""
        task = asyncio.get_running_loop().create_task(self._action())
        self._running.add(task)
        task.add_done_callback(self._running.discard)


def on_signals(actions: Mapping[str, Callable[[], None]]) -> None:
    """Do something on signals, by their names. One that is ignored, as under nohup, stays ignored."""
    loop = asyncio.get_running_loop()
    for name, action in actions.items():
        number = getattr(signal, name, None)
        if number is None or signal.getsignal(number) is signal.SIG_IGN:
            continue
        try:
            loop.add_signal_handler(number, action)
        except NotImplementedError:  # Windows
            signal.signal(number, lambda *_, action=action: loop.call_soon_threadsafe(action))


@contextlib.contextmanager
def logging_to(options: Options) -> Generator[LineWriter]:
    """Write the library's log in lines of JSON, with the access log."""
    writer = LineWriter(Path(options.access_log) if options.access_log else None)
    handler = LineHandler(writer)
    library = logging.getLogger("understudy")
    library.addHandler(handler)
    former = library.level
    library.setLevel(logging.DEBUG if options.verbose else logging.INFO)
    try:
        yield writer
    finally:
        library.removeHandler(handler)
        library.setLevel(former)
        writer.close()


def run(main: Coroutine[Any, Any, int]) -> int:
    """Run on uvloop where it is installed, and return the exit code."""
    factory: Callable[[], asyncio.AbstractEventLoop] | None = None
    with contextlib.suppress(ImportError):
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main)


def _limits() -> Limits:
    """Return the limits of connections: where few files may be open, of fewer connections, or the system would close
    new ones without an answer, and providers could not be reached. Log a warning then."""
    if sys.platform == "win32":
        return LIMITS
    import resource

    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    most = LIMITS.connections if files == resource.RLIM_INFINITY else max(1, (files - OWN_FILES) // 2)
    if most >= LIMITS.connections:
        return LIMITS
    log.warning("this process may open %d files only and serves at most %d connections: raise ulimit -n", files, most)
    return replace(LIMITS, connections=most)


def allow_many_files() -> None:
    """Raise the number of files that this process may open, as far as the system lets it."""
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
