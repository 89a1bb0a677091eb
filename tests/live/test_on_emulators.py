"""The live calls tried on the emulated providers, so that whoever has keys finds them working."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from tests.contract.public import TEN, Stand
from tests.live.calls import CALLS
from understudy import providers
from understudy.client.provider import Provider


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__name__)
@pytest.mark.parametrize("provider", TEN)
async def test_the_live_calls_do_what_they_should(provider: str, call: Callable[[Provider], Awaitable[None]]) -> None:
    if CALLS[call] not in providers.row(provider).dialects:
        pytest.skip("has no such operation")
    async with Stand(provider) as stand:
        await call(stand.llm)


def test_each_operation_of_the_matrix_is_called() -> None:
    offered = {operation for provider in TEN for operation in providers.row(provider).dialects}
    assert set(CALLS.values()) == offered
