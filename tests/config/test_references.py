from __future__ import annotations

import pytest

from understudy.config.tables import BadReference, Expanded, expand, foreign_reference

ENVIRON = {"A": "one", "B": "${A}", "EMPTY": "", "a_1": "low"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("plain", "plain"),
        ("${A}", "one"),
        ("x${A}y${a_1}z", "xoneylowz"),
        ("${B}", "${A}"),
        ("${NO:-default}", "default"),
        ("${EMPTY:-default}", "default"),
        ("${NO:-}", ""),
        ("${NO:-http://host:1/a:-b}", "http://host:1/a:-b"),
        ("${A:-unused}", "one"),
        ("$A costs 5$ {A} $", "$A costs 5$ {A} $"),
        ("$${A}", "${A}"),
        ("$${A} is ${A}", "${A} is one"),
        ("$$${A}", "$${A}"),
    ],
)
def test_expand(text: str, expected: str) -> None:
    assert expand(text, ENVIRON) == Expanded(expected)


@pytest.mark.parametrize("text", ["${NO}", "${EMPTY}", "${NO}${NO}"])
def test_missing_variables_are_named_once(text: str) -> None:
    assert len(expand(text, ENVIRON).missing) == 1


@pytest.mark.parametrize("text", ["${", "${}", "${A", "${1A}", "${A-x}", "${A B}", "${A:-${B}}", "${ A }", "${Ä}"])
def test_malformed_references(text: str) -> None:
    with pytest.raises(BadReference):
        expand(text, ENVIRON)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("$OPENAI_API_KEY", "OPENAI_API_KEY"),
        ("os.environ/OPENAI_API_KEY", "OPENAI_API_KEY"),
        ("env:KEY", "KEY"),
        ("env.KEY", "KEY"),
        ("%KEY%", "KEY"),
        ("${KEY}", None),
        ("sk-$KEY", None),
        ("", None),
    ],
)
def test_references_in_the_way_of_other_tools(text: str, name: str | None) -> None:
    assert foreign_reference(text) == name
