"""`understudy emulate`: emulators of the providers over real sockets, until Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from understudy import providers
from understudy.cli import completion
from understudy.cli.exits import ExitCode
from understudy.cli.failing import usable
from understudy.cli.manual import LOOKS, Example, Manual
from understudy.cli.options import JsonOption, Options
from understudy.cli.terminal import print_json, say
from understudy.domain.errors import Misuse
from understudy.domain.operation import Operation
from understudy.emulator import Emulator, Fault, RecordedRequest, cast
from understudy.emulator.faults import parse
from understudy.providers.base import ProviderRow
from understudy.wire.proxies import EnvironmentProxies

MANUAL = Manual(
    text="""\
Serves emulators of the providers on this machine. They speak the real wire formats, so the providers' official clients
work with them; answers are made up and deterministic. Their addresses and settings to paste are printed on stdout,
every request on stderr.

Faults are written as in the header x-understudy-fault, which any single request may also carry: `status=429;
retry_after=1`, `error=billing`, `cut=2`, `stall=1`, `slow_headers=3`, `reset`, `empty`, … A fault without a provider in
front applies to all of them.""",
    examples=(
        Example(
            "Emulate two providers and write a configuration for them",
            "understudy emulate openai anthropic --write understudy.toml",
        ),
        Example(
            "Rate-limit every second request to one of them",
            'understudy emulate openai anthropic \\\n  --fault "openai:status=429; retry_after=1" --every 2',
        ),
    ),
    exits={ExitCode.OK: "stopped by Ctrl-C or SIGTERM", ExitCode.MISUSE: "invalid usage, or the port is in use"},
    variables=LOOKS,
    see="docs/emulators.md, which lists all faults",
)
_POLL = 0.1
"""Seconds between two polls for new requests."""


class EmulateOptions(Options, frozen=True, kw_only=True):
    """The options of `emulate`."""

    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PROVIDER...",
            autocompletion=completion.provider_types,
            help="Providers to emulate; the default is all.",
        ),
    ] = None
    port: Annotated[
        int | None,
        typer.Option(
            "--port", "-p", metavar="N", min=1, help="Port of the first provider; the others use the ports after it."
        ),
    ] = None
    host: Annotated[str, typer.Option("--host", metavar="ADDRESS", help="Address to listen on.")] = "127.0.0.1"
    fault: Annotated[
        list[str] | None,
        typer.Option("--fault", metavar="[PROVIDER:]FAULT", help="Fault to inject. At most one for each provider."),
    ] = None
    every: Annotated[
        int, typer.Option("--every", metavar="N", min=1, help="Inject it into every Nth request only.")
    ] = 1
    model: Annotated[
        list[str] | None,
        typer.Option("--model", "-m", metavar="PROVIDER/MODEL", help="Additional model name. May be repeated."),
    ] = None
    pace: Annotated[
        float, typer.Option("--pace", metavar="SECONDS", min=0, help="Delay between events of a stream.")
    ] = 0.02
    write: Annotated[
        Path | None, typer.Option("--write", metavar="PATH", help="Also write the understudy.toml to this file.")
    ] = None
    as_json: JsonOption = False


def emulate(options: EmulateOptions) -> None:
    """Emulate providers to develop and test against, until Ctrl-C."""
    chosen = tuple(dict.fromkeys(options.names or cast.types()))
    for name in chosen:
        if name not in cast.types():
            raise Misuse(f"unknown provider {name!r}; the emulated ones are {', '.join(cast.types())}")
    port = options.port
    if not math.isfinite(options.pace):
        raise Misuse(f"--pace must be a finite number, got {options.pace}")
    if options.write is not None and options.write.exists():
        raise Misuse(f"--write {options.write}: the file already exists and is not overwritten")
    if port is not None and port + len(chosen) > 65536:
        raise Misuse(f"--port {port}: {len(chosen)} providers need as many ports, and the last port is 65535")
    emulator = Emulator(
        chosen,
        keys=None,
        models=_models(options.model or [], chosen),
        host=options.host,
        ports={} if port is None else {name: port + offset for offset, name in enumerate(chosen)},
        pace=options.pace,
    )
    asyncio.run(_serve(emulator, _faults(options.fault or [], chosen), options))


def _faults(written: list[str], chosen: tuple[str, ...]) -> dict[str, Fault]:
    faults: dict[str, Fault] = {}
    for text in written:
        name, colon, rest = text.partition(":")
        among = colon and name.strip() in chosen
        try:
            fault = parse(rest if among else text)
        except ValueError as error:
            raise Misuse(f"--fault {text}: {str(error).partition(': ')[2] or error}") from error
        faults.update(dict.fromkeys((name.strip(),) if among else chosen, fault))
    return faults


def _models(written: list[str], chosen: tuple[str, ...]) -> dict[str, list[str]]:
    models: dict[str, list[str]] = {}
    for text in written:
        name, _, model = text.partition("/")
        if name not in chosen or not model:
            raise Misuse(f"--model {text}: write PROVIDER/MODEL, with one of the providers {', '.join(chosen)}")
        models.setdefault(name, []).append(model)
    return models


async def _serve(emulator: Emulator, faults: Mapping[str, Fault], options: EmulateOptions) -> None:
    """Run until SIGINT or SIGTERM, which both end it successfully. Ignored signals stay ignored."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is signal.SIG_IGN:
            continue  # a shell started this in the background, out of reach of the terminal's Ctrl-C
        # If the loop supports no handlers (Windows), Ctrl-C cancels this task instead.
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, stop.set)
    async with contextlib.AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(emulator)
        except OSError as error:
            raise Misuse(f"cannot listen: {error.strerror or error}; choose a different --port or --host") from error
        for name, fault in faults.items():
            emulator.script(name, always=fault, every=options.every)
        _announce(emulator, options.write, as_json=options.as_json)
        await _report_until(stop, emulator)


