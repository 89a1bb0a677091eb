"""Replicate's predictions over real sockets: made once, taken up again, and never left running."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

import understudy as u
from understudy.client.provider import Provider
from understudy.domain.failures import FailureKind as K
from understudy.domain.operation import Operation
from understudy.emulator import Emulator, Fault
from understudy.emulator.cast.replicate import version_of

WHY = "Why is the sky blue?"
PLAIN = "understudy/plain-writer"


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    async with Emulator(("replicate",)) as running:
        yield running


@pytest.fixture
async def llm(emulator: Emulator) -> AsyncIterator[Provider]:
    async with made(emulator) as provider:
        yield provider


def made(emulator: Emulator, *, strict: bool = False, **fields: Any) -> Provider:
    config = u.ProviderConfig(
        provider="replicate", base_url=emulator.url("replicate"), api_key=u.Secret(emulator.key), **fields
    )
    return u.create_provider(config, fallback=u.FallbackConfig(retry_delay_ms=1, strict=strict))


def asked(emulator: Emulator) -> list[str]:
    """What was asked for, without the ids of predictions."""
    paths = [request.path.partition("?")[0].split("/") for request in emulator.requests("replicate")]
    short = ["/".join(part if not part.startswith("prd") else "ID" for part in path) for path in paths]
    return [f"{request.method} {path}" for request, path in zip(emulator.requests("replicate"), short, strict=True)]


LLAMA = "/v1/models/meta/meta-llama-3-70b-instruct"


async def test_a_plain_answer_is_waited_for(emulator: Emulator, llm: Provider) -> None:
    response = await llm.generate(WHY)
    assert response.text
    assert asked(emulator) == [f"GET {LLAMA}", f"POST {LLAMA}/predictions"]
    assert emulator.requests("replicate")[1].headers["prefer"] == "wait"
    assert emulator.requests("replicate")[1].body == {"input": {"prompt": WHY}}
    assert len(response.attempts) == 1


async def test_a_stream_is_read_where_the_prediction_says_and_then_looked_at(emulator: Emulator, llm: Provider) -> None:
    response = await llm.stream(WHY).collect()
    made, streamed, looked = emulator.requests("replicate")[1:]
    assert asked(emulator)[2:] == ["GET /v1/streams/ID", "GET /v1/predictions/ID"]
    assert made.body == {"input": {"prompt": WHY}, "stream": True}
    assert streamed.headers["accept"] == "text/event-stream"
    assert streamed.authenticated, "the stream is at the API's own origin here, so the key goes along"
    assert looked.status == 200
    assert response.usage.total
    assert response.finish_reason is u.FinishReason.STOP


@pytest.mark.parametrize(
    "fault",
    [Fault.cut(after=2), Fault.cut(after=2, clean=True), Fault.reset(after=2), Fault.status(500), Fault.status(404)],
    ids=["cut", "clean cut", "reset", "error", "missing"],
)
async def test_a_stream_that_breaks_off_is_taken_up_from_the_prediction(
    emulator: Emulator, llm: Provider, fault: Fault
) -> None:
    whole = await llm.generate(WHY)
    emulator.script("replicate", [None, None, fault])
    response = await llm.stream(WHY).collect()
    assert response.text == whole.text
    assert response.usage.total == whole.usage.total
    assert len(response.attempts) == 1
    assert asked(emulator).count(f"POST {LLAMA}/predictions") == 2, "one for each of the two answers"


async def test_a_failed_look_is_repeated_and_the_prediction_is_not(emulator: Emulator, llm: Provider) -> None:
    emulator.script("replicate", [None, None, None, Fault.reset(), None])
    response = await llm.stream(WHY).collect()
    assert response.text
    assert asked(emulator)[-2:] == ["GET /v1/predictions/ID", "GET /v1/predictions/ID"]
    assert asked(emulator).count(f"POST {LLAMA}/predictions") == 1


async def shown(llm: Provider) -> None:
    """Read a stream piece by piece, so that nothing may replace what was seen."""
    async for _ in llm.stream(WHY):
        pass


async def test_an_error_in_the_stream_is_the_answers_and_ends_the_prediction(emulator: Emulator, llm: Provider) -> None:
    emulator.script("replicate", [None, None, Fault.error_event(K.OVERLOADED, after=2)])
    with pytest.raises(u.Unavailable) as caught:
        await shown(llm)
    assert caught.value.failure is not None
    assert caught.value.failure.kind is K.OVERLOADED
    await llm.aclose()  # waits for what is said in the background
    assert asked(emulator)[-1] == "POST /v1/predictions/ID/cancel"


async def test_leaving_a_stream_cancels_the_prediction(emulator: Emulator, llm: Provider) -> None:
    emulator.script("replicate", [None, None, Fault.endless(0.005)])
    async with llm.stream(WHY) as stream:
        async for _ in stream.text():
            break
    await llm.aclose()  # waits for what is said in the background
    assert asked(emulator)[-1] == "POST /v1/predictions/ID/cancel"


async def test_a_time_out_cancels_the_prediction(emulator: Emulator) -> None:
    emulator.script("replicate", [None, None, Fault.stall(after=2)])
    async with made(emulator, idle_timeout=0.1) as llm:
        with pytest.raises(u.Unavailable) as caught:
            await shown(llm)
    assert caught.value.failure is not None
    assert caught.value.failure.kind is K.STALLED
    await llm.aclose()  # waits for what is said in the background
    assert asked(emulator)[-1] == "POST /v1/predictions/ID/cancel"


async def test_a_prediction_that_has_ended_is_not_cancelled(emulator: Emulator, llm: Provider) -> None:
    await llm.generate(WHY)
    await llm.stream(WHY).collect()
    assert not any("cancel" in request for request in asked(emulator))


async def test_giving_up_while_it_is_made_leaves_nothing_to_cancel(emulator: Emulator, llm: Provider) -> None:
    emulator.script("replicate", always=Fault.slow_headers(), on=Operation.CHAT)
    task = asyncio.create_task(llm.generate(WHY))
    while len(emulator.requests("replicate")) < 2:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(asked(emulator)) == 2


async def test_a_throttled_call_says_how_long(emulator: Emulator, llm: Provider) -> None:
    emulator.script("replicate", always=Fault.error(K.RATE_LIMITED))
    with pytest.raises(u.RateLimited) as caught:
        await llm.generate(WHY, deadline=0.2)
    assert caught.value.failure is not None
    assert caught.value.failure.retry_after == 30.0


async def test_what_the_filter_stops_is_a_refusal(emulator: Emulator, llm: Provider) -> None:
    emulator.script("replicate", always=Fault.refusal(), on=Operation.CHAT)
    for streamed in (False, True):
        with pytest.raises(u.ContentFiltered):
            await (llm.stream(WHY).collect() if streamed else llm.generate(WHY))


@pytest.mark.parametrize("model", [PLAIN, f"{PLAIN}:{version_of(PLAIN)}", version_of(PLAIN)])
async def test_other_models_run_by_their_version(emulator: Emulator, llm: Provider, model: str) -> None:
    response = await llm.generate(WHY, model=model)
    assert response.text
    assert response.model == PLAIN
    posted = emulator.requests("replicate")[-1]
    assert posted.path == "/v1/predictions"
    assert posted.body == {"version": version_of(PLAIN), "input": {"prompt": WHY}}


async def test_a_model_that_makes_pictures_is_not_asked(emulator: Emulator, llm: Provider) -> None:
    with pytest.raises(u.Unsupported, match="returns files"):
        await llm.generate("A cat", model="understudy/painter")
    assert asked(emulator) == ["GET /v1/models/understudy/painter"]


async def test_strict_finds_out_before_anything_is_made(emulator: Emulator) -> None:
    async with made(emulator, strict=True) as llm:
        with pytest.raises(u.LLMError, match="verbosity"):
            await llm.generate(WHY, verbosity="low")
    assert asked(emulator) == [f"GET {LLAMA}"]


async def test_values_are_brought_into_the_models_bounds(emulator: Emulator, llm: Provider) -> None:
    response = await llm.generate(WHY, model="anthropic/claude-4-sonnet", max_tokens=100, temperature=0.5)
    assert [(warning.kind, warning.what) for warning in response.warnings] == [
        ("clamped", "max_tokens"),
        ("dropped", "temperature"),
    ]
    assert emulator.requests("replicate")[-1].body == {"input": {"prompt": WHY, "max_tokens": 1024}}


async def test_the_raw_answer_is_the_prediction_alone(llm: Provider) -> None:
    response = await llm.generate(WHY)
    assert response.raw is not None
    assert response.raw.startswith(b'{"id":"prd')
