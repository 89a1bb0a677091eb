"""`understudy chat`: a conversation on a terminal, saved and resumed."""

from __future__ import annotations

import typer

from understudy.cli.chat.options import ChatOptions
from understudy.cli.exits import ExitCode
from understudy.cli.manual import CONFIGURATION, LOOKS, Example, Manual

MANUAL = Manual(
    text="""\
Each question is sent with the conversation so far. The answer is shown as it arrives; /help lists the keys, and the
commands that can be typed instead of a question. Ctrl-C stops the answer, not the program: the part that was shown
stays on the screen and in the conversation. The same applies to an interrupted answer; /retry asks again.

Conversations are saved as they happen, in files that only you can read, and --resume continues one.

`understudy chat QUESTION` asks the question first; --file and --image are attached to the first question.

If standard input is not a terminal, each of its lines is a turn. Answers are printed once they are complete, nothing
else goes to stdout, and the first failure ends the chat with its exit code.""",
    examples=(
        Example("Chat, with one entry of the configuration ahead of the others", "understudy chat -m anthropic"),
        Example("Begin with a question about a file", "understudy chat -f report.pdf 'What does it conclude?'"),
        Example("Continue the last conversation", "understudy chat --continue"),
        Example("List the conversations that can be resumed", "understudy chat --list"),
        Example("Run two turns from a script", "printf '%s\\n' 'My name is Ada.' 'Who am I?' | understudy chat"),
    ),
    exits={
        ExitCode.OK: "the chat ended",
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


def chat(options: ChatOptions) -> None:
    """Chat with a model; conversations are saved and can be resumed."""
    if options.as_json and not options.list_all:
        raise typer.BadParameter("only valid with --list.", param_hint="--json")
    if options.list_all:
        from understudy.cli.chat.listing import show_sessions

        show_sessions(as_json=options.as_json)
        return
    from understudy.cli.chat.opening import open_chat

    open_chat(options)
