"""What somebody typed: a command, a question, or a part of one. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

FENCE = '"""'
_COMMAND = re.compile(r"/([A-Za-z]+|\?)(?:\s+(.*))?", re.DOTALL)
_BACKSLASHES = re.compile(r"\\+\Z")


class Command(NamedTuple):
    """`/name rest`."""

    name: str
    rest: str = ""


def continued(text: str) -> str | None:
    """Return what was typed so far, ready for its next line; `None` when it is complete.

    It goes on behind a backslash at its end, which becomes the line break, and within a block between two `\"""`.
    """
    if text.lstrip().startswith(FENCE):
        return None if _is_closed(text.strip()) else f"{text}\n"
    backslashes = _BACKSLASHES.search(text)
    return f"{text[:-1]}\n" if backslashes and len(backslashes[0]) % 2 else None


def read(text: str) -> Command | str:
    """Return the command or the question that a complete text is.

    A question that begins with a slash is written with two, or in a block; what merely looks like a path is none.
    """
    text = text.strip()
    if text.startswith(FENCE):
        return text.removeprefix(FENCE).removesuffix(FENCE).strip("\n")
    if text.startswith("//"):
        return text[1:]
    if found := _COMMAND.fullmatch(text):
        return Command("help" if found[1] == "?" else found[1].lower(), (found[2] or "").strip())
    return text


def _is_closed(block: str) -> bool:
    return len(block) >= 2 * len(FENCE) and block.endswith(FENCE)
