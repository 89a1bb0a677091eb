"""Items that a caller refers to by their ids, as Vercel's AI SDK does unless it is told not to store."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.asgi import Asgi
from tests.gateway.conftest import entries
from understudy.emulator import Emulator
from understudy.gateway import app
from understudy.gateway.memory import Held

KEYS = [{"name": "alice", "key": "alice-0123456789abcdef"}, {"name": "bob", "key": "bob-0123456789abcdef"}]
ALICE, BOB = ({"authorization": f"Bearer {each['key']}"} for each in KEYS)
QUESTION: Any = {"role": "user", "content": "My name is Ada."}
TOOL = {
    "type": "function",
    "name": "get_weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}
OUT: Any = {"type": "function_call_output", "output": "18 degrees"}


@asynccontextmanager
async def gateway(emulator: Emulator, *names: str, **tables: Any) -> AsyncIterator[Asgi]:
    served = app({"llm": {"providers": entries(emulator, names), "gateway": {"keys": KEYS, **tables}}})
    try:
        yield Asgi(served)
    finally:
        await served.aclose()


async def ask(client: Asgi, body: dict[str, Any], headers: dict[str, str] = ALICE) -> tuple[int, Any]:
    answer = await client.post("/v1/responses", body, headers)
    if not body.get("stream") or answer.status != 200:
        return answer.status, answer.json
    lines = [line[5:] for line in answer.body.split(b"\n") if line.startswith(b"data:")]
    return answer.status, json.loads(lines[-1]).get("response")


def references(output: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"type": "item_reference", "id": each["id"]} for each in output]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("provider", ["anthropic", "google"])
async def test_what_was_answered_is_put_in_the_place_of_its_reference(provider: str, stream: bool) -> None:
    async with Emulator([provider]) as emulator, gateway(emulator, provider) as client:
        body = {"model": provider, "tools": [TOOL], "stream": stream}
        asked = {"role": "user", "content": "What is the weather in Paris and Oslo?"}
        status, first = await ask(client, {**body, "input": [asked]})
        assert status == 200
        calls = [each for each in first["output"] if each["type"] == "function_call"]
        results = [{**OUT, "call_id": each["call_id"]} for each in calls]
        status, second = await ask(client, {**body, "input": [asked, *references(first["output"]), *results]})
        assert status == 200, second
        text = second["output"][-1]["content"][0]["text"]
        assert text == "get_weather says: 18 degrees get_weather says: 18 degrees"
        assert (await ask(client, {**body, "input": [asked, *references(first["output"]), *results]}, BOB))[0] == 400


async def test_a_caller_who_does_not_store_gets_nothing_kept() -> None:
    async with Emulator(["anthropic"]) as emulator, gateway(emulator, "anthropic") as client:
        body = {"model": "anthropic", "store": False}
        _, first = await ask(client, {**body, "input": [QUESTION]})
        status, error = await ask(client, {**body, "input": [QUESTION, *references(first["output"]), QUESTION]})
        assert (status, error["error"]["param"]) == (400, "input[1]")
        assert "store: false" in error["error"]["message"]


async def test_another_process_finds_items_in_the_file(tmp_path: Path) -> None:
    tables = {"state_file": str(tmp_path / "state"), "secret": "a-secret-that-is-long-enough-for-sealing"}
    async with (
        Emulator(["anthropic"]) as emulator,
        gateway(emulator, "anthropic", **tables) as one,
        gateway(emulator, "anthropic", **tables) as other,
    ):
        _, first = await ask(one, {"model": "anthropic", "input": [QUESTION]})
        asked = [QUESTION, *references(first["output"]), {"role": "user", "content": "What is my name?"}]
        status, second = await ask(other, {"model": "anthropic", "input": asked})
        assert status == 200, second
        assert "Ada" in second["output"][-1]["content"][0]["text"]
    stored = b"".join(each.read_bytes() for each in tmp_path.iterdir())
    assert first["output"][0]["content"][0]["text"].encode() not in stored, "answers are sealed"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_a_forced_tool_is_called_at_the_own_vendor_of_a_wire_format(stream: bool) -> None:
    """The body does not name the model, which refuses the choice: so it is not forwarded as it is."""
    tool = {"name": "place", "input_schema": TOOL["parameters"]}
    body = {
        "model": "anthropic", "max_tokens": 100, "messages": [{"role": "user", "content": "I live in Paris."}],
        "tools": [tool], "tool_choice": {"type": "tool", "name": "place"}, "stream": stream,
    }  # fmt: skip
    async with Emulator(["anthropic"]) as emulator, gateway(emulator, "anthropic") as client:
        answer = await client.post("/v1/messages", body, ALICE)
    assert b'"type":"tool_use"' in answer.body
    assert b'"stop_reason":"tool_use"' in answer.body


def test_the_oldest_bytes_are_dropped() -> None:
    held = Held(most=10)
    for name in "abc":
        held.put(name, b"1234")
    held.put("c", b"12")
    assert [held.get(name) for name in "abc"] == [None, b"1234", b"12"]
