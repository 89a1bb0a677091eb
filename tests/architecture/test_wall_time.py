"""No test passes or fails by how long something took: a machine that is busy with other work makes everything slow.

What shall not wait is given a limit that it would run into if it did, and is judged by what happened: which failure
came, what was sent, what was closed. A generous `asyncio.wait_for` or `timeout=` is there for what hangs. A
*least* time may be compared, as may processor time and the clock of a loop with virtual time.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
CLOCKS = frozenset({"monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns"})
"""What reads the time that passes for everyone, as `time.monotonic()` or imported by name."""


def _reads_a_clock(node: ast.expr) -> bool:
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id="time"), attr=name) | ast.Name(id=name)):
            return name in CLOCKS
    return False


def _elapsed(node: ast.expr, names: frozenset[str]) -> bool:
    """Check whether an expression is a difference of clock readings, or a name that was assigned one."""
    match node:
        case ast.BinOp(left=left, op=ast.Sub()):
            return _reads_a_clock(left)
        case ast.Name() | ast.Attribute():
            return ast.unparse(node) in names
    return False


def _names(tree: ast.AST) -> frozenset[str]:
    """Return what is assigned an elapsed time, anywhere in a module."""
    return frozenset(
        ast.unparse(target)
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and _elapsed(node.value, frozenset())
        for target in node.targets
    )


def upper_limits(source: str) -> Iterator[int]:
    """Yield the lines that require an elapsed time to be less than something."""
    tree = ast.parse(source)
    names = _names(tree)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Compare):
            continue
        sides = [node.left, *node.comparators]
        for left, operator, right in zip(sides, node.ops, sides[1:], strict=False):
            small = left if isinstance(operator, ast.Lt | ast.LtE) else right
            if isinstance(operator, ast.Lt | ast.LtE | ast.Gt | ast.GtE) and _elapsed(small, names):
                yield node.lineno


def test_no_test_judges_by_how_long_something_took() -> None:
    found = [
        f"{path.relative_to(TESTS)}:{line}"
        for path in sorted(TESTS.rglob("*.py"))
        if any(clock in (source := path.read_text(encoding="utf-8")) for clock in CLOCKS)
        for line in upper_limits(source)
    ]
    assert found == [], "judge by what happened instead; see the head of this file"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("assert time.monotonic() - began < 2", True),
        ("assert 2 >= time.perf_counter() - began", True),
        ("assert 0.1 < monotonic() - began < 1", True),
        ("took = time.monotonic() - began\nassert took <= 1", True),
        ("self.took = perf_counter() - began\nif self.took < 1: pass", True),
        ("assert time.monotonic() - began > 0.2", False),
        ("assert 0.2 <= time.monotonic() - began", False),
        ("while time.monotonic() < end: pass", False),
        ("assert time.process_time() - began < 1", False),
        ("assert loop.time() - began < 1", False),
    ],
)
def test_an_upper_limit_is_found(source: str, found: bool) -> None:
    assert bool(list(upper_limits(source))) is found
