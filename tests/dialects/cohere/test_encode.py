"""What is sent: messages, blocks, settings, and what becomes a warning."""

from __future__ import annotations

import json
from typing import Any

import pytest

from understudy.dialects.base import Endpoint, Send
from understudy.dialects.cohere.client import DIALECT
from understudy.dialects.quirks import Quirks
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
from understudy.domain.warnings import Warning as Degradation
from understudy.wire.http import HttpRequest

HELLO = (Message.user("hello"),)
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
OWN = Provenance("cohere", "m")
FOREIGN = Provenance("anthropic", "claude-x")
TOOLS = (Tool(name="a", parameters=SCHEMA), Tool(name="b", description="B"))
CITED = {"start": 0, "end": 2, "text": "Hi", "sources": [{"type": "document", "id": "d"}], "type": "TEXT_CONTENT"}


def sent(request: GenerationRequest, *, stream: bool = False, **endpoint: Any) -> tuple[HttpRequest, list[Degradation]]:
    endpoint = {"provider": "cohere", "base_url": "https://host", "model": "m", **endpoint}
    steps = DIALECT.open(Operation.CHAT, request, Endpoint(**endpoint), stream=stream).start()
    (send,) = [step for step in steps if isinstance(step, Send)]
    return send.request, [step.warning for step in steps if isinstance(step, Warned)]


def body(request: GenerationRequest, **endpoint: Any) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(sent(request, **endpoint)[0].body or b"")
    return decoded


def warned(request: GenerationRequest, **endpoint: Any) -> list[tuple[str, str]]:
    return [(str(warning.kind), warning.what) for warning in sent(request, **endpoint)[1]]


def messages(*conversation: Message, **endpoint: Any) -> Any:
    return body(GenerationRequest(messages=conversation), **endpoint)["messages"]


def asking(**fields: Any) -> GenerationRequest:
    return GenerationRequest(messages=HELLO, **fields)


def test_a_plain_request() -> None:
    conversation = (Message.system("Be brief."), Message(Role.DEVELOPER, "In French."), *HELLO)
    request, warnings = sent(GenerationRequest(messages=conversation), stream=True, headers=(("x-client-name", "u"),))
    assert (request.method, request.url) == ("POST", "https://host/v2/chat")
    assert dict(request.headers) == {"content-type": "application/json", "x-client-name": "u"}
    assert json.loads(request.body or b"") == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "system", "content": "In French."},
            {"role": "user", "content": "hello"},
        ],
        "stream": True,
    }
    assert warnings == []


def test_settings_have_other_names_here() -> None:
    request = asking(
        max_tokens=5, temperature=0.5, top_p=0.9, top_k=40, seed=1, stop=("x",), presence_penalty=0.1, logprobs=True
    )
    assert {key: value for key, value in body(request).items() if key not in ("model", "messages")} == {
        "max_tokens": 5,
        "temperature": 0.5,
        "p": 0.9,
        "k": 40,
        "presence_penalty": 0.1,
        "seed": 1,
        "stop_sequences": ["x"],
        "logprobs": True,
    }
    assert warned(request) == []


@pytest.mark.parametrize(
    ("fields", "name", "value"),
    [
        ({"temperature": 1.5}, "temperature", 1),
        ({"top_p": 1.0}, "p", 0.99),
        ({"top_p": 0.0}, "p", 0.01),
        ({"top_k": 600}, "k", 500),
        ({"presence_penalty": -1.0}, "presence_penalty", 0),
        ({"frequency_penalty": 2.0}, "frequency_penalty", 1),
        ({"seed": -1}, "seed", 0),
    ],
)
def test_values_are_brought_into_the_range(fields: dict[str, Any], name: str, value: float) -> None:
    (field,) = fields
    assert body(asking(**fields))[name] == value
    assert warned(asking(**fields)) == [("clamped", field)]
    # One that the configuration set is brought into the range without a word.
    assert warned(asking(**fields, configured=frozenset({field}))) == []


