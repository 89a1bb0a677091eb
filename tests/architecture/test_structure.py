"""The figures of `make structure` stay within their limits."""

from __future__ import annotations

import pytest

from tests.architecture.structure import LIMITS, Package

PACKAGE = Package()
FIGURES = PACKAGE.figures()._asdict()


@pytest.mark.parametrize("name", LIMITS)
def test_limits(name: str) -> None:
    assert FIGURES[name] <= LIMITS[name], f"{name.replace('_', ' ')}: see `make structure`"
