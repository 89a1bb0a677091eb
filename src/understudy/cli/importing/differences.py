"""What a configuration of ours cannot say in the same way, each with the line of the other one."""

from __future__ import annotations

import msgspec

from understudy.cli.importing.document import Document, Path


class Difference(msgspec.Struct, frozen=True, order=True):
    """Something that differs, or is left out."""

    line: int
    what: str


class Report:
    """Collects differences."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._found: dict[Difference, None] = {}
        self._variables: dict[str, str] = {}

    def add(self, path: Path, what: str) -> None:
        """Note a difference; the same one of the same line is noted once."""
        self._found[Difference(self._document.line(path), what)] = None

    def has(self, path: Path) -> bool:
        """Check whether a value is written at a path."""
        return self._document.has(path)

    def once(self, path: Path, what: str) -> None:
        """Note a difference, only at the first place where it occurs."""
        if all(each.what != what for each in self._found):
            self.add(path, what)

    def variable(self, prefix: str, secret: str) -> str:
        """Return the variable that stands for a key which is written out: one for each key."""
        if secret not in self._variables:
            number = sum(name.startswith(f"{prefix}_KEY_") for name in self._variables.values()) + 1
            self._variables[secret] = f"{prefix}_KEY_{number}"
        return self._variables[secret]

    @property
    def differences(self) -> list[Difference]:
        """All of them, by line."""
        return sorted(self._found)
