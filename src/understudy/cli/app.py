"""The root of the command line: its options, and its commands, each loaded when it is used."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import CompletionItem, TyperGroup  # type: ignore[attr-defined]  # typer's own, wherever it comes from
from typer.main import get_command

import understudy
from understudy.cli.exits import MEANINGS, Guard
from understudy.cli.manual import CONFIGURATION, LOOKS, Documented, Example, Manual, write_manual, write_parameters
from understudy.cli.options import ConfigOption, NoColorOption, Settings, VerboseOption

_SECTIONS: Mapping[str, Mapping[str, str]] = {
    "Ask": {
        "ask": "Ask a question and print the answer.",
        "chat": "Talk with a model, and go on with it another day.",
        "embed": "Turn texts into vectors.",
        "batch": "Answer a file of requests, as OpenAI's Batch API does.",
    },
    "Inspect": {
        "explain": "Show who would be asked, why and at what cost; nothing is sent.",
        "models": "List the models of all targets: window, price, capabilities.",
        "providers": "List all providers: key, health, and what the missing ones want.",
        "prices": "Show what models cost, and where that is known from.",
        "check": "Check the configuration and every provider in it, at no cost.",
    },
    "Set up and try": {
        "init": "Write a commented configuration file to start from.",
        "emulate": "Emulate providers, to develop and test against, until Ctrl-C.",
        "demo": "Show providers failing and others going on; needs no key.",
    },
}
"""The commands as the help lists them. Each is the function of the same name in the module of the same name, whose
`MANUAL` holds the rest of its help; the summaries stand here so that the list loads none of them."""

COMMANDS: Mapping[str, str] = {name: what for section in _SECTIONS.values() for name, what in section.items()}
"""All commands, each with its summary."""
_HELP = {"help": "Show all about a command."}
_WIDEST = max(map(len, COMMANDS))

MANUAL = Manual(
    examples=(
        Example("Ask; on a terminal the answer is shown as it arrives", 'understudy ask "Why is the sky blue?"'),
        Example("See who could answer, and what stands in the way", "understudy check"),
        Example("All about a command", "understudy help ask"),
    ),
    exits=dict.fromkeys(MEANINGS, ""),
    variables={
        **CONFIGURATION,
        **LOOKS,
        "UNDERSTUDY_DEBUG": "with any value: what is unexpected keeps its traceback",
    },
)


class _LazyGroup(TyperGroup):
    """Loads a command's module when the command is used, so that `--version` and `--help` need none of them."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"understudy.cli.{cmd_name}")
        single = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
        single.command(cmd_name, cls=Documented)(getattr(module, cmd_name))
        command = get_command(single)
        command.manual = module.MANUAL  # type: ignore[attr-defined]  # it is `Documented`
        return command

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Take `help COMMAND` for `COMMAND --help`, and guess what a word was meant to be."""
        if args[0] == "help":
            return self._resolve_help(ctx, [word for word in args if word not in ("help", "--help", "-h")])
        if args[0] not in COMMANDS and not ctx.resilient_parsing:
            from understudy.config.report import nearest

            guess = nearest(args[0], COMMANDS)
            ctx.fail(f"There is no command {args[0]!r}." + (f" Did you mean {guess!r}?" if guess else ""))
        return super().resolve_command(ctx, args)

    def _resolve_help(self, ctx: Any, topics: list[str]) -> Any:
        if topics:
            return self.resolve_command(ctx, [topics[0], "--help"])
        if not ctx.resilient_parsing:
            print(ctx.get_help())
            ctx.exit()
        return None, None, []  # it is being typed: a command may follow

    def shell_complete(self, ctx: Any, incomplete: str) -> list[CompletionItem]:
        """Offer the commands with their summaries, for which none of them is loaded; else the options."""
        offered = {**COMMANDS, **_HELP}.items()
        commands = [CompletionItem(name, help=what) for name, what in offered if name.startswith(incomplete)]
        return commands or super().shell_complete(ctx, incomplete)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        for title, commands in _SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(_WIDEST), what) for name, what in commands.items()])
        write_parameters(self.get_params(ctx), ctx, formatter)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        write_manual(formatter, MANUAL)

    def invoke(self, ctx: Any) -> Any:
        with Guard():
            try:
                return super().invoke(ctx)
            finally:
                # A pipe that is closed shows here, not when the interpreter has ended and can only complain.
                sys.stdout.flush()


app = typer.Typer(cls=_LazyGroup, pretty_exceptions_enable=False, rich_markup_mode=None)


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
