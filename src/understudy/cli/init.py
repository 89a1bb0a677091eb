"""`understudy init`: a first understudy.toml, of what is there and what the user says."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import msgspec
import typer

from understudy import providers
from understudy.cli import completion
from understudy.cli.exits import ExitCode
from understudy.cli.failing import report_errors
from understudy.cli.manual import LOOKS, Example, Manual
from understudy.cli.options import JsonOption, Options
from understudy.cli.sanitize import clean_line
from understudy.cli.starter import Starter, named, write
from understudy.cli.terminal import is_terminal, print_json, say
from understudy.client.factory import create_provider
from understudy.config import parse
from understudy.config.discovery import FILE_NAME, answers, local_address
from understudy.config.report import did_you_mean
from understudy.domain.errors import LLMError, Misuse
from understudy.providers import ProviderType
from understudy.providers.base import ProviderRow
from understudy.providers.environment import address_from_environment
from understudy.settings import FallbackStrategy, ProviderConfig

MANUAL = Manual(
    text="""\
Looks which providers' keys are in the environment and whether an Ollama is running, and writes a configuration file
with a comment on every key in it. On a terminal it asks which providers to use, in which order, and which models; the
options answer these questions, too, and --yes takes everything that was found.

Keys are never written: the file refers to the variables that hold them. A file that is already there is overwritten
only with --force.""",
    examples=(
        Example("Be asked", "understudy init"),
        Example("Take what is there", "understudy init --yes"),
        Example(
            "Say who is tried first, and who then",
            "understudy init --provider openai --provider anthropic=claude-haiku-4-5",
        ),
        Example("See the file before writing it", "understudy init -p openai -p ollama --strategy round_robin -o -"),
    ),
    exits={
        ExitCode.OK: "written",
        ExitCode.MISUSE: "there is a file already, nothing was found, or an option is wrong; nothing is written",
        ExitCode.INTERRUPTED: "Ctrl-C or Ctrl-D at a question; nothing is written",
    },
    variables={
        "OPENAI_API_KEY, …": "providers with a key are found; `understudy providers` lists the variables",
        "OLLAMA_HOST": "where a running Ollama is looked for",
        **LOOKS,
    },
    see="docs/configuration.md, on every key",
)

_LIST_TIMEOUT = 3.0
"""Seconds that a local server gets to list its models."""

_SECRET = re.compile(r"(?:(?:sk|pk|xai)-|(?:gsk|hf|r8)_|AIza)[\w-]{8,}")
"""How providers' keys begin. One in the place of a model would end in the file."""

Picked = tuple[ProviderRow, str | None]
"""A provider and the model that was asked for, if any."""


class InitResult(msgspec.Struct, frozen=True, kw_only=True):
    """What `--json` prints."""

    path: str
    entries: tuple[str, ...]
    missing: tuple[str, ...]
    """Variables that are not set, without which an entry is left out."""


PickOption = Annotated[
    list[str] | None,
    typer.Option(
        "--provider",
        "-p",
        metavar="TYPE[=MODEL]",
        autocompletion=completion.provider_types,
        help="A provider, in the order in which they are tried, and its model. May be repeated.",
    ),
]
StrategyOption = Annotated[
    str | None,
    typer.Option(
        "--strategy",
        metavar="NAME",
        autocompletion=lambda incomplete: [each for each in FallbackStrategy if each.startswith(incomplete)],
        help=f"How targets are put in order: {', '.join(FallbackStrategy)}.",
    ),
]
OutputOption = Annotated[
    str, typer.Option("--output", "-o", metavar="PATH", help="The file to write; `-` prints it instead.")
]
ForceOption = Annotated[bool, typer.Option("--force", help="Overwrite a file that is there.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing; take what was found.")]


