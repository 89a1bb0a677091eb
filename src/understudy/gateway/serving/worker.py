"""A worker of a supervisor: serves on sockets that it inherits, until it is told to stop or the supervisor is gone."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from understudy.domain.errors import LLMError, Misuse
from understudy.gateway.serving.control import AskReload, Channel, Failed, Ready, Reload, Reloaded, Reopen, Start, Word
from understudy.gateway.serving.process import Process, allow_many_files, logging_to, on_signals, run
from understudy.gateway.serving.source import Source

PATIENCE = 60.0
"""Seconds that the supervisor has to reload."""


def main() -> None:
    """Run the worker whose end of the channel is the descriptor in the arguments."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the supervisor stops its workers
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    allow_many_files()
    sys.exit(run(_work(socket.socket(fileno=int(sys.argv[1])))))


async def _work(sock: socket.socket) -> int:
    channel = await Channel.over(sock)
    words = channel.words()
    start = await anext(words, None)
    if not isinstance(start, Start):
        return 1
    source = Source(Path(start.path) if start.path else None)
    with logging_to(start.options) as writer:
        try:
            process = Process(source.parse(start.text), start.options, writer)
        except LLMError as error:
            await channel.say(Failed(str(error)))
            return 2
        asking = Asking(channel)
        process.reads_again(source, asking.renew)
        on_signals({"SIGTERM": process.server.stop})
        sockets = [socket.socket(fileno=number) for number in start.sockets]
        try:
            await process.serve(sockets, _report(process, channel), _obey(process, words, source, asking))
        finally:
            channel.close()  # uvloop does not end while it is open
            await asyncio.sleep(0)
    return 0


async def _report(process: Process, channel: Channel) -> None:
    await process.server.serving.wait()
    await channel.say(Ready())


class Asking:
    """Asks the supervisor to reload."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self._lock = asyncio.Lock()
        self._answers: asyncio.Queue[Reloaded] = asyncio.Queue()

    async def renew(self) -> None:
        """Have all workers use what the file says now. Raise `Misuse` if they do not."""
        async with self._lock:
            while not self._answers.empty():  # one that came too late
                self._answers.get_nowait()
            await self.channel.say(AskReload())
            try:
                async with asyncio.timeout(PATIENCE):
                    answer = await self._answers.get()
            except TimeoutError:
                raise Misuse(f"the supervisor did not reload the configuration within {PATIENCE:g} s") from None
        if answer.message is not None:
            raise Misuse(answer.message)

    def answered(self, answer: Reloaded) -> None:
        """Take the answer of the supervisor."""
        self._answers.put_nowait(answer)


async def _obey(process: Process, words: AsyncIterator[Word], source: Source, asking: Asking) -> None:
    channel = asking.channel
    async for word in words:
        match word:
            case Reload(text=text):
                try:
                    await process.use(source.parse(text))
                    await channel.say(Ready())
                except LLMError as error:
                    await channel.say(Failed(str(error)))
            case Reopen():
                process.writer.reopen()
            case Reloaded():
                asking.answered(word)
            case _:
                pass
    process.server.stop()
