"""Talks with `understudy chat` through a terminal, as a person would: waits for the prompt, types, looks."""

from __future__ import annotations

import re

from tests.cli.running import Finished, Terminal

_SEQUENCES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x08|\r")
_READY = "\x1b[?2004h"
"""The editor asks the terminal to mark pastes: it reads keys from now on."""
_TAKEN = "\x1b[?2004l"


def plain(shown: str) -> str:
    """Return text without what moves the cursor and colours it."""
    return _SEQUENCES.sub("", shown)


class Talker:
    """Somebody at the terminal. What was read once is not looked at again."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal
        self._mark = 0

    def wait(self) -> str:
        """Wait for the prompt. Returns what was shown until then."""
        return self._until(_READY)

    def sends(self, keys: str) -> None:
        """Type something and Enter, and wait until it is taken."""
        self.terminal.type(f"{keys}\r")
        self._until(_TAKEN)

    def says(self, keys: str) -> str:
        """Type something and Enter, and wait for the next prompt. Returns what was said in between."""
        self.sends(keys)
        return self.wait().strip()

    def sees(self, words: str) -> str:
        """Wait until something is shown. Returns all that was shown since the last look, as it was."""
        screen = self.terminal.read_until(lambda shown: words in plain(shown[self._mark :]))
        return screen[self._mark :]

    def leaves(self) -> Finished:
        """Press Ctrl-D, and wait for the end."""
        self.terminal.type("\x04")
        return self.terminal.finish()

    def _until(self, marker: str) -> str:
        start = self._mark
        screen = self.terminal.read_until(lambda shown: marker in shown[start:])
        end = screen.index(marker, start)
        self._mark = end + len(marker)
        return plain(screen[start:end])
