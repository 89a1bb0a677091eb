"""`understudy serve`: the gateway, until Ctrl-C."""

from __future__ import annotations

import math
import os
import secrets
import signal
import sys
import time
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from understudy.cli.exits import ExitCode
from understudy.cli.failing import usable
from understudy.cli.manual import CONFIGURATION, LOOKS, Example, Manual
from understudy.cli.options import CommonOptions
from understudy.cli.terminal import say
from understudy.client.keys import has_keys
from understudy.domain.errors import Misuse
from understudy.domain.secret import Secret

if TYPE_CHECKING:
    from understudy.config import Config

MANUAL = Manual(
    text="""\
Serves the configured providers to programs that speak the API of OpenAI, Anthropic, Google, Cohere or Ollama. Whatever
provider answers, a caller gets what its own API would send, and another provider goes on when one fails.

On SIGTERM and Ctrl-C the port is closed and requests under way end, within --drain seconds; what is left then gets an
error event. A second signal ends them at once. On SIGHUP the configuration is read again: if it is valid, new requests
use it; if not, the previous one stays in use. The log on stderr, or in --access-log FILE, is JSON, one line for each
request, without prompts and keys.

Operators have pages at /console/, an API at /admin/v1/ and metrics at /metrics; [[llm.console.keys]] open them. Without
such a key, on a loopback address, a link is printed that signs in once; SIGUSR1 prints another one.

Without [[llm.gateway.keys]] everyone who reaches the gateway may use it, so it then listens on loopback addresses
only.""",
    examples=(
        Example("Serve on this machine", "understudy serve"),
        Example(
            "Serve others, with four processes and a log file",
            "understudy serve --host 0.0.0.0 --workers 4 \\\n  --access-log /var/log/understudy.log",
        ),
        Example("Use the configuration as soon as it is saved", "understudy serve --config my.toml --reload"),
    ),
    exits={
        ExitCode.OK: "stopped by Ctrl-C or SIGTERM",
        ExitCode.MISUSE: "invalid usage or configuration, or the port is in use",
    },
    variables={**CONFIGURATION, **LOOKS},
    see="docs/gateway.md and docs/console.md",
)


class ServeOptions(CommonOptions, frozen=True, kw_only=True):
    """The options of `serve`."""

    host: Annotated[
        str | None,
        typer.Option("--host", metavar="ADDRESS", help="Address to listen on; the default is 127.0.0.1."),
    ] = None
    port: Annotated[
        int | None,
        typer.Option(
            "--port",
            "-p",
            metavar="N",
            min=0,
            max=65535,
            help="Port to listen on; the default is 8484. 0 is any free one.",
        ),
    ] = None
    workers: Annotated[
        int, typer.Option("--workers", "-w", metavar="N", min=1, max=256, help="Number of processes.")
    ] = 1
    reload: Annotated[
        bool, typer.Option("--reload", help="Read the configuration again whenever its file changes.")
    ] = False
    access_log: Annotated[
        Path | None,
        typer.Option("--access-log", metavar="FILE", help="File to append the log to; the default is stderr."),
    ] = None
    no_access_log: Annotated[
        bool, typer.Option("--no-access-log", help="Do not log requests, only what goes wrong.")
    ] = False
    drain: Annotated[
        float | None,
        typer.Option(
            "--drain",
            metavar="SECONDS",
            min=0,
            help="Time for requests under way to end when the gateway is stopped; the default is 25.",
        ),
    ] = None


