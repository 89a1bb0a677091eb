"""Emulators for the tests of official clients."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator

import pytest

from understudy.emulator import Emulator

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


@pytest.fixture
async def emulator(request: pytest.FixtureRequest) -> AsyncIterator[Emulator]:
    """An emulator of the one provider that the test module names in `PROVIDER`."""
    async with Emulator([request.module.PROVIDER]) as running:
        yield running


@pytest.fixture
def png() -> bytes:
    """A picture of one pixel."""
    return PNG
