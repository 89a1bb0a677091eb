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
from understudy.cli.options import CommonOptions, flatten
from understudy.dialects.classification import VERSION as CLASSIFICATION

_SECTIONS: Mapping[str, Mapping[str, str]] = {
    "Ask": {
        "ask": "Ask a question and print the answer.",
        "chat": "Chat with a model; conversations are saved and can be resumed.",
        "embed": "Turn texts into embedding vectors.",
        "batch": "Answer a file of requests, as OpenAI's Batch API does.",
    },
    "Inspect": {
        "explain": "Show which targets would be asked, why and at what cost.",
        "models": "List the models of all entries: window, price, capabilities.",
        "providers": "List all providers: key, health, and what the others need.",
        "prices": "Show what models cost, and the source of each price.",
        "check": "Check the configuration and every provider in it, at no cost.",
        "usage": "Show what was used and what it cost, by day, model or key.",
        "stats": "Show how well each target answered, and how quickly.",
        "top": "Follow what is under way, until Ctrl-C.",
        "ledger": "Prune, vacuum, verify or export the ledger.",
        "log": "List recent requests, or show how one was answered.",
    },
    "Serve": {
        "serve": "Serve the configured providers over HTTP, until Ctrl-C.",
        "keys": "Make, list, rotate and revoke virtual keys of the gateway.",
        "launch": "Start a coding agent that works through the gateway.",
        "setup": "Make a coding agent work through the gateway, or undo it.",
    },
    "Set up and try": {
        "init": "Write a commented configuration file to start from.",
        "import": "Turn the configuration of a LiteLLM proxy into ours.",
        "emulate": "Emulate providers to develop and test against, until Ctrl-C.",
        "simulate": "Simulate outages: the real engine on virtual time, seed by seed.",
        "demo": "Show providers failing and others taking over; needs no key.",
    },
}
"""The commands as the help lists them. Each is the function of the same name in the module of the same name, whose
`MANUAL` holds the rest of its help; the summaries are kept here so that the list loads none of the modules."""

COMMANDS: Mapping[str, str] = {name: what for section in _SECTIONS.values() for name, what in section.items()}
"""All commands, each with its summary."""
_MODULES = {"launch": "agents.launch", "setup": "agents.setup", "import": "importing"}
_FUNCTIONS = {"import": "import_configuration"}
"""Commands whose module or function is not named after them."""
_HELP = {"help": "Show the help of a command."}
_WIDEST = max(map(len, COMMANDS))

MANUAL = Manual(
    examples=(
        Example("Ask; on a terminal the answer is shown as it arrives", 'understudy ask "Why is the sky blue?"'),
        Example("See which entries could answer, and what is wrong with the others", "understudy check"),
        Example("Show the help of a command", "understudy help ask"),
    ),
    exits=dict.fromkeys(MEANINGS, ""),
    variables={
        **CONFIGURATION,
        **LOOKS,
        "UNDERSTUDY_DEBUG": "any value: unexpected errors are shown with their traceback",
    },
)


def module_of(command: str) -> str:
    """Return the name of the module that holds a command."""
    return f"understudy.cli.{_MODULES.get(command, command)}"


def function_of(command: str) -> str:
    """Return the name of the function of a command."""
    return _FUNCTIONS.get(command, command)


class _LazyGroup(TyperGroup):
    """Loads the module of a command when the command is used, so that `--version` and `--help` load none."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return None
        module = import_module(module_of(cmd_name))
        single = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
        single.command(cmd_name, cls=Documented)(flatten(getattr(module, function_of(cmd_name))))
        command = get_command(single)
        command.manual = module.MANUAL  # type: ignore[attr-defined]  # an instance of `Documented`
        return command

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Resolve `help COMMAND` as `COMMAND --help`, and suggest a command for an unknown word."""
        if args[0] == "help":
            return self._resolve_help(ctx, [word for word in args if word not in ("help", "--help", "-h")])
        if args[0] not in COMMANDS and not ctx.resilient_parsing:
            from understudy.config.report import nearest

            guess = nearest(args[0], COMMANDS)
            ctx.fail(f"Unknown command {args[0]!r}." + (f" Did you mean {guess!r}?" if guess else ""))
        return super().resolve_command(ctx, args)

    def _resolve_help(self, ctx: Any, topics: list[str]) -> Any:
        if topics:
            return self.resolve_command(ctx, [topics[0], "--help"])
        if not ctx.resilient_parsing:
            print(ctx.get_help())
            ctx.exit()
        return None, None, []  # during completion: a command may follow

    def shell_complete(self, ctx: Any, incomplete: str) -> list[CompletionItem]:
        """Offer the commands with their summaries, without loading them; otherwise the options."""
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

    def make_context(self, *words: Any, **settings: Any) -> Any:
        """Read the command line. `--help`, `--version` and `--show-completion` print while it is read."""
        with Guard():
            return super().make_context(*words, **settings)

    def invoke(self, ctx: Any) -> Any:
        with Guard():
            try:
                return super().invoke(ctx)
            finally:
                # A closed pipe is noticed here, while it can still be handled, not at interpreter shutdown.
                sys.stdout.flush()


def _show_version(value: bool) -> None:
    if value:
        print(f"understudy {understudy.__version__} (classification of errors {CLASSIFICATION})")
        raise typer.Exit


def root(
    context: typer.Context,
    common: CommonOptions,
    *,
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_show_version, help="Print the version and exit.")
    ] = False,
) -> None:
    """Ask language models, with an understudy ready for each: when a provider fails, the next one takes over."""
    configs = [str(common.config)] if common.config is not None else None  # of commands that read several
    ahead = {"config": common.config, "configs": configs, "verbose": common.verbose}
    context.default_map = dict.fromkeys(COMMANDS, ahead)
    if context.invoked_subcommand is None:
        print(context.get_help())


app = typer.Typer(cls=_LazyGroup, pretty_exceptions_enable=False, rich_markup_mode=None)
app.callback(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})(flatten(root))
