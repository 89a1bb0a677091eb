"""Arguments of wrong types: only the library's own errors come out, and a mistake in the call sends nothing."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from typing import Any

import pytest

import understudy as u
from tests.tools.scripted import call, calls, model


def _nothing() -> int:
    return 0


def _same(value: Any) -> Any:
    return value


JUNK: tuple[Callable[[], Any], ...] = (
    *(lambda value=value: value for value in (None, 0, 1, -1, 1.5, True, "x", "", b"x", float("nan"), "\ud800")),
    *(list, dict, tuple, object, lambda: [1], lambda: {"a": 1}, lambda: int, lambda: len, lambda: {1}, lambda: [None]),
    *(lambda: iter([1]), lambda: u.Text("a"), lambda: u.Message.user("x"), lambda: u.Tool(name="x"), Exception),
    *(lambda: _nothing, lambda: _same, lambda: [lambda x: x], lambda: [len, int], lambda: [[]]),
)
OPTIONS = (
    *("tools", "max_steps", "max_tool_calls", "on_limit", "approve", "tool_errors"),
    *("schema", "tool_choice", "deadline", "system", "model"),
)


def add(a: int) -> int:
    return a


async def test_only_errors_of_the_library(deep: bool, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, "understudy")
    chance = random.Random(5)
    answered = refused = 0
    for _ in range(30_000 if deep else 400):
        options: Any = {"tools": [add]}
        options |= {name: chance.choice(JUNK)() for name in chance.sample(OPTIONS, chance.randint(0, 3))}
        prompt: Any = "hi" if chance.random() < 0.4 else chance.choice(JUNK)()
        llm, scripted = model(calls(call("add", a=chance.choice(["1", 1, "x", None]))), "y", "z")
        way = chance.randrange(4)
        try:
            async with asyncio.timeout(30):
                if way == 0:
                    await llm.run_tools(prompt, **options)
                elif way == 1:
                    await llm.stream_tools(prompt, **options).collect()
                elif way == 2:
                    await u.Conversation(llm, **options).send(prompt)
                else:
                    await u.Conversation(llm, prompt, **options).send("hi")
        except u.Misuse:
            refused += 1
        except u.LLMError:
            assert scripted.requests
        except TypeError:
            assert options["approve"] in (len, int)  # exceptions of a hook are the caller's own
        else:
            answered += 1
    assert answered > 20
    assert refused > 100
    assert len(asyncio.all_tasks()) == 1


def test_only_misuse_for_what_is_no_function() -> None:
    for make in JUNK:
        value = make()
        try:
            u.FunctionTool(value)
            u.tool(value)
        except u.Misuse:
            continue
        assert callable(value)
