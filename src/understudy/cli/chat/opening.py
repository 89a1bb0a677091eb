"""Opens a chat and runs its loop: which targets answer, what is resumed, where it is stored, where input comes from."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from typing import NamedTuple

from understudy.cli import material
from understudy.cli.chat import session_files, syntax, transcript
from understudy.cli.chat.commands import run_command
from understudy.cli.chat.conversation import ModelSet, SystemSet
from understudy.cli.chat.input import DumbTerminalInput, Input, LineInput
from understudy.cli.chat.options import ChatOptions
from understudy.cli.chat.selection import TargetSelection
from understudy.cli.chat.session import Session
from understudy.cli.chat.session_store import SessionStore
from understudy.cli.chat.waiting import ignoring_interrupts
from understudy.cli.failing import report_errors
from understudy.cli.interrupts import run_async
from understudy.cli.invocation import request_options, show_idle_task, show_notices
from understudy.cli.keeping import user_data
from understudy.cli.messages import show_error
from understudy.cli.terminal import dim, is_terminal, prepare_library, require_output, say
from understudy.config import load
from understudy.domain.content import AnyPart
from understudy.domain.errors import ContextLengthExceeded, LLMError, Misuse

HISTORY = "chat-history"
"""The file with the history of input, next to the folder of sessions."""
_DUMB = ("dumb", "unknown", "")
"""Values of `TERM` for terminals that cannot move the cursor."""


def open_chat(options: ChatOptions) -> None:
    """Run a chat to its end. Raises `typer.Exit` with the code of the error that ended it."""
    saves = not options.no_save
    with report_errors(verbose=options.verbose):
        require_output()
        first = _first_question(options)
        asked = request_options(options, None, options.timeout, on_midstream_error=options.on_midstream_error)
        config = load(options.config)
        show_notices(config.notices)
        targets = TargetSelection(
            config=config,
            understudies=None if options.fallback is None else tuple(options.fallback),
            alone=options.no_fallback,
        )
        store = SessionStore(session_files.sessions_folder(), saves=saves)
        if resume := options.resume or (session_files.LAST if options.resume_last else None):
            _resume(store, resume)
        targets = _select(targets, options.model, store)
        show_idle_task(options, targets.choice())
        if system := asked.pop("system", None):
            store.add(SystemSet(text=system))
        source = _open_input(targets, saves=saves)
        session = Session(targets, store, asked, streams=source.interactive, verbose=options.verbose)
        session.attach(*first.attached)
        run_async(_greet_and_run(session, source, first, verbose=options.verbose))


class _FirstQuestion(NamedTuple):
    """What the command line asks and attaches."""

    text: str | None
    attached: tuple[AnyPart, ...]
    names: tuple[str, ...]


def _first_question(options: ChatOptions) -> _FirstQuestion:
    """Read the first question and what is attached to it. Raise `Misuse` if that fails."""
    text = None if options.words is None else material.words_of(options.words)
    if text is not None and not text.strip():
        raise Misuse("PROMPT is empty: give a question, or omit it to type one")
    files, images = options.file or (), options.image or ()
    attached = (*map(material.file_attachment, files), *map(material.image_attachment, images))
    return _FirstQuestion(text, attached, (*map(str, files), *images))


def _select(targets: TargetSelection, model: str | None, store: SessionStore) -> TargetSelection:
    """Put the target first that the command line names, or else the resumed session. Raises `Misuse`."""
    if model is not None:
        targets = targets.starting_with(model)
        store.add(ModelSet(model=model))
    elif earlier := store.conversation.model:
        try:
            targets = targets.starting_with(earlier)
        except Misuse as error:
            say(f"the model of this session, {earlier}: {error}", label="warning", style="warning")
    targets.choice()
    return targets


def _resume(store: SessionStore, name: str) -> None:
    folder = session_files.sessions_folder()
    if folder is None:
        raise Misuse("sessions are not saved: this user has no home folder")
    path = session_files.find(folder, name)
    store.resume(session_files.read(path), session_files.SessionFile(folder, path.stem, now=time.time()))


def _open_input(targets: TargetSelection, *, saves: bool) -> Input:
    """Return an editor on a terminal, else lines. With `saves` the editor remembers what was typed."""
    if sys.stdin is None or not is_terminal(sys.stdin) or not (is_terminal(sys.stdout) or is_terminal(sys.stderr)):
        return LineInput()
    if os.environ.get("TERM", "dumb").lower() in _DUMB and sys.platform != "win32":
        return DumbTerminalInput()
    from understudy.cli.chat.editor import Editor

    folder = user_data()
    return Editor(targets.names(), folder / HISTORY if saves and folder else None)


async def _greet_and_run(session: Session, source: Input, first: _FirstQuestion, *, verbose: bool) -> None:
    if not source.interactive:
        prepare_library()
        await _run(session, source, first.text, verbose=verbose)
        return
    # While the first question is being typed.
    loading = asyncio.get_running_loop().run_in_executor(None, prepare_library)
    store = session.store
    if turns := store.conversation.turns:
        count = f"{len(turns)} turn{'' if len(turns) == 1 else 's'}"
        dim(f"{store.saved_as or 'the conversation'} continues after {count}; /history shows them. The last one:\n")
        for line in transcript.screen_lines(turns[-1]):
            say(line)
        say("")
    dim(f"{session.targets.describe()} · /help lists the commands, Ctrl-D exits")
    if first.text is not None:
        await loading
        dim(f"> {first.text}")
    elif first.names:
        dim(f"{', '.join(first.names)} will be sent with the first question")
    await _run(session, source, first.text, verbose=verbose)
    await loading
    if store.saved_as and store.conversation.turns:
        dim(f"saved as {store.saved_as}; understudy chat --continue resumes it")


async def _run(session: Session, source: Input, first: str | None, *, verbose: bool) -> None:
    """Answer the first question if there is one, then read and answer until the end of input or `/exit`."""
    try:
        with source, ignoring_interrupts() if source.interactive else contextlib.nullcontext():
            if first is not None:
                await _respond(session, source, first, verbose=verbose)
            while not session.over and (text := await source.read()) is not None:
                await _respond(session, source, syntax.parse(text), verbose=verbose)
    finally:
        await session.aclose()


async def _respond(session: Session, source: Input, entered: syntax.Command | str, *, verbose: bool) -> None:
    """Run a command or answer a question. Raises `LLMError` where no person could react to it."""
    try:
        match entered:
            case syntax.Command(name, rest):
                await run_command(session, name, rest)
            case question:
                await session.ask(question)
    except LLMError as error:
        if not source.interactive:
            raise
        show_error(error, verbose=verbose)
        _show_advice(error)


def _show_advice(error: LLMError) -> None:
    if isinstance(error, ContextLengthExceeded):
        say("the conversation is too long: /undo removes the last turn, /clear starts a new one", label="note")
    elif not isinstance(error, Misuse):
        say("/retry asks again, /model chooses another target", label="note")
