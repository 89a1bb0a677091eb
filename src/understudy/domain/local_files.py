"""The one place of the pure layers that reads a file: for `Image.from_path` and its like, which only callers call.

A part is made before a request exists, so nothing that is decided or encoded depends on a file.
"""

from __future__ import annotations

from os import PathLike
from pathlib import Path


def read_file(path: str | PathLike[str]) -> tuple[bytes, str]:
    """Return the bytes of a file, and its name without folders. Raise `OSError`."""
    place = Path(path)
    return place.read_bytes(), place.name
