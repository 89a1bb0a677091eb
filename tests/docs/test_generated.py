"""The generated parts of the documentation are fresh."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

_spec = importlib.util.spec_from_file_location("generated", Path(__file__).with_name("generated.py"))
assert _spec is not None
assert _spec.loader is not None
generated = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(generated)


@pytest.mark.parametrize(("page", "name"), list(generated.PARTS))
def test_the_generated_part_is_fresh(page: str, name: str) -> None:
    text = (generated.DOCS / page).read_text(encoding="utf-8")
    fresh = generated.refreshed(text, name, generated.PARTS[page, name]())
    assert text == fresh, "run `python tests/docs/generated.py`"
