"""Vectors of different spaces never meet."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.policy.embedding_spaces import ELSEWHERE, EmbeddingSpace, canonical, one_space
from understudy.policy.targets import Target

SPACES = st.none() | st.builds(EmbeddingSpace, st.sampled_from(["a", "b"]), st.sampled_from([None, 256]))


@given(st.lists(SPACES, min_size=1, max_size=6))
def test_what_is_kept_lives_where_the_first_does_and_nothing_is_lost(spaces: list[EmbeddingSpace | None]) -> None:
    targets = [Target(name=str(number), index=number) for number in range(len(spaces))]
    same, others = one_space(targets, lambda target: spaces[target.index])
    assert same[0] is targets[0]
    assert {*same, *(skip.target for skip in others)} == set(targets)
    assert len(same) + len(others) == len(targets)
    assert all(spaces[each.index] == spaces[0] and spaces[0] is not None for each in same[1:])
    assert all(spaces[skip.target.index] != spaces[0] or spaces[0] is None for skip in others)
    assert {skip.why for skip in others} <= {ELSEWHERE}


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("nomic-embed-text:latest", "nomic-embed-text"),
        ("nomic-embed-text:v1.5", "nomic-embed-text:v1.5"),
        ("models/gemini-embedding-001", "gemini-embedding-001"),
        ("thenlper/gte-large:hf-inference", "thenlper/gte-large"),
        ("text-embedding-3-small", "text-embedding-3-small"),
    ],
)
def test_one_model_may_be_written_in_several_ways(model: str, name: str) -> None:
    assert canonical(model) == name
