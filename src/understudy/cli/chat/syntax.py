"""The syntax of what is typed in a chat: commands, questions, and input over several lines. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

LEAVING = ("exit", "quit")
"""Words that leave the chat without a slash."""
FENCE = '"""'
_COMMAND = re.compile(r"/([A-Za-z]+|\?)(?:\s+(.*))?", re.DOTALL)
_BACKSLASHES = re.compile(r"\\+\Z")


class Command(NamedTuple):
    """`/name rest`."""

    name: str
    rest: str = ""


def continue_line(text: str) -> str | None:
    """Return the incomplete input, ready for its next line; `None` when it is complete.

    A backslash at the end continues it and becomes the line break; a block between two `\"""` may have any lines.
    """
    if (block := text.strip()).startswith(FENCE):
        is_closed = len(block) >= 2 * len(FENCE) and block.endswith(FENCE)
        return None if is_closed else f"{text}\n"
    backslashes = _BACKSLASHES.search(text)
    return f"{text[:-1]}\n" if backslashes and len(backslashes[0]) % 2 else None


def parse(text: str) -> Command | str:
    """Return the command, or the question, in a complete input.

    A question that begins with a slash is written with two, or in a block; a mere path is a question. A word that
    leaves other programs leaves this one too, unless it is in a block.
    """
    text = text.strip()
    if text.startswith(FENCE):
        return text.removeprefix(FENCE).removesuffix(FENCE).strip("\n")
    if text.lower() in LEAVING:
        return Command("exit")
    if text.startswith("//"):
        return text[1:]
    if found := _COMMAND.fullmatch(text):
        return Command("help" if found[1] == "?" else found[1].lower(), (found[2] or "").strip())
    return text