def serve(options: ServeOptions) -> None:
    """Serve the configured providers over HTTP, until Ctrl-C."""
    if options.drain is not None and not math.isfinite(options.drain):
        raise Misuse(f"--drain must be a finite number, got {options.drain}")
    if options.workers > 1 and sys.platform == "win32":
        raise Misuse("--workers needs signals and inherited sockets, which Windows does not have")
    _require_extra()
    from understudy.gateway.serving.control import Options
    from understudy.gateway.serving.limits import LIMITS
    from understudy.gateway.serving.listening import listen, url_of
    from understudy.gateway.serving.reloading import check_open
    from understudy.gateway.serving.running import Setting
    from understudy.gateway.serving.running import serve as run
    from understudy.gateway.serving.source import Source

    source = Source.find(options.config)
    text = source.read()
    config = source.parse(text)
    host = options.host or config.gateway.host
    check_open(config, host)
    if options.reload and source.path is None:
        raise Misuse("--reload needs a configuration file to watch: write one with `understudy init`, or pass --config")
    for notice in config.notices:
        say(str(notice), label="note")
    log = _log_file(options.access_log)
    sockets = listen(host, config.gateway.port if options.port is None else options.port, LIMITS.backlog)
    url = url_of(sockets, host)
    secret = config.gateway.secret or Secret(secrets.token_hex(32))
    opening = partial(console_lines, url, host=host, secret=secret)
    run(
        Setting(
            source=source,
            text=text,
            config=config,
            sockets=sockets,
            options=Options(
                host=host,
                secret=secret.reveal(),
                drain=options.drain,
                access_log=log,
                logs_access=not options.no_access_log,
                verbose=options.verbose,
                workers=options.workers,
            ),
            workers=options.workers,
            watch=options.reload,
            announce=lambda: print(greeting(url, config), *opening(config), sep="\n", flush=True),
            show_console=lambda current: print(*opening(current), sep="\n", flush=True),
        )
    )


def _log_file(path: Path | None) -> str | None:
    """Return the whole path of a file that can be appended to. Raise `Misuse` if it cannot."""
    if path is None:
        return None
    with usable(f"--access-log {path}"), path.open("ab"):
        return str(path.absolute())


def greeting(url: str, config: Config) -> str:
    """Return where the gateway is, and what clients need."""
    entries, routes = len(config.providers), len(config.routes)
    serving = f"{entries} {'entry' if entries == 1 else 'entries'}"
    serving += f" and {routes} {'route' if routes == 1 else 'routes'}" if routes else ""
    key = "a key of [[llm.gateway.keys]]" if config.gateway.keys else "any key, which is not checked"
    if has_keys(config):
        key = "a virtual key" + (" or one of [[llm.gateway.keys]]" if config.gateway.keys else "")
    return (
        f"{url} serves {serving}; Ctrl-C stops it\n"
        f"  OpenAI clients: base URL {url}/v1, and {key}\n"
        f"  Anthropic, Google, Cohere and Ollama clients: base URL {url}, and the same key"
    )


def console_lines(url: str, config: Config, host: str, secret: Secret) -> tuple[str, ...]:
    """Return how its operator opens the console. Without admin keys that is a link, which signs in once; the secret of
    the configuration signs it, else `secret`."""
    from understudy.console.access.codes import link
    from understudy.gateway.serving.listening import is_loopback

    if not config.console.enabled:
        return ()
    if config.console.keys:
        return (f"  Console: {url}/console/, with a key of [[llm.console.keys]]",)
    if not is_loopback(host):
        return ("  Console: closed; add [[llm.console.keys]] to open it",)
    another = f"; kill -USR1 {os.getpid()} prints another one" if hasattr(signal, "SIGUSR1") else ""
    made = link(url, (config.gateway.secret or secret,), time.time())
    return (f"  Console, with a link that signs in once within ten minutes{another}:\n    {made}",)


_PACKAGES = ("httptools", "zstandard", "cryptography")
"""What only the gateway needs. uvloop is optional."""


def _require_extra() -> None:
    if missing := [name for name in _PACKAGES if not _is_installed(name)]:
        *others, last = missing
        packages = f"{', '.join(others)} and {last}" if others else last
        raise Misuse(f"serve needs {packages}: pip install 'understudy[gateway]'")


def _is_installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ValueError:  # what a program has hidden by `sys.modules[name] = None`
        return False
