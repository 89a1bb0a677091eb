"""Text that would act or hide is shown as what it is."""

from __future__ import annotations

import unicodedata

import pytest

from understudy.console.charts.text import shortened, visible, visible_lines


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("gpt-5", "gpt-5"),
        ("\x1b[31mred\x1b[0m", "␛[31mred␛[0m"),
        ("a\x00b", "a␀b"),
        ("two\nlines\r\n\tend", "two␊lines␍␊␉end"),
        ("\x7f", "␡"),
        ("\x9b31m", "⟦U+009B⟧31m"),
        ("user\u202egpj.exe", "user⟦U+202E⟧gpj.exe"),
        ("\u2066a\u2069", "⟦U+2066⟧a⟦U+2069⟧"),
        ("zero\u200bwidth", "zero⟦U+200B⟧width"),
        ("\ufeffmark", "⟦U+FEFF⟧mark"),
        ("\ud800 alone", "⟦U+D800⟧ alone"),
        ("tag\U000e0041", "tag⟦U+E0041⟧"),
        ("a\u200db", "a⟦U+200D⟧b"),
        ("👩\u200d💻", "👩\u200d💻"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("日本語 ünïcode €", "日本語 ünïcode €"),
    ],
)
def test_suspect_characters_are_made_visible(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_lines_and_tabs_are_kept_where_they_belong() -> None:
    assert visible_lines("a\r\nb\tc\x1bd\re") == "a\nb\tc␛d␍e"


def test_no_control_format_or_surrogate_is_left() -> None:
    """Unicode's own classes are the measure: controls, formats, surrogates, and separators of lines."""
    everything = "".join(map(chr, range(0x110000)))
    left = {each for each in visible(everything) if unicodedata.category(each) in {"Cc", "Cs", "Zl", "Zp"}}
    formats = {each for each in visible(everything) if unicodedata.category(each) == "Cf"}
    assert left == set()
    # Signs of numbers in Arabic, Syriac, Kaithi and Egyptian scripts, which are drawn, and the two joiners.
    assert all(any(word in unicodedata.name(each) for word in _DRAWN) for each in formats), formats


_DRAWN = ("ARABIC", "SYRIAC", "KAITHI", "EGYPTIAN", "SHORTHAND", "JOINER")


def test_a_long_text_is_cut() -> None:
    assert shortened("a" * 10, 10) == "a" * 10
    assert shortened("a" * 11, 10) == "a" * 9 + "…"
