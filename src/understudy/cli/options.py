"""The options that every command has, and what they amount to."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, NamedTuple

import typer


def _switch_colour_off(value: bool) -> bool:
    """Tell the whole process, so that the help of typer and the tables of rich know it as well."""
    if value:
        os.environ["NO_COLOR"] = "1"
        os.environ.pop("FORCE_COLOR", None)
    return value


ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="PATH",
        help="Configuration file. Without it: $UNDERSTUDY_CONFIG, ./understudy.toml, the one in your configuration "
        "folder, else the keys in the environment.",
    ),
]
VerboseOption = Annotated[
    bool, typer.Option("--verbose", "-v", help="Say more on stderr: every attempt, and what the model thinks.")
]
NoColorOption = Annotated[
    bool,
    typer.Option("--no-color", is_eager=True, callback=_switch_colour_off, help="No colours; $NO_COLOR does the same."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout, for scripts.")]


class Settings(NamedTuple):
    """The common options, wherever they stood on the command line."""

    config: Path | None = None
    verbose: bool = False

    @classmethod
    def of(cls, context: typer.Context, config: Path | None = None, *, verbose: bool = False) -> Settings:
        """Join the options ahead of the command with those behind it; the latter prevail."""
        ahead = context.obj if isinstance(context.obj, Settings) else cls()
        return cls(config or ahead.config, verbose or ahead.verbose)
