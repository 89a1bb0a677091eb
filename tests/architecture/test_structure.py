"""The figures of `make structure` stay within their limits."""

from __future__ import annotations

import functools
from typing import Any

import pytest

from tests.architecture.structure import LIMITS, PACKAGE


@functools.cache
def figures() -> dict[str, Any]:
    """Return the figures, which take seconds."""
    return PACKAGE.figures()._asdict()


@pytest.mark.parametrize("name", LIMITS)
def test_limits(name: str) -> None:
    assert figures()[name] <= LIMITS[name], f"{name.replace('_', ' ')}: see `make structure`"
