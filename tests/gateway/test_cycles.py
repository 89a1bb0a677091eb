"""What a request leaves behind is freed with it: a search for cycles comes late, and bodies are large."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.instructions import in_memory
from benchmarks.served import SIZES, Served, path_of


@contextmanager
def garbage() -> Iterator[list[object]]:
    """Yield a list; in the end it holds what was in cycles."""
    found: list[object] = []
    gc.collect()
    gc.disable()
    try:
        yield found
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        found += gc.garbage
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


@pytest.mark.parametrize("size", ["1 KB", "40 KB", "stream", "other wire", "other wire, stream"])
async def test_no_request_is_part_of_a_cycle(size: str, tmp_path: Path) -> None:
    served = Served(in_memory(size), tmp_path)
    body, path = SIZES[size](), path_of(size)
    try:
        await served.ask(body, path)
        with garbage() as found:
            await served.ask(body, path)
    finally:
        served.close()
    assert [type(each).__qualname__ for each in found if type(each).__module__.startswith("understudy")] == []
