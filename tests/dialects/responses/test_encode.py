"""What the client half sends."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from tests.dialects.responses.sdk import ENDPOINT
from understudy.dialects.base import Endpoint, Exchange, Send
from understudy.dialects.quirks import Quirks
from understudy.dialects.responses.client import DIALECT
from understudy.domain.content import (
    Audio,
    CacheMark,
    Citation,
    File,
    Image,
    Opaque,
    Provenance,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from understudy.domain.events import Warned
from understudy.domain.messages import Message, OpaqueTool, Role, Tool, ToolChoice
from understudy.domain.operation import Operation
from understudy.domain.requests import GenerationRequest, OutputFormat, Reasoning, WireOrigin

CLOSED: dict[str, Any] = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}


def sent(exchange: Exchange[Any]) -> tuple[dict[str, Any], list[str]]:
    """Return the body that an exchange sends, and the warnings before it."""
    *warned, send = exchange.start()
    assert isinstance(send, Send)
    assert send.request.body is not None
    return json.loads(send.request.body), [str(step.warning) for step in warned if isinstance(step, Warned)]


def encoded(request: GenerationRequest, endpoint: Endpoint = ENDPOINT, *, stream: bool = False) -> dict[str, Any]:
    body, warnings = sent(DIALECT.open(Operation.CHAT, request, endpoint, stream=stream))
    assert warnings == []
    return body


def asking(*messages: Message, **fields: Any) -> GenerationRequest:
    return GenerationRequest(messages=messages or (Message.user("hello"),), **fields)


def with_quirks(**quirks: Any) -> Endpoint:
    return msgspec.structs.replace(ENDPOINT, quirks=Quirks(**quirks))


def warnings_of(request: GenerationRequest, endpoint: Endpoint = ENDPOINT) -> list[str]:
    return sent(DIALECT.open(Operation.CHAT, request, endpoint))[1]


def test_unset_is_not_sent() -> None:
    exchange = DIALECT.open(Operation.CHAT, asking(), ENDPOINT)
    send = exchange.start()[-1]
    assert isinstance(send, Send)
    assert (send.request.method, send.request.url) == ("POST", "https://api.openai.com/v1/responses")
    assert encoded(asking()) == {"model": "gpt-6-sol", "input": "hello", "store": False}
    assert encoded(asking(), stream=True)["stream"] is True


def test_everything_that_has_a_place_is_sent_there() -> None:
    request = asking(
        Message.system("Be brief."),
        Message.user("hello"),
        max_tokens=64,
        temperature=0.5,
        top_p=0.9,
        logprobs=True,
        top_logprobs=3,
        parallel_tool_calls=False,
        output=OutputFormat(name="answer", json_schema=CLOSED, strict=True),
        reasoning=Reasoning(effort="low", display="summarized"),
        verbosity="low",
        service_tier="flex",
        user="u-1",
        cache_key="k",
        metadata={"a": "b"},
        tools=(Tool(name="f", description="d", parameters=CLOSED),),
        tool_choice=ToolChoice("required"),
        extra={
            "responses": {"max_tool_calls": 2, "include": ["file_search_call.results"], "reasoning": {"mode": "pro"}}
        },
    )
    assert encoded(request) == {
        "model": "gpt-6-sol",
        "instructions": "Be brief.",
        "input": "hello",
        "max_output_tokens": 64,
        "temperature": 0.5,
        "top_p": 0.9,
        "top_logprobs": 3,
        "parallel_tool_calls": False,
        "text": {
            "format": {"type": "json_schema", "name": "answer", "schema": CLOSED, "strict": True},
            "verbosity": "low",
        },
        "reasoning": {"effort": "low", "summary": "auto", "mode": "pro"},
        "service_tier": "flex",
        "user": "u-1",
        "prompt_cache_key": "k",
        "metadata": {"a": "b"},
        "tools": [{"type": "function", "name": "f", "description": "d", "parameters": CLOSED, "strict": False}],
        "tool_choice": "required",
        "store": False,
        "include": ["file_search_call.results", "reasoning.encrypted_content", "message.output_text.logprobs"],
        "max_tool_calls": 2,
    }


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("stop", ("END",)),
        ("seed", 7),
        ("presence_penalty", 0.0),
        ("frequency_penalty", 0.5),
        ("logit_bias", {"1": 2.0}),
        ("top_k", 5),
        ("min_p", 0.1),
    ],
)
def test_what_the_api_lacks_becomes_a_warning_unless_it_was_configured(field: str, value: Any) -> None:
    request = asking(**{field: value})
    body, warnings = sent(DIALECT.open(Operation.CHAT, request, ENDPOINT))
    assert body == encoded(asking())
    assert warnings == [f"dropped: {field} (the Responses API has no such field)"]
    assert warnings_of(msgspec.structs.replace(request, configured=frozenset({field}))) == []


def test_sampling_that_a_reasoning_model_refuses_is_sent_only_without_effort() -> None:
    quirks = {"refused": frozenset({"temperature"}), "sampling_without_effort": True}
    request = asking(temperature=0.5)
    assert "temperature" not in sent(DIALECT.open(Operation.CHAT, request, with_quirks(**quirks)))[0]
    assert warnings_of(request, with_quirks(**quirks)) == ["dropped: temperature (the model refuses it)"]
    assert encoded(request, with_quirks(**quirks, default_effort_none=True))["temperature"] == 0.5
    without = msgspec.structs.replace(request, reasoning=Reasoning(effort="none"))
    assert encoded(without, with_quirks(**quirks))["temperature"] == 0.5


@pytest.mark.parametrize(
    ("asked", "accepted", "effort"),
    [
        ("none", {"low", "medium", "high"}, "low"),
        ("max", {"low", "medium", "high", "xhigh"}, "xhigh"),
        ("minimal", {"none", "low", "high"}, "low"),
        ("low", {"low"}, "low"),
        ("tomorrow", {"low"}, "tomorrow"),
    ],
)
def test_an_effort_that_the_model_does_not_know_becomes_the_nearest(
    asked: str, accepted: set[str], effort: str
) -> None:
    endpoint = with_quirks(efforts=frozenset(accepted))
    request = asking(reasoning=Reasoning(effort=asked))
    body, warnings = sent(DIALECT.open(Operation.CHAT, request, endpoint))
    assert body["reasoning"] == {"effort": effort}
    assert len(warnings) == (asked != effort)


def test_reasoning_of_other_wires_is_said_as_far_as_it_can_be() -> None:
    assert encoded(asking(reasoning=Reasoning(mode="disabled")))["reasoning"] == {"effort": "none"}
    assert "include" not in encoded(asking(reasoning=Reasoning(effort="none")))
    assert len(warnings_of(asking(reasoning=Reasoning(budget=1024)))) == 1
    assert len(warnings_of(asking(reasoning=Reasoning(mode="adaptive")))) == 1


def test_a_function_is_not_strict_unless_asked_and_takes_an_object_even_without_arguments() -> None:
    hosted = {"type": "web_search"}
    tools = (Tool(name="f", strict=True, extra={"responses": {"defer_loading": True}}), OpaqueTool("responses", hosted))
    assert encoded(asking(tools=tools))["tools"] == [
        {
            "type": "function",
            "name": "f",
            "parameters": CLOSED,
            "strict": True,
            "defer_loading": True,
        },
        hosted,
    ]
    request = asking(tools=(OpaqueTool("anthropic", {"type": "bash_20250124"}),))
    assert warnings_of(request) == ["dropped: tools (only the anthropic dialect supports it)"]


@pytest.mark.parametrize(
    ("choice", "wire"),
    [
        (ToolChoice("auto"), "auto"),
        (ToolChoice("none", ("f",)), "none"),
        (ToolChoice("tool", ("f",)), {"type": "function", "name": "f"}),
        (
            ToolChoice("auto", ("f", "g")),
            {
                "type": "allowed_tools",
                "mode": "auto",
                "tools": [{"type": "function", "name": "f"}, {"type": "function", "name": "g"}],
            },
        ),
        (
            ToolChoice("required", ("f",)),
            {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "f"}]},
        ),
        (ToolChoice("required", extra={"responses": {"type": "web_search"}}), {"type": "web_search"}),
    ],
)
def test_the_choice_of_tools(choice: ToolChoice, wire: Any) -> None:
    tools = (Tool(name="f"), Tool(name="g"), OpaqueTool("responses", {"type": "web_search"}))
    assert encoded(asking(tool_choice=choice, tools=tools))["tool_choice"] == wire


def test_quirks_leave_out_what_the_target_cannot() -> None:
    endpoint = with_quirks(
        tool_choice=frozenset({"auto"}),
        parallel_switch=False,
        output_formats=frozenset({"text"}),
        inputs=frozenset(),
        user_field="safety_identifier",
        refused=frozenset({"reasoning"}),
    )
    media = Message.user((Text("see"), Image(url="https://x.org/a.png"), File(data="AAAA", name="a.pdf")))
    request = asking(
        media,
        tool_choice=ToolChoice("required"),
        parallel_tool_calls=True,
        output=OutputFormat(json_schema={}),
        reasoning=Reasoning(effort="low"),
        user="u",
    )
    body, warnings = sent(DIALECT.open(Operation.CHAT, request, endpoint))
    assert {key: body[key] for key in body if key not in ("store", "include")} == {
        "model": "gpt-6-sol",
        "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "see"}]}],
        "safety_identifier": "u",
        "instructions": "Answer with one JSON value and nothing else. It must fit this JSON Schema: {}",
    }
    assert {warning.split()[1] for warning in warnings} == {
        "image", "file", "tool_choice", "parallel_tool_calls", "output", "reasoning",
    }  # fmt: skip
    assert "include" not in body


def test_images_and_files_go_in_by_url_bytes_or_id() -> None:
    parts = (
        Text("Look."),
        Image(url="https://x.org/a.png", detail="low"),
        Image(data="AAAA", media_type="image/png"),
        Image(file_id="file_1"),
        File(data="BBBB", media_type="application/pdf", name="b.pdf"),
        File(data="BBBB", name="b.pdf"),
        File(url="https://x.org/c.pdf"),
        File(file_id="file_2"),
    )
    assert encoded(asking(Message.user(parts)))["input"] == [
        {
            "type": "message",
            "role": "user",
            "content": [
                {"type": "input_text", "text": "Look."},
                {"type": "input_image", "image_url": "https://x.org/a.png", "detail": "low"},
                {"type": "input_image", "image_url": "data:image/png;base64,AAAA"},
                {"type": "input_image", "file_id": "file_1"},
                {"type": "input_file", "file_data": "data:application/pdf;base64,BBBB", "filename": "b.pdf"},
                {"type": "input_file", "file_data": "data:application/pdf;base64,BBBB", "filename": "b.pdf"},
                {"type": "input_file", "file_url": "https://x.org/c.pdf"},
                {"type": "input_file", "file_id": "file_2"},
            ],
        }
    ]


@pytest.mark.parametrize(
    ("part", "what"),
    [
        (Audio(data="AAAA", format="wav"), "dropped: audio"),
        (File(text="plain"), "emulated: file"),
        (Text("a", cache=CacheMark()), "dropped: cache"),
        (Opaque("anthropic", {"type": "x"}), "dropped: opaque part"),
    ],
)
def test_a_part_without_a_place_becomes_a_warning(part: Any, what: str) -> None:
    (warning,) = warnings_of(asking(Message.user((Text("hi"), part))))
    assert warning.startswith(what)


def test_a_cache_mark_is_sent_where_the_model_takes_it() -> None:
    request = asking(Message.user((Text("long", cache=CacheMark()), Text("short"))))
    (item,) = encoded(request, with_quirks(cache_breakpoints=True))["input"]
    assert item["content"][0]["prompt_cache_breakpoint"] == {"mode": "explicit"}
    assert "prompt_cache_breakpoint" not in item["content"][1]


def test_only_a_plain_leading_system_message_becomes_instructions() -> None:
    later = asking(Message.user("a"), Message.system("b"), Message(Role.DEVELOPER, "c"))
    assert encoded(later)["input"] == [
        {"type": "message", "role": "user", "content": "a"},
        {"type": "message", "role": "system", "content": "b"},
        {"type": "message", "role": "developer", "content": "c"},
    ]
    parts = asking(Message.system((Text("a"),)), Message.user("b"))
    assert "instructions" not in encoded(parts)
    assert encoded(later, with_quirks(system_role="developer"))["input"][1]["role"] == "developer"


def test_a_turn_with_tools_becomes_items_in_order() -> None:
    history = asking(
        Message.user("weather?"),
        Message.assistant((Text("I look."), ToolCall(id="call_a", name="w", arguments='{"p":1}'))),
        Message.tool(
            ToolResult(call_id="call_a", content=(Text("sun"), Image(file_id="file_1"))),
        ),
        Message.user((ToolResult(call_id="call_b", content="rain"), Text("and now?"))),
        Message.assistant((Refusal("No."),)),
    )
    assert encoded(history)["input"] == [
        {"type": "message", "role": "user", "content": "weather?"},
        {"type": "message", "role": "assistant", "content": "I look."},
        {"type": "function_call", "call_id": "call_a", "name": "w", "arguments": '{"p":1}'},
        {
            "type": "function_call_output",
            "call_id": "call_a",
            "output": [{"type": "input_text", "text": "sun"}, {"type": "input_image", "file_id": "file_1"}],
        },
        {"type": "function_call_output", "call_id": "call_b", "output": "rain"},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "and now?"}]},
        {"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
    ]
    failed = asking(Message.tool(ToolResult(call_id="c", content="oops", is_error=True)))
    assert warnings_of(failed) == []


def test_a_custom_tools_result_answers_in_kind() -> None:
    call = ToolCall(id="call_a", name="sql", arguments="SELECT 1", extra={"responses": {"type": "custom_tool_call"}})
    history = asking(Message.assistant((call,)), Message.tool(ToolResult(call_id="call_a", content="1")))
    assert encoded(history)["input"] == [
        {"type": "custom_tool_call", "call_id": "call_a", "name": "sql", "input": "SELECT 1"},
        {"type": "custom_tool_call_output", "call_id": "call_a", "output": "1"},
    ]


def thought(**fields: Any) -> Thinking:
    return Thinking("hm", **{"signature": "gAAAA", "provenance": Provenance("responses", "gpt-6-sol-2026"), **fields})


def items_of(*parts: Any, endpoint: Endpoint = ENDPOINT) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the items of an answer with these parts, which stands before a question."""
    body, warnings = sent(DIALECT.open(Operation.CHAT, asking(Message.assistant(parts), Message.user("?")), endpoint))
    *items, question = body["input"]
    assert question["role"] == "user"
    return items, warnings


