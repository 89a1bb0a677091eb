"""`understudy init`: a first understudy.toml, from the environment and the user's choices."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from understudy import providers
from understudy.cli import completion
from understudy.cli.exits import ExitCode
from understudy.cli.failing import report_errors, usable
from understudy.cli.interrupts import run_async
from understudy.cli.manual import LOOKS, Example, Manual
from understudy.cli.options import JsonOption, Options
from understudy.cli.sanitize import clean_line
from understudy.cli.starter import Starter, starter_entries, write
from understudy.cli.terminal import is_terminal, print_json, say
from understudy.client.factory import create_provider
from understudy.config import parse
from understudy.config.discovery import FILE_NAME, answers, local_address
from understudy.config.report import did_you_mean
from understudy.domain.errors import LLMError, Misuse
from understudy.providers import ProviderType
from understudy.providers.base import ProviderRow
from understudy.providers.environment import address_from_environment, key_variable
from understudy.settings import FallbackStrategy, ProviderConfig

MANUAL = Manual(
    text="""\
Finds out which providers have a key in the environment and whether Ollama is running, and writes a configuration file
with a comment on every key. On a terminal it asks which providers to use, in which order, and which models; options
also answers these questions, and --yes accepts everything that was found.

Keys are never written: the file refers to the variables that hold them. An existing file is overwritten only with
--force.""",
    examples=(
        Example("Answer questions", "understudy init"),
        Example("Accept everything that was found", "understudy init --yes"),
        Example(
            "Choose the providers, in the order in which they are tried",
            "understudy init --provider openai --provider anthropic=claude-haiku-4-5",
        ),
        Example("Print the file instead", "understudy init -p openai -p ollama --strategy round_robin -o -"),
    ),
    exits={
        ExitCode.OK: "written",
        ExitCode.MISUSE: "the file exists, no provider was found, or an option is invalid; nothing is written",
        ExitCode.INTERRUPTED: "Ctrl-C or Ctrl-D at a question; nothing is written",
    },
    variables={
        "OPENAI_API_KEY, …": "providers with a key are found; `understudy providers` lists the variables",
        "OLLAMA_HOST": "the address of a running Ollama",
        **LOOKS,
    },
    see="docs/configuration.md, on every key",
)

_LIST_TIMEOUT = 3.0
"""Seconds that a local server may take to list its models."""

_SECRET = re.compile(r"(?:(?:sk|pk|xai)-|(?:gsk|hf|r8)_|AIza)[\w-]{8,}")
"""The form of providers' keys. A key given in the place of a model would be written to the file."""

Choice = tuple[ProviderRow, str | None]
"""A provider and the model chosen for it, if any."""


class InitResult(msgspec.Struct, frozen=True, kw_only=True):
    """What `--json` prints."""

    path: str
    entries: tuple[str, ...]
    missing: tuple[str, ...]
    """Unset variables, without which an entry is disabled."""


class InitOptions(Options, frozen=True, kw_only=True):
    """The options of `init`."""

    provider: Annotated[
        list[str] | None,
        typer.Option(
            "--provider",
            "-p",
            metavar="TYPE[=MODEL]",
            autocompletion=completion.provider_types,
            help="A provider and its model. May be repeated: providers are tried in this order.",
        ),
    ] = None
    strategy: Annotated[
        str | None,
        typer.Option(
            "--strategy",
            metavar="NAME",
            autocompletion=lambda incomplete: [each for each in FallbackStrategy if each.startswith(incomplete)],
            help=f"The order of targets: {', '.join(FallbackStrategy)}.",
        ),
    ] = None
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="PATH", help="The file to write; `-` prints it instead.")
    ] = FILE_NAME
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask no questions; accept everything that was found.")] = (
        False
    )
    as_json: JsonOption = False


def init(options: InitOptions) -> None:
    """Write a commented configuration file to start from."""
    given, output, force = options.provider, options.output, options.force
    asks = not options.yes and not given and is_terminal(sys.stdin) and is_terminal(sys.stderr)
    try:
        with report_errors(as_json=options.as_json):
            order = _strategy(options.strategy or FallbackStrategy.PRIORITY)
            _check_place(output, force=force)
            picked = list(map(_parse_choice, given)) if given else _find()
            if asks:
                picked = _ask_providers(picked)
                order = order if options.strategy else _ask("Which strategy orders them?", order, _strategy)
            picked = list(with_models(picked, asks=asks, strict=bool(given)))
            if not picked:
                raise Misuse(_nothing_found())
            entries = starter_entries(picked, os.environ)
            text = write(entries, order)
            _put(text, output, force=force)
    except typer.Abort:
        say("no file was written", label="note")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    _conclude(text, output, entries, as_json=options.as_json)


# ---- what is available ----


def _find() -> list[Choice]:
    """Return the providers with a key in the environment, and a local server that answers."""
    rows = [providers.row(kind.value) for kind in ProviderType]
    remote = [row for row in rows if not row.local and key_variable(row, os.environ)]
    remote = [row for row in remote if not row.base_url_required or address_from_environment(row, os.environ)]
    local = [row for row in rows if row.local and answers(local_address(os.environ))]
    return [(row, None) for row in (*remote, *local)]


