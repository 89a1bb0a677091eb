"""Which texts go together."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.policy.batches import BatchLimits, most_tokens, smallest, split

TEXTS = st.lists(st.text(min_size=1, max_size=40), min_size=1, max_size=60)
LIMITS = st.builds(BatchLimits, st.none() | st.integers(1, 10), st.none() | st.integers(1, 100))


@given(TEXTS, LIMITS)
def test_every_text_is_in_one_batch_in_order_and_no_batch_is_too_large(texts: list[str], limits: BatchLimits) -> None:
    batches = split(texts, limits)
    assert [at for batch in batches for at in batch] == list(range(len(texts)))
    for batch in batches:
        assert batch
        assert limits.texts is None or len(batch) <= limits.texts
        tokens = sum(most_tokens(texts[at]) for at in batch)
        assert limits.tokens is None or tokens <= limits.tokens or len(batch) == 1


@given(TEXTS, LIMITS)
def test_no_two_neighbours_would_fit_into_one_batch(texts: list[str], limits: BatchLimits) -> None:
    """A batch is closed only by a text that it cannot take."""
    batches = split(texts, limits)
    for batch, following in pairwise(batches):
        tokens = sum(most_tokens(texts[at]) for at in (*batch, following[0]))
        full = limits.texts is not None and len(batch) == limits.texts
        assert full or (limits.tokens is not None and tokens > limits.tokens)


def test_every_batch_is_counted_from_nothing() -> None:
    assert split(["a" * 4, "a" * 5, "a" * 4], BatchLimits(tokens=8)) == [range(1), range(1, 2), range(2, 3)]
    assert split(["a" * 4, "a" * 5, "a" * 4], BatchLimits(tokens=9)) == [range(2), range(2, 3)]


def test_without_limits_all_go_together() -> None:
    assert split(["a", "b", "c"], BatchLimits()) == [range(3)]
    assert split([], BatchLimits()) == [range(0)]


@pytest.mark.parametrize(("text", "tokens"), [("abc", 3), ("ä", 2), ("語", 3), ("🙂", 4), ("\ud800", 3)])
def test_a_token_is_a_byte_or_more(text: str, tokens: int) -> None:
    assert most_tokens(text) == tokens


def test_several_targets_can_take_what_the_smallest_can() -> None:
    limits = [BatchLimits(96, None), BatchLimits(None, 300_000), BatchLimits(2048, 400_000), BatchLimits()]
    assert smallest(limits) == BatchLimits(96, 300_000)
    assert smallest([]) == BatchLimits()
