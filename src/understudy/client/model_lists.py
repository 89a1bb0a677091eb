"""Lists of models, as a provider returns them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from msgspec.structs import replace

from understudy.domain.responses import ModelInfo

SLICE = 500
"""Models that are processed at once: 2 ms."""


async def catalogue(
    models: Sequence[ModelInfo], provider: str, learn: Callable[[Sequence[ModelInfo]], None]
) -> list[ModelInfo]:
    """Return the models under the provider's name, and pass them to `learn`. Yields to the event loop on the way."""
    named: list[ModelInfo] = []
    for start in range(0, len(models), SLICE):
        if start:
            await asyncio.sleep(0)
        some = models[start : start + SLICE]
        learn(some)
        named += [replace(model, provider=provider) for model in some]
    return named