def test_reasoning_goes_back_as_it_came_or_not_at_all() -> None:
    item: dict[str, Any] = {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [],
        "encrypted_content": "gAAAA",
        "status": None,
    }
    assert items_of(thought(extra={"responses": item})) == ([item], [])
    rebuilt = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": "gAAAA"}
    assert items_of(thought()) == ([rebuilt], [])
    assert items_of(thought(extra={"responses": {"id": "rs_cut"}})) == ([rebuilt], [])
    for foreign in (
        thought(provenance=Provenance("anthropic", "claude")),
        thought(provenance=None),
        thought(signature=None),
    ):
        items, (warning,) = items_of(foreign)
        assert items == []
        assert warning.startswith("dropped: thinking")


def test_reasoning_that_is_bound_to_its_model_goes_to_no_other() -> None:
    bound = with_quirks(thinking_bound_to_model=True)
    assert len(items_of(thought(), endpoint=bound)[0]) == 1
    assert items_of(thought(provenance=Provenance("responses", "gpt-5.4")), endpoint=bound)[0] == []


def test_texts_of_one_message_item_go_back_in_one_item() -> None:
    def spoken(text: str, item_id: str, phase: str) -> Text:
        about = {"id": item_id, "type": "message", "status": "completed", "phase": phase}
        return Text(text, extra={"responses": {"item": about}})

    note = {"type": "url_citation", "url": "https://x.org", "title": "X", "start_index": 0, "end_index": 1}
    cited = msgspec.structs.replace(
        spoken("c", "msg_2", "final_answer"), citations=(Citation(raw=note, dialect="responses"),)
    )
    items, warnings = items_of(spoken("a", "msg_1", "commentary"), spoken("b", "msg_1", "commentary"), cited)
    assert warnings == []
    assert [(item["id"], item["phase"]) for item in items] == [("msg_1", "commentary"), ("msg_2", "final_answer")]
    assert [piece["text"] for piece in items[0]["content"]] == ["a", "b"]
    assert items[1]["content"] == [{"type": "output_text", "text": "c", "annotations": [note]}]


