"""The scope rule does what it says, and cannot shrink unnoticed."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.conftest import SELECTION
from tests.contract.recordings import Recording, load
from tests.contract.scope import MINIMUM_SHARE, PATHS, exclusion, provider_type

FORMS = {
    "replicate": ("predict", "predict_get", "predict_stream", "error"),
    "together": ("chat", "chat_stream"),
    "huggingface": ("chat", "chat_stream", "embed"),
}
"""Where answers come in other forms, or nobody has recorded an error."""

PERMISSIVE = {"MIT", "Apache-2.0", "Apache-2.0 OR BSD-3-Clause"}


def test_the_share_in_scope_has_not_shrunk(recordings: tuple[Recording, ...]) -> None:
    total = Counter(map(provider_type, recordings))
    inside = Counter(provider_type(recording) for recording in recordings if exclusion(recording) is None)
    shares = {kind: inside[kind] / total[kind] for kind in total if kind in PATHS}
    assert shares.keys() == MINIMUM_SHARE.keys(), "each row in scope has a floor, and recordings"
    assert {kind: share for kind, share in shares.items() if share < MINIMUM_SHARE[kind]} == {}


def test_every_provider_in_scope_is_seen_in_every_form(recordings: tuple[Recording, ...]) -> None:
    seen = {(provider_type(recording), recording.operation) for recording in recordings if exclusion(recording) is None}
    assert {(kind, form) for kind in PATHS for form in FORMS.get(kind, ("chat", "chat_stream", "error"))} <= seen


@pytest.fixture(scope="module")
def selection() -> tuple[Recording, ...]:
    return load(SELECTION)


def test_the_selection_is_small_and_permissively_licensed(selection: tuple[Recording, ...]) -> None:
    assert {recording.licence for recording in selection} <= PERMISSIVE
    assert sum(path.stat().st_size for path in SELECTION.glob("*/*.json")) < 600_000


def test_the_selection_attributes_every_source(selection: tuple[Recording, ...]) -> None:
    readme = Path(SELECTION, "README.md").read_text(encoding="utf-8")
    files = Counter(
        f"| {recording.source.partition(':')[0]} | {recording.licence} | {{}} | `{recording.source_commit[:12]}` |"
        for recording in selection
    )
    assert [line for line, count in files.items() if line.format(count) not in readme] == []
