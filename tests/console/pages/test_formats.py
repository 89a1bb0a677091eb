"""How numbers are shown: what is not quite all or nothing never reads as such."""

from __future__ import annotations

import pytest

from understudy.console.pages.formats import share


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0 %"),
        (0.0000022, "< 0.1 %"),
        (0.00049, "< 0.1 %"),
        (0.001, "0.1 %"),
        (0.5, "50.0 %"),
        (0.9994, "99.9 %"),
        (0.99999, "> 99.9 %"),
        (1, "100 %"),
        (1.001, "101 %"),
        (None, "–"),
    ],
)
def test_a_share_is_never_rounded_to_another_meaning(value: float | None, shown: str) -> None:
    assert share(value) == shown
