"""Every value of recorded answers, replaced by values of other kinds in turn: an answer, or the library's failure."""

from __future__ import annotations

import random
from collections import defaultdict
from pathlib import Path

import pytest

from tests.conftest import RECORDINGS, SELECTION
from tests.contract.recordings import Recording
from tests.contract.targets import dialect_name
from tests.fuzz.judging import every, judge, judge_prediction
from tests.fuzz.spoiling import LITERALS, ODD, Body, cut


def kinds(folder: Path) -> dict[str, list[Recording]]:
    """Recordings by dialect and operation, the smallest first."""
    found: dict[str, list[Recording]] = defaultdict(list)
    for recording in sorted(every(folder), key=lambda one: len(one.body)):
        found[f"{dialect_name(recording)} {recording.operation}"].append(recording)
    return dict(found)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "kind" in metafunc.fixturenames:
        metafunc.parametrize("kind", sorted(kinds(SELECTION)))


def test_any_value_may_be_odd(kind: str, deep: bool, request: pytest.FixtureRequest) -> None:
    dice = random.Random(kind)
    several = kinds(request.config.stash[RECORDINGS] if deep else SELECTION).get(kind, [])
    for recording in several[: 3 if deep else 1]:
        body = Body(recording.body)
        places = [(at, path, odd) for at, path in body.places for odd in (*ODD, *LITERALS)]
        most = 400 if deep else 60
        for at, path, odd in places if len(places) <= most else dice.sample(places, most):
            spoiled = body.spoiled(at, path, odd)
            try:
                judge(recording, spoiled, cut(spoiled, dice))
            except Exception as error:
                error.add_note(f"{recording.name}, event {at}, {path} replaced by {odd!r:.80}")
                raise


def test_any_value_of_a_prediction_may_be_odd() -> None:
    body = Body(
        b'{"id": "p1", "status": "succeeded", "model": "a/b", "output": ["a", "b"], "error": null, "input": {"a": 1},'
        b'"metrics": {"input_token_count": 1, "output_token_count": 2}, "created_at": "2026-01-01T00:00:00Z",'
        b'"completed_at": "2026-01-01T00:00:01Z", "urls": {"stream": "https://stream.replicate.com/1"}}'
    )
    for at, path in body.places:
        for odd in (*ODD, *LITERALS):
            judge_prediction(body.spoiled(at, path, odd))
