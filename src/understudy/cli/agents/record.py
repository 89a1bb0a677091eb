"""What `understudy setup` wrote, so that it can be undone: in understudy's folder of the user's configuration.

A record holds digests instead of values, because values may be keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from understudy.cli.agents.files import PRIVATE, digest, replace
from understudy.config.discovery import user_folder
from understudy.domain.errors import Misuse


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was written."""

    path: str
    format: str
    digest: str
    """Of the whole file, if its backup is exactly what it was before; else empty."""
    values: tuple[tuple[tuple[str, ...], str], ...]
    """The digest of each value, by its path in the file."""
    backup: str | None
    """The file as it was before; `None` if there was none."""
    mode: int | None
    """Its permissions before."""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """The files that were written for an agent."""

    agent: str
    files: tuple[Written, ...]

    def of(self, path: Path) -> Written | None:
        """Return what was written to a file."""
        return next((each for each in self.files if each.path == str(path)), None)


def value_digest(value: Any) -> str:
    """Return the digest of a value."""
    return digest(msgspec.json.encode(value, order="sorted"))


def place_of(agent: str, environ: Mapping[str, str], home: Path) -> Path:
    """Return where the record of an agent is kept."""
    folder = user_folder(environ, home) or home / ".config" / "understudy"
    return folder / "setup" / f"{agent}.json"


def load(place: Path) -> Record | None:
    """Read a record; `None` if there is none. Raise `Misuse` for one that cannot be read."""
    try:
        return msgspec.json.decode(place.read_bytes(), type=Record)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        raise Misuse(f"{place} is not a record of `understudy setup`: {error}") from error


def save(place: Path, record: Record) -> None:
    """Write a record."""
    replace(place, msgspec.json.format(msgspec.json.encode(record)) + b"\n", PRIVATE)
