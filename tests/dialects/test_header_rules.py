"""Headers that pass are the same, whether or not their names were seen before."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import random
from typing import Any

from understudy.dialects import forwarding
from understudy.dialects.forwarding import ANSWERED, HeaderRules

NAMES = ("OpenAI-Beta", "openai-beta", "openai-organization", "x-one", "X-One", "accept", "openai-project-x")
MADE: Any = {
    "prefixes": ("openai-",),
    "names": frozenset({"x-one"}),
    "never": ("openai-organization", "openai-project"),
}


def judged(headers: list[tuple[str, str]]) -> dict[str, str]:
    """What passes by the words of the rules."""
    found: dict[str, list[str]] = {}
    for name, value in headers:
        if name.lower() in ("openai-beta", "x-one"):
            found.setdefault(name.lower(), []).append(value)
    return {name: ", ".join(values) for name, values in found.items()}


def test_what_passes_does_not_depend_on_what_passed_before() -> None:
    dice, rules = random.Random(3), HeaderRules(**MADE)
    for number in range(2_000):
        headers = [(dice.choice(NAMES), f"{number}-{at}") for at in range(dice.randrange(5))]
        assert dict(rules.passed(headers)) == judged(headers)
        assert len(rules._known) <= forwarding.REMEMBERED


def test_many_and_long_names_are_not_kept() -> None:
    rules = HeaderRules(**MADE)
    for number in range(200):
        rules.passed([(f"x-{number}", "a")])
    assert len(rules._known) == forwarding.REMEMBERED
    before = list(rules._known)
    rules.passed([("x" * (forwarding.LONGEST + 1), "a")])
    assert list(rules._known) == before


def test_an_answer_names_no_account() -> None:
    for _ in range(2):
        found = ANSWERED.passed([("OpenAI-Organization", "org"), ("X-Request-Id", "r"), ("set-cookie", "s")])
        assert found == (("x-request-id", "r"),)
