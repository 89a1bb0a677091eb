"""Random bodies of requests, spelled as JSON allows it: in any order, with any white space, escapes and numbers, with
unknown fields and repeated keys, and with strings that no Python string can hold."""

from __future__ import annotations

import json
import random
from functools import cache
from typing import Any

NUMBERS = (
    *("0", "-0", "1.0", "1e400", "-1E+999", "12345678901234567890", "1.10", "0.1e1", "5e-324", "1e-400", "-7"),
    *("9" * 40, "3.14159265358979323846264338327950288", "1E2", "100000000000000000000.5"),
)
BLANKS = ("", "", "", "", "", " ", " ", "\n", "  ", "\t", "\r\n", "\n    ")
CHARACTERS = (
    "a",
    "B",
    "7",
    " ",
    "é",
    "漢",
    "😀",
    '\\"',
    "\\\\",
    "\\/",
    "/",
    "\\n",
    "\\u0041",
    "\\ud83d\\ude00",
    "\u2028",
)
"""Pieces of strings, as they are written between the quotes."""
LONE = ("\\ud800", "\\uDFFF", "\\ude00\\ud83d")
"""Halves of characters, which JSON can spell and UTF-8 cannot."""
WORDS = ("x", "n_o", "model2", "nested", "stream_", "", "input", "extra", "model", "stream", "type")
UNKNOWN = ("zz_one", "zz_two", "Zz three", "zz/four", "zz_é", "zz_mod", "zz_stream")
"""Names of fields that no wire format has."""


class Spelled(str):
    """JSON text that is written as it is."""


class Pairs(list[tuple[str, Any]]):
    """An object whose keys may be repeated."""


def spell(value: Any, dice: random.Random) -> str:
    """Write a value as JSON, in one of the many ways."""
    match value:
        case str():
            return str(value) if isinstance(value, Spelled) else _string(value, dice)
        case dict() | Pairs():
            pairs = value.items() if isinstance(value, dict) else value
            inner = ",".join(
                [
                    f"{_blank(dice)}{_string(key, dice)}{_blank(dice)}:{_blank(dice)}{spell(item, dice)}{_blank(dice)}"
                    for key, item in pairs
                ]
            )
            return f"{{{inner or _blank(dice)}}}"
        case list():
            inner = ",".join([f"{_blank(dice)}{spell(item, dice)}{_blank(dice)}" for item in value])
            return f"[{inner or _blank(dice)}]"
        case _:
            return json.dumps(value)


def _blank(dice: random.Random) -> str:
    return dice.choice(BLANKS)


def _string(text: str, dice: random.Random) -> str:
    roll = dice.random
    return f'"{"".join([_escaped(each, dice) if roll() < 0.02 else _written(each, roll() < 0.5) for each in text])}"'


def _escaped(character: str, dice: random.Random) -> str:
    """Write a character by its number, if that has four digits."""
    if ord(character) < 0x10000:
        return f"\\u{ord(character):04{dice.choice('xX')}}"
    return _written(character, dice.random() < 0.5)


@cache
def _written(character: str, ascii_only: bool) -> str:
    return json.dumps(character, ensure_ascii=ascii_only)[1:-1]


def odd_string(dice: random.Random) -> Spelled:
    pieces = [dice.choice(CHARACTERS) for _ in range(dice.randrange(12))]
    if dice.random() < 0.2:
        pieces.insert(dice.randint(0, len(pieces)), dice.choice(LONE))
    return Spelled(f'"{"".join(pieces)}"')


def odd(dice: random.Random, depth: int = 0) -> Any:
    """A value that nobody expects."""
    roll = dice.random()
    if roll < 0.25 and depth < 6:
        return Pairs((dice.choice(WORDS), odd(dice, depth + 1)) for _ in range(dice.randrange(5)))
    if roll < 0.45 and depth < 6:
        return [odd(dice, depth + 1) for _ in range(dice.randrange(5))]
    if roll < 0.5 and depth == 0:
        deep = dice.randrange(10, 50)
        return Spelled("[" * deep + dice.choice(NUMBERS) + "]" * deep)
    if roll < 0.7:
        return Spelled(dice.choice(NUMBERS))
    return dice.choice((odd_string(dice), odd_string(dice), True, False, None))


def disordered(fields: dict[str, Any], dice: random.Random) -> bytes:
    """Write a body with unknown fields between its own, some of them repeated."""
    pairs = list(fields.items())
    pairs += [(dice.choice(UNKNOWN), odd(dice)) for _ in range(dice.randrange(5))]
    dice.shuffle(pairs)
    text = spell(Pairs(pairs), dice)
    lead = dice.choice(("", "", "", " ", "\n\t", "\ufeff"))
    return f"{lead}{text}{dice.choice(BLANKS)}".encode()


def with_odd_parts(value: Any, dice: random.Random) -> Any:
    """Add unknown fields to objects inside of a body, and odd strings in place of some texts."""
    match value:
        case dict():
            pairs = Pairs((key, with_odd_parts(item, dice)) for key, item in value.items())
            if dice.random() < 0.15:
                pairs.insert(dice.randint(0, len(pairs)), (dice.choice(UNKNOWN), odd(dice, 3)))
            return pairs
        case list():
            return [with_odd_parts(item, dice) for item in value]
        case str() if len(value) > 40 and dice.random() < 0.5:
            return odd_string(dice)
        case _:
            return value
