"""Header fields of answers: what is refused is refused however often the names were seen."""

from __future__ import annotations

import random
import re

import pytest

from understudy.gateway.serving import heads
from understudy.gateway.serving.heads import fields_of

LINE = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+: [\t\x20-\x7e\x80-\xff]*")
NAMES = ("x", "content-type", "X-Y", "a b", "", "a:", "a: b", "x\r", "n\n", "\u00e9", "x\r\ny")
VALUES = ("", "v", "a\tb", "\u00e9", "\u20ac", "a\r\nx: b", "a\r", "a\nb", "\x00", "\x7f", "\r\n", "a: b")


def judged(headers: list[tuple[str, str]]) -> bytes | None:
    """The fields as bytes; `None` if one of them is invalid."""
    lines = [f"{name}: {value}".encode("latin-1", "replace") for name, value in headers]
    return b"".join(b"%b\r\n" % line for line in lines) if all(map(LINE.fullmatch, lines)) else None


def test_fields_are_judged_one_by_one() -> None:
    dice, valid = random.Random(5), 0
    for _ in range(20_000):
        few = dice.random() < 0.7
        names, values = (NAMES[:3], VALUES[:5]) if few else (NAMES, VALUES)
        headers = [(dice.choice(names), dice.choice(values)) for _ in range(dice.randrange(5))]
        wanted = judged(headers)
        if wanted is None:
            with pytest.raises(ValueError, match="invalid"):
                fields_of(tuple(headers))
        else:
            assert fields_of(tuple(headers)) == wanted
            valid += 1
    assert 5_000 < valid < 20_000


def test_few_names_are_kept() -> None:
    for number in range(heads.REMEMBERED + 50):
        fields_of(((f"x-{number}", "v"),))
    assert len(heads._names) <= heads.REMEMBERED + 5  # pyright: ignore[reportPrivateUsage]
