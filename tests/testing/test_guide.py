"""The examples of the guide are tests, and they pass."""

from __future__ import annotations

import sys

import pytest

from tests.docs.blocks import blocks

pytest_plugins = ["pytester"]


def test_the_examples_of_the_guide(pytester: pytest.Pytester) -> None:
    found = {f"test_{name}": code for name, code in blocks("python") if name.startswith("testing_")}
    assert len(found) == 5
    pytester.makepyfile(**found)
    result = pytester.run(sys.executable, "-m", "pytest", "-q", "-p", "no:asyncio", "-p", "no:xdist", "-W", "error")
    assert result.parseoutcomes() == {
        "passed": sum(code.count("\ndef test_") + code.count("\nasync def test_") for code in found.values())
    }
