"""`understudy chat`: a conversation on a terminal, saved and resumed."""

from __future__ import annotations

from typing import Annotated

import typer

from understudy.cli.exits import ExitCode
from understudy.cli.inquiry import Asked
from understudy.cli.manual import CONFIGURATION, LOOKS, Example, Manual
from understudy.cli.options import (
    ConfigOption,
    FallbackOption,
    JsonOption,
    MaxTokensOption,
    ModelOption,
    NoColorOption,
    NoFallbackOption,
    ReasoningOption,
    Settings,
    SystemOption,
    TaskOption,
    TemperatureOption,
    TimeoutOption,
    VerboseOption,
)

LAST = "last"
"""Names the session that was used last."""
MANUAL = Manual(
    text="""\
Each question is sent with the conversation so far. The answer is shown as it arrives; /help lists the keys, and the
commands that can be typed instead of a question. Ctrl-C stops the answer, not the program: the part that was shown
stays on the screen and in the conversation. The same applies to an interrupted answer; /retry asks again.

Conversations are saved as they happen, in files that only you can read, and --resume continues one.

If standard input is not a terminal, each of its lines is a turn. Answers are printed once they are complete, nothing
else goes to stdout, and the first failure ends the chat with its exit code.""",
    examples=(
        Example("Chat, with one entry of the configuration ahead of the others", "understudy chat -m anthropic"),
        Example("Go on where you left", "understudy chat --continue"),
        Example("See what there is to resume", "understudy chat --list"),
        Example("Have two turns in a script", "printf '%s\\n' 'My name is Ada.' 'Who am I?' | understudy chat"),
    ),
    exits={
        ExitCode.OK: "you left",
        ExitCode.UNAVAILABLE: "without a terminal: no target could answer",
        ExitCode.MISUSE: "",
        ExitCode.REFUSED: "without a terminal: a provider refused",
        ExitCode.INTERRUPTED: "",
    },
    variables={
        **CONFIGURATION,
        "XDG_DATA_HOME": "sessions are saved in its folder understudy/sessions; the default is ~/.local/share",
        "EDITOR": "the editor that Ctrl-X Ctrl-E opens for a long question",
        **LOOKS,
    },
)


def _session_ids(incomplete: str) -> list[str]:
    from understudy.cli.chat.session_files import ids, sessions_folder

    folder = sessions_folder()
    known = [LAST, *(ids(folder) if folder else [])]
    return [each for each in known if each.startswith(incomplete)]


ResumeOption = Annotated[
    str | None,
    typer.Option(
        "--resume",
        "-r",
        metavar="ID",
        autocompletion=_session_ids,
        help="Continue an earlier conversation: its id, the beginning of its id, or `last` for the one used last.",
    ),
]
ContinueOption = Annotated[
    bool, typer.Option("--continue", "-c", help="Continue the last conversation: --resume last.")
]
ListOption = Annotated[bool, typer.Option("--list", help="List the saved conversations, and exit.")]
NoSaveOption = Annotated[
    bool, typer.Option("--no-save", help="Save neither this conversation nor the input typed in it.")
]


def chat(
    context: typer.Context,
    *,
    model: ModelOption = None,
    fallback: FallbackOption = None,
    no_fallback: NoFallbackOption = False,
    task: TaskOption = None,
    system: SystemOption = None,
    max_tokens: MaxTokensOption = None,
    temperature: TemperatureOption = None,
    reasoning: ReasoningOption = None,
    timeout: TimeoutOption = None,
    resume: ResumeOption = None,
    resume_last: ContinueOption = False,
    list_all: ListOption = False,
    no_save: NoSaveOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    verbose: VerboseOption = False,
    no_color: NoColorOption = False,
) -> None:
    """Chat with a model, and continue another day."""
    settings = Settings.of(context, config, verbose=verbose)
    if as_json and not list_all:
        raise typer.BadParameter("only valid with --list.", ctx=context, param_hint="--json")
    if list_all:
        from understudy.cli.chat.listing import show_sessions

        show_sessions(as_json=as_json)
        return
    asked = Asked(
        model=model,
        fallback=fallback,
        no_fallback=no_fallback,
        task=task,
        system=system,
        max_tokens=max_tokens,
        temperature=temperature,
        reasoning=reasoning,
        timeout=timeout,
    )
    from understudy.cli.chat.opening import open_chat

    open_chat(asked, settings, resume or (LAST if resume_last else None), saves=not no_save)