def test_hosted_items_go_back_to_this_api_alone() -> None:
    item: dict[str, Any] = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
    assert items_of(Opaque("responses", item)) == ([item], [])
    assert items_of(Opaque("anthropic", item))[0] == []


def test_extra_removes_and_the_providers_beats_the_dialects() -> None:
    extra = {"responses": {"store": None, "truncation": "auto"}, "openai": {"truncation": "disabled"}}
    body = encoded(asking(extra=extra), msgspec.structs.replace(ENDPOINT, options={"background": False}))
    assert body == {"model": "gpt-6-sol", "input": "hello", "truncation": "disabled", "background": False}


def origin(body: dict[str, Any], **fields: Any) -> GenerationRequest:
    return asking(origin=WireOrigin("responses", json.dumps(body).encode()), **fields)


def test_a_body_of_this_wire_is_patched_and_otherwise_untouched() -> None:
    body = {
        "reasoning": {"effort": "low", "dream": 1},
        "input": [{"type": "tomorrow"}],
        "model": "other",
        "stream": True,
        "stream_options": {"include_obfuscation": False},
        "temperature": None,
    }
    patched = encoded(origin(body), stream=True)
    assert list(patched)[:6] == list(body)
    assert patched == {**body, "model": "gpt-6-sol"}
    whole = encoded(origin(body))
    assert whole["stream"] is False
    assert "stream_options" not in whole
    assert encoded(origin({"input": "x", "store": True}))["store"] is True
    assert "store" not in encoded(origin({"input": "x"}))


