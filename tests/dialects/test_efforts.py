"""Efforts of reasoning: the nearest one that a model accepts."""

from __future__ import annotations

from typing import Any

import pytest

from understudy.dialects.quirks import nearest_effort

ALL = ("low", "medium", "high", "xhigh", "max")


@pytest.mark.parametrize(
    ("asked", "accepted", "higher", "lower"),
    [
        ("medium", ALL, "medium", "medium"),
        ("none", ALL, "low", "low"),
        ("minimal", ("none", "low"), "low", "none"),
        ("medium", ("low", "high"), "high", "low"),
        ("xhigh", ("low", "medium", "high", "max"), "max", "high"),
        ("max", ("low", "medium"), "medium", "medium"),
        # What is unknown is near to nothing, and an unknown effort that is accepted to no known one.
        ("turbo", ALL, None, None),
        (3, ALL, None, None),
        (None, ALL, None, None),
        (["low"], ALL, None, None),
        ("low", (), None, None),
        ("low", ("default",), None, None),
    ],
)
def test_the_nearest_accepted_effort(
    asked: Any, accepted: tuple[str, ...], higher: str | None, lower: str | None
) -> None:
    """The one asked for where it is accepted; of two equally near, the higher one unless the caller says otherwise."""
    assert nearest_effort(asked, frozenset(accepted)) == higher
    assert nearest_effort(asked, frozenset(accepted), tie="lower") == lower
