"""`understudy chat`: a conversation on a terminal, kept and resumed."""

from __future__ import annotations

from typing import Annotated

import typer

from understudy.cli.exits import ExitCode
from understudy.cli.manual import CONFIGURATION, LOOKS, Example, Manual
from understudy.cli.options import JsonOption, ModelOptions, TimeoutOption

MANUAL = Manual(
    text="""\
Each question goes out with all that was said before. The answer is shown as it arrives; /help lists the commands that
may be typed instead of a question, and the keys. Ctrl-C stops the answer, not the program: what had been shown stays,
on the screen and in the conversation. The same goes for an answer that breaks off; /retry asks again.

Conversations are kept as they happen, in files that only you may read, and --resume goes on with one.

Where standard input is no terminal each of its lines is a turn. Answers are printed once they are whole, nothing else
goes to stdout, and the first failure ends it with its exit code.""",
    examples=(
        Example("Talk, with one entry of the configuration ahead of the others", "understudy chat -m anthropic"),
        Example("Go on where you left", "understudy chat --continue"),
        Example("See what there is to resume", "understudy chat --list"),
        Example("Have two turns in a script", "printf '%s\\n' 'My name is Ada.' 'Who am I?' | understudy chat"),
    ),
    exits={
        ExitCode.OK: "you left",
        ExitCode.UNAVAILABLE: "without a terminal: nothing could answer",
        ExitCode.MISUSE: "",
        ExitCode.REFUSED: "without a terminal: a provider refused",
        ExitCode.INTERRUPTED: "",
    },
    variables={
        **CONFIGURATION,
        "XDG_DATA_HOME": "sessions are kept in its folder understudy/sessions; without it in ~/.local/share",
        "EDITOR": "what Ctrl-X Ctrl-E opens for a long question",
        **LOOKS,
    },
)


def _session_ids(incomplete: str) -> list[str]:
    from understudy.cli.chat.sessions import LAST, ids, sessions_folder

    folder = sessions_folder()
    known = [LAST, *(ids(folder) if folder else [])]
    return [each for each in known if each.startswith(incomplete)]


class ChatOptions(ModelOptions, frozen=True, kw_only=True):
    """The options of `chat`."""

    timeout: TimeoutOption = None
    resume: Annotated[
        str | None,
        typer.Option(
            "--resume",
            "-r",
            metavar="ID",
            autocompletion=_session_ids,
            help="Go on with an earlier conversation; the beginning of its id is enough, and `last` is the one used "
            "last.",
        ),
    ] = None
    resume_last: Annotated[bool, typer.Option("--continue", "-c", help="Go on with the last one: --resume last.")] = (
        False
    )
    list_all: Annotated[bool, typer.Option("--list", help="List the conversations that are kept, and leave.")] = False
    no_save: Annotated[
        bool, typer.Option("--no-save", help="Keep nothing of this conversation, nor what is typed in it.")
    ] = False
    as_json: JsonOption = False


def chat(options: ChatOptions) -> None:
    """Chat with a model; conversations are kept and can be resumed."""
    if options.as_json and not options.list_all:
        raise typer.BadParameter("it goes with --list alone.", param_hint="--json")
    if options.list_all:
        from understudy.cli.chat.listing import show_sessions

        show_sessions(as_json=options.as_json)
        return
    from understudy.cli.chat.opening import hold

    hold(options)