def init(
    _: Options,
    *,
    provider: PickOption = None,
    strategy: StrategyOption = None,
    output: OutputOption = FILE_NAME,
    force: ForceOption = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write a commented configuration file to start from."""
    asks = not yes and not provider and is_terminal(sys.stdin) and is_terminal(sys.stderr)
    try:
        with report_errors(as_json=as_json):
            order = _strategy(strategy or FallbackStrategy.PRIORITY)
            _check_place(output, force=force)
            picked = list(map(_picked, provider)) if provider else _found()
            if asks:
                picked = _ask_providers(picked)
                order = order if strategy else _ask("How are they put in order?", order, _strategy)
            picked = list(with_models(picked, asks=asks, strict=bool(provider)))
            if not picked:
                raise Misuse(_nothing())
            entries = named(picked, os.environ)
            text = write(entries, order)
            _put(text, output, force=force)
    except typer.Abort:
        say("nothing was written", label="note")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    _conclude(text, output, entries, as_json=as_json)


# ---- what is there ----


def _found() -> list[Picked]:
    """Return the providers whose key is in the environment, and a local server that answers."""
    rows = [providers.row(kind.value) for kind in ProviderType]
    remote = [row for row in rows if not row.local and _is_held(row)]
    local = [row for row in rows if row.local and answers(local_address(os.environ))]
    return [(row, None) for row in (*remote, *local)]


def _is_held(row: ProviderRow) -> bool:
    names = (*row.key_variables, *row.token_variables)
    has_key = any(os.environ.get(name, "").strip() for name in names)
    return has_key and not (row.base_url_required and address_from_environment(row, os.environ) is None)


def _nothing() -> str:
    variables = [row.key_variables[0] for kind in ProviderType if (row := providers.row(kind.value)).key_required]
    return (
        "no provider's key is in the environment, and no Ollama answers\n"
        f"  set one of {', '.join(variables)},\n"
        "  or say which providers to write: --provider openai --provider ollama"
    )


def _installed(row: ProviderRow) -> list[str]:
    """Return the models of a local server that can talk; nothing when it does not say."""

    async def ask() -> list[str]:
        async with create_provider(ProviderConfig(provider=row.type)) as local:
            listed = await asyncio.wait_for(local.list_models(), _LIST_TIMEOUT)
        return [model.id for model in listed if model.capabilities is None or "chat" in model.capabilities]

    try:
        return asyncio.run(ask())
    except (LLMError, TimeoutError):
        return []


# ---- what the user says ----


def _picked(written: str) -> Picked:
    """Read `TYPE` or `TYPE=MODEL`."""
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


def _ask_providers(found: Sequence[Picked]) -> list[Picked]:
    say("Found: " + (", ".join(map(_where, (row for row, _ in found))) or "no key, and no Ollama that answers"))
    say(f"There are {', '.join(ProviderType)}.")
    default = ", ".join(row.type for row, _ in found)

    def read(written: str) -> str:
        names = [name for each in written.split(",") if (name := each.strip())]
        if not names:
            raise Misuse("name at least one")
        return ",".join(row.type + (f"={model}" if model else "") for row, model in map(_picked, names))

    chosen = _ask("Which, in the order in which they are tried?", default or None, read)
    return list(map(_picked, chosen.split(",")))


def _where(row: ProviderRow) -> str:
    if row.local:
        return f"{row.type} (running at {local_address(os.environ)})"
    held = next(name for name in (*row.key_variables, *row.token_variables) if os.environ.get(name, "").strip())
    return f"{row.type} (${held})"


def with_models(picked: Sequence[Picked], *, asks: bool, strict: bool) -> Iterator[Picked]:
    """Settle every entry's model: the one written, else one that a local server has, else the provider's default.

    A provider without any is an error where the user named it (`strict`), else left out.
    """
    for row, written in picked:
        model = written or row.text_model
        if row.local and not written and (installed := _installed(row)):
            fitting = [each for each in installed if each.removesuffix(":latest") == model]
            model = (fitting or installed)[0].removesuffix(":latest")
        if asks and not written:
            model = _ask(f"Text model of {row.title}?", model, _model)
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
        raise Misuse("that is no model's name; keys are read from variables, and never written")
    return model


def _ask(question: str, default: str | None, read: Callable[[str], str]) -> str:
    """Ask on stderr until the answer can be read. Raises `typer.Abort` at Ctrl-C and at the end of input."""

    def value_of(written: str) -> str:
        try:
            return read(written)
        except Misuse as error:
            raise typer.BadParameter(error.message) from error

    answer: str = typer.prompt(question, default=default, value_proc=value_of, err=True)
    return answer


# ---- the file ----


def _check_place(output: str, *, force: bool) -> None:
    """See before any question whether the file may be written. Raises `Misuse`."""
    if output == "-":
        return
    if Path(output).is_dir():
        raise Misuse(f"--output {output}: this is a folder; did you mean {Path(output) / FILE_NAME}?")
    if Path(output).exists() and not force:
        raise Misuse(f"{output}: there is a file already; --force overwrites it, --output writes elsewhere")


def _put(text: str, output: str, *, force: bool) -> None:
    """Write the file, or print it."""
    if output == "-":
        sys.stdout.write(text)
        return
    try:
        with Path(output).open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        _refuse(output, error)


def _refuse(output: str, error: OSError) -> NoReturn:
    raise Misuse(f"--output {output}: {error.strerror or error}") from error


def _conclude(text: str, output: str, entries: Sequence[Starter], *, as_json: bool) -> None:
    """Say what was written and what is still to do."""
    config = parse(text, source=output, environ=os.environ, may_be_empty=True)
    missing = tuple(dict.fromkeys(name for entry in config.disabled for name in entry.variables))
    names = tuple(entry.name for entry in entries)
    if as_json and output != "-":
        print_json(InitResult(path=output, entries=names, missing=missing))
    elif output != "-":
        print(clean_line(f"wrote {output}: {', '.join(names)}"))
    for entry in config.disabled:
        say(f"{entry.name} is left out until it has its key: set {' or '.join(entry.variables)}", label="note")
    if output != "-":
        say("`understudy check` looks whether everybody is well", label="note")
