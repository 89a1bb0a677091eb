"""Recorded bodies, mutated: only the library's failures, the same however the bytes are split, in bounded time.

`make fuzz N=1000000` runs more; `UNDERSTUDY_FUZZ_SEED` repeats a run, and a failure names seed, number and recording.
"""

from __future__ import annotations

import os
import random
from collections import defaultdict
from pathlib import Path

import pytest

from tests.conftest import RECORDINGS, SELECTION
from tests.contract.recordings import Recording
from tests.contract.targets import dialect_name
from tests.fuzz.judging import every, judge
from tests.fuzz.spoiling import Body, by_bytes, cut, structural

DIALECTS = ("anthropic", "cohere", "gemini", "hf-features", "ollama", "openai", "responses")
FEW, MANY = 280, 14_300
"""Inputs for each dialect: 2·10³ and 10⁵ in all."""
LARGEST = 2_500
"""Bytes of a recording that is mutated at random; larger ones are mutated once each."""

SEED = int(os.environ.get("UNDERSTUDY_FUZZ_SEED", "8"))


def recorded(folder: Path) -> dict[str, list[Recording]]:
    found: dict[str, list[Recording]] = defaultdict(list)
    for recording in every(folder):
        found[dialect_name(recording)].append(recording)
    return found


def inputs(*, deep: bool) -> int:
    """How many for each dialect."""
    asked = os.environ.get("UNDERSTUDY_FUZZ")
    return max(1, int(asked) // len(DIALECTS)) if asked else MANY if deep else FEW


@pytest.mark.parametrize("dialect", DIALECTS)
def test_mutated_answers_are_answers_or_failures(dialect: str, deep: bool, request: pytest.FixtureRequest) -> None:
    found = recorded(request.config.stash[RECORDINGS] if deep else SELECTION)[dialect]
    assert found
    small = [recording for recording in found if len(recording.body) <= LARGEST] or found[:1]
    bodies = {recording.name: Body(recording.body) for recording in (found if deep else small)}
    # Bodies of vectors are large, and all alike.
    for number in range(inputs(deep=deep) // (10 if dialect == "hf-features" else 1)):
        dice = random.Random(f"{SEED} {dialect} {number}")
        # Each of them once, then at random.
        pool = found if deep else small
        recording = pool[number] if number < len(pool) else dice.choice(small)
        body = structural(bodies[recording.name], dice) if dice.random() < 0.6 else by_bytes(recording.body, dice)
        try:
            judge(recording, body, cut(body, dice))
        except Exception as error:
            error.add_note(f"seed {SEED}, {dialect}, input {number}, from {recording.name}: {body[:400]!r}")
            raise
