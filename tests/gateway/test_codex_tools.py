"""Codex's tools at providers that have only functions: flattened, called, and called back in their own form.

The shapes are those of OpenAI's Python SDK (2.54.0) and of Codex (`codex-rs/tools/src/responses_api.rs`).
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from tests.gateway.conftest import Open
from understudy.domain.content import ToolCall
from understudy.gateway.custom_input import InputReader, whole_input
from understudy.gateway.flattening import joined

PATCH = '*** Begin Patch\n*** Update File: "a.py"\n@@\n-\\x\n+\tü😀\n*** End Patch\n'
GRAMMAR = 'start: begin_patch hunk+ end_patch\nbegin_patch: "*** Begin Patch" LF'
SPAWN = {"type": "function", "name": "spawn_agent", "description": "Starts one.", "strict": False}
TOOLS: list[dict[str, Any]] = [
    {"type": "function", "name": "shell", "parameters": {"type": "object", "properties": {}}, "strict": False},
    {
        "type": "namespace",
        "name": "collaboration",
        "description": "Agents that help.",
        "tools": [
            SPAWN | {"parameters": {"type": "object", "properties": {"message": {"type": "string"}}}},
            {"type": "custom", "name": "note", "description": "Writes a note."},
        ],
    },
    {
        "type": "custom",
        "name": "apply_patch",
        "description": "Edits files.",
        "format": {"type": "grammar", "syntax": "lark", "definition": GRAMMAR},
    },
    {"type": "web_search", "external_web_access": False},
]
HI = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}
CALLS = [
    ToolCall(id="", name="apply_patch", arguments=json.dumps({"input": PATCH})),
    ToolCall(id="", name="collaboration__spawn_agent", arguments='{"message":"go"}'),
    ToolCall(id="", name="collaboration__note", arguments='{"input":"remember"}'),
    ToolCall(id="", name="shell", arguments="{}"),
]
EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)


def body(model: str, *items: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"model": model, "input": [HI, *items], "tools": TOOLS, "store": False, **fields}


def items_of(text: str) -> list[dict[str, Any]]:
    """Return the items of a stream, as a client collects them, after the official types have read every event."""
    events = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]
    for event in events:
        EVENT.validate_python(event)
    done = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    for item in done:
        if item["type"] != "custom_tool_call":
            continue
        deltas = [each["delta"] for each in events if each.get("item_id") == item["id"] and "delta" in each]
        assert "".join(deltas) == item["input"]
        assert {each["type"] for each in events if each.get("item_id") == item["id"]} == {
            "response.custom_tool_call_input.delta", "response.custom_tool_call_input.done"
        }  # fmt: skip
    assert done == events[-1]["response"]["output"]
    return done


def said(item: dict[str, Any]) -> tuple[Any, ...]:
    return item["type"], item["name"], item.get("namespace"), item.get("input"), item.get("arguments")


EXPECTED = [
    ("custom_tool_call", "apply_patch", None, PATCH, None),
    ("function_call", "spawn_agent", "collaboration", None, '{"message":"go"}'),
    ("custom_tool_call", "note", "collaboration", "remember", None),
    ("function_call", "shell", None, None, "{}"),
]


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("provider", ["anthropic", "google", "groq", "cohere", "ollama"])
async def test_calls_come_back_in_the_form_of_their_tools(provider: str, stream: bool, opened: Open) -> None:
    caller, emulator, _ = await opened(provider)
    emulator.answers(provider, [CALLS, "done"])
    answer = await caller.post("/v1/responses", body(provider, stream=stream))
    assert answer.status == 200
    assert "dropped tools: only the responses dialect" in answer.headers["x-understudy-warnings"]
    if not stream:
        Response.model_validate(answer.json)
    items = items_of(answer.text) if stream else answer.json["output"]
    calls = [item for item in items if "call_id" in item]  # Cohere's model has a plan, too
    normal = [(*said(call)[:4], json.dumps(json.loads(call.get("arguments") or "null"))) for call in calls]
    assert normal == [(*each[:4], json.dumps(json.loads(each[4] or "null"))) for each in EXPECTED]
    results = [
        {"type": call["type"].replace("_call", "_call_output"), "call_id": call["call_id"], "output": f"result {n}"}
        for n, call in enumerate(calls)
    ]
    answer = await caller.post("/v1/responses", body(provider, *items, *results, stream=stream))
    assert answer.status == 200
    assert "done" in answer.text
    sent = emulator.requests(provider)[-1].body
    text = json.dumps(sent, ensure_ascii=False)
    assert "result 2" in text
    assert "raw_arguments" not in text
    assert '"collaboration__note"' in text
    assert "begin_patch: " in text
    assert '"input"' in text
    assert "web_search" not in text


async def test_a_provider_of_the_same_wire_gets_the_tools_as_they_came(opened: Open) -> None:
    caller, emulator, _ = await opened("openai")
    data = json.dumps(body("openai"), ensure_ascii=False).encode()
    answer = await caller.post("/v1/responses", data)
    assert answer.status == 200
    assert emulator.requests("openai")[-1].body["tools"] == TOOLS


async def test_tools_that_come_with_the_input(opened: Open) -> None:
    caller, emulator, _ = await opened("anthropic")
    added = {"type": "additional_tools", "role": "developer", "tools": TOOLS[1:3]}
    request = {"model": "anthropic", "input": [added, HI], "store": False}
    emulator.answers("anthropic", [CALLS[:1]])
    answer = await caller.post("/v1/responses", request)
    assert said(answer.json["output"][0]) == EXPECTED[0]
    sent = emulator.requests("anthropic")[-1].body
    names = [tool["name"] for tool in sent["tools"]]
    assert names == ["collaboration__spawn_agent", "collaboration__note", "apply_patch"]
    assert len(sent["messages"]) == 1


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        ({"type": "custom", "name": "apply_patch"}, {"type": "tool", "name": "apply_patch"}),
        (
            {"type": "function", "name": "spawn_agent", "namespace": "collaboration"},
            {"type": "tool", "name": "collaboration__spawn_agent"},
        ),
        ("required", {"type": "any"}),
        ("auto", {"type": "auto"}),
    ],
)
async def test_a_choice_among_tools(choice: object, sent: object, opened: Open) -> None:
    caller, emulator, _ = await opened("anthropic")
    answer = await caller.post("/v1/responses", body("anthropic/claude-haiku-4-5", tool_choice=choice))
    assert answer.status == 200
    assert emulator.requests("anthropic")[-1].body["tool_choice"] == sent


async def test_a_choice_of_what_only_openai_has_goes_to_openai(opened: Open) -> None:
    request = body("groq", tool_choice={"type": "web_search"})
    caller, _, _ = await opened("groq")
    refused = await caller.post("/v1/responses", request)
    assert refused.status == 400
    assert "tool_choice" in refused.json["error"]["message"]
    caller, emulator, _ = await opened("groq", "openai")
    answer = await caller.post("/v1/responses", request)
    assert answer.status == 200
    assert answer.headers["x-understudy-provider"] == "openai"
    assert not emulator.requests("groq")


async def test_a_history_of_every_kind_of_item(opened: Open) -> None:
    caller, emulator, _ = await opened("anthropic")
    history: list[dict[str, Any]] = [
        {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "Be brief."}]},
        {"type": "reasoning", "summary": [], "encrypted_content": "of-openai"},
        {
            "type": "local_shell_call",
            "id": "lsh_1",
            "call_id": "call_s",
            "status": "completed",
            "action": {"type": "exec", "command": ["ls"], "timeout_ms": 5, "env": {}, "user": None},
        },
        {"type": "function_call_output", "call_id": "call_s", "output": "a.py"},
        {"type": "custom_tool_call", "call_id": "call_c", "name": "apply_patch", "input": PATCH},
        {"type": "custom_tool_call_output", "call_id": "call_c", "output": "ok"},
        {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "x"}},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Done."}]},
        HI,
    ]
    answer = await caller.post("/v1/responses", body("anthropic", *history))
    assert answer.status == 200
    sent = emulator.requests("anthropic")[-1].body
    blocks = [block for message in sent["messages"] for block in message["content"] if isinstance(block, dict)]
    calls = [(block["name"], block["input"]) for block in blocks if block["type"] == "tool_use"]
    assert calls == [
        ("local_shell", {"command": ["ls"], "timeout_ms": 5, "env": {}}),
        ("apply_patch", {"input": PATCH}),
    ]
    results = [(block["tool_use_id"], block["content"]) for block in blocks if block["type"] == "tool_result"]
    assert results == [("call_s", "a.py"), ("call_c", "ok")]
    warnings = answer.headers["x-understudy-warnings"]
    assert "thinking" in warnings
    assert "opaque part" in warnings


@pytest.mark.parametrize(
    ("namespace", "name"),
    [("mcp__files__", "read"), ("a" * 60, "b" * 60), ("über", "größe"), ("1", "2"), ("a.b", "c-d")],
)
def test_joined_names_are_accepted_everywhere(namespace: str, name: str) -> None:
    sent = joined(name, namespace)
    assert re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_-]{0,63}", sent)
    assert sent == joined(name, namespace) != joined(name + "x", namespace)


async def test_names_that_would_meet_are_kept_apart(opened: Open) -> None:
    caller, emulator, _ = await opened("groq")
    tools = [
        {"type": "function", "name": "a__b", "parameters": {"type": "object", "properties": {}}},
        {"type": "namespace", "name": "a", "tools": [{"type": "function", "name": "b"}]},
        {"type": "namespace", "name": "a__", "tools": [{"type": "function", "name": "b"}]},
    ]
    request = {"model": "groq", "input": [HI], "tools": tools}
    assert (await caller.post("/v1/responses", request)).status == 200
    names = [tool["function"]["name"] for tool in emulator.requests("groq")[-1].body["tools"]]
    assert len(set(names)) == 3
    emulator.answers("groq", [[ToolCall(id="", name=name, arguments="{}") for name in names]])
    answer = await caller.post("/v1/responses", request)
    assert [said(item)[1:3] for item in answer.json["output"]] == [("a__b", None), ("b", "a"), ("b", "a__")]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ('{"input":"a\\nb"}', "a\nb"),
        (' { "input" : "\\u00fc\\ud83d\\ude00\\"\\\\" } ', 'ü😀"\\'),
        ('{"input":"x","more":1}', "x"),
        ('{"patch":"x"}', '{"patch":"x"}'),
        ('"plain"', "plain"),
        ("*** Begin Patch", "*** Begin Patch"),
        ('{"input":"cut of', "cut of"),
        ('{"input":"line\nbreak"}', "line\nbreak"),
        ('{"input":"bad \\x escape"}', 'bad \\x escape"}'),
        ("{}", ""),
        ("", ""),
    ],
)
def test_the_input_in_arguments(arguments: str, expected: str) -> None:
    assert whole_input(arguments) == expected
    for size in (1, 2, 3, 7, 100):
        reader = InputReader()
        pieces = [reader.feed(arguments[at : at + size]) for at in range(0, len(arguments), size)]
        assert "".join(pieces) + reader.close() == expected
        assert reader.close() == ""


@given(text=st.text(), size=st.integers(1, 9), escaped=st.booleans())
def test_any_input_arrives_in_pieces(text: str, size: int, escaped: bool) -> None:
    arguments = json.dumps({"input": text}, ensure_ascii=escaped)
    reader = InputReader()
    pieces = [reader.feed(arguments[at : at + size]) for at in range(0, len(arguments), size)]
    assert "".join(pieces) + reader.close() == text == whole_input(arguments)
