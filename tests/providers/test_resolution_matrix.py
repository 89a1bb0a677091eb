"""The matrix provider × model is one snapshot that people have read: a change of a row shows what it changes."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from understudy import providers

_spec = importlib.util.spec_from_file_location("resolution_matrix", Path(__file__).with_name("resolution_matrix.py"))
assert _spec is not None
assert _spec.loader is not None
matrix = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(matrix)


def test_the_snapshot_is_fresh() -> None:
    written = matrix.SNAPSHOT.read_text(encoding="utf-8")
    assert matrix.snapshot() == written, "run `python tests/providers/resolution_matrix.py` and read its diff"


@pytest.mark.parametrize("provider", providers.types())
def test_every_provider_and_its_default_models_are_in_it(provider: str) -> None:
    written = matrix.SNAPSHOT.read_text(encoding="utf-8")
    row = providers.row(provider)
    assert f"\n=== provider {provider}\n" in written
    for model in filter(None, (row.text_model, row.embedding_model)):
        assert f"\n--- {model}\n" in written
