"""What `strict` refuses, what it lets pass, and what an answer that does not fit its schema is told."""

from __future__ import annotations

import json
from typing import Any

import pytest

import understudy as u
from tests.engine.servers import Script, message, saying, serving


def answer(text: str, *, finish: str = "stop", usage: Any = None) -> Script:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}
    body = {"id": "1", "model": "gpt-4o", "choices": [choice], "usage": usage or {"prompt_tokens": 1}}
    return saying(message("application/json", json.dumps(body).encode()))


async def test_a_warning_about_an_answer_does_not_make_a_strict_call_fail() -> None:
    """`strict` is about what a request cannot express; an odd count of a good answer is no reason to lose it."""
    script = answer("hello", usage={"prompt_tokens": -5, "completion_tokens": "many"})
    async with serving(script) as (server,):
        entry = server.entry(text_model="gpt-4o")
        async with u.create_provider(entry, fallback=u.FallbackConfig(strict=True, max_retries=1)) as llm:
            response = await llm.generate("Hi")
    assert response.text == "hello"
    assert [warning.what for warning in response.warnings] == ["usage"]


async def test_a_strict_call_sends_nothing_that_it_cannot_express() -> None:
    async with serving(answer("hello")) as (server,):
        entry = server.entry(text_model="gpt-4o")
        async with u.create_provider(entry, fallback=u.FallbackConfig(strict=True)) as llm:
            with pytest.raises(u.Unsupported, match="cannot express top_k"):
                await llm.generate("Hi", top_k=4)
        assert server.requests == []


@pytest.mark.parametrize(("finish", "cut"), [("length", True), ("stop", False)])
async def test_an_answer_that_was_cut_says_so_where_it_does_not_fit_its_schema(finish: str, *, cut: bool) -> None:
    async with serving(answer('{"city": "Par', finish=finish)) as (server,):
        entry = server.entry(text_model="gpt-4o")
        async with u.create_provider(entry, fallback=u.FallbackConfig(max_retries=1)) as llm:
            with pytest.raises(u.InvalidResponse, match="does not match the schema") as caught:
                await llm.generate("Hi", schema={"type": "object", "properties": {"city": {"type": "string"}}})
    assert ("it was cut at max_tokens" in str(caught.value)) is cut
