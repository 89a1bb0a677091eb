"""The same without `async`."""

from __future__ import annotations

import threading
from typing import Any

import pytest

import understudy as u
from tests.tools.scripted import Answer, Scripted, call, calls
from understudy import blocking


def add(a: int, b: int) -> int:
    return a + b


async def shout(word: str) -> str:
    return word.upper()


def model(*answers: Answer) -> blocking.ProviderManager:
    return blocking.ProviderManager([Scripted(*answers)])


def test_a_run() -> None:
    with model(calls(call("add", a=1, b=2), call("shout", word="x")), "done") as llm:
        run = llm.run_tools("Go.", tools=[add, shout], approve=lambda call: True)
    assert run.text == "done"
    assert [outcome.value for outcome in run.outcomes] == [3, "X"]


def test_a_tool_may_ask_in_turn() -> None:
    inner = model("inner answer")

    def ask(question: str) -> str:
        return inner.generate(question).text

    with model(calls(call("ask", question="?")), "done") as llm:
        run = llm.run_tools("Go.", tools=[ask])
    assert run.outcomes[0].value == "inner answer"


def test_a_stream() -> None:
    with model(calls(call("add", a=1, b=2)), "one two") as llm, llm.stream_tools("Go.", tools=[add]) as stream:
        events = list(stream)
        assert stream.result.text == "onetwo"
        assert stream.read() == []
    assert [type(event).__name__ for event in events if not isinstance(event, u.Event)] == [
        *("StepStarted", "ToolStarted", "ToolEnded", "StepEnded", "StepStarted", "StepEnded")
    ]


def test_text_and_collect() -> None:
    with model(calls(call("add", a=1, b=2)), "one two", "three") as llm:
        assert list(llm.stream_tools("Go.", tools=[add]).text()) == ["one", "two"]
        assert llm.stream_tools("Go.").collect().text == "three"


def test_closing_from_another_thread() -> None:
    import asyncio

    started = threading.Event()

    async def wait() -> None:
        started.set()
        await asyncio.sleep(60)

    with model(calls(call("wait")), "never") as llm:
        stream = llm.stream_tools("Go.", tools=[wait])
        found: list[Any] = []

        def read() -> None:
            try:
                found.extend(stream)
            except u.Unavailable as error:
                found.append(error)

        reader = threading.Thread(target=read)
        reader.start()
        assert started.wait(30)
        stream.close()
        reader.join(30)
        assert not reader.is_alive()
        assert isinstance(found[-1], u.Unavailable)
        with pytest.raises(u.Unavailable):
            stream.read()
