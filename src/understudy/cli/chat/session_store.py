"""A conversation and its file, which change together: each record is applied to the one and appended to the other."""

from __future__ import annotations

import time
from pathlib import Path

from understudy.cli.chat import transcript
from understudy.cli.chat.conversation import AnyRecord, Conversation, ModelSet, SystemSet
from understudy.cli.chat.session_files import SessionFile, new_id
from understudy.cli.failing import usable
from understudy.cli.terminal import say
from understudy.domain.errors import Misuse


class SessionStore:
    """The conversation so far. Its file is created with the first turn, so that an empty chat leaves none."""

    def __init__(self, folder: Path | None, *, saves: bool = True) -> None:
        """`folder` holds the session files; `None` where there is no home folder."""
        self.conversation = Conversation()
        self.saves = saves
        """Whether records are written to the file."""
        self._folder = folder
        self._file: SessionFile | None = None
        self._unsaved: list[AnyRecord] = []

    def resume(self, conversation: Conversation, file: SessionFile) -> None:
        """Continue an earlier conversation. Raises `Misuse` when it is open in another chat."""
        if self.saves:
            with usable(str(file.path)):
                file.open()
        self.conversation = conversation
        self._file = file

    def add(self, *records: AnyRecord) -> None:
        """Apply records to the conversation, and save them once it has a turn."""
        self.conversation = self.conversation.apply(*records)
        self._unsaved += records
        if self.saves and self.conversation.turns:
            self._write()

    def restart(self) -> None:
        """Start a new conversation with the same system prompt and the same target first."""
        self.close()
        before, self.conversation = self.conversation, Conversation()
        self._unsaved.clear()
        self._file = None
        if before.system is not None:
            self.add(SystemSet(text=before.system))
        if before.model is not None:
            self.add(ModelSet(model=before.model))

    def save(self) -> Path:
        """Save the conversation, from here on also where `saves` was off. Returns its file. Raises `Misuse`."""
        if not self.conversation.turns:
            raise Misuse("there is nothing to save yet")
        self.saves = True
        self._write()
        if not self.saves or self._file is None:
            raise Misuse("/save PATH writes it to another place")
        return self._file.path

    def export(self, path: Path) -> Path:
        """Write the conversation as Markdown to a new file. Raises `Misuse` where that is not possible."""
        with usable(f"/save {path}"), path.open("x", encoding="utf-8") as file:
            file.write(transcript.markdown(self.conversation))
        return path

    @property
    def saved_as(self) -> str | None:
        """The id of the session once everything is saved; `None` until then."""
        return self._file.id if self._file is not None and not self._unsaved else None

    def close(self) -> None:
        """Close the file, so that other chats can open it."""
        if self._file is not None:
            self._file.close()

    def _write(self) -> None:
        """Append what is not saved yet. A failure is reported once, and the chat continues without saving."""
        try:
            if self._file is None:
                if self._folder is None:
                    raise OSError("this user has no home folder")
                now = time.time()
                self._file = SessionFile(self._folder, new_id(now), now=now)
            self._file.write(*self._unsaved)
        except (OSError, ValueError) as error:
            say(f"the session is not saved: {error}", label="warning", style="warning")
            self.saves = False
        else:
            self._unsaved.clear()