def test_what_the_wire_does_not_have_is_dropped_with_a_warning() -> None:
    request = asking(
        min_p=0.1,
        logit_bias={"1": 1.0},
        top_logprobs=2,
        verbosity="low",
        service_tier="flex",
        user="u",
        cache_key="k",
        cache=CacheMark(),
        metadata={"a": "b"},
        parallel_tool_calls=False,
    )
    assert body(request).keys() == {"model", "messages"}
    gone = {"min_p", "logit_bias", "top_logprobs", "verbosity", "service_tier", "user", "cache_key", "cache"}
    assert set(warned(request)) == {("dropped", name) for name in gone | {"metadata", "parallel_tool_calls"}}
    assert warned(asking(parallel_tool_calls=True)) == []


def test_stop_sequences_beyond_the_limit() -> None:
    request = asking(stop=tuple("abcdef"))
    assert body(request, quirks=Quirks(max_stop=5))["stop_sequences"] == list("abcde")
    assert warned(request, quirks=Quirks(max_stop=5)) == [("dropped", "stop")]
    assert body(request)["stop_sequences"] == list("abcdef")


def test_tools() -> None:
    request = asking(tools=(*TOOLS, OpaqueTool("cohere", {"type": "hosted"}), OpaqueTool("openai", {"type": "x"})))
    assert body(request)["tools"] == [
        {"type": "function", "function": {"name": "a", "parameters": SCHEMA}},
        {
            "type": "function",
            "function": {"name": "b", "description": "B", "parameters": {"type": "object", "properties": {}}},
        },
        {"type": "hosted"},
    ]
    assert warned(request) == [("dropped", "tools")]


@pytest.mark.parametrize(
    ("choice", "wire", "names", "warnings"),
    [
        (ToolChoice("auto"), None, ["a", "b"], []),
        (ToolChoice("none"), "NONE", ["a", "b"], []),
        (ToolChoice("required"), "REQUIRED", ["a", "b"], []),
        (ToolChoice("tool", ("b",)), "REQUIRED", ["b"], [("emulated", "tool_choice")]),
        (ToolChoice("auto", ("a",)), None, ["a"], [("emulated", "tool_choice")]),
        (ToolChoice("required", ("a", "b")), "REQUIRED", ["a", "b"], []),
    ],
)
def test_tool_choice(choice: ToolChoice, wire: str | None, names: list[str], warnings: list[tuple[str, str]]) -> None:
    request = asking(tools=TOOLS, tool_choice=choice)
    written = body(request)
    assert written.get("tool_choice") == wire
    assert [tool["function"]["name"] for tool in written["tools"]] == names
    assert warned(request) == warnings


def test_models_that_cannot_be_told_to_call() -> None:
    free = Quirks(tool_choice=frozenset({"auto"}))
    forced = asking(tools=TOOLS, tool_choice=ToolChoice("required"))
    assert "tool_choice" not in body(forced, quirks=free)
    assert warned(forced, quirks=free) == [("dropped", "tool_choice")]
    none = asking(tools=TOOLS, tool_choice=ToolChoice("none"))
    assert body(none, quirks=free).keys() == {"model", "messages"}
    assert warned(none, quirks=free) == [("emulated", "tool_choice")]


def test_strict_is_one_switch() -> None:
    strict, loose = (Tool(name=name, strict=name == "a", parameters=SCHEMA) for name in "ab")
    assert body(asking(tools=(strict,)))["strict_tools"] is True
    assert body(asking(tools=(loose,)))["strict_tools"] is False
    assert "strict_tools" not in body(asking(tools=TOOLS))
    assert body(asking(tools=(strict, loose)))["strict_tools"] is True
    assert warned(asking(tools=(strict, loose))) == [("emulated", "tools")]
    bare = Tool(name="a", strict=True)  # strict tools must have a required parameter
    assert body(asking(tools=(bare,)))["strict_tools"] is False
    assert warned(asking(tools=(bare,))) == [("dropped", "strict")]