def _announce(emulator: Emulator, write: Path | None, *, as_json: bool) -> None:
    """Print addresses and settings on stdout, so that a script can read them once the ports are open."""
    if write is not None:
        with usable(f"--write {write}"):
            write.write_text(configuration(emulator), encoding="utf-8")
    if as_json:
        print_json(
            {
                name: {"base_url": emulator.url(name), "key": emulator.key, "environment": emulator.environment(name)}
                for name in emulator.providers
            }
        )
    else:
        print(settings(emulator), flush=True)
    say("Ctrl-C stops the emulators. Requests:")


def settings(emulator: Emulator) -> str:
    """Return addresses, environment variables for the providers' own clients, and a configuration for understudy."""
    width = max(map(len, emulator.providers))
    lines = ["# base URLs", *(f"#   {name:{width}}  {emulator.url(name)}" for name in emulator.providers), ""]
    lines.append("# environment, for the official clients and for understudy without a configuration file")
    for name in emulator.providers:
        lines += [f"export {variable}={value}" for variable, value in emulator.environment(name).items()]
    if _is_behind_proxy():
        lines.append("export NO_PROXY=localhost,127.0.0.1")
    return "\n".join([*lines, "", "# understudy.toml", configuration(emulator)])


def configuration(emulator: Emulator) -> str:
    """Return a configuration of all emulated providers, in their order."""
    entries = []
    for priority, name in enumerate(emulator.providers, start=1):
        row = providers.row(name)
        values = [f'provider = "{name}"', f"priority = {priority}", f'base_url = "{emulator.url(name)}"']
        values += [f'api_key = "{emulator.key}"'] if row.key_required else []
        text_model, embedding_model = _models_to_write(row)
        values += [f'text_model = "{text_model}"']
        values += [f'embedding_model = "{embedding_model}"'] if embedding_model else []
        values += ['proxy = "none"'] if _is_behind_proxy() else []
        entries.append("\n".join(["[[llm.providers]]", *values]))
    return "\n\n".join(entries) + "\n"


def _is_behind_proxy() -> bool:
    """Check whether the environment names a proxy, which must not be used for emulators on this machine."""
    return bool(EnvironmentProxies.of(os.environ).variables)


def _models_to_write(row: ProviderRow) -> tuple[str, str | None]:
    """Return the provider's default models, or the emulator's own if it has none (Azure OpenAI)."""
    offered = cast.find(row.type).models
    embedding = next((model.id for model in offered if "embed" in model.capabilities), None)
    embeds = Operation.EMBED in row.dialects
    return row.text_model or offered[0].id, row.embedding_model or (embedding if embeds else None)


async def _report_until(stop: asyncio.Event, emulator: Emulator) -> None:
    """Report every request once it is over."""
    seen = dict.fromkeys(emulator.providers, 0)
    waiting: list[tuple[str, RecordedRequest]] = []
    while not stop.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), _POLL)
        for name in emulator.providers:
            fresh = emulator.requests(name)[seen[name] :]
            seen[name] += len(fresh)
            waiting += [(name, request) for request in fresh]
        for name, request in waiting:
            if request.outcome != "open":
                fault = f" [{request.fault.kind}]" if request.fault else ""
                say(f"{name}: {request.method} {request.path} {request.status or '-'} {request.outcome}{fault}")
        waiting = [(name, request) for name, request in waiting if request.outcome == "open"]
