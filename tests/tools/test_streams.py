"""The streamed loop: events of all steps and tools as they happen."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import understudy as u
from tests.tools.scripted import call, calls, model


def add(a: int, b: int) -> int:
    return a + b


async def test_the_events_of_a_run() -> None:
    llm, _ = model(calls(call("add", a=1, b=2), call("nothing")), "It is 3")
    stream = llm.stream_tools("Add.", tools=[add])
    events = [event async for event in stream]
    kinds = [type(event).__name__ for event in events]
    assert kinds == [
        *("StepStarted", "Started", "ToolCallStarted", "ToolCallDelta", "ToolCallStarted", "ToolCallDelta"),
        *("UsageReported", "Finished", "ToolStarted", "ToolEnded", "ToolEnded", "StepEnded"),
        *("StepStarted", "Started", "TextDelta", "TextDelta", "TextDelta", "UsageReported", "Finished", "StepEnded"),
    ]
    run = stream.result
    assert run.text == "Itis3"
    ended = [event for event in events if isinstance(event, u.StepEnded)]
    assert [(event.number, event.step) for event in ended] == [(1, run.steps[0]), (2, run.steps[1])]
    outcomes = [event.outcome for event in events if isinstance(event, u.ToolEnded)]
    assert sorted(outcomes, key=lambda each: each.call.name) == list(run.outcomes)


async def test_a_streamed_run_is_the_same_as_a_whole_one() -> None:
    answers: tuple[Any, ...] = (calls(call("add", a=1, b=2)), "done")
    whole = await model(*answers)[0].run_tools("Go.", tools=[add])
    streamed = await model(*answers)[0].stream_tools("Go.", tools=[add]).collect()
    assert streamed.messages == whole.messages
    assert (streamed.usage, streamed.text, len(streamed.attempts)) == (whole.usage, whole.text, len(whole.attempts))
    assert all(attempt.streamed for attempt in streamed.attempts)


async def test_the_text_alone() -> None:
    llm, _ = model(calls(call("add", a=1, b=2)), "one two")
    assert [text async for text in llm.stream_tools("Go.", tools=[add]).text()] == ["one", "two"]


async def test_nothing_is_sent_before_the_first_event_and_the_result_comes_last() -> None:
    llm, scripted = model("done")
    stream = llm.stream_tools("Go.")
    assert scripted.requests == []
    with pytest.raises(u.Misuse, match="the run has not ended yet"):
        _ = stream.result
    await stream.collect()
    assert await stream.read() == []
    await stream.aclose()
    assert stream.result.text == "done"


@pytest.mark.parametrize("during", ["tool", "answer"])
async def test_leaving_the_block_stops_everything(during: str) -> None:
    ended = asyncio.Event()

    async def wait() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    llm, _ = model(calls(call("wait")), "never")
    async with llm.stream_tools("Go.", tools=[wait]) as stream:
        async for event in stream:
            if isinstance(event, u.ToolStarted if during == "tool" else u.Started):
                await asyncio.sleep(0)
                break
    assert len(asyncio.all_tasks()) == 1
    assert during == "answer" or ended.is_set()
    with pytest.raises(u.Unavailable, match="closed before its end"):
        await stream.read()


@pytest.mark.parametrize("during", ["tool", "approval", "answer"])
async def test_closing_while_another_task_reads(during: str) -> None:
    started = asyncio.Event()

    async def wait() -> None:
        started.set()
        await asyncio.sleep(60)

    async def approve(call: u.ToolCall) -> bool:
        if during == "approval":
            await wait()
        return True

    llm, scripted = model(calls(call("wait")), "never")
    if during == "answer":
        stream_of = scripted.stream

        async def slow(prompt: Any, /, **options: Any) -> Any:
            await wait()
            async for event in stream_of(prompt):
                yield event

        scripted.stream = slow  # type: ignore[method-assign]
    stream = llm.stream_tools("Go.", tools=[wait], approve=approve)
    reading = asyncio.create_task(stream.collect())
    await started.wait()
    await stream.aclose()
    with pytest.raises(u.Unavailable):
        await reading
    assert len(asyncio.all_tasks()) == 1


async def test_a_failing_step_has_the_steps_before_it() -> None:
    llm, _ = model(calls(call("add", a=1, b=2)), u.Unavailable("down"))
    stream = llm.stream_tools("Go.", tools=[add])
    with pytest.raises(u.Unavailable) as caught:
        await stream.collect()
    assert caught.value.run is not None
    assert len(caught.value.run.steps) == 1
    with pytest.raises(u.Misuse):
        _ = stream.result