@pytest.mark.parametrize(
    ("output", "wire"),
    [
        (OutputFormat(kind="text"), {"type": "text"}),
        (OutputFormat(kind="json_object"), {"type": "json_object"}),
        (OutputFormat(json_schema=SCHEMA, name="n", strict=True), {"type": "json_object", "json_schema": SCHEMA}),
    ],
)
def test_output(output: OutputFormat, wire: dict[str, Any]) -> None:
    assert body(asking(output=output))["response_format"] == wire
    assert warned(asking(output=output)) == []


def test_no_output_format_beside_documents() -> None:
    request = asking(output=OutputFormat(json_schema=SCHEMA), extra={"cohere": {"documents": ["a document"]}})
    assert "response_format" not in body(request)
    assert warned(request) == [("dropped", "output")]


def test_an_output_format_beside_tools_is_requested_in_the_prompt() -> None:
    request = asking(output=OutputFormat(json_schema=SCHEMA), tools=TOOLS)
    written = body(request, quirks=Quirks(output_with_tools=False))
    assert "response_format" not in written
    assert written["messages"][0]["role"] == "system"
    assert "It must fit this JSON Schema: {" in written["messages"][0]["content"]


@pytest.mark.parametrize(
    ("reasoning", "wire", "warnings"),
    [
        (Reasoning(budget=100), {"type": "enabled", "token_budget": 100}, []),
        (Reasoning(budget=0), {"type": "disabled"}, []),
        (Reasoning(mode="adaptive"), {"type": "enabled"}, []),
        (Reasoning(mode="disabled"), {"type": "disabled"}, []),
        (Reasoning(effort="none"), {"type": "disabled"}, []),
        (Reasoning(effort="high"), {"type": "enabled", "token_budget": 24_576}, [("emulated", "reasoning")]),
        (Reasoning(mode="enabled", display="summarized"), {"type": "enabled"}, []),
        (Reasoning(mode="enabled", display="omitted"), {"type": "enabled"}, [("dropped", "reasoning display")]),
        (Reasoning(display="summarized"), None, []),
    ],
)
def test_thinking_is_on_or_off(
    reasoning: Reasoning, wire: dict[str, Any] | None, warnings: list[tuple[str, str]]
) -> None:
    assert body(asking(reasoning=reasoning)).get("thinking") == wire
    assert warned(asking(reasoning=reasoning)) == warnings


def test_models_that_do_not_think() -> None:
    plain = Quirks(refused=frozenset({"reasoning"}))
    assert "thinking" not in body(asking(reasoning=Reasoning(effort="high")), quirks=plain)
    assert warned(asking(reasoning=Reasoning(effort="high")), quirks=plain) == [("dropped", "reasoning")]
    assert warned(asking(reasoning=Reasoning(effort="none")), quirks=plain) == []


