"""Requests as callers of the Messages API write them, read and written again."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from understudy.dialects.anthropic.client import DIALECT
from understudy.dialects.anthropic.server import SERVER
from understudy.dialects.base import Endpoint, Send
from understudy.dialects.server import BadRequest, Inbound
from understudy.domain.content import (
    CacheMark,
    Citation,
    File,
    Image,
    Opaque,
    Provenance,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from understudy.domain.events import Warned
from understudy.domain.messages import Message, OpaqueTool, Role, Tool, ToolChoice
from understudy.domain.operation import Operation
from understudy.domain.requests import GenerationRequest, ModelsRequest, OutputFormat, Reasoning, WireOrigin
from understudy.wire.http import HttpRequest

CLOSED: dict[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}

OLD = (("anthropic-version", "2023-06-01"),)
BASE: dict[str, Any] = {"model": "m", "max_tokens": 10, "messages": [{"role": "user", "content": "hello"}]}


def parse(body: Any, path: str = "/v1/messages", headers: tuple[tuple[str, str], ...] = OLD) -> Inbound:
    return SERVER.parse(HttpRequest("POST", path, headers, json.dumps(body).encode()))


def request(body: Any) -> GenerationRequest:
    found = parse(body).request
    assert isinstance(found, GenerationRequest)
    return found


def content(*blocks: dict[str, Any], role: str = "user") -> Any:
    return request({**BASE, "messages": [{"role": role, "content": list(blocks)}]}).messages[0].content


@pytest.mark.parametrize(
    ("method", "path", "operation"),
    [
        ("POST", "/v1/messages", Operation.CHAT),
        ("POST", "/anthropic/v1/messages?beta=true", Operation.CHAT),
        ("POST", "/v1/messages/count_tokens", Operation.COUNT_TOKENS),
        ("GET", "/v1/models", Operation.MODELS),
        ("GET", "/v1/models/claude-x?beta=true", Operation.MODELS),
        ("GET", "/v1/messages", None),
        ("POST", "/v1/messages/batches", None),
        ("POST", "/v1/chat/completions", None),
    ],
)
def test_routes(method: str, path: str, operation: Operation | None) -> None:
    assert SERVER.operation(method, path) is operation


@pytest.mark.parametrize(
    ("headers", "key"),
    [
        ((("X-Api-Key", "k1"), ("Authorization", "Bearer k2")), "k1"),
        ((("authorization", "bearer k2"),), "k2"),
        ((("authorization", "Basic k2"),), None),
        ((("x-api-key", ""), ("authorization", "Bearer ")), None),
    ],
)
def test_the_credential(headers: tuple[tuple[str, str], ...], key: str | None) -> None:
    assert SERVER.credential(HttpRequest("POST", "/v1/messages", headers)) == key


def test_a_plain_request_keeps_its_bytes_and_the_headers_they_depend_on() -> None:
    headers = (("Anthropic-Version", "2023-06-01"), ("anthropic-beta", "b"), ("x-api-key", "secret"))
    inbound = parse({**BASE, "stream": True}, headers=headers)
    assert (inbound.operation, inbound.stream) == (Operation.CHAT, True)
    assert inbound.request == GenerationRequest(
        messages=(Message.user("hello"),),
        model="m",
        max_tokens=10,
        origin=WireOrigin(
            "anthropic",
            json.dumps({**BASE, "stream": True}).encode(),
            (("anthropic-version", "2023-06-01"), ("anthropic-beta", "b")),
        ),
    )


def test_settings() -> None:
    found = request(
        {
            **BASE,
            "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
            "temperature": 0.5,
            "top_p": 1,
            "top_k": 3,
            "stop_sequences": ["END"],
            "metadata": {"user_id": "u"},
            "service_tier": "auto",
            "cache_control": {"type": "ephemeral", "ttl": "1h"},
            "thinking": {"type": "enabled", "budget_tokens": 2000, "display": "omitted"},
            "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": CLOSED}},
            "mcp_servers": [{"type": "url"}],
            "stream": False,
        }
    )
    assert replace(found, origin=None) == GenerationRequest(
        messages=(Message.system((Text("Be brief.", cache=CacheMark()),)), Message.user("hello")),
        model="m",
        max_tokens=10,
        temperature=0.5,
        top_p=1,
        top_k=3,
        stop=("END",),
        user="u",
        service_tier="auto",
        cache=CacheMark(ttl="1h"),
        reasoning=Reasoning(effort="low", budget=2000, mode="enabled", display="omitted"),
        output=OutputFormat(json_schema=CLOSED),
        extra={"anthropic": {"mcp_servers": [{"type": "url"}]}},
    )


def test_tools_and_their_choice() -> None:
    found = request(
        {
            **BASE,
            "tools": [
                {"name": "f", "input_schema": CLOSED, "type": "custom", "strict": True},
                {"name": "web_search", "type": "web_search_20260209"},
                {"name": "code_execution", "type": "code_execution_20260521"},
            ],
            "tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": True},
        }
    )
    assert found.tools == (
        Tool(name="f", parameters=CLOSED, strict=True, extra={"anthropic": {"type": "custom"}}),
        OpaqueTool("anthropic", {"name": "web_search", "type": "web_search_20260209"}, effects=False),
        OpaqueTool("anthropic", {"name": "code_execution", "type": "code_execution_20260521"}, effects=True),
    )
    assert found.tool_choice == ToolChoice("tool", ("f",))
    assert found.parallel_tool_calls is False


def test_the_blocks_of_an_assistants_message() -> None:
    raw = {"type": "char_location", "cited_text": "x", "document_title": "D"}
    synthetic = {"type": "web_search_result_location", "url": "https://o", "cited_text": "", "encrypted_index": ""}
    own = Provenance("anthropic")
    hosted = {"type": "server_tool_use", "id": "s", "name": "n", "input": {}}
    assert content(
        {"type": "thinking", "thinking": "", "signature": "sig"},
        {"type": "thinking", "thinking": "of another", "signature": ""},
        {"type": "redacted_thinking", "data": "secret"},
        {"type": "text", "text": "x", "citations": [raw, synthetic]},
        {"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1}, "caller": {"type": "direct"}},
        hosted,
        role="assistant",
    ) == (
        Thinking("", signature="sig", provenance=own),
        Thinking("of another"),
        Thinking(redacted="secret", provenance=own),
        Text(
            "x",
            citations=(
                Citation(title="D", cited_text="x", raw=raw, dialect="anthropic"),
                Citation(url="https://o", cited_text=""),
            ),
        ),
        ToolCall(id="a", name="f", arguments='{"x":1}', extra={"anthropic": {"caller": {"type": "direct"}}}),
        Opaque("anthropic", hosted),
    )


def test_the_blocks_of_a_users_message() -> None:
    odd = {"type": "document", "source": {"type": "content", "content": []}}
    marked = {"type": "text", "text": "t", "cache_control": {"type": "ephemeral", "scope": "global"}}
    assert content(
        {
            "type": "tool_result",
            "tool_use_id": "a",
            "content": [{"type": "text", "text": "sun"}, {"type": "tool_reference", "tool_name": "f"}],
            "is_error": False,
            "cache_control": {"type": "ephemeral", "ttl": "5m"},
        },
        {"type": "tool_result", "tool_use_id": "b"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}},
        {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
        {
            "type": "document",
            "source": {"type": "text", "media_type": "text/plain", "data": "plain"},
            "title": "T",
            "context": "C",
            "citations": {"enabled": True},
        },
        odd,
        marked,
    ) == (
        ToolResult(
            call_id="a",
            content=(Text("sun"), Opaque("anthropic", {"type": "tool_reference", "tool_name": "f"})),
            is_error=False,
            cache=CacheMark(ttl="5m"),
        ),
        ToolResult(call_id="b"),
        Image(data="AA==", media_type="image/png"),
        Image(file_id="file_1"),
        File(text="plain", media_type="text/plain", name="T", context="C", citations=True),
        Opaque("anthropic", odd),
        Text("t", cache=CacheMark(), extra={"anthropic": {"cache_control": marked["cache_control"]}}),
    )


FULL: dict[str, Any] = {
    "model": "m",
    "max_tokens": 5000,
    "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "hello", "future": 1}], "note": "kept"},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "", "signature": "sig"},
                {"type": "mcp_tool_use", "id": "m1", "name": "n", "input": {}, "server_name": "s"},
                {"type": "mcp_tool_result", "tool_use_id": "m1", "content": [], "is_error": False},
                {"type": "text", "text": "x", "citations": [{"type": "char_location", "cited_text": "x"}]},
                {"type": "tool_use", "id": "a", "name": "f", "input": {"n": 1.0, "deep": {"x": None}}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "a",
                    "content": [{"type": "search_result", "source": "s", "title": "t", "content": []}],
                    "is_error": False,
                },
                {"type": "container_upload", "file_id": "file_1"},
            ],
        },
    ],
    "tools": [
        {"name": "f", "input_schema": CLOSED, "defer_loading": True, "description": "d"},
        {"type": "computer_20251124", "name": "computer", "display_width_px": 1},
    ],
    "tool_choice": {"type": "auto", "disable_parallel_tool_use": False},
    "thinking": {"type": "adaptive", "display": "summarized"},
    "output_config": {"effort": "medium", "task_budget": {"type": "tokens", "total": 5}},
    "context_management": {"edits": [{"type": "clear_thinking_20251015"}]},
    "metadata": {"user_id": "u", "trace": "t"},
    "service_tier": "standard_only",
    "stop_sequences": ["END"],
    "top_k": 3,
}


def test_the_typed_path_writes_the_same_again() -> None:
    found = replace(request({key: value for key, value in FULL.items() if key != "top_k"}), origin=None)
    endpoint = Endpoint(provider="anthropic", base_url="https://host", headers=OLD)
    steps = DIALECT.open(Operation.CHAT, found, endpoint).start()
    assert not [step for step in steps if isinstance(step, Warned)]
    (send,) = steps
    assert isinstance(send, Send)
    assert json.loads(send.request.body or b"") == {key: value for key, value in FULL.items() if key != "top_k"}


def test_a_count_needs_no_max_tokens() -> None:
    inbound = parse({"model": "m", "messages": []}, "/v1/messages/count_tokens")
    assert inbound.operation is Operation.COUNT_TOKENS


def test_a_system_message_in_the_middle() -> None:
    messages = [*BASE["messages"], {"role": "system", "content": "Now in French."}]
    assert request({**BASE, "messages": messages}).messages[1] == Message(Role.SYSTEM, "Now in French.")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"max_tokens": None}, "max_tokens: Field required"),
        ({"model": 5}, "model: Input should be a valid string"),
        ({"max_tokens": True}, "max_tokens: Input should be a valid integer"),
        ({"messages": None}, "messages: Field required"),
        ({"messages": ["x"]}, "messages.0: Input does not match the expected shape."),
        ({"messages": [{"role": "user"}]}, "messages.0.content: Field required"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages.0.content: Input should be a valid list"),
        ({"messages": [{"role": "user", "content": ["x"]}]}, "messages.0.content.0: Input does not match"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages: Unexpected role 'tool'"),
        ({"tools": [{"name": "f"}]}, "tools.0: Input does not match"),
        ({"tool_choice": {"type": "must"}}, "tool_choice: Input tag"),
        ({"thinking": "on"}, "thinking: Input should be a valid dictionary"),
    ],
)
def test_what_cannot_be_read_is_refused_in_the_services_words(change: dict[str, Any], message: str) -> None:
    with pytest.raises(BadRequest) as refused:
        parse({**BASE, **change})
    failure = refused.value.failure
    assert failure.message.startswith(message)
    assert (failure.status, failure.type) == (400, "invalid_request_error")


def test_stop_sequences_are_texts() -> None:
    with pytest.raises(BadRequest, match="stop_sequences: Input should be a list of strings"):
        request({"model": "m", "max_tokens": 5, "messages": [], "stop_sequences": [[]]})


def test_citations_that_are_none_are_passed_over() -> None:
    block = {"type": "text", "text": "x", "citations": [3, None, {"url": "https://a.invalid/"}]}
    (message,) = request(
        {"model": "m", "max_tokens": 5, "messages": [{"role": "assistant", "content": [block]}]}
    ).messages
    (text,) = message.parts
    assert isinstance(text, Text)
    assert [citation.url for citation in text.citations] == ["https://a.invalid/"]


def test_a_body_that_is_no_json_is_refused() -> None:
    with pytest.raises(BadRequest, match="not valid JSON"):
        SERVER.parse(HttpRequest("POST", "/v1/messages", (), b"{"))
    with pytest.raises(BadRequest, match="Not found"):
        SERVER.parse(HttpRequest("POST", "/v1/elsewhere", (), b"{}"))


def test_the_query_of_a_model_list() -> None:
    def read(path: str) -> Inbound:
        return SERVER.parse(HttpRequest("GET", path))

    assert read("/v1/models").request == ModelsRequest(limit=20)
    assert read("/v1/models?limit=5&after_id=a%2Fb").request == ModelsRequest(limit=5, after="a/b")
    assert read("/v1/models?before_id=b").options == {"before_id": "b"}
    assert read("/p/v1/models/x%2Fy").request == ModelsRequest(model="x/y", limit=20)
    for query in ("limit=0", "limit=1001", "limit=x"):
        with pytest.raises(BadRequest, match="limit"):
            read(f"/v1/models?{query}")
