"""Runs a gateway until it is stopped: in this process, or in workers that this one supervises."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import tempfile
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from understudy.config import Config
from understudy.gateway.serving.control import Options
from understudy.gateway.serving.process import Later, Process, allow_many_files, logging_to, on_signals, run
from understudy.gateway.serving.reloading import Apply, Reloader
from understudy.gateway.serving.source import Source
from understudy.gateway.serving.supervisor import Supervisor
from understudy.gateway.serving.writing import LineWriter

log = logging.getLogger("understudy.gateway")


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """What is served, and how."""

    source: Source
    text: str | None
    """What the source said."""
    config: Config
    """What the text states."""
    sockets: Sequence[socket.socket]
    options: Options
    workers: int = 1
    watch: bool = False
    """Whether the configuration is read again when its file changes."""
    announce: Callable[[], None]
    """Called once requests are accepted."""
    show_console: Callable[[Config], None]
    """Prints how its operator opens the console of a configuration, with a new link if it needs one; on SIGUSR1."""

    def reloader(self, apply: Apply) -> Reloader:
        """Return what reads the configuration again."""
        return Reloader(self.source, self.config, self.options.host, apply)


def serve(setting: Setting) -> None:
    """Serve until SIGINT or SIGTERM. Raise `ConfigError` or `Misuse` if that is impossible."""
    allow_many_files()
    with logging_to(setting.options) as writer:
        run((_serve_alone if setting.workers == 1 else _supervise)(setting, writer))


async def _serve_alone(setting: Setting, writer: LineWriter) -> int:
    process = Process(setting.config, setting.options, writer)

    async def use(_: str | None, config: Config) -> None:
        await process.use(config)

    reloader = setting.reloader(use)
    process.reads_again(setting.source, reloader.renew)

    async def reload() -> None:
        writer.reopen()
        await reloader.reload()

    async def announce() -> None:
        await process.server.serving.wait()
        setting.announce()

    _stop_and_reload(process.server.stop, reload)
    on_signals({"SIGUSR1": partial(_show_console, setting, reloader), "SIGUSR2": _explain_replacing})
    await process.serve(setting.sockets, announce(), *([reloader.watch()] if setting.watch else []))
    return 0


async def _supervise(setting: Setting, writer: LineWriter) -> int:
    with tempfile.TemporaryDirectory(prefix="understudy-", ignore_cleanup_errors=True) as folder:
        files = {"state_file": str(Path(folder) / "gateway.db"), "fleet_file": str(Path(folder) / "fleet.db")}
        options = replace(setting.options, **files)
        return await _supervise_with(options, setting, writer)


async def _supervise_with(options: Options, setting: Setting, writer: LineWriter) -> int:
    supervisor = Supervisor(setting.sockets, setting.source.path, options, setting.workers)
    reloader = setting.reloader(supervisor.use)
    supervisor.renew = reloader.renew

    async def reload() -> None:
        writer.reopen()
        await supervisor.reopen()
        await reloader.reload()

    _stop_and_reload(supervisor.stop, reload)
    on_signals({"SIGUSR1": partial(_show_console, setting, reloader), "SIGUSR2": Later(supervisor.replace)})
    await supervisor.start(setting.text, setting.config)
    setting.announce()
    watching = asyncio.create_task(reloader.watch()) if setting.watch else None
    await supervisor.run()
    if watching is not None:
        watching.cancel()
    return 0


def _stop_and_reload(stop: Callable[[], None], reload: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Stop and reload on signals. SIGHUP also says that the terminal was closed, which is a reason to stop."""
    had_terminal, later = _has_terminal(), Later(reload)

    def hang_up() -> None:
        if had_terminal and not _has_terminal():
            stop()
        else:
            later()

    on_signals({"SIGINT": stop, "SIGTERM": stop, "SIGHUP": hang_up})


def _show_console(setting: Setting, reloader: Reloader) -> None:
    """Print how the console in use is opened. A user who may signal this process may also read what it prints."""
    setting.show_console(reloader.config)


def _explain_replacing() -> None:
    """Log what SIGUSR2 is for; without a handler it would end the process at once."""
    log.warning("SIGUSR2 replaces workers one after another, which needs --workers 2 or more")


def _has_terminal() -> bool:
    """Check whether this process has a controlling terminal."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR))
    except OSError:
        return False
    return True
