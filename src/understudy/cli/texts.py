"""The texts for `understudy embed`: arguments, lines, whole files, a field of JSON lines.

Nothing is omitted silently: vectors are matched to texts by their position, so every text must have one.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from understudy.cli import material
from understudy.cli.terminal import is_terminal
from understudy.domain.errors import Misuse
from understudy.wire import json

_NOTHING = "TEXT is missing: pass a text, or pipe texts in; `-` reads what is typed until Ctrl-D"


def gather(words: Sequence[str], files: Sequence[Path], *, whole: bool, field: str | None) -> list[str]:
    """Return all texts: those of the command line, then those of the files; those of standard input if there are
    neither, or in place of `-`. Raise `Misuse` if a text is empty or cannot be read.

    A file, and standard input, contains one text per line; with `whole` it is one text, with `field` its lines are JSON
    objects that contain one each.
    """
    if whole and field is not None:
        raise Misuse("--whole reads a file as one text and --field reads its lines: they cannot be combined")
    if not words and not files and is_terminal(sys.stdin):
        raise Misuse(_NOTHING)
    texts: list[str] = []
    for word in words or ([] if files else ["-"]):
        if word == "-":
            if sys.stdin is None or sys.stdin.closed:
                raise Misuse(_NOTHING)
            texts += _split(sys.stdin.buffer.read(), "stdin", whole=whole, field=field)
        elif not word.strip():
            raise Misuse("TEXT is empty, and providers refuse empty texts: pass a text, or pipe texts in")
        else:
            texts.append(material.words_of([word]))
    for path in files:
        texts += _split(material.read_bytes(path, "--file"), str(path), whole=whole, field=field)
    return texts


def _split(data: bytes, name: str, *, whole: bool, field: str | None) -> Iterator[str]:
    text = material.text_of(data, name)
    if not text.strip():
        raise Misuse(f"{name} is empty: pass a text, or pipe texts in")
    if whole:
        yield text
        return
    # Only at line feeds: other characters at which Python splits lines may occur within a text.
    for number, line in enumerate(text.rstrip().split("\n"), start=1):
        found = line.removesuffix("\r") if field is None else _field_of(line, field, f"{name}:{number}")
        if not found.strip():
            raise Misuse(
                f"{name}:{number} is empty: providers refuse empty texts, and omitting it would shift the others"
            )
        yield found


def _field_of(line: str, field: str, where: str) -> str:
    try:
        value = json.decode_object(line)
    except json.BadJson as error:
        raise Misuse(f"{where}: {error}; with --field each line must be a JSON object") from error
    if field not in value:
        raise Misuse(
            f"{where}: field {field!r} is missing; the object has {', '.join(map(repr, value)) or 'no fields'}"
        )
    if not isinstance(value[field], str):
        raise Misuse(f"{where}: field {field!r} is not a string")
    return str(value[field])
