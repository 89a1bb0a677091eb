"""What comes before the first content of a stream: held until there is content or a good end, and not without bound."""

from __future__ import annotations

import pytest

import understudy as u
from tests.engine.servers import STREAM_HEAD, chunk, saying, serving
from understudy.domain.events import Finished, Started

ROLE = b'data: {"id": "1", "choices": [{"index": 0, "delta": {"role": "assistant"}, "finish_reason": null}]}\n\n'
NOTED = b'data: {"id": "1", "service_tier": "t%d", "choices": []}\n\n'
STOP = b'data: {"id": "1", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'


async def test_an_answer_that_is_rightly_empty_hands_out_the_events_that_were_held() -> None:
    async with (
        serving(saying(STREAM_HEAD, ROLE, STOP)) as (server,),
        u.create_provider(server.entry(text_model="gpt-4o")) as llm,
    ):
        stream = llm.stream("Hi", stop=["END"])
        events = [event async for event in stream]
    assert isinstance(events[0], Started)
    assert [event.reason for event in events if isinstance(event, Finished)] == [u.FinishReason.STOP]
    assert stream.response.text == ""
    assert [attempt.outcome for attempt in stream.attempts] == [u.Outcome.WON]


async def test_an_answer_that_is_wrongly_empty_hands_out_nothing() -> None:
    async with serving(saying(STREAM_HEAD, ROLE, STOP)) as (server,):
        llm = u.create_provider(server.entry(), fallback=u.FallbackConfig(max_retries=1))
        events = []
        with pytest.raises(u.InvalidResponse, match="empty"):
            async for event in llm.stream("Hi"):
                events.append(event)
        await llm.aclose()
    assert events == []


@pytest.mark.parametrize(("count", "fits"), [(4000, True), (4200, False)])
async def test_events_without_content_are_not_held_without_bound(count: int, *, fits: bool) -> None:
    flood = b"".join(NOTED % number for number in range(count))
    script = saying(STREAM_HEAD, flood, chunk("hello"), STOP)
    async with serving(script) as (server,), u.create_provider(server.entry()) as llm:
        if fits:
            assert (await llm.stream("Hi").collect()).text == "hello"
            return
        with pytest.raises(u.InvalidResponse, match="events arrived before any content") as caught:
            await llm.stream("Hi").collect()
    assert [a.failure and a.failure.kind for a in caught.value.attempts] == [u.FailureKind.TOO_LARGE]
