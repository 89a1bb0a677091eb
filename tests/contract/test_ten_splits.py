"""However the bytes of an answer are split, all ten providers read the same, through the public API."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from tests.contract.asking import OTHERS, SHORT, calls_tools, lasting, offers, plain, streamed
from tests.contract.public import TEN, Cut, Stand

ten = pytest.mark.parametrize("provider", TEN)

SIZES = (1, 2, 3, 7, 64)
"""Bytes of the pieces where a reply comes in many."""
FEW = 100
"""Splits in two of a reply that is no stream, and so only gathered."""
SHALLOW = 13
"""How many times fewer splits there are without `--deep`."""


def splits(body: bytes, *, step: int, lines: int) -> Iterator[Cut]:
    """Every split in two (every `step`-th); pieces of one size; two ends of lines at once, give or take a byte.

    Pieces of one byte are a split at every position too, whatever the step.
    """
    yield from (_at(at) for at in range(1, len(body), step))
    yield from (_every(size) for size in SIZES)
    ends = [at for at in range(1, len(body)) if body[at - 1 : at] == b"\n"]
    for first, second in itertools.islice(itertools.pairwise(ends), 0, None, lines):
        yield from (_at(first + about, second + about) for about in (-1, 0, 1))


def _at(*places: int) -> Cut:
    def cut(body: bytes) -> list[bytes]:
        ends = [0, *places, len(body)]
        return [body[start:end] for start, end in itertools.pairwise(ends)]

    return cut


def _every(size: int) -> Cut:
    return lambda body: [body[start : start + size] for start in range(0, len(body), size)]


async def is_the_same_however_split(
    provider: str, ask: Callable[[Stand], Awaitable[Any]], *, deep: bool, of_streams: int = 1
) -> None:
    """Split one reply after the other, the others whole."""
    async with Stand(provider) as stand:
        expected = await ask(stand)
    replies = stand.wire.replies
    assert replies
    fewer = 1 if deep else SHALLOW
    for number, reply in enumerate(replies):
        step = fewer * (of_streams if reply.is_stream else 1 + len(reply.body) // FEW)
        for cut in splits(reply.body, step=step, lines=fewer):
            async with Stand(provider, again=replies, cuts={number: cut}) as again:
                assert await ask(again) == expected
                assert len(again.wire.requests) == len(replies)


def skip_unless_possible(provider: str, scene: str) -> None:
    if scene == "tools" and not calls_tools(provider):
        pytest.skip("takes no tools")


@pytest.mark.parametrize("scene", SHORT)
@ten
async def test_every_split_of_a_stream_gives_the_same_events(provider: str, scene: str, deep: bool) -> None:
    skip_unless_possible(provider, scene)

    async def ask(stand: Stand) -> Any:
        events, response = await streamed(stand, SHORT[scene])
        return events, lasting(response)

    await is_the_same_however_split(provider, ask, deep=deep, of_streams=1 if scene == "text" else 5)


@pytest.mark.parametrize("scene", SHORT)
@ten
async def test_every_split_of_a_plain_answer_gives_the_same(provider: str, scene: str, deep: bool) -> None:
    skip_unless_possible(provider, scene)

    async def ask(stand: Stand) -> Any:
        return lasting(await plain(stand, SHORT[scene]))

    await is_the_same_however_split(provider, ask, deep=deep)


@pytest.mark.parametrize("operation", OTHERS)
@ten
async def test_every_split_of_another_operations_answer_gives_the_same(
    provider: str, operation: str, deep: bool
) -> None:
    run = OTHERS[operation][1]
    if not offers(provider, operation):
        pytest.skip("has no such operation")

    async def ask(stand: Stand) -> Any:
        return lasting(await run(stand))

    await is_the_same_however_split(provider, ask, deep=deep)
