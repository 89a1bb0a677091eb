"""Compaction: Codex gets one item from any provider, and every provider can go on from it.

Codex gives up unless exactly one item `compaction` comes back (openai/codex, `codex-rs/core/src/compact_remote_v2.rs`).
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from openai.types.responses import CompactedResponse, ResponseCompactionItem

from tests.gateway.asgi import Answer, Asgi
from tests.gateway.conftest import Open
from understudy.domain.content import ToolCall
from understudy.emulator import Emulator, Fault

TOOL = {"type": "function", "name": "shell", "parameters": {"type": "object", "properties": {}}, "strict": False}
HI = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Port the parser."}]}
CALL = {"type": "function_call", "call_id": "call_1", "name": "shell", "arguments": "{}"}
RESULT = {"type": "function_call_output", "call_id": "call_1", "output": "parser.c"}
TRIGGER = {"type": "compaction_trigger"}
SUMMARY = "The user wants the parser ported. parser.c was found."
KEYS = [{"name": "alice", "key": "alice-0123456789abcdef"}, {"name": "bob", "key": "bob-0123456789abcdefgh"}]
ALICE, BOB = ({"authorization": f"Bearer {each['key']}"} for each in KEYS)


def body(model: str, *items: dict[str, Any], stream: bool = True) -> dict[str, Any]:
    return {"model": model, "input": list(items), "tools": [TOOL], "store": False, "stream": stream}


def items_of(answer: Answer) -> list[dict[str, Any]]:
    """Return the items of an answer as Codex collects them."""
    if not answer.text.startswith("event:"):
        return list(answer.json["output"])
    assert answer.events[-1]["type"] == "response.completed"
    assert answer.events[-1]["response"]["usage"]["output_tokens"] > 0
    return [event["item"] for event in answer.events if event["type"] == "response.output_item.done"]


async def compacted(
    caller: Asgi, emulator: Emulator, provider: str, *, stream: bool = True, headers: dict[str, str] | None = None
) -> dict[str, Any]:
    """Return the compaction that a provider wrote."""
    emulator.answers(provider, [[ToolCall(id="", name="shell")]])
    emulator.answers(provider, [SUMMARY], when=lambda request: not request.tools)
    answer = await caller.post("/v1/responses", body(provider, HI, CALL, RESULT, TRIGGER, stream=stream), headers)
    assert answer.status == 200, answer.text
    (item,) = items_of(answer)
    assert item["type"] == "compaction"
    assert SUMMARY not in json.dumps(item)
    return item


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("provider", ["anthropic", "groq", "google", "cohere", "ollama"])
async def test_every_provider_compacts(provider: str, stream: bool, opened: Open) -> None:
    caller, emulator, _ = await opened(provider, "openai")
    item = await compacted(caller, emulator, provider, stream=stream)
    sent = emulator.requests(provider)[-1].body
    assert "tools" not in sent
    assert "parser.c" in json.dumps(sent)
    assert "compaction_trigger" not in json.dumps(sent)
    for target in (provider, "openai"):
        request = body(target, HI, item, {**HI, "content": "Go on."}, stream=stream)
        answer = await caller.post("/v1/responses", request, {"x-understudy-models": target})
        assert answer.status == 200
        assert answer.headers["x-understudy-provider"] == target
        assert SUMMARY in json.dumps(emulator.requests(target)[-1].body)
        assert item["encrypted_content"] not in json.dumps(emulator.requests(target)[-1].body)


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
async def test_openai_compacts_itself(stream: bool, opened: Open) -> None:
    caller, emulator, _ = await opened("openai", "anthropic")
    emulator.answers("openai", [SUMMARY], when=lambda request: len(request.messages) == 4)
    request = body("openai", HI, CALL, RESULT, TRIGGER, stream=stream)
    answer = await caller.post("/v1/responses", request)
    sent = emulator.requests("openai")[-1].body
    assert (sent["input"], sent["tools"]) == (request["input"], request["tools"])
    (item,) = items_of(answer)
    assert item["type"] == "compaction"
    emulator.answers("openai", ["I go on."], when=lambda request: SUMMARY in request.messages[1].text)
    answer = await caller.post("/v1/responses", body("openai", HI, item, {**HI, "content": "Go on."}, stream=stream))
    assert "I go on." in json.dumps(items_of(answer))
    assert emulator.requests("openai")[-1].body["input"][1] == item


async def test_another_provider_compacts_when_openai_is_down(opened: Open) -> None:
    caller, emulator, _ = await opened("openai", "anthropic")
    emulator.script("openai", always=Fault.status(503))
    emulator.answers("anthropic", [SUMMARY], when=lambda request: not request.tools)
    answer = await caller.post("/v1/responses", body("openai", HI, TRIGGER))
    assert [item["type"] for item in items_of(answer)] == ["compaction"]
    assert answer.headers["x-understudy-provider"] == "anthropic"


async def test_what_only_openai_can_read_goes_to_openai_alone(opened: Open) -> None:
    caller, emulator, _ = await opened("openai", "anthropic")
    (item,) = items_of(await caller.post("/v1/responses", body("openai", HI, TRIGGER)))
    request = body("openai", HI, item, {**HI, "content": "Go on."})
    assert (await caller.post("/v1/responses", request)).status == 200
    assert emulator.requests("openai")[-1].body["input"] == request["input"]
    answer = await caller.post("/v1/responses", request, {"x-understudy-models": "anthropic"})
    assert answer.status == 200
    assert "opaque part" in answer.headers["x-understudy-warnings"]
    assert item["encrypted_content"] not in json.dumps(emulator.requests("anthropic")[-1].body)


@pytest.mark.parametrize("target", ["anthropic", "openai"])
async def test_a_compaction_of_another_caller_is_left_out(target: str, opened: Open) -> None:
    caller, emulator, _ = await opened("anthropic", "openai", gateway={"keys": KEYS})
    item = await compacted(caller, emulator, "anthropic", headers=ALICE)
    answer = await caller.post("/v1/responses", body(target, HI, item, HI), BOB)
    assert answer.status == 200
    assert "dropped compaction: the value was sealed for another caller" in answer.headers["x-understudy-warnings"]
    sent = json.dumps(emulator.requests(target)[-1].body)
    assert item["encrypted_content"] not in sent
    assert SUMMARY not in sent


async def test_a_compaction_opens_after_a_reload_and_not_without_the_secret(opened: Open) -> None:
    caller, emulator, gateway = await opened("anthropic")
    item = await compacted(caller, emulator, "anthropic")
    await gateway.reload(gateway.config)
    request = body("anthropic", HI, item, HI)
    answer = await caller.post("/v1/responses", request)
    assert "compaction" not in answer.headers.get("x-understudy-warnings", "")
    other, _, _ = await opened("anthropic")
    answer = await other.post("/v1/responses", request)
    assert answer.status == 200
    assert "dropped compaction" in answer.headers["x-understudy-warnings"]


COMPACT = "/v1/responses/compact"


@pytest.mark.parametrize("provider", ["openai", "anthropic", "groq"])
async def test_a_request_of_its_own_compacts_a_conversation(provider: str, opened: Open) -> None:
    caller, emulator, _ = await opened(provider)
    emulator.answers(provider, [SUMMARY], when=lambda request: len(request.messages) > 2)
    answer = await caller.post(COMPACT, {"model": provider, "input": [HI, CALL, RESULT], "instructions": "Be brief."})
    assert answer.status == 200, answer.text
    message, item = answer.json["output"]
    assert message == HI
    assert ResponseCompactionItem.model_validate(item)
    rest = {name: value for name, value in answer.json.items() if name != "output"}
    compacted = CompactedResponse.model_validate({**rest, "output": [item]})
    assert compacted.object == "response.compaction"
    assert compacted.usage.output_tokens > 0
    assert "parser.c" in json.dumps(emulator.requests(provider)[-1].body)
    assert SUMMARY not in answer.text
    emulator.forget_answers(provider)
    emulator.answers(
        provider, ["I go on."], when=lambda request: any(SUMMARY in each.text for each in request.messages)
    )
    request = body(provider, *answer.json["output"], {**HI, "content": "Go on."}, stream=False)
    assert "I go on." in (await caller.post("/v1/responses", request)).text


async def test_a_text_is_compacted_as_the_message_that_it_is(opened: Open) -> None:
    caller, _, _ = await opened("anthropic")
    answer = await caller.post(COMPACT, {"model": "anthropic", "input": "Port the parser."})
    assert [item["type"] for item in answer.json["output"]] == ["message", "compaction"]
    assert answer.json["output"][0] == HI


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({}, "input"),
        ({"input": 3}, "input"),
        ({"input": []}, "input"),
        ({"input": "hi", "previous_response_id": "resp_1"}, "previous_response_id"),
    ],
    ids=["none", "a-number", "empty", "stored"],
)
async def test_what_cannot_be_compacted_is_refused_by_name(fields: dict[str, Any], param: str, opened: Open) -> None:
    caller, _, _ = await opened("openai")
    answer = await caller.post(COMPACT, {"model": "openai", **fields})
    assert (answer.status, answer.json["error"]["param"]) == (400, param)
