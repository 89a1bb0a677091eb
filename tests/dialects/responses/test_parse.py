"""What the server half reads: every field that a caller sends comes out of the typed path again."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from tests.dialects.responses.test_encode import sent, with_quirks
from understudy.dialects.responses.client import DIALECT
from understudy.dialects.responses.server import SERVER
from understudy.dialects.server import BadRequest, Inbound
from understudy.domain.content import CacheMark, File, Image, Opaque, Text, Thinking, ToolCall, ToolResult
from understudy.domain.failures import FailureKind
from understudy.domain.messages import Message, OpaqueTool, Role, Tool, ToolChoice
from understudy.domain.operation import Operation
from understudy.domain.requests import GenerationRequest, Reasoning
from understudy.wire.http import HttpRequest

CLOSED: dict[str, Any] = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}

MODEL = {"model": "gpt-6-sol"}
TOOL = {"type": "function", "name": "f", "description": "d", "parameters": CLOSED, "strict": True}


def parse(body: dict[str, Any] | bytes, path: str = "/v1/responses") -> Inbound:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return SERVER.parse(HttpRequest("POST", path, (), raw))


def generation(body: dict[str, Any]) -> GenerationRequest:
    request = parse(body).request
    assert isinstance(request, GenerationRequest)
    return request


def again(body: dict[str, Any]) -> dict[str, Any]:
    """Read a body and write it on the typed path, as if it had come from elsewhere."""
    inbound = parse(body)
    assert isinstance(inbound.request, GenerationRequest)
    typed = msgspec.structs.replace(inbound.request, origin=None)
    written, warnings = sent(
        DIALECT.open(Operation.CHAT, typed, with_quirks(cache_breakpoints=True), stream=inbound.stream)
    )
    assert warnings == []
    return written


BODIES: dict[str, dict[str, Any]] = {
    "a string": {"input": "hello"},
    "instructions": {"instructions": "Be brief.", "input": "hello", "stream": True},
    "every setting": {
        "input": "hello",
        "max_output_tokens": 64,
        "temperature": 0.5,
        "top_p": 1,
        "top_logprobs": 2,
        "include": ["message.output_text.logprobs", "file_search_call.results"],
        "metadata": {"a": "b"},
        "user": "u",
        "prompt_cache_key": "k",
        "service_tier": "flex",
        "truncation": "auto",
        "max_tool_calls": 3,
        "parallel_tool_calls": False,
        "text": {"verbosity": "low", "format": {"type": "json_object"}},
        "stream": True,
        "stream_options": {"include_obfuscation": False},
        "moderation": {"model": "omni-moderation-latest"},
    },
    "a schema": {
        "input": "hello",
        "text": {"format": {"type": "json_schema", "name": "a", "description": "d", "schema": CLOSED, "strict": True}},
    },
    "a format of tomorrow": {"input": "hello", "text": {"format": {"type": "grammar", "syntax": "lark"}}},
    "reasoning": {
        "input": "hello",
        "reasoning": {"effort": "high", "summary": "detailed", "mode": "pro", "context": "all_turns"},
        "include": ["reasoning.encrypted_content"],
    },
    "tools": {
        "input": "hello",
        "tools": [
            TOOL,
            {**TOOL, "name": "g", "strict": False, "defer_loading": True},
            {"type": "web_search", "search_context_size": "low"},
            {"type": "mcp", "server_label": "s", "server_url": "https://x.org"},
            {"type": "custom", "name": "sql", "format": {"type": "text"}},
        ],
        "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]},
    },
    "a hosted choice": {"input": "hello", "tools": [{"type": "web_search"}], "tool_choice": {"type": "web_search"}},
    "a mixed choice": {
        "input": "hello",
        "tools": [
            {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}, "strict": False},
            {"type": "mcp", "server_label": "s"},
        ],
        "tool_choice": {
            "type": "allowed_tools",
            "mode": "required",
            "tools": [{"type": "function", "name": "f"}, {"type": "mcp", "server_label": "s"}],
        },
    },
    "roles and parts": {
        "input": [
            {"role": "developer", "content": "a"},
            {"type": "message", "role": "user", "content": "b"},
            {"role": "system", "content": [{"type": "input_text", "text": "c"}]},
            {
                "role": "user",
                "status": "completed",
                "content": [
                    {"type": "input_text", "text": "d", "prompt_cache_breakpoint": {"mode": "explicit"}},
                    {"type": "input_image", "image_url": "https://x.org/a.png", "detail": "original"},
                    {"type": "input_image", "image_url": "data:image/png;base64,AAAA"},
                    {"type": "input_image", "file_id": "file_1", "detail": "auto"},
                    {"type": "input_file", "file_data": "data:application/pdf;base64,AAAA", "filename": "a.pdf"},
                    {"type": "input_file", "file_data": "data:text/csv;base64,AAAA", "filename": "a.csv"},
                    {"type": "input_file", "file_url": "https://x.org/a.pdf", "detail": "high"},
                    {"type": "input_file", "file_id": "file_2"},
                    {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
                ],
            },
        ]
    },
    "a whole agentic turn": {
        "input": [
            {"role": "user", "content": "weather?"},
            {
                "type": "reasoning",
                "id": "rs_1",
                "summary": [{"type": "summary_text", "text": "hm"}],
                "encrypted_content": "gAAAA",
                "status": None,
            },
            {
                "type": "message",
                "id": "msg_1",
                "role": "assistant",
                "status": "completed",
                "phase": "commentary",
                "content": [{"type": "output_text", "text": "I look.", "annotations": [], "logprobs": []}],
            },
            {
                "type": "function_call",
                "id": "fc_1",
                "call_id": "a",
                "name": "f",
                "arguments": "{}",
                "status": "completed",
            },
            {"type": "function_call", "call_id": "b", "name": "f", "arguments": "not json"},
            {"type": "custom_tool_call", "call_id": "c", "name": "sql", "input": "SELECT 1"},
            {
                "type": "web_search_call",
                "id": "ws_1",
                "status": "completed",
                "action": {"type": "search", "query": "q"},
            },
            {"type": "function_call_output", "call_id": "a", "output": "sun", "status": "completed"},
            {
                "type": "function_call_output",
                "call_id": "b",
                "output": [{"type": "input_text", "text": "t"}, {"type": "input_image", "file_id": "file_1"}],
            },
            {"type": "custom_tool_call_output", "call_id": "c", "output": "1"},
            {"type": "computer_call_output", "call_id": "d", "output": {"type": "computer_screenshot", "file_id": "f"}},
            {"role": "assistant", "content": "first"},
            {"role": "assistant", "content": "second", "phase": "final_answer"},
            {
                "role": "assistant",
                "id": "msg_2",
                "type": "message",
                "content": [
                    {
                        "type": "output_text",
                        "text": "cited",
                        "annotations": [
                            {
                                "type": "url_citation",
                                "url": "https://x.org",
                                "title": "X",
                                "start_index": 0,
                                "end_index": 5,
                            }
                        ],
                    },
                    {"type": "refusal", "refusal": "no"},
                ],
            },
            {"type": "compaction", "encrypted_content": "gAAAA"},
            {"role": "user", "content": "thanks"},
        ]
    },
    "a stored prompt": {"prompt": {"id": "pmpt_1", "variables": {}}, "input": []},
}


def typed(body: dict[str, Any]) -> dict[str, Any]:
    """The body with the type of each message, which may be left out where it has a role."""
    items = body.get("input")
    if not isinstance(items, list):
        return body
    return {**body, "input": [{"type": "message", **item} if "role" in item else item for item in items]}


@pytest.mark.parametrize("name", BODIES)
def test_a_body_survives_the_typed_path(name: str) -> None:
    body = {**MODEL, "store": False, **BODIES[name]}
    assert again(body) == typed(body)


@pytest.mark.parametrize("name", BODIES)
def test_a_body_survives_the_patched_path(name: str) -> None:
    body = {**MODEL, "store": False, **BODIES[name]}
    inbound = parse(body)
    assert isinstance(inbound.request, GenerationRequest)
    written, warnings = sent(
        DIALECT.open(Operation.CHAT, inbound.request, with_quirks(cache_breakpoints=True), stream=inbound.stream)
    )
    assert written == body
    assert warnings == []


def test_forms_that_mean_the_same_become_one() -> None:
    lone = {**MODEL, "store": False, "input": [{"role": "user", "content": "hello"}]}
    assert again(lone) == {**lone, "input": "hello"}
    system = {**lone, "input": [{"role": "system", "content": "s"}, {"role": "user", "content": "hello"}]}
    assert again(system) == {**lone, "instructions": "s", "input": "hello"}
    plain = {"role": "assistant", "content": [{"type": "output_text", "text": "hi"}]}
    assert again({**lone, "input": [plain]})["input"] == [{"type": "message", "role": "assistant", "content": "hi"}]
    assert again({**lone, "temperature": None, "tools": None}) == again(lone)


def test_the_conversation_is_what_other_wires_understand() -> None:
    messages = generation({**MODEL, "instructions": "s", **BODIES["a whole agentic turn"]}).messages
    assert [m.role.value for m in messages[:5]] == ["system", "user", "assistant", "tool", "assistant"]
    turn, results = messages[2], messages[3]
    assert [type(part) for part in turn.parts] == [Thinking, Text, ToolCall, ToolCall, ToolCall, Opaque]
    assert [type(part) for part in results.parts] == [ToolResult, ToolResult, ToolResult, Opaque]
    assert messages[4] == Message(Role.ASSISTANT, "first")


def test_typed_fields_are_typed() -> None:
    request = generation(
        {
            **MODEL,
            "input": BODIES["roles and parts"]["input"],
            "reasoning": {"effort": "low", "summary": "auto"},
            "safety_identifier": "u",
            "include": ["message.output_text.logprobs"],
            "tools": [{"type": "function", "name": "f"}, {"type": "web_search"}, {"type": "code_interpreter"}],
            "tool_choice": {"type": "function", "name": "f"},
        }
    )
    assert request.reasoning == Reasoning(effort="low", display="auto")
    assert (request.user, request.logprobs) == ("u", True)
    assert request.tools == (
        Tool(name="f"),
        OpaqueTool("responses", {"type": "web_search"}, effects=False),
        OpaqueTool("responses", {"type": "code_interpreter"}, effects=True),
    )
    assert request.tool_choice == ToolChoice("tool", ("f",))
    marked, *media = request.messages[3].parts
    assert marked.cache == CacheMark()
    assert isinstance(media[1], Image)
    assert (media[1].data, media[1].media_type, media[1].url) == ("AAAA", "image/png", None)
    assert isinstance(media[3], File)
    assert (media[3].data, media[3].media_type) == ("AAAA", "application/pdf")
    assert isinstance(media[4], File)
    assert (media[4].data, media[4].media_type) == ("AAAA", "text/csv")


def test_the_count_is_asked_for_at_its_own_path() -> None:
    inbound = parse({"input": "hello", "model": "m"}, "/v1/responses/input_tokens")
    assert inbound.operation is Operation.COUNT_TOKENS


WRONG: list[tuple[str, dict[str, Any] | bytes, str | None, str]] = [
    ("no JSON", b"{", None, "JSON object"),
    ("no object", b"[]", None, "JSON object"),
    (
        "stored state",
        {"input": "x", "previous_response_id": "resp_1"},
        "previous_response_id",
        "no responses are stored",
    ),
    ("a conversation", {"input": "x", "conversation": "conv_1"}, "conversation", "no responses are stored"),
    ("background", {"input": "x", "background": True}, "background", "no responses are stored"),
    ("a reference", {"input": [{"type": "item_reference", "id": "msg_1"}]}, "input[0]", "cannot be referenced"),
    ("a bare reference", {"input": [{"id": "msg_1"}]}, "input[0]", "cannot be referenced"),
    ("nothing", {}, "input", "input is missing"),
    ("a wrong type", {"input": "x", "temperature": "warm"}, "temperature", "Expected `float"),
    ("a wrong item", {"input": [{"role": "user", "content": 5}]}, "input[0].content", "string or an array"),
    ("a wrong role", {"input": [{"role": "king", "content": "x"}]}, "input[0].role", "king"),
    ("an item of no type", {"input": [{"text": "x"}]}, "input[0]", "type or a role"),
    ("a part of no type", {"input": [{"role": "user", "content": [{"text": "x"}]}]}, "input[0].content[0]", "type"),
    (
        "a wrong text",
        {"input": [{"role": "user", "content": [{"type": "input_text"}]}]},
        "input[0].content[0].text",
        "string",
    ),
    (
        "a call without id",
        {"input": [{"type": "function_call", "name": "f", "arguments": "{}"}]},
        "input[0]",
        "call_id",
    ),
    ("an output without id", {"input": [{"type": "function_call_output", "output": "x"}]}, "input[0]", "call_id"),
    ("a nameless function", {"input": "x", "tools": [{"type": "function"}]}, "tools", "name"),
    ("a wrong schema", {"input": "x", "tools": [{**TOOL, "parameters": "x"}]}, "tools", "JSON Schema"),
    ("a wrong choice", {"input": "x", "tool_choice": "perhaps"}, "tool_choice", "perhaps"),
    (
        "a wrong format",
        {"input": "x", "text": {"format": {"type": "json_schema", "schema": 5}}},
        "text.format",
        "Expected",
    ),
    ("a type that is no text", {"input": [{"type": []}]}, "input[0].type", "must be a string"),
    ("a role that is no text", {"input": [{"role": {}, "content": "x"}]}, "input[0].role", "unknown role"),
    ("a wrong effort", {"input": "x", "reasoning": {"effort": 5}}, "reasoning", "strings"),
]


@pytest.mark.parametrize(("body", "param", "words"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_what_cannot_be_read_is_refused_with_the_parameters_name(
    body: dict[str, Any] | bytes, param: str | None, words: str
) -> None:
    with pytest.raises(BadRequest) as caught:
        parse(body)
    failure = caught.value.failure
    assert (failure.kind, failure.status, failure.type) == (
        FailureKind.INVALID_REQUEST,
        400,
        "invalid_request_error",
    )
    assert failure.param == param
    assert words in failure.message


def test_an_unknown_path_is_not_found() -> None:
    with pytest.raises(BadRequest) as caught:
        SERVER.parse(HttpRequest("GET", "/v1/responses/resp_1"))
    assert caught.value.failure.status == 404
    assert SERVER.operation("DELETE", "/responses/resp_1") is None