def test_images() -> None:
    parts = (Text("see"), Image(url="https://x/y.png", detail="low"), Image(data="aGk=", media_type="image/png"))
    (message,) = messages(Message.user(parts))
    assert message["content"] == [
        {"type": "text", "text": "see"},
        {"type": "image_url", "image_url": {"url": "https://x/y.png", "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}},
    ]


@pytest.mark.parametrize(
    ("message", "quirks", "what"),
    [
        (Message.user((Text("x"), Image(url="https://x"))), Quirks(inputs=frozenset()), "image"),
        (Message.user((Text("x"), Image(url="https://x"))), Quirks(image_urls=False), "image url"),
        (Message.user((Text("x"), Image(file_id="f"))), Quirks(), "image file_id"),
        (Message.system((Text("x"), Image(url="https://x"))), Quirks(), "image"),
        (Message.user((Text("x"), Audio(data="aGk=", format="wav"))), Quirks(), "audio"),
        (Message.user((Text("x"), File(data="aGk=", media_type="application/pdf"))), Quirks(), "file"),
        (Message.user((Text("x"), Opaque("openai", {"type": "y"}))), Quirks(), "opaque part"),
        (Message.user((Text("x"), Thinking("y"))), Quirks(), "thinking"),
        (Message.user((Text("x"), Citation(url="https://x"))), Quirks(), "citations"),
    ],
)
def test_parts_that_have_no_place(message: Message, quirks: Quirks, what: str) -> None:
    request = GenerationRequest(messages=(message,))
    assert body(request, quirks=quirks)["messages"][0]["content"] == [{"type": "text", "text": "x"}]
    assert warned(request, quirks=quirks) == [("dropped", what)]


def test_plain_text_files_become_documents() -> None:
    files = (File(text="one", name="a.txt"), File(data="dHdv", media_type="text/plain", context="why"), Text("read"))
    request = GenerationRequest(messages=(Message.user(files),), extra={"cohere": {"documents": ["zero"]}})
    written = body(request)
    assert written["messages"] == [{"role": "user", "content": [{"type": "text", "text": "read"}]}]
    assert written["documents"] == [
        "zero",
        {"id": "file:0", "data": {"title": "a.txt", "text": "one"}},
        {"id": "file:1", "data": {"text": "two", "context": "why"}},
    ]
    assert warned(request) == [("emulated", "file")]


def test_tool_results_are_messages_of_their_own() -> None:
    document = {"type": "document", "document": {"data": {"n": 1}}}
    assert messages(
        Message.user((ToolResult(call_id="1", content="one"), Text("and now?"))),
        Message.tool(
            ToolResult(call_id="2", content=(Text("two"), Opaque("cohere", document))),
            ToolResult(call_id="3", content=(File(text="three", name="t"),)),
        ),
    ) == [
        {"role": "tool", "tool_call_id": "1", "content": "one"},
        {"role": "user", "content": [{"type": "text", "text": "and now?"}]},
        {"role": "tool", "tool_call_id": "2", "content": [{"type": "text", "text": "two"}, document]},
        {
            "role": "tool",
            "tool_call_id": "3",
            "content": [{"type": "document", "document": {"data": {"title": "t", "text": "three"}}}],
        },
    ]


def test_a_tool_message_that_answers_nothing_is_dropped() -> None:
    request = GenerationRequest(messages=(*HELLO, Message(Role.TOOL, "lost")))
    assert len(body(request)["messages"]) == 1
    assert warned(request) == [("dropped", "tool message")]


def test_names_and_marks_are_dropped() -> None:
    request = GenerationRequest(
        messages=(
            Message(Role.USER, (Text("hi", cache=CacheMark()),), name="ann"),
            Message.tool(ToolResult(call_id="1", content="x", is_error=True)),
        ),
        tools=(Tool(name="a", cache=CacheMark()),),
    )
    assert warned(request) == [("dropped", what) for what in ("name", "cache")]


def test_a_plan_goes_back_as_the_plan_and_thinking_as_content() -> None:
    plan = Thinking("I will look.", provenance=OWN, extra={"cohere": {"tool_plan": True}})
    call = ToolCall(id="1", name="a", arguments="{}", provenance=OWN)
    assert messages(*HELLO, Message.assistant((plan, Thinking("hm", provenance=OWN), Text("So:"), call)))[1] == {
        "role": "assistant",
        "tool_plan": "I will look.\nSo:",
        "content": [{"type": "thinking", "thinking": "hm"}],
        "tool_calls": [{"id": "1", "type": "function", "function": {"name": "a", "arguments": "{}"}}],
    }


def test_only_own_thinking_goes_back() -> None:
    foreign = (Thinking("x", provenance=FOREIGN), Thinking(redacted="z", provenance=FOREIGN))
    request = GenerationRequest(messages=(*HELLO, Message.assistant((*foreign, Thinking("mine"), Text("y")))))
    assert body(request)["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "mine"},
        {"type": "text", "text": "y"},
    ]
    assert warned(request) == [("dropped", "thinking")]
    mute = Quirks(refused=frozenset({"thinking"}))
    own = GenerationRequest(messages=(*HELLO, Message.assistant((Thinking("x", provenance=OWN), Text("y")))))
    assert body(own, quirks=mute)["messages"][1]["content"] == [{"type": "text", "text": "y"}]


def test_a_message_of_which_nothing_is_left_is_not_sent() -> None:
    request = GenerationRequest(messages=(*HELLO, Message.assistant((Thinking("x", provenance=FOREIGN),))))
    assert len(body(request)["messages"]) == 1


def test_citations_go_back_beside_the_content() -> None:
    numbered = {**CITED, "content_index": 7}
    own = (Citation(raw=CITED, dialect="cohere"), Citation(raw=numbered, dialect="cohere"))
    text = Text("Hi there", citations=(*own, Citation(url="https://x", start=0, end=2)))
    request = GenerationRequest(messages=(*HELLO, Message.assistant((Refusal("no"), text))))
    written = body(request)["messages"][1]
    assert [block["text"] for block in written["content"]] == ["no", "Hi there"]
    assert written["citations"] == [CITED, {**CITED, "content_index": 1}]
    assert warned(request) == [("dropped", "citations")]


def test_extra_fields_come_last_and_null_removes() -> None:
    request = asking(
        temperature=0.5,
        extra={"cohere": {"safety_mode": "OFF", "temperature": None}, "mine": {"k": 3}, "openai": {"n": 2}},
    )
    assert body(request, provider="mine", options={"priority": 1, "k": 2}) == {
        "model": "m",
        "messages": [{"role": "user", "content": "hello"}],
        "priority": 1,
        "k": 3,
        "safety_mode": "OFF",
    }


ORIGIN = (
    b'{"stream": false, "model": "asked", "messages": [{"role": "user", "content": "hi", "x": 1}],'
    b' "thinking": {"type": "enabled"}, "tool_choice": "NONE", "new": [1]}'
)


def patched(**endpoint: Any) -> dict[str, Any]:
    request = asking(
        model="asked",
        reasoning=Reasoning(mode="enabled"),
        tool_choice=ToolChoice("none"),
        max_tokens=7,
        configured=frozenset({"max_tokens"}),
        origin=WireOrigin("cohere", ORIGIN),
    )
    return body(request, **endpoint)


def test_a_request_of_this_dialect_is_patched() -> None:
    written = patched(model="asked", options={"new": 0, "priority": 3})
    assert written == {**json.loads(ORIGIN), "max_tokens": 7, "priority": 3}
    assert list(written)[:2] == ["stream", "model"]
    request = asking(model="asked", origin=WireOrigin("cohere", ORIGIN))
    assert json.loads(sent(request, stream=True)[0].body or b"")["stream"] is True


def test_another_model_may_refuse_what_the_body_says() -> None:
    quirks = Quirks(refused=frozenset({"reasoning"}), tool_choice=frozenset({"auto"}))
    assert patched(model="other", quirks=quirks).keys() == {"stream", "model", "messages", "new", "max_tokens"}
    assert patched(model="other").keys() == json.loads(ORIGIN).keys() | {"max_tokens"}
    assert patched(model="asked", quirks=quirks).keys() == json.loads(ORIGIN).keys() | {"max_tokens"}


def test_a_conversation_of_which_nothing_is_left() -> None:
    asked = GenerationRequest(messages=(Message.user((Opaque("anthropic", {"type": "x"}),)),))
    assert body(asked)["messages"] == [{"role": "user", "content": "(empty message)"}]
    assert warned(asked) == [("dropped", "opaque part"), ("emulated", "messages")]
