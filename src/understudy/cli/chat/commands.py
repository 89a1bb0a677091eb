"""The commands of a chat: their names, their arguments, and what they do."""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from understudy.cli import material
from understudy.cli.chat import transcript
from understudy.cli.chat.session import Session
from understudy.cli.messages import show_attempts
from understudy.cli.terminal import say
from understudy.config.report import nearest
from understudy.domain.errors import Misuse


class Argument(enum.Enum):
    """The kind of argument that a command takes, for completion."""

    NONE = enum.auto()
    TARGET = enum.auto()
    TEXT = enum.auto()
    PATH = enum.auto()


class Command(NamedTuple):
    """One command."""

    run: Callable[[Session, str], Awaitable[None] | None]
    help: str
    argument: Argument = Argument.NONE
    usage: str = ""


async def run_command(session: Session, name: str, rest: str) -> None:
    """Run a command. Raises `Misuse` for an unknown command and for a wrong argument."""
    name = ALIASES.get(name, name)
    if name not in COMMANDS:
        guess = nearest(name, [*COMMANDS, *ALIASES])
        hint = f"did you mean /{guess}?" if guess else "/help lists the commands"
        raise Misuse(f"unknown command /{name}; {hint} (write a question that begins with a slash as //{name} …)")
    command = COMMANDS[name]
    if rest and command.argument is Argument.NONE:
        raise Misuse(f"/{name} takes no argument")
    if (waiting := command.run(session, rest)) is not None:
        await waiting


def _help(_: Session, __: str) -> None:
    shown = {f"/{name} {command.usage}".rstrip(): command.help for name, command in COMMANDS.items()}
    width = max(map(len, shown))
    for usage, text in shown.items():
        say(f"{usage.ljust(width)}  {text}")
    say("")
    say(KEYS)


async def _model(session: Session, name: str) -> None:
    if name:
        await session.select(name)
    say(session.targets.describe())


def _system(session: Session, text: str) -> None:
    if text:
        session.set_system(None if text == "-" else material.system_text(text, "/system"))
    system = session.store.conversation.system
    say(f"system prompt: {system}" if system else "there is no system prompt")


def _cost(session: Session, _: str) -> None:
    for line in transcript.cost_lines(session.store.conversation.totals):
        say(line)


def _history(session: Session, _: str) -> None:
    conversation = session.store.conversation
    if conversation.system:
        say(conversation.system, label="system")
    for number, turn in enumerate(conversation.turns):
        if number:
            say("")
        for line in transcript.screen_lines(turn):
            say(line)
    if not conversation.turns:
        say("the conversation is empty")


def _file(session: Session, path: str) -> None:
    path = _path_of("/file", path)
    session.attach(material.file_attachment(Path(path), "/file"))
    say(f"{path} will be sent with the next question")


def _image(session: Session, where: str) -> None:
    where = _path_of("/image", where)
    session.attach(material.image_attachment(where, "/image"))
    say(f"{where} will be sent with the next question")


def _path_of(command: str, path: str) -> str:
    """Return a path without the quotes that terminals put around it. Raises `Misuse` when it is missing."""
    if not path:
        raise Misuse(f"{command} needs the path of what to attach")
    return path[1:-1] if len(path) > 2 and path[0] == path[-1] and path[0] in "'\"" else path


def _clear(session: Session, _: str) -> None:
    saved = session.store.saved_as
    session.restart()
    say(f"a new conversation; the earlier one is saved as {saved}" if saved else "a new conversation")


def _save(session: Session, path: str) -> None:
    store = session.store
    say(f"saved as {store.export(Path(path).expanduser()) if path else store.save()}")


def _attempts(session: Session, _: str) -> None:
    show_attempts(session.attempts)
    if not session.attempts:
        say("no request was made yet")


def _exit(session: Session, _: str) -> None:
    session.over = True


COMMANDS: Mapping[str, Command] = {
    "model": Command(_model, "show the targets, or choose the first", Argument.TARGET, "[ENTRY[/MODEL]|ROUTE]"),
    "system": Command(_system, "show or set the system prompt; - removes it", Argument.TEXT, "[TEXT|@FILE|-]"),
    "file": Command(_file, "attach a text, PDF or image file to the next question", Argument.PATH, "PATH"),
    "image": Command(_image, "attach an image to the next question", Argument.PATH, "PATH|URL"),
    "retry": Command(lambda session, _: session.retry(), "ask the last question again"),
    "undo": Command(lambda session, _: say(f"removed: {session.undo()}"), "remove the last question and its answer"),
    "clear": Command(_clear, "start a new conversation"),
    "history": Command(_history, "show the conversation"),
    "cost": Command(_cost, "show the tokens and the cost of this session"),
    "attempts": Command(_attempts, "show the attempts of the last question and their outcomes"),
    "save": Command(_save, "show where the session is saved, or write it to a Markdown file", Argument.PATH, "[PATH]"),
    "help": Command(_help, "show this help"),
    "exit": Command(_exit, "leave; so do exit and quit without a slash"),
}
ALIASES = {"new": "clear", "quit": "exit", "bye": "exit", "models": "model"}
KEYS = (
    'Input continues after a backslash, after Alt-Enter, and between two lines of """; a paste stays whole. '
    "Ctrl-C stops an answer or clears the input, Ctrl-D exits, Ctrl-X Ctrl-E opens your editor."
)