def test_configured_values_fill_only_what_a_patched_body_lacks() -> None:
    configured = frozenset({"temperature", "max_tokens"})
    request = origin({"input": "x", "temperature": 0.1}, temperature=0.9, max_tokens=50, configured=configured)
    body = encoded(request, msgspec.structs.replace(ENDPOINT, options={"truncation": "auto", "temperature": 2}))
    assert body == {
        "input": "x",
        "temperature": 0.1,
        "max_output_tokens": 50,
        "truncation": "auto",
        "model": "gpt-6-sol",
    }


def test_a_patched_body_fits_the_target_too() -> None:
    quirks = with_quirks(refused=frozenset({"temperature", "verbosity", "logprobs"}), efforts=frozenset({"high"}))
    body = {
        "input": [{"role": "user", "content": [{"type": "input_text", "text": "a", "prompt_cache_breakpoint": {}}]}],
        "temperature": 0.1,
        "top_p": 0.1,
        "text": {"verbosity": "low"},
        "reasoning": {"effort": "max"},
        "include": ["message.output_text.logprobs"],
    }
    written, warnings = sent(DIALECT.open(Operation.CHAT, origin(body), quirks))
    assert written == {
        "input": [{"role": "user", "content": [{"type": "input_text", "text": "a"}]}],
        "top_p": 0.1,
        "reasoning": {"effort": "high"},
        "model": "gpt-6-sol",
    }
    assert {warning.split()[1] for warning in warnings} == {
        "temperature",
        "verbosity",
        "logprobs",
        "reasoning",
        "cache",
    }


