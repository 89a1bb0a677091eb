"""A conversation and its session's file, which change together: what happens is a record, and each record is kept."""

from __future__ import annotations

import time
from pathlib import Path

from understudy.cli.chat import transcript
from understudy.cli.chat.conversation import AnyRecord, Conversation, ModelSet, SystemSet
from understudy.cli.chat.sessions import Journal, new_id
from understudy.cli.terminal import say
from understudy.domain.errors import Misuse


class Notebook:
    """The conversation so far. Its file is made with the first turn: what never was a conversation leaves none."""

    def __init__(self, folder: Path | None, *, saves: bool = True) -> None:
        """`folder` is where sessions are kept; `None` where there is no place for them."""
        self.conversation = Conversation()
        self.saves = saves
        """Whether records go to the file."""
        self._folder = folder
        self._journal: Journal | None = None
        self._unsaved: list[AnyRecord] = []

    def resume(self, conversation: Conversation, journal: Journal) -> None:
        """Go on with an earlier conversation. Raises `Misuse` when another chat has it open."""
        if self.saves:
            try:
                journal.open()
            except OSError as error:
                raise Misuse(f"{journal.path}: {error.strerror or error}") from error
        self.conversation = conversation
        self._journal = journal

    def note(self, *records: AnyRecord) -> None:
        """Let something happen."""
        self.conversation = self.conversation.after(*records)
        self._unsaved += records
        if self.saves and self.conversation.turns:
            self._write()

    def begin(self) -> None:
        """Begin a new conversation, with the same system prompt and the same who is asked first."""
        self.close()
        before, self.conversation = self.conversation, Conversation()
        self._unsaved.clear()
        self._journal = None
        if before.system is not None:
            self.note(SystemSet(text=before.system))
        if before.model is not None:
            self.note(ModelSet(model=before.model))

    def keep(self) -> Path:
        """Save the conversation even where that was not wanted before. Returns its file. Raises `Misuse`."""
        if not self.conversation.turns:
            raise Misuse("there is nothing to save yet")
        self.saves = True
        self._write()
        if not self.saves or self._journal is None:
            raise Misuse("/save PATH writes it elsewhere")
        return self._journal.path

    def export(self, path: Path) -> Path:
        """Write the conversation as Markdown to a new file. Raises `Misuse` where that is not possible."""
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(transcript.markdown(self.conversation))
        except OSError as error:
            raise Misuse(f"/save {path}: {error.strerror or error}") from error
        return path

    @property
    def session(self) -> str | None:
        """The id under which all of it is kept; `None` while it is not."""
        return self._journal.id if self._journal is not None and not self._unsaved else None

    def close(self) -> None:
        """Let other chats open the session."""
        if self._journal is not None:
            self._journal.close()

    def _write(self) -> None:
        """Append what is not saved yet. Where that cannot be done it is said, once, and the chat goes on."""
        try:
            self._opened().write(*self._unsaved)
        except (OSError, ValueError) as error:
            say(f"the session is not saved: {error}", label="warning", style="warning")
            self.saves = False
        else:
            self._unsaved.clear()

    def _opened(self) -> Journal:
        if self._journal is None:
            if self._folder is None:
                raise OSError("there is no home folder to keep it in")
            now = time.time()
            self._journal = Journal(self._folder, new_id(now), now=now)
        return self._journal
