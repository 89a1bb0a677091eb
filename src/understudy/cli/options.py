"""Options that several commands have, each declared once.

An option is a field: `Annotated[type, typer.Option(…)] = default`. Options that travel together are a struct, which
inherits from `Options` (`--no-color`), `CommonOptions` (`--config`, `--verbose`) or a struct with more of them. A
command takes such structs as parameters, beside options that only it has; `flatten` turns them into the parameters that
typer needs:

    class ChatOptions(ModelOptions, frozen=True, kw_only=True):
        resume: Annotated[str | None, typer.Option("--resume", help="…")] = None

    def chat(options: ChatOptions) -> None: ...
    def check(common: CommonOptions, *, as_json: JsonOption = False) -> None: ...
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterator, Mapping
from inspect import Parameter
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from understudy.cli import completion


def flatten(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command that takes each option separately and passes them to `command` as structs."""
    declared = inspect.signature(command, eval_str=True).parameters.values()
    groups = {
        each.name: each.annotation
        for each in declared
        if isinstance(each.annotation, type) and issubclass(each.annotation, Options)
    }

    def run(**given: Any) -> None:
        for name, group in groups.items():
            given[name] = group(**{field: given.pop(field) for field in group.__struct_fields__})
        command(**given)

    parameters: list[Parameter] = []
    for each in declared:
        parameters += _parameters(each.annotation) if each.name in groups else [each]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__doc__ = command.__doc__
    return run


def _parameters(group: type[Options]) -> Iterator[Parameter]:
    for field in msgspec.structs.fields(group):
        default = Parameter.empty if field.required else field.default
        yield Parameter(field.name, Parameter.KEYWORD_ONLY, default=default, annotation=field.type)


def _switch_colour_off(value: bool) -> bool:
    """Switch colours off for the whole process, including typer's help and rich's tables."""
    if value:
        os.environ["NO_COLOR"] = "1"
        os.environ.pop("FORCE_COLOR", None)
    return value


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What every command has."""

    no_color: Annotated[
        bool,
        typer.Option(
            "--no-color", is_eager=True, callback=_switch_colour_off, help="No colours; $NO_COLOR does the same."
        ),
    ] = False


class CommonOptions(Options, frozen=True, kw_only=True):
    """What every command that reads the configuration has. Before the command they have the same effect."""

    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="PATH",
            help="Configuration file. Without it: $UNDERSTUDY_CONFIG, ./understudy.toml, the one in your configuration "
            "folder, else the keys in the environment.",
        ),
    ] = None
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Report more on stderr: every attempt, and the model's thinking.")
    ] = False


JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout, for scripts.")]
NoFallbackOption = Annotated[
    bool, typer.Option("--no-fallback", help="Ask only the first target, with its own retries.")
]
TimeoutOption = Annotated[
    float | None, typer.Option("--timeout", metavar="SECONDS", help="Time limit for all attempts and waits together.")
]


class ModelOptions(CommonOptions, frozen=True, kw_only=True):
    """Which target is asked, and how it answers."""

    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            metavar="ENTRY[/MODEL]",
            autocompletion=completion.targets,
            help="Target to try first; the other entries follow it. Or a route, which has its own targets.",
        ),
    ] = None
    fallback: Annotated[
        list[str] | None,
        typer.Option(
            "--fallback",
            metavar="ENTRY[/MODEL],...",
            autocompletion=completion.target_lists,
            help="Fall back to exactly these targets, in this order. May be repeated.",
        ),
    ] = None
    no_fallback: NoFallbackOption = False
    task: Annotated[
        str | None,
        typer.Option(
            "--task",
            metavar="NAME",
            autocompletion=completion.tasks,
            help="Kind of task; [llm.tasks] lists the targets for it.",
        ),
    ] = None
    system: Annotated[
        str | None,
        typer.Option(
            "--system",
            "-s",
            metavar="TEXT|@FILE",
            autocompletion=completion.files_behind_at,
            help="System prompt, or the file that contains it.",
        ),
    ] = None
    max_tokens: Annotated[
        int | None, typer.Option("--max-tokens", metavar="N", help="Maximum number of tokens in the answer.")
    ] = None
    temperature: Annotated[
        float | None, typer.Option("--temperature", "-t", metavar="T", help="Sampling temperature.")
    ] = None
    reasoning: Annotated[
        str | None,
        typer.Option(
            "--reasoning",
            metavar="EFFORT",
            autocompletion=completion.efforts,
            help="Reasoning effort: none, minimal, low, medium, high, xhigh or max, as far as the model supports it.",
        ),
    ] = None


MidstreamOption = Annotated[
    str | None,
    typer.Option(
        "--on-midstream-error",
        metavar="MODE",
        autocompletion=completion.midstream_modes,
        help="What becomes of an answer that breaks while it is shown: surface (an error), hold (shown once complete), "
        "restart (on a terminal, another target answers anew) or continue (another target goes on if it can).",
    ),
]

FilesOption = Annotated[
    list[Path] | None,
    typer.Option("--file", "-f", metavar="PATH", help="Attach a text, PDF or image file. May be repeated."),
]
ImagesOption = Annotated[
    list[str] | None, typer.Option("--image", "-i", metavar="PATH|URL", help="Attach an image. May be repeated.")
]


class PromptOptions(ModelOptions, frozen=True, kw_only=True):
    """One question: the prompt, what is attached to it, and which target is asked."""

    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PROMPT...",
            show_default=False,
            help="The question; quotes are not needed. If it is `-` or missing, it is read from standard input. If a "
            "prompt is given, standard input is attached to it.",
        ),
    ] = None
    image: ImagesOption = None
    file: FilesOption = None
    schema: Annotated[
        str | None,
        typer.Option(
            "--schema",
            metavar="JSON|PATH",
            help="JSON Schema; the answer is JSON that conforms to it, and nothing else.",
        ),
    ] = None
    ignore_stdin: Annotated[
        bool, typer.Option("--ignore-stdin", "-I", help="Do not read standard input, for loops and jobs.")
    ] = False


_WRITTEN: Mapping[str, str] = {
    "model": "--model",
    "max_tokens": "--max-tokens",
    "temperature": "--temperature",
    "reasoning": "--reasoning",
    "deadline": "--timeout",
    "max_cost": "--max-cost",
    "on_midstream_error": "--on-midstream-error",
    "task": "--task",
}
"""Options of a request that are checked before anything is read or sent, and how they are written here."""


def check_options(given: Mapping[str, Any]) -> None:
    """Raise `Misuse`, which names the option of the command line, for a wrong value of a request's options."""
    from understudy.client.door.options import read_option
    from understudy.domain.errors import Misuse

    for name, option in _WRITTEN.items():
        value = given.get(name)
        if value is None:
            continue
        if isinstance(value, str) and not value.strip():
            raise Misuse(f"{option} is empty")
        try:
            read_option(name, value)
        except Misuse as error:
            own = error.message.removeprefix(f"{name} ")
            raise Misuse(f"{option} {own}" if own != error.message else f"{option}: {own}") from error
