"""Many trials at once, in one event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

T = TypeVar("T")


async def complaints(trials: Iterable[T], play: Callable[[T], Awaitable[list[str]]], *, at_once: int = 24) -> list[str]:
    """Play all trials and return what they complain of.

    One that complains is played again by itself: a loop that is busy with the others may be late at a time-out.
    """
    places = asyncio.Semaphore(at_once)

    async def one(trial: T) -> tuple[T, list[str]]:
        async with places:
            return trial, await play(trial)

    found = await asyncio.gather(*map(one, trials))
    again = [await play(trial) for trial, first in found if first]
    return [complaint for each in again for complaint in each]
