"""Every operation of all ten providers through the public API, plain and streamed: the stream's fold is the answer."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

import understudy as u
from tests.contract.asking import CHATS, OTHERS, answered, calls_tools, lasting, offers, plain, streamed
from tests.contract.public import TEN, Stand
from understudy import providers
from understudy.domain.content import Provenance
from understudy.domain.fold import Fold

both_ways = pytest.mark.parametrize("streaming", [False, True], ids=["plain", "stream"])
ten = pytest.mark.parametrize("provider", TEN)


@pytest.mark.parametrize("scene", CHATS)
@both_ways
@ten
async def test_chat(provider: str, streaming: bool, scene: str) -> None:
    async with Stand(provider) as stand:
        response = await answered(stand, CHATS[scene], streaming=streaming)
    if scene == "tools" and calls_tools(provider):
        assert [call.name for call in response.tool_calls] == ["weather", "weather"]
        assert [call.parsed_arguments() for call in response.tool_calls] == [{"city": "Paris"}, {"city": "London"}]
        assert response.finish_reason is u.FinishReason.TOOL_CALLS
    else:
        assert response.text
        assert response.finish_reason is u.FinishReason.STOP
    assert (response.parsed is not None) == (scene == "values")
    assert response.usage.total
    assert [attempt.provider for attempt in response.attempts] == [provider]


@pytest.mark.parametrize("operation", OTHERS)
@ten
async def test_the_other_operations(provider: str, operation: str) -> None:
    needed, ask = OTHERS[operation]
    async with Stand(provider) as stand:
        if offers(provider, operation):
            assert await ask(stand)
            return
        with pytest.raises(u.Unsupported) as caught:
            await ask(stand)
    row = providers.row(provider)
    assert row.title in str(caught.value)
    if needed not in row.dialects:
        assert str(needed) in str(caught.value)
        assert row.instead[needed] in str(caught.value), "it names what could be used instead"
    assert stand.wire.requests == []


@pytest.mark.parametrize("scene", CHATS)
@ten
async def test_the_fold_of_the_stream_is_the_whole_answer(provider: str, scene: str) -> None:
    async with Stand(provider) as stand:
        events, response = await streamed(stand, CHATS[scene])
    async with Stand(provider) as stand:
        whole = await plain(stand, CHATS[scene])
    folding = Fold()
    for event in events:
        folding.add(event)
    folded = folding.response()
    for field in ("finish_reason", "finish_reason_raw", "usage", "model", "id", "created", "warnings", "extra"):
        assert getattr(folded, field) == getattr(response, field), field
    assert _unstamped(folded.message) == _unstamped(response.message)
    assert _comparable(response) == _comparable(whole)


def _comparable(response: u.GenerationResponse) -> Any:
    """A whole answer may tell facts beside the answer that a stream does not."""
    return msgspec.structs.replace(lasting(response), extra={})


def _unstamped(message: u.Message) -> Any:
    """The message without whose it is, which only the engine knows."""

    def bare(value: Any) -> Any:
        match value:
            case Provenance():
                return None
            case msgspec.Struct():
                return {name: bare(getattr(value, name)) for name in value.__struct_fields__}
            case tuple():
                return [bare(item) for item in value]
        return value

    return bare(message)