def test_counting_asks_for_the_prompt_alone() -> None:
    request = asking(
        Message.system("s"),
        Message.user("u"),
        tools=(Tool(name="f", parameters=CLOSED),),
        max_tokens=5,
        temperature=0.1,
        reasoning=Reasoning(effort="low"),
    )
    exchange = DIALECT.open(Operation.COUNT_TOKENS, request, ENDPOINT)
    send = exchange.start()[-1]
    assert isinstance(send, Send)
    assert send.request.url == "https://api.openai.com/v1/responses/input_tokens"
    assert json.loads(send.request.body or b"") == {
        "model": "gpt-6-sol",
        "instructions": "s",
        "input": "u",
        "tools": [{"type": "function", "name": "f", "parameters": CLOSED, "strict": False}],
        "reasoning": {"effort": "low"},
    }


@pytest.mark.parametrize(("asked", "sent_limit"), [(1, 16), (15, 16), (16, 16), (100, 100)])
def test_no_limit_below_16_tokens_is_sent(asked: int, sent_limit: int) -> None:
    body, warnings = sent(DIALECT.open(Operation.CHAT, asking(max_tokens=asked), ENDPOINT))
    assert body["max_output_tokens"] == sent_limit
    assert len(warnings) == (asked < 16)


def test_json_mode_is_announced_in_the_input_not_in_the_instructions() -> None:
    output = OutputFormat(kind="json_object")
    request = asking(Message.system("Answer in JSON."), Message.user("hello"), output=output)
    body = encoded(request)
    assert "instructions" not in body
    assert body["input"][0]["content"] == "Answer in JSON."


def test_a_conversation_of_which_nothing_is_left_has_an_input() -> None:
    lost = asking(Message.assistant((Thinking("hm", provenance=Provenance("anthropic", "claude")),)))
    body, warnings = sent(DIALECT.open(Operation.CHAT, lost, ENDPOINT))
    assert body["input"] == "(empty message)"
    assert [warning.partition(":")[0] for warning in warnings] == ["dropped", "emulated"]
    stored = msgspec.structs.replace(lost, extra={"responses": {"previous_response_id": "resp_1"}})
    assert sent(DIALECT.open(Operation.CHAT, stored, ENDPOINT))[0]["input"] == []


def test_an_empty_question_is_an_item_because_an_empty_input_is_refused() -> None:
    assert encoded(asking(Message.user("")))["input"] == [{"type": "message", "role": "user", "content": ""}]
