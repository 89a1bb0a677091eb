"""Which pages the console has: found by following its own links, one of each kind."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator

from tests.console.browser.driving import Operator

_NAMED = re.compile(r"^(requests|sessions|providers|keys)/(?!new$|make$)[^/]+")
MOST = 40
"""Pages that are opened at most."""


def kind_of(path: str) -> str:
    """Return the kind of a page: its path, with what it is about left open."""
    return _NAMED.sub(r"\1/one", path.partition("?")[0]) or "now"


def walk(operator: Operator, *, each: int = 1) -> Iterator[str]:
    """Open the pages of the console, beginning with the first, and yield the kind of each while it is open.

    `each`: how many pages of one kind are opened.
    """
    waiting, seen, counts = deque([""]), {""}, dict[str, int]()
    for _ in range(MOST):
        if not waiting:
            return
        path = waiting.popleft()
        kind = kind_of(path)
        if counts.get(kind, 0) >= each:
            continue
        counts[kind] = counts.get(kind, 0) + 1
        operator.open(path)
        links = operator.links()
        yield kind
        waiting.extend(link for link in links if link not in seen)
        seen.update(links)
