"""No file of the package imports itself by way of others: each can be read, and changed, without the ones above it."""

from __future__ import annotations

import pytest

from tests.architecture.structure import PACKAGE, Graph, When, circles, longest_chain


@pytest.mark.parametrize(
    "when",
    [
        pytest.param(("load",), id="as modules are loaded"),
        pytest.param(("load", "call"), id="in functions, too"),
        pytest.param(("load", "call", "types"), id="for type checking, too"),
    ],
)
def test_no_circle_among_files(when: tuple[When, ...]) -> None:
    found = circles(PACKAGE.graph(*when))
    assert not found, "\n".join(f"circle in {PACKAGE.room(circle[0])}: {', '.join(circle)}" for circle in found)


def graph(**arrows: str) -> Graph:
    return {node: frozenset(others.split()) for node, others in arrows.items()}


def test_circles_are_found() -> None:
    assert circles(graph(a="b", b="c", c="a d", d="", e="e a")) == [["a", "b", "c"]]
    assert circles(graph(a="b", b="")) == []


def test_the_longest_chain() -> None:
    assert longest_chain(graph(a="b d", b="c", c="d", d="")) == ["a", "b", "c", "d"]
    assert longest_chain(graph(a="b", b="c", c="b d", d="")) == ["a", "b", "c", "d"]
