"""Patterns of names, against the standard library's, which knows more signs."""

from __future__ import annotations

import fnmatch

from hypothesis import given
from hypothesis import strategies as st

from understudy.domain.patterns import matches, specificity

WORDS = st.text("ab*", max_size=8)


@given(WORDS, st.text("ab", max_size=8))
def test_a_star_is_what_it_is_in_file_names(pattern: str, name: str) -> None:
    assert matches(pattern, name) is fnmatch.fnmatchcase(name, pattern)


def test_other_signs_stand_for_themselves() -> None:
    assert matches("gpt-5.[a]?", "gpt-5.[a]?")
    assert not matches("gpt-5.*", "gpt-51")
    assert not matches("gpt", "GPT")


def test_no_name_takes_long() -> None:
    # A matcher that goes back to try again would not end within the life of the machine.
    assert not matches("*a" * 50 + "b", "a" * 100_000)


def test_more_fixed_characters_are_more_specific() -> None:
    mixed = ["claude-*", "*", "claude-haiku-*", "a*", "claude-*-4*", "*a*"]
    assert sorted(mixed, key=specificity) == ["*", "*a*", "a*", "claude-*", "claude-*-4*", "claude-haiku-*"]
