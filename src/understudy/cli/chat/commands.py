"""The commands of a chat: what they are called, what they take, what they do."""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from understudy.cli import material
from understudy.cli.chat import transcript
from understudy.cli.messages import show_attempts
from understudy.cli.terminal import say
from understudy.config.report import nearest
from understudy.domain.errors import Misuse

if TYPE_CHECKING:
    from understudy.cli.chat.talk import Talk


class Takes(enum.Enum):
    """What stands behind a command, for completion."""

    NOTHING = enum.auto()
    TARGET = enum.auto()
    TEXT = enum.auto()
    PATH = enum.auto()


class Command(NamedTuple):
    """One command."""

    run: Callable[[Talk, str], Awaitable[None] | None]
    what: str
    takes: Takes = Takes.NOTHING
    usage: str = ""


async def perform(talk: Talk, name: str, rest: str) -> None:
    """Perform a command. Raises `Misuse` for what cannot be done."""
    name = ALIASES.get(name, name)
    if name not in COMMANDS:
        guess = nearest(name, [*COMMANDS, *ALIASES])
        hint = f"did you mean /{guess}?" if guess else "/help lists the commands"
        raise Misuse(f"there is no command /{name}; {hint} (a question that begins with a slash is written //{name} …)")
    command = COMMANDS[name]
    if rest and command.takes is Takes.NOTHING:
        raise Misuse(f"/{name} takes nothing behind it")
    if (waiting := command.run(talk, rest)) is not None:
        await waiting


def _help(_: Talk, __: str) -> None:
    shown = {f"/{name} {command.usage}".rstrip(): command.what for name, command in COMMANDS.items()}
    width = max(map(len, shown))
    for usage, what in shown.items():
        say(f"{usage.ljust(width)}  {what}")
    say("")
    say(KEYS)


async def _model(talk: Talk, name: str) -> None:
    if name:
        await talk.lead(name)
    say(talk.cast.described())


def _system(talk: Talk, text: str) -> None:
    if text:
        talk.instruct(None if text == "-" else material.system_text(text, "/system"))
    system = talk.notebook.conversation.system
    say(f"system prompt: {system}" if system else "there is no system prompt")


def _cost(talk: Talk, _: str) -> None:
    for line in transcript.account_lines(talk.notebook.conversation.accounts):
        say(line)


def _history(talk: Talk, _: str) -> None:
    conversation = talk.notebook.conversation
    if conversation.system:
        say(conversation.system, label="system")
    for number, turn in enumerate(conversation.turns):
        if number:
            say("")
        for line in transcript.spoken(turn):
            say(line)
    if not conversation.turns:
        say("nothing was said yet")


def _file(talk: Talk, path: str) -> None:
    path = _named("/file", path)
    talk.attach(material.file_attachment(Path(path), "/file"), path)


def _image(talk: Talk, where: str) -> None:
    where = _named("/image", where)
    talk.attach(material.image_attachment(where, "/image"), where)


def _named(command: str, path: str) -> str:
    """Return a path without the quotes that terminals put around it. Raises `Misuse` when there is none."""
    if not path:
        raise Misuse(f"{command} takes the path of what is to be attached")
    return path[1:-1] if len(path) > 2 and path[0] == path[-1] and path[0] in "'\"" else path


def _undo(talk: Talk, _: str) -> None:
    say(f"taken back: {talk.undo()}")


async def _retry(talk: Talk, _: str) -> None:
    await talk.retry()


def _clear(talk: Talk, _: str) -> None:
    kept = talk.notebook.session
    talk.begin()
    say(f"a new conversation; the earlier one is kept as {kept}" if kept else "a new conversation")


def _save(talk: Talk, path: str) -> None:
    notebook = talk.notebook
    say(f"saved as {notebook.export(Path(path).expanduser()) if path else notebook.keep()}")


def _attempts(talk: Talk, _: str) -> None:
    show_attempts(talk.attempts)
    if not talk.attempts:
        say("nobody was asked yet")


def _exit(talk: Talk, _: str) -> None:
    talk.over = True


COMMANDS: Mapping[str, Command] = {
    "model": Command(_model, "say who answers, or change it", Takes.TARGET, "[ENTRY[/MODEL]|ROUTE]"),
    "system": Command(_system, "show or set the system prompt; - removes it", Takes.TEXT, "[TEXT|@FILE|-]"),
    "file": Command(_file, "attach a text, PDF or image file to the next question", Takes.PATH, "PATH"),
    "image": Command(_image, "attach an image to the next question", Takes.PATH, "PATH|URL"),
    "retry": Command(_retry, "ask the last question again"),
    "undo": Command(_undo, "take the last question and its answer back"),
    "clear": Command(_clear, "begin a new conversation"),
    "history": Command(_history, "show the conversation"),
    "cost": Command(_cost, "show the tokens and the money of this session"),
    "attempts": Command(_attempts, "show who was asked the last question, and what came of it"),
    "save": Command(_save, "say where the session is kept, or write it to a file as Markdown", Takes.PATH, "[PATH]"),
    "help": Command(_help, "show this"),
    "exit": Command(_exit, "leave"),
}
ALIASES = {"new": "clear", "quit": "exit", "bye": "exit", "models": "model"}
KEYS = (
    'A line goes on behind a backslash, after Alt-Enter, and between two lines of """; pasted text stays whole. '
    "Ctrl-C stops an answer or clears what is typed, Ctrl-D leaves, Ctrl-X Ctrl-E opens your editor."
)
