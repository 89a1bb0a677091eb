"""The root of the command line: its options, and its commands, each loaded when it is used."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

import understudy
from understudy.cli.exits import Guard
from understudy.cli.options import ConfigOption, NoColorOption, Settings, VerboseOption

_COMMANDS = ("ask", "batch", "check", "emulate", "demo")
"""Each is the function of the same name in the module of the same name, in the order of the help."""

_EPILOG = (
    "Exit codes: 0 done · 1 nothing could answer · 2 wrong usage or configuration · 3 a provider refused · "
    "70 a bug · 74 output not writable · 130 interrupted · 141 nobody read the output."
)


class _LazyGroup(TyperGroup):
    """Loads a command's module when the command is used, so that `--version` needs none of them."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in _COMMANDS:
            return None
        module = import_module(f"understudy.cli.{cmd_name}")
        single = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
        single.command(cmd_name, epilog=getattr(module, "EPILOG", None))(getattr(module, cmd_name))
        return get_command(single)

    def invoke(self, ctx: Any) -> Any:
        with Guard():
            try:
                return super().invoke(ctx)
            finally:
                # A pipe that is closed shows here, not when the interpreter has ended and can only complain.
                sys.stdout.flush()


app = typer.Typer(cls=_LazyGroup, pretty_exceptions_enable=False, rich_markup_mode=None, epilog=_EPILOG)


def _show_version(value: bool) -> None:
    if value:
        print(f"understudy {understudy.__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
def root(
    context: typer.Context,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
    no_color: NoColorOption = False,
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_show_version, help="Print the version and leave.")
    ] = False,
) -> None:
    """Ask language models, with an understudy ready for each: when a provider fails, the next goes on."""
    context.obj = Settings(config, verbose)
    if context.invoked_subcommand is None:
        print(context.get_help())
