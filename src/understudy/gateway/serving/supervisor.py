"""Several processes that serve on the same sockets, and the one that looks after them.

The supervisor opens the sockets and reads the configuration; workers inherit both, the text of the configuration over a
`Channel`, so that all of them use the same even if the file is changed meanwhile. A worker that ends by itself is
replaced. The queue of connections that are not accepted yet belongs to the socket, not to a worker: none is lost when
one stops.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import understudy
from understudy.config import Config
from understudy.domain.errors import LLMError, Misuse
from understudy.gateway.serving.control import (
    AskReload,
    Channel,
    Failed,
    Options,
    Ready,
    Reload,
    Reloaded,
    Reopen,
    Start,
    Word,
)

log = logging.getLogger("understudy.gateway")
_CODE = "from understudy.gateway.serving.worker import main; main()"
_START_TIME = 30.0
"""Seconds within which a worker must serve."""
_SPARE = 5.0
"""Seconds that a worker has to end beyond its time for draining, before it is killed."""
_FIRST_WAIT, _LONGEST_WAIT = 0.1, 10.0
"""Seconds before a worker that ended is replaced; doubled while its replacements end within `_STABLE`."""
_STABLE = 30.0


class Worker:
    """One process, and the channel to it."""

    def __init__(self, process: subprocess.Popen[bytes], channel: Channel, asked: Callable[[Worker], object]) -> None:
        """`asked`: called when the process asks for a reload."""
        self.process = process
        self.channel = channel
        self._asked = asked
        self.answers: asyncio.Queue[Ready | Failed] = asyncio.Queue()
        self.ended = asyncio.Event()
        self.is_retired = False
        """Whether it is meant to end."""
        self._listening = asyncio.create_task(self._listen())

    @classmethod
    async def start(cls, start: Start, asked: Callable[[Worker], object]) -> Worker:
        """Start a process and tell it what to serve."""
        ours, theirs = socket.socketpair()
        with theirs:
            ours.setblocking(False)
            process = subprocess.Popen(  # noqa: ASYNC220, S603 - returns at once; every word is ours
                [sys.executable, "-P", "-c", _CODE, str(theirs.fileno())],
                pass_fds=(theirs.fileno(), *start.sockets),
                stdin=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": _python_path()},
                process_group=0,  # Ctrl-C reaches the supervisor alone, which stops its workers in its way
            )
        worker = cls(process, await Channel.over(ours), asked)
        with contextlib.suppress(ConnectionError):
            await worker.channel.say(start)
        return worker

    async def _listen(self) -> None:
        async for word in self.channel.words():
            match word:
                case Ready() | Failed():
                    self.answers.put_nowait(word)
                case AskReload():
                    self._asked(self)
                case _:
                    pass
        # The stream ends with the process.
        await asyncio.to_thread(self.process.wait)
        self.channel.close()
        self.ended.set()

    async def answer(self, seconds: float) -> Ready | Failed:
        """Return the next answer, or why there is none."""
        asked, ended = asyncio.create_task(self.answers.get()), asyncio.create_task(self.ended.wait())
        await asyncio.wait({asked, ended}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        ended.cancel()
        if asked.done():
            return asked.result()
        asked.cancel()
        code = self.process.returncode
        return Failed(f"it did not answer within {seconds:g} s" if code is None else f"it ended with the code {code}")

    async def stop(self, seconds: float) -> None:
        """Have it drain and end; kill it if it takes too long."""
        if not self.ended.is_set():
            self.process.terminate()
        try:
            async with asyncio.timeout(seconds):
                await self.ended.wait()
        except TimeoutError:
            log.error("the worker %d did not stop within %g s and is killed", self.process.pid, seconds)
            self.process.kill()
            await self.ended.wait()


class Supervisor:
    """Keeps a number of workers serving."""

    def __init__(self, sockets: Sequence[socket.socket], path: Path | None, options: Options, number: int) -> None:
        self._sockets = sockets
        self._path = path
        self._options = options
        self._number = number
        self._text: str | None = None
        self._drain = 0.0
        self._workers: set[Worker] = set()
        self._tending: set[asyncio.Task[None]] = set()
        self._changing = asyncio.Lock()
        """Held while a worker is started, or all use another configuration: none misses a change."""
        self._stopping = asyncio.Event()
        self.renew: Callable[[], Awaitable[None]] | None = None
        """What has all workers use what the file says now; it raises `LLMError` if they do not."""
        self._renewing: set[asyncio.Task[None]] = set()

    async def start(self, text: str | None, config: Config) -> None:
        """Start all workers. Raise `Misuse` with the reason of the first one that does not serve."""
        self._keep(text, config)
        started = await asyncio.gather(*(self._start() for _ in range(self._number)))
        for each in started:
            if isinstance(each, Failed):
                await self._end(1.0)
                raise Misuse(f"a worker could not be started: {each.message}")

    async def run(self) -> None:
        """Replace workers that end, until `stop`; then wait until all have ended."""
        for worker in tuple(self._workers):
            self._tend(worker, _FIRST_WAIT)
        await self._stopping.wait()
        tending = tuple(self._tending)
        for task in tending:
            task.cancel()
        await asyncio.gather(*tending, return_exceptions=True)
        for each in self._sockets:
            each.close()
        await self._end(self._drain + _SPARE)

    def stop(self) -> None:
        """Drain and end all workers. A second call makes them end at once."""
        if self._stopping.is_set():
            for worker in self._workers:
                if worker.process.poll() is None:
                    worker.process.terminate()
        self._stopping.set()

    async def use(self, text: str | None, config: Config) -> None:
        """Have all workers use another configuration. Raise `Misuse` if one does not."""
        async with self._changing:
            workers = tuple(self._workers)
            for word in await asyncio.gather(*(self._ask(worker, Reload(text)) for worker in workers)):
                if isinstance(word, Failed):
                    raise Misuse(f"a worker could not use the configuration: {word.message}")
            self._keep(text, config)

    async def replace(self) -> None:
        """Replace all workers, one after another: each ends once its successor serves."""
        for worker in tuple(self._workers):
            async with self._changing:
                started = await self._start()
            if isinstance(started, Failed):
                log.error("the workers were not replaced: %s", started.message)
                return
            self._tend(started, _FIRST_WAIT)
            worker.is_retired = True
            await worker.stop(self._drain + _SPARE)
        log.info("all workers were replaced")

    def _asked(self, worker: Worker) -> None:
        """Reload because a worker asks for it."""
        task = asyncio.get_running_loop().create_task(self._renew_for(worker))
        self._renewing.add(task)
        task.add_done_callback(self._renewing.discard)

    async def _renew_for(self, worker: Worker) -> None:
        message = None
        try:
            if self.renew is not None:
                await self.renew()
        except LLMError as error:
            message = str(error)
        with contextlib.suppress(ConnectionError):
            await worker.channel.say(Reloaded(message))

    async def reopen(self) -> None:
        """Have all workers open the log file again."""
        for worker in tuple(self._workers):
            with contextlib.suppress(ConnectionError):
                await worker.channel.say(Reopen())

    def _keep(self, text: str | None, config: Config) -> None:
        """Keep what later workers start with."""
        self._text = text
        self._drain = self._options.drain_of(config)

    async def _start(self) -> Worker | Failed:
        path = str(self._path) if self._path else None
        numbers = tuple(each.fileno() for each in self._sockets)
        start = Start(path=path, text=self._text, sockets=numbers, options=self._options)
        worker = await Worker.start(start, self._asked)
        self._workers.add(worker)
        answer = await worker.answer(_START_TIME)
        if isinstance(answer, Failed):
            await worker.stop(0.0)
            self._workers.discard(worker)
            return answer
        return worker

    def _tend(self, worker: Worker, wait: float) -> None:
        """Look after a worker, and after its successors."""
        task = asyncio.create_task(self._watch(worker, wait))
        self._tending.add(task)
        task.add_done_callback(self._tending.discard)

    async def _watch(self, worker: Worker, wait: float) -> None:
        """Replace a worker once it ends by itself. `wait` is how long to wait with that, if it ends soon."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        await worker.ended.wait()
        self._workers.discard(worker)
        if worker.is_retired:
            return
        log.error("a worker ended with the code %s and is replaced", worker.process.returncode)
        wait = _FIRST_WAIT if loop.time() - began >= _STABLE else wait
        while True:
            await asyncio.sleep(wait)
            wait = min(_LONGEST_WAIT, wait * 2)
            async with self._changing:
                started = await self._start()
            if isinstance(started, Worker):
                self._tend(started, wait)
                return
            log.error("a worker could not be started: %s", started.message)

    async def _ask(self, worker: Worker, word: Word) -> Ready | Failed:
        try:
            await worker.channel.say(word)
        except ConnectionError:
            return Ready()  # it has ended, and the next one starts with what is used now
        return await worker.answer(_START_TIME)

    async def _end(self, seconds: float) -> None:
        await asyncio.gather(*(worker.stop(seconds) for worker in tuple(self._workers)))


def _python_path() -> str:
    """Return where workers find the package, wherever this process found it."""
    own = str(Path(understudy.__file__).parents[1])
    return os.pathsep.join(filter(None, (own, os.environ.get("PYTHONPATH"))))