def _nothing_found() -> str:
    variables = [row.key_variables[0] for kind in ProviderType if (row := providers.row(kind.value)).key_required]
    return (
        "the environment has no provider's key, and Ollama is not running\n"
        f"  set one of {', '.join(variables)},\n"
        "  or choose the providers: --provider openai --provider ollama"
    )


def _list_chat_models(row: ProviderRow) -> list[str]:
    """Return the chat models of a local server; an empty list when it does not answer."""

    async def ask() -> list[str]:
        async with create_provider(ProviderConfig(provider=row.type)) as local:
            listed = await asyncio.wait_for(local.list_models(), _LIST_TIMEOUT)
        return [model.id for model in listed if model.capabilities is None or "chat" in model.capabilities]

    try:
        return run_async(ask())
    except (LLMError, TimeoutError):
        return []


# ---- what the user chooses ----


def _parse_choice(written: str) -> Choice:
    """Parse `TYPE` or `TYPE=MODEL`."""
    name, _, model = written.partition("=")
    try:
        row = providers.row(ProviderType(name.strip()).value)
    except ValueError as error:
        raise Misuse(f"unknown provider {name!r}: {did_you_mean(name, ProviderType)}") from error
    return row, _model(model) if model.strip() else None


def _strategy(written: str) -> str:
    name = written.strip().lower().replace("-", "_")
    if name not in list(FallbackStrategy):
        raise Misuse(f"unknown strategy {written!r}: {did_you_mean(name, FallbackStrategy)}")
    return name


def _ask_providers(found: Sequence[Choice]) -> list[Choice]:
    say("Found: " + (", ".join(map(_where, (row for row, _ in found))) or "no key, and Ollama is not running"))
    say(f"The providers are {', '.join(ProviderType)}.")
    default = ", ".join(row.type for row, _ in found)

    def read(written: str) -> str:
        names = [name for each in written.split(",") if (name := each.strip())]
        if not names:
            raise Misuse("name at least one provider")
        return ",".join(row.type + (f"={model}" if model else "") for row, model in map(_parse_choice, names))

    chosen = _ask("Which ones, in the order in which they are tried?", default or None, read)
    return list(map(_parse_choice, chosen.split(",")))


def _where(row: ProviderRow) -> str:
    if row.local:
        return f"{row.type} (running at {local_address(os.environ)})"
    return f"{row.type} (${key_variable(row, os.environ)})"


def with_models(picked: Sequence[Choice], *, asks: bool, strict: bool) -> Iterator[Choice]:
    """Yield every provider with a model: the chosen one, else one of a local server, else the provider's default.

    A provider without any is an error where the user named it (`strict`), else left out.
    """
    for row, written in picked:
        model = written or row.text_model
        if row.local and not written and (installed := _list_chat_models(row)):
            default = [each for each in installed if each.removesuffix(":latest") == model]
            model = (default or installed)[0].removesuffix(":latest")
        if asks and not written:
            model = _ask(f"Text model for {row.title}?", model, _model)
        if model is not None:
            yield row, model
            continue
        words = f"{row.title} has no default model: write --provider {row.type}=MODEL"
        if strict:
            raise Misuse(words)
        say(f"left out: {words}", label="note")


def _model(written: str) -> str:
    model = written.strip()
    if not model or not model.isprintable() or _SECRET.fullmatch(model):
        raise Misuse("this is not the name of a model; keys are read from variables, and never written")
    return model


def _ask(question: str, default: str | None, read: Callable[[str], str]) -> str:
    """Ask on stderr until the answer is valid. Raises `typer.Abort` at Ctrl-C and at the end of input."""

    def value_of(written: str) -> str:
        try:
            return read(written)
        except Misuse as error:
            raise typer.BadParameter(error.message) from error

    answer: str = typer.prompt(question, default=default, value_proc=value_of, err=True)
    return answer


# ---- the file ----


def _check_place(output: str, *, force: bool) -> None:
    """Check before any question whether the file may be written. Raises `Misuse`."""
    if output == "-":
        return
    if Path(output).is_dir():
        raise Misuse(f"--output {output}: this is a folder; did you mean {Path(output) / FILE_NAME}?")
    if Path(output).exists() and not force:
        raise Misuse(f"{output} exists already; --force overwrites it, --output writes to another file")


def _put(text: str, output: str, *, force: bool) -> None:
    """Write the file, or print it."""
    if output == "-":
        sys.stdout.write(text)
        return
    with usable(f"--output {output}"), Path(output).open("w" if force else "x", encoding="utf-8") as file:
        file.write(text)


def _conclude(text: str, output: str, entries: Sequence[Starter], *, as_json: bool) -> None:
    """Report what was written and what remains to do."""
    config = parse(text, source=output, environ=os.environ, may_be_empty=True)
    missing = tuple(dict.fromkeys(name for entry in config.disabled for name in entry.variables))
    names = tuple(entry.name for entry in entries)
    if as_json and output != "-":
        print_json(InitResult(path=output, entries=names, missing=missing))
    elif output != "-":
        print(clean_line(f"wrote {output}: {', '.join(names)}"))
    for entry in config.disabled:
        say(f"{entry.name} is disabled until its key is set: {' or '.join(entry.variables)}", label="note")
    if output != "-":
        say("`understudy check` checks all entries", label="note")
