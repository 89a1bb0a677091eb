"""Options that several commands have, each defined once, and what the common ones amount to."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from understudy.cli import completion


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

# ---- of commands that ask something: what, whom, and how ----

Words = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="PROMPT...",
        show_default=False,
        help="The question; quotes are not needed. `-`, or nothing at all, takes it from standard input. Beside a "
        "prompt, standard input is attached to it.",
    ),
]
ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        metavar="ENTRY[/MODEL]",
        autocompletion=completion.targets,
        help="Try this first; the other entries stay behind it. Or a route, which has targets of its own.",
    ),
]
FallbackOption = Annotated[
    list[str] | None,
    typer.Option(
        "--fallback",
        metavar="ENTRY[/MODEL],...",
        autocompletion=completion.target_lists,
        help="Have exactly these behind the first, in this order. May be repeated.",
    ),
]
NoFallbackOption = Annotated[bool, typer.Option("--no-fallback", help="Ask only the first, with its own retries.")]
TaskOption = Annotated[
    str | None,
    typer.Option(
        "--task",
        metavar="NAME",
        autocompletion=completion.tasks,
        help="What kind of task it is; [llm.tasks] says who is asked for it.",
    ),
]
SystemOption = Annotated[
    str | None,
    typer.Option(
        "--system",
        "-s",
        metavar="TEXT|@FILE",
        autocompletion=completion.files_behind_at,
        help="The system prompt, or the file it is in.",
    ),
]
ImageOption = Annotated[
    list[str] | None, typer.Option("--image", "-i", metavar="PATH|URL", help="Attach an image. May be repeated.")
]
FileOption = Annotated[
    list[Path] | None,
    typer.Option("--file", "-f", metavar="PATH", help="Attach a text, PDF or image file. May be repeated."),
]
SchemaOption = Annotated[
    str | None,
    typer.Option(
        "--schema", metavar="JSON|PATH", help="A JSON Schema; the answer is JSON that fits it, and nothing else."
    ),
]
MaxTokensOption = Annotated[
    int | None, typer.Option("--max-tokens", metavar="N", help="How many tokens the answer may have.")
]
TemperatureOption = Annotated[
    float | None, typer.Option("--temperature", "-t", metavar="T", help="How freely the model chooses its words.")
]
ReasoningOption = Annotated[
    str | None,
    typer.Option(
        "--reasoning",
        metavar="EFFORT",
        autocompletion=completion.efforts,
        help="How much to think first: none, minimal, low, medium, high, xhigh or max, as far as the model has it.",
    ),
]
TimeoutOption = Annotated[
    float | None, typer.Option("--timeout", metavar="SECONDS", help="For all attempts and waits together.")
]
IgnoreStdinOption = Annotated[
    bool, typer.Option("--ignore-stdin", "-I", help="Do not read standard input, for loops and jobs.")
]


def check_timeout(seconds: float | None) -> None:
    """Raise `Misuse` for a `--timeout` that is none."""
    if seconds is not None and not seconds > 0:
        from understudy.domain.errors import Misuse

        raise Misuse(f"--timeout {seconds:g}: it must be above 0 seconds")


class Settings(NamedTuple):
    """The common options, wherever they stood on the command line."""

    config: Path | None = None
    verbose: bool = False

    @classmethod
    def of(cls, context: typer.Context, config: Path | None = None, *, verbose: bool = False) -> Settings:
        """Join the options ahead of the command with those behind it; the latter prevail."""
        ahead = context.obj if isinstance(context.obj, Settings) else cls()
        return cls(config or ahead.config, verbose or ahead.verbose)
