"""The line editor of a chat on a terminal. The only module that imports prompt_toolkit."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion, PathCompleter
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.output import Output, create_output
from prompt_toolkit.output.vt100 import Vt100_Output
from prompt_toolkit.shortcuts import CompleteStyle

from understudy.cli.chat import session_files, syntax
from understudy.cli.chat.commands import COMMANDS, Argument
from understudy.cli.chat.waiting import TypeAhead
from understudy.cli.terminal import dim, is_terminal

_LONGEST = 16_384
"""Characters of the longest input in the history; longer ones are pastes, and would be loaded at every start."""


class Editor:
    """Reads input of one or more lines, with history and completion."""

    interactive = True

    def __init__(self, targets: Sequence[str], history: Path | None) -> None:
        """`targets` are the names that `/model` accepts; `history` is the file of earlier input."""
        self._type_ahead = TypeAhead()
        self._warned = False
        self._asked = False
        self._session: PromptSession[str] = PromptSession(
            FormattedText([("bold", "> ")]),
            multiline=True,
            prompt_continuation=FormattedText([("", ". ")]),
            history=_history(history),
            completer=_Completer(targets),
            complete_while_typing=False,
            complete_style=CompleteStyle.READLINE_LIKE,
            key_bindings=self._keys(),
            enable_suspend=True,
            enable_open_in_editor=True,
            tempfile_suffix=".md",
            output=_output(),
        )

    async def read(self) -> str | None:
        """Return the next input; `None` after Ctrl-D, or Ctrl-C twice at an empty prompt."""
        self._warned = False
        if self._asked and is_terminal(sys.stderr):
            print(file=sys.stderr, flush=True)  # a blank line between the last answer and the next question
        self._asked = True
        while True:
            try:
                text = await self._session.prompt_async(default=self._type_ahead.read(), handle_sigint=False)
            except EOFError:
                return None
            except KeyboardInterrupt:
                if self._warned:
                    return None
                self._warned = True
                dim("press Ctrl-C again, or Ctrl-D, to exit")
                continue
            if text.strip():
                # Bytes that are not UTF-8 arrive as lone surrogates, which cannot be encoded in a request.
                return text.encode(errors="surrogateescape").decode(errors="replace")

    def __enter__(self) -> Self:
        self._type_ahead.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._type_ahead.__exit__()

    def _keys(self) -> KeyBindings:
        keys = KeyBindings()

        @keys.add("enter")
        def _send(event: KeyPressEvent) -> None:
            buffer = event.current_buffer
            incomplete = syntax.continue_line(buffer.text)
            if incomplete is None:
                buffer.validate_and_handle()
            else:
                buffer.document = Document(incomplete)

        @keys.add("escape", "enter")
        def _break_line(event: KeyPressEvent) -> None:
            event.current_buffer.insert_text("\n")

        @keys.add("c-c")
        def _clear(event: KeyPressEvent) -> None:
            if event.current_buffer.text:
                self._warned = False
                event.current_buffer.reset(append_to_history=True)
            else:
                event.app.exit(exception=KeyboardInterrupt, style="class:aborting")

        return keys


def _output() -> Output:
    """Return the output of the editor: stdout, or stderr where only that is a terminal."""
    output = create_output(always_prefer_tty=True)
    if isinstance(output, Vt100_Output):
        # Do not ask for the cursor's position: it is not needed, and the reply may arrive late, as typed text.
        output.enable_cpr = False
    return output


class _History(FileHistory):
    def store_string(self, string: str) -> None:
        if len(string) <= _LONGEST:
            with contextlib.suppress(OSError, UnicodeError):  # the history is a convenience
                super().store_string(string)


def _history(path: Path | None) -> History:
    """Return the history in a file that only its user may read; in memory where that is not possible."""
    if path is None:
        return InMemoryHistory()
    try:
        session_files.make_private(path.parent)
        path.touch(mode=0o600)
    except OSError:
        return InMemoryHistory()
    return _History(path)


class _Completer(Completer):
    """Completes commands and their arguments."""

    def __init__(self, targets: Sequence[str]) -> None:
        self._targets = targets
        self._paths = PathCompleter(expanduser=True)

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """Yield the completions at the cursor of a line that begins with a slash."""
        name, blank, rest = document.text_before_cursor.partition(" ")
        if not name.startswith("/") or "\n" in name:
            return
        if not blank:
            for each, command in COMMANDS.items():
                if each.startswith(name[1:]):
                    yield Completion(f"/{each}" if command.argument is Argument.NONE else f"/{each} ", -len(name))
            return
        match COMMANDS[name[1:]].argument if name[1:] in COMMANDS else None:
            case Argument.TARGET:
                for target in self._targets:
                    if target.startswith(rest):
                        yield Completion(target, -len(rest))
            case Argument.PATH:
                yield from self._paths.get_completions(Document(rest), complete_event)
            case _:
                return
