"""The texts that `understudy embed` is given: arguments, lines, whole files, a field of JSON lines.

Nothing is left out silently: vectors are found again by their number, so every text has to have one.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from understudy.cli import material
from understudy.cli.terminal import is_terminal
from understudy.domain.errors import Misuse
from understudy.wire import json

_NOTHING = "give a text, or pipe texts in; `-` takes what is typed until Ctrl-D"


def gather(words: Sequence[str], files: Sequence[Path], *, whole: bool, field: str | None) -> list[str]:
    """Return all texts: those of the command line, then those of the files; of standard input when there are none,
    or in the place of `-`. Raises `Misuse`.

    A file, and standard input, has a text a line; with `whole` it is one text, with `field` its lines are JSON objects
    that hold one each.
    """
    if whole and field is not None:
        raise Misuse("--whole takes a file as one text, --field takes its lines apart: give one of them")
    if not words and not files and is_terminal(sys.stdin):
        raise Misuse(_NOTHING)
    texts: list[str] = []
    for word in words or ([] if files else ["-"]):
        if word == "-":
            texts += _split(_piped(), "stdin", whole=whole, field=field)
        elif not word.strip():
            raise Misuse("an empty text: providers refuse those")
        else:
            texts.append(material.words_of([word]))
    for path in files:
        texts += _split(material.read_bytes(path, "--file"), str(path), whole=whole, field=field)
    return texts


def _piped() -> bytes:
    """Read standard input; on a terminal, what is typed until Ctrl-D."""
    if sys.stdin is None or sys.stdin.closed:
        raise Misuse(_NOTHING)
    return sys.stdin.buffer.read()


def _split(data: bytes, name: str, *, whole: bool, field: str | None) -> Iterator[str]:
    text = material.text_of(data, name)
    if not text.strip():
        raise Misuse(f"{name} is empty: give a text, or pipe texts in")
    if whole:
        yield text
        return
    # Only at line feeds: what else Python takes for the end of a line may stand inside a text.
    for number, line in enumerate(text.rstrip().split("\n"), start=1):
        found = line.removesuffix("\r") if field is None else _field_of(line, field, f"{name}:{number}")
        if not found.strip():
            raise Misuse(
                f"{name}:{number} is empty: providers refuse empty texts, and leaving it out would shift the rest"
            )
        yield found


def _field_of(line: str, field: str, where: str) -> str:
    try:
        value = json.decode_object(line)
    except json.BadJson as error:
        raise Misuse(f"{where}: {error}; with --field each line is a JSON object") from error
    if field not in value:
        raise Misuse(f"{where}: no field {field!r}; there are {', '.join(map(repr, value)) or 'none'}")
    if not isinstance(value[field], str):
        raise Misuse(f"{where}: field {field!r} is no text")
    return str(value[field])
