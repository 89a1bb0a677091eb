"""Where the configuration of a running gateway comes from, and whether it has changed."""

from __future__ import annotations

import os
from pathlib import Path

from understudy.config import Config, ConfigError, load, locate, parse

_Signature = tuple[int, int, int]


class Source:
    """A configuration file, or the environment if there is none."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._seen = self._settled = self._signature()

    @classmethod
    def find(cls, given: Path | None) -> Source:
        """Return the source that `load` would read. Raise `ConfigError` if a named file does not exist."""
        try:
            home = Path.home()
        except RuntimeError:
            home = None
        found = locate(given, os.environ, Path(), home)
        return cls(found.absolute() if found else None)

    def read(self) -> str | None:
        """Return the text; `None` without a file. Raise `ConfigError` if it cannot be read."""
        if self.path is None:
            return None
        try:
            return self.path.read_bytes().decode("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not valid UTF-8"
        raise ConfigError(f"{self.path} cannot be read: {why}")

    def parse(self, text: str | None) -> Config:
        """Return the configuration that a text states. Raise `ConfigError` with everything that is wrong with it."""
        if text is None:
            return load()
        return parse(text, source=str(self.path), environ=os.environ)

    def has_changed(self) -> bool:
        """Check whether the file differs from when this last returned true, and no longer changes.

        A file that is being written is seen twice before it counts, because half of a file may be valid, too.
        """
        now = self._signature()
        settled = now == self._seen
        self._seen = now
        if not settled or now is None or now == self._settled:
            return False
        self._settled = now
        return True

    def _signature(self) -> _Signature | None:
        """Return what changes with the file; `None` while it is missing, as between the two steps of a replacement."""
        if self.path is None:
            return None
        try:
            status = self.path.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino
