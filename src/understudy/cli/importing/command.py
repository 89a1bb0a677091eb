"""The command `understudy import`."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from understudy.cli import material
from understudy.cli.exits import ExitCode
from understudy.cli.failing import report_errors, usable
from understudy.cli.importing.assembly import assemble
from understudy.cli.importing.differences import Report
from understudy.cli.importing.document import read
from understudy.cli.importing.writing import write
from understudy.cli.manual import LOOKS, Example, Manual
from understudy.cli.options import JsonOption, Options
from understudy.cli.sanitize import clean
from understudy.cli.terminal import print_json, say
from understudy.config import parse
from understudy.domain.errors import ConfigError, Misuse

MANUAL = Manual(
    text="""\
Reads the configuration of a LiteLLM proxy and writes ours: deployments become entries, names of models become routes
with their fallbacks, the master key becomes a key of the gateway. What differs or cannot be carried over is reported on
stderr, each with its line.

Keys are never copied: the result refers to the variables that hold them, and the report states which are to be set.""",
    examples=(
        Example("Write a configuration", "understudy import litellm config.yaml -o understudy.toml"),
        Example("Check it afterwards", "understudy check --config understudy.toml"),
    ),
    exits={
        ExitCode.OK: "written, with or without differences",
        ExitCode.MISUSE: "the file cannot be read, nothing in it can be carried over, or the output exists",
    },
    variables=LOOKS,
    see="docs/from-litellm.md",
)

_REFERENCE = re.compile(r"(?<!\$)\$\{(\w+)[}:]")


class ImportOptions(Options, frozen=True, kw_only=True):
    """The options of `import`."""

    tool: Annotated[
        str,
        typer.Argument(
            metavar="TOOL",
            autocompletion=lambda incomplete: [each for each in ("litellm",) if each.startswith(incomplete)],
            help="Whose configuration: litellm.",
        ),
    ]
    path: Annotated[Path, typer.Argument(metavar="PATH", help="The file to read; `-` is standard input.")]
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="PATH", help="The file to write; the default `-` prints it.")
    ] = "-"
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False
    as_json: JsonOption = False


def import_configuration(options: ImportOptions) -> None:
    """Turn the configuration of a LiteLLM proxy into ours."""
    with report_errors(as_json=options.as_json):
        if options.tool != "litellm":
            raise Misuse(f"unknown tool {options.tool!r}: expected litellm")
        output = None if options.output == "-" else Path(options.output)
        if output is not None and output.exists() and not options.force:
            raise Misuse(f"--output {output}: the file already exists; --force overwrites it")
        name = "standard input" if str(options.path) == "-" else str(options.path)
        text, report = convert(_read(options.path), name)
        if output is not None:
            with usable(f"--output {output}"):
                output.write_text(text, encoding="utf-8")
    if options.as_json:
        found = [msgspec.to_builtins(each) for each in report.differences]
        print_json({"configuration": text, "differences": found})
        return
    if output is None:
        print(clean(text) if sys.stdout.isatty() else text, end="")
    for each in report.differences:
        say(f"{name}:{each.line}: {each.what}")
    variables = dict.fromkeys(_REFERENCE.findall(text))
    if missing := [each for each in variables if not os.environ.get(each)]:
        say(f"not set: {', '.join(missing)}", label="note")


def convert(data: bytes, name: str) -> tuple[str, Report]:
    """Return a LiteLLM configuration as the text of ours, and what differs. Raise `Misuse` if nothing is left of it."""
    document = read(data, name)
    report = Report(document)
    imported = assemble(document, report)
    if not imported.entries:
        reasons = "".join(f"\n  {name}:{each.line}: {each.what}" for each in report.differences)
        raise Misuse(f"nothing in {name} can be carried over{reasons}")
    text = write(imported, name)
    check(text)
    return text, report


def check(text: str) -> None:
    """Raise `Misuse` if a configuration cannot be loaded, whatever its variables hold."""
    stand_in = dict.fromkeys(_REFERENCE.findall(text), "https://stand-in.example")
    try:
        parse(text, source="the result", environ=stand_in)
    except ConfigError as error:
        raise Misuse(f"this configuration cannot be carried over: {error.message}") from error


def _read(path: Path) -> bytes:
    if str(path) == "-":
        return sys.stdin.buffer.read()
    return material.read_bytes(path, "PATH")
