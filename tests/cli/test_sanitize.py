from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.cli.sanitize import Sanitizer, clean, clean_line

HOSTILE = st.lists(
    st.one_of(
        st.text(max_size=8),
        st.sampled_from(
            [
                "\x1b[31m",
                "\x1b]0;title\x07",
                "\x1b]8;;https://example.com\x1b\\",
                "\x1bP1$r0m\x1b\\",
                "\x9b2J",
                "\x9d0;t\x9c",
                "\x1b(B",
                "\x1bc",
                "\x1b",
                "\x1b[",
                "\x1b]",
                "\r",
                "\n",
                "\u202e",
                "\x07",
            ]
        ),
        st.text(alphabet="\x1b[]\\;0m\x07\x9b\x9c P^_X(\n", max_size=6),
    ),
    max_size=12,
).map("".join)
FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, with ümlauts, 漢字, 👩‍👩‍👧 and\ttabs\n", "plain, with ümlauts, 漢字, 👩‍👩‍👧 and\ttabs\n"),
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]0;new title\x07text", "text"),
        ("\x1b]52;c;cm0gLXJm\x1b\\text", "text"),
        ("\x1b]8;;https://evil.example\x1b\\bank\x1b]8;;\x1b\\", "bank"),
        ("\x1bPq#0;2;0;0;0\x1b\\image", "image"),
        ("\x9b31mred\x9b0m", "red"),
        ("\x9d0;title\x9ctext", "text"),
        ("\x1b(0charset\x1bcreset", "charsetreset"),
        ("two\r\nlines", "two\nlines"),
        ("overwritten\rshown", "overwrittenshown"),
        ("bell\x07 back\x08space del\x7f nul\x00", "bell backspace del nul"),
        ("user\u202etxt.exe\u2066\u2069", "usertxt.exe"),
        ("a\x1b[31\nb", "a\nb"),
        ("title that never ends \x1b]0;x\nnext line", "title that never ends \nnext line"),
        ("unfinished\x1b[3", "unfinished"),
        ("half a pair \ud83d", "half a pair \ufffd"),
    ],
)
def test_control_sequences_go_and_text_stays(text: str, shown: str) -> None:
    assert clean(text) == shown


@given(HOSTILE)
def test_nothing_that_a_terminal_obeys_is_left(text: str) -> None:
    assert not FORBIDDEN.search(clean(text))


@given(HOSTILE, st.lists(st.integers(0, 60), max_size=6))
def test_pieces_are_treated_like_the_whole(text: str, cuts: list[int]) -> None:
    bounds = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    sanitizer = Sanitizer()
    pieces = [sanitizer.feed(text[start:end]) for start, end in itertools.pairwise(bounds)]
    assert "".join(pieces) == clean(text)


@given(HOSTILE)
def test_clean_text_stays_as_it_is(text: str) -> None:
    assert clean(clean(text)) == clean(text)


@given(st.text(alphabet=st.characters(exclude_categories=("Cc", "Cs", "Cf"))))
def test_harmless_text_is_not_touched(text: str) -> None:
    assert clean(text) == text


def test_a_control_string_hides_no_more_than_its_limit() -> None:
    shown = clean("\x1b]0;" + "x" * 10_000 + " the rest of the answer")
    assert shown.endswith(" the rest of the answer")


def test_a_line_has_no_breaks() -> None:
    assert clean_line("one\n  two\x1b[2K\tthree") == "one two three"
