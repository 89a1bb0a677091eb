"""The help of a command as a manual page: what it does, its options, examples, exit codes and variables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from typer.core import TyperCommand

from understudy.cli.exits import MEANINGS, ExitCode
from understudy.cli.options import CommonOptions

CONFIGURATION = {
    "UNDERSTUDY_CONFIG": "the configuration file, if --config is not given",
    "OPENAI_API_KEY, …": "keys, tokens and addresses of providers; `understudy providers` lists them",
}
"""Variables of commands that read the configuration."""
LOOKS = {"NO_COLOR": "any value switches colours off"}

COMMON = frozenset({*CommonOptions.__struct_fields__, "help"})
"""Parameters that every command has; listed last."""


class Example(NamedTuple):
    """A command line and its purpose."""

    what: str
    line: str
    """As typed; several lines if they belong together."""


class Manual(NamedTuple):
    """What the help of a command contains beyond its first sentence and its options."""

    text: str = ""
    """How the command behaves; blank lines separate paragraphs."""
    examples: tuple[Example, ...] = ()
    exits: Mapping[ExitCode, str] = {}
    """What an exit code means for this command; empty if it is the usual meaning."""
    variables: Mapping[str, str] = {}
    see: str = ""
    """Where to read more."""


class Documented(TyperCommand):
    """A command with its `Manual`."""

    manual = Manual()

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return the words of the usage line; optional ones are in brackets."""
        return [piece.strip("{}") for piece in super().collect_usage_pieces(ctx)]

    def format_help_text(self, ctx: Any, formatter: Any) -> None:
        """Write the first sentence, and how the command behaves."""
        super().format_help_text(ctx, formatter)
        write_text(formatter, self.manual.text)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the options of the command before the common ones."""
        write_parameters(self.get_params(ctx), ctx, formatter)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write what follows the options."""
        write_manual(formatter, self.manual)


def write_text(formatter: Any, text: str) -> None:
    """Write paragraphs."""
    if text:
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text(text)


def write_parameters(parameters: Any, ctx: Any, formatter: Any) -> None:
    """Write arguments, options, and the options that every command has."""
    sections: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": [], "Common options": []}
    for parameter in parameters:
        if record := parameter.get_help_record(ctx):
            is_common = parameter.name in COMMON
            options = "Common options" if is_common else "Options"
            sections["Arguments" if parameter.param_type_name == "argument" else options].append(record)
    for title, records in sections.items():
        if records:
            with formatter.section(title):
                formatter.write_dl(records)


def write_manual(formatter: Any, manual: Manual) -> None:
    """Write what follows the options."""
    if manual.examples:
        with formatter.section("Examples"):
            for number, example in enumerate(manual.examples):
                if number:
                    formatter.write("\n")
                formatter.write_text(f"{example.what}:")
                for line in example.line.splitlines():
                    formatter.write(f"{'':>{formatter.current_indent + 2}}{line}\n")
    if manual.exits:
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(code.value), meaning) for code, meaning in exits(manual).items()])
    if manual.variables:
        with formatter.section("Environment"):
            formatter.write_dl(list(manual.variables.items()), col_max=20)
    if manual.see:
        write_text(formatter, f"See also: {manual.see}")


def exits(manual: Manual) -> Mapping[ExitCode, str]:
    """Return the exit codes of a command in numeric order, with their meaning there."""
    return {code: manual.exits[code] or MEANINGS[code] for code in sorted(manual.exits)}
