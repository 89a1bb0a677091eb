"""Sets a chat up: who answers, what is resumed, where it is kept, who asks."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING

from understudy.cli.chat import sessions, transcript
from understudy.cli.chat.cast import Cast
from understudy.cli.chat.conversation import ModelSet, SystemSet
from understudy.cli.chat.notebook import Notebook
from understudy.cli.chat.screen import Screen, open_screen
from understudy.cli.chat.talk import Talk
from understudy.cli.failing import report_errors
from understudy.cli.invocation import request_options, show_idle_task, show_notices
from understudy.cli.terminal import dim, prepare_library, say
from understudy.config import load
from understudy.domain.errors import Misuse

if TYPE_CHECKING:
    from understudy.cli.chat import ChatOptions

HISTORY = "chat-history"
"""The file, beside the sessions, of what was typed."""


def hold(options: ChatOptions) -> None:
    """Hold a chat. Raises `typer.Exit` with the code of the error that ended it."""
    saves = not options.no_save
    with report_errors(verbose=options.verbose):
        asked = request_options(options, None, options.timeout)
        config = load(options.config)
        show_notices(config.notices)
        cast = Cast(
            config=config,
            understudies=None if options.fallback is None else tuple(options.fallback),
            alone=options.no_fallback,
        )
        notebook = Notebook(sessions.sessions_folder(), saves=saves)
        if resume := options.resume or (sessions.LAST if options.resume_last else None):
            _resume(notebook, resume)
        cast = _led(cast, options.model, notebook)
        show_idle_task(options, cast.choice())
        if system := asked.pop("system", None):
            notebook.note(SystemSet(text=system))
        screen = open_screen(cast.names(), _history(saves=saves))
        talk = Talk(screen, cast, notebook, asked, verbose=options.verbose)
        asyncio.run(_held(talk, screen))


def _led(cast: Cast, model: str | None, notebook: Notebook) -> Cast:
    """Have that one be asked first which the call names, or else the session. Raises `Misuse`."""
    if model is not None:
        cast = cast.led_by(model)
        notebook.note(ModelSet(model=model))
    elif earlier := notebook.conversation.model:
        try:
            cast = cast.led_by(earlier)
        except Misuse as error:
            say(f"this session was led by {earlier}: {error}", label="warning", style="warning")
    cast.choice()
    return cast


def _resume(notebook: Notebook, wanted: str) -> None:
    folder = sessions.sessions_folder()
    if folder is None:
        raise Misuse("there is no home folder in which sessions would be kept")
    path = sessions.find(folder, wanted)
    notebook.resume(sessions.read(path), sessions.Journal(folder, path.stem, now=time.time()))


def _history(*, saves: bool) -> Path | None:
    folder = sessions.user_folder()
    return folder / HISTORY if saves and folder else None


async def _held(talk: Talk, screen: Screen) -> None:
    if not screen.interactive:
        prepare_library()
        await talk.hold()
        return
    # While the first question is being typed.
    loading = asyncio.get_running_loop().run_in_executor(None, prepare_library)
    notebook = talk.notebook
    if turns := notebook.conversation.turns:
        count = f"{len(turns)} turn{'' if len(turns) == 1 else 's'}"
        dim(f"{notebook.session or 'the conversation'} goes on after {count}; /history shows them. The last one was:\n")
        for line in transcript.spoken(turns[-1]):
            say(line)
        say("")
    dim(f"{talk.cast.described()} · /help lists the commands, Ctrl-D leaves")
    await talk.hold()
    await loading
    if notebook.session and notebook.conversation.turns:
        dim(f"kept as {notebook.session}; understudy chat --continue goes on with it")
