"""What is sent: messages, blocks, settings, and what becomes a warning."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from understudy.dialects.anthropic.client import DIALECT
from understudy.dialects.base import Endpoint, Send
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

CLOSED: dict[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}

OLD = (("anthropic-version", "2023-06-01"),)
NEW = (("anthropic-version", "2026-10-21"),)
SAMPLING = frozenset({"temperature", "top_p", "top_k"})
HELLO = (Message.user("hello"),)


def sent(request: GenerationRequest, *, stream: bool = False, **endpoint: Any) -> tuple[HttpRequest, list[Degradation]]:
    endpoint = {"provider": "anthropic", "base_url": "https://host", "model": "m", "headers": OLD, **endpoint}
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
    request, warnings = sent(GenerationRequest(messages=(Message.system("Be brief."), *HELLO)), stream=True)
    assert request.method == "POST"
    assert request.url == "https://host/v1/messages"
    assert dict(request.headers) == {"content-type": "application/json", "anthropic-version": "2023-06-01"}
    assert json.loads(request.body or b"") == {
        "model": "m",
        "messages": [{"role": "user", "content": "hello"}],
        "system": "Be brief.",
        "max_tokens": 4096,
        "stream": True,
    }
    assert warnings == []


def test_max_tokens_is_the_callers_else_the_models_ceiling() -> None:
    assert body(asking())["max_tokens"] == 4096
    assert body(asking(), quirks=Quirks(max_output_tokens=128_000))["max_tokens"] == 128_000
    assert body(asking(max_tokens=0))["max_tokens"] == 0
    above = asking(max_tokens=9000)
    assert body(above, quirks=Quirks(max_output_tokens=8192))["max_tokens"] == 8192
    assert warned(above, quirks=Quirks(max_output_tokens=8192)) == [("clamped", "max_tokens")]


def test_system_and_developer_text_goes_to_the_system_prompt() -> None:
    request = GenerationRequest(
        messages=(
            Message.system("One."),
            Message(Role.DEVELOPER, (Text("Two.", cache=CacheMark(ttl="1h")),)),
            *HELLO,
            Message.system("Three."),
        )
    )
    assert body(request)["system"] == [
        {"type": "text", "text": "One."},
        {"type": "text", "text": "Two.", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
        {"type": "text", "text": "Three."},
    ]
    assert warned(request) == [("emulated", "messages")]
    kept = body(request, quirks=Quirks(mid_system=True))
    assert kept["messages"][-1] == {"role": "system", "content": "Three."}
    assert len(kept["system"]) == 2


def test_a_system_message_alone_is_sent_as_the_users() -> None:
    request = GenerationRequest(messages=(Message.system("Tell a joke."),))
    written = body(request)
    assert (written["messages"], "system" in written) == ([{"role": "user", "content": "Tell a joke."}], False)
    assert warned(request) == [("emulated", "messages")]


def test_tool_results_of_a_turn_stand_together_and_first() -> None:
    assert messages(
        Message.user("weather?"),
        Message.assistant((ToolCall(id="a", name="f", arguments='{"x": 1}'), ToolCall(id="b", name="g", arguments=""))),
        Message.tool(ToolResult(call_id="a", content="sun")),
        Message.user("and?"),
        Message.tool(ToolResult(call_id="b", content=(Text("rain"), Image(url="https://i")), is_error=False)),
    )[1:] == [
        {
            "role": "assistant",
            "content": [
                {"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1}},
                {"type": "tool_use", "id": "b", "name": "g", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "a", "content": "sun"},
                {
                    "type": "tool_result",
                    "tool_use_id": "b",
                    "content": [
                        {"type": "text", "text": "rain"},
                        {"type": "image", "source": {"type": "url", "url": "https://i"}},
                    ],
                    "is_error": False,
                },
                {"type": "text", "text": "and?"},
            ],
        },
    ]


def test_ids_of_other_providers_change_alike_in_call_and_result() -> None:
    written = messages(
        *HELLO,
        Message.assistant((ToolCall(id="call:1|fc.2", name="f"),)),
        Message.tool(ToolResult(call_id="call:1|fc.2", content="ok")),
    )
    assert written[1]["content"][0]["id"] == written[2]["content"][0]["tool_use_id"] == "call_1_fc_2"


@pytest.mark.parametrize("arguments", ["{broken", "[1]"])
def test_arguments_that_are_no_object_are_wrapped_with_a_warning(arguments: str) -> None:
    request = GenerationRequest(
        messages=(*HELLO, Message.assistant((ToolCall(id="a", name="f", arguments=arguments),)))
    )
    call = body(request)["messages"][1]["content"][0]
    assert list(call["input"]) == ["raw_arguments"]
    assert warned(request) == [("emulated", "tool call arguments")]


def test_consecutive_messages_of_one_role_are_merged_and_blank_text_left_out() -> None:
    assert messages(
        Message.user("a"), Message.user("b"), Message.assistant("\n"), Message.user((Text(""), Text("c")))
    ) == [{"role": "user", "content": [{"type": "text", "text": text} for text in "abc"]}]


def test_media() -> None:
    png = "iVBORw0KGgo="
    parts = (
        Image(data=png),
        Image(url="data:image/gif;base64,R0lGODlh"),
        Image(file_id="file_1", cache=CacheMark()),
        File(data="JVBERi0=", name="Report", context="Q3", citations=True),
        File(data="aGk=", media_type="text/markdown"),
        File(text="plain"),
        File(url="https://d"),
    )
    request = GenerationRequest(messages=(Message.user(parts),))
    assert body(request)["messages"][0]["content"] == [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": png}},
        {"type": "image", "source": {"type": "base64", "media_type": "image/gif", "data": "R0lGODlh"}},
        {"type": "image", "source": {"type": "file", "file_id": "file_1"}, "cache_control": {"type": "ephemeral"}},
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="},
            "title": "Report",
            "context": "Q3",
            "citations": {"enabled": True},
        },
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "hi"}},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "plain"}},
        {"type": "document", "source": {"type": "url", "url": "https://d"}},
    ]
    assert warned(request) == []


def test_what_has_no_block_is_left_out_with_a_warning() -> None:
    parts = (
        Text("look"),
        Audio(data="AA=="),
        Image(),
        Image(url="https://i", detail="high"),
        Opaque("openai", {"type": "file_search_call"}),
        Citation(url="https://c"),
        File(),
    )
    request = GenerationRequest(messages=(Message.user(parts),))
    assert len(body(request)["messages"][0]["content"]) == 2
    assert [what for _, what in warned(request)] == [
        "audio",
        "image",
        "image detail",
        "opaque part",
        "citations",
        "file",
    ]


def test_images_only_by_their_bytes_where_the_target_wants_them_so() -> None:
    request = GenerationRequest(messages=(Message.user((Text("look"), Image(url="https://i"))),))
    assert warned(request, quirks=Quirks(image_urls=False)) == [("dropped", "image url")]
    assert warned(request, quirks=Quirks(inputs=frozenset())) == [("dropped", "image")]


def test_thinking_goes_back_unchanged_and_in_order() -> None:
    own = Provenance("anthropic", "claude-opus-5-5")
    history = Message.assistant(
        (
            Thinking("", signature="sig", provenance=own),
            Thinking(redacted="secret", provenance=own),
            Opaque("anthropic", {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}),
            Text("so"),
        )
    )
    request = GenerationRequest(messages=(*HELLO, history, Message.user("go on")))
    expected = [
        {"type": "thinking", "thinking": "", "signature": "sig"},
        {"type": "redacted_thinking", "data": "secret"},
        {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
        {"type": "text", "text": "so"},
    ]
    assert body(request)["messages"][1]["content"] == expected
    bound = Quirks(thinking_bound_to_model=True)
    assert body(request, quirks=bound, model="claude-opus-5-5-20260901")["messages"][1]["content"] == expected
    assert body(request, quirks=bound, model="claude-sonnet-5-5")["messages"][1]["content"] == expected[2:]
    assert warned(request, quirks=bound, model="claude-sonnet-5-5") == [("dropped", "thinking")]


@pytest.mark.parametrize(
    "thinking",
    [
        Thinking("hm", signature="sig"),
        Thinking("hm", provenance=Provenance("anthropic")),
        Thinking("hm", signature="sig", provenance=Provenance("gemini")),
    ],
    ids=["by the user", "unsigned", "of another provider"],
)
def test_foreign_thinking_is_left_out(thinking: Thinking) -> None:
    request = GenerationRequest(messages=(*HELLO, Message.assistant((thinking, Text("so"))), Message.user("?")))
    assert body(request)["messages"][1]["content"] == [{"type": "text", "text": "so"}]
    assert warned(request) == [("dropped", "thinking")]


def test_citations_of_this_dialect_go_back_in_assistant_messages() -> None:
    raw = {"type": "char_location", "cited_text": "x", "document_index": 0}
    cited = Text("x", citations=(Citation(raw=raw, dialect="anthropic"), Citation(url="https://o")))
    request = GenerationRequest(messages=(*HELLO, Message.assistant((cited,)), Message.user((cited,))))
    old = body(request)["messages"]
    assert [message["content"][0]["citations"] for message in old[1:]] == [[raw], [raw]]
    new = body(request, headers=NEW)["messages"]
    assert new[1]["content"][0]["citations"] == [raw]
    assert "citations" not in new[2]["content"][0]
    assert {what for _, what in warned(request, headers=NEW)} == {"citations"}


def test_refusals_are_text_and_assistant_documents_depend_on_the_version() -> None:
    request = GenerationRequest(
        messages=(*HELLO, Message.assistant((Refusal("no"), File(text="doc"))), Message.user("?"))
    )
    assert len(body(request)["messages"][1]["content"]) == 2
    assert body(request, headers=NEW)["messages"][1]["content"] == [{"type": "text", "text": "no"}]
    assert warned(request, headers=NEW) == [("dropped", "file")]


def test_sampling_is_left_out_from_the_version_on_that_refuses_it() -> None:
    quirks = Quirks(refused_since=(("2026-10-21", SAMPLING),))
    request = asking(temperature=0.5, top_p=0.9, top_k=5)
    assert SAMPLING.isdisjoint(body(request, headers=NEW, quirks=quirks))
    assert warned(request, headers=NEW, quirks=quirks) == [
        ("dropped", name) for name in ("temperature", "top_p", "top_k")
    ]
    accepted = body(request, headers=OLD, quirks=quirks)
    assert (accepted["temperature"], accepted["top_p"], accepted["top_k"]) == (0.5, 0.9, 5)
    assert SAMPLING.isdisjoint(body(request, headers=OLD, quirks=Quirks(refused=SAMPLING)))


def test_configured_values_are_left_out_without_a_warning() -> None:
    request = asking().with_defaults(temperature=0.5, seed=7)
    assert "temperature" not in body(request, quirks=Quirks(refused=SAMPLING))
    assert warned(request, quirks=Quirks(refused=SAMPLING)) == []


def test_what_the_api_has_no_parameter_for() -> None:
    request = asking(
        seed=1,
        frequency_penalty=0.1,
        logprobs=True,
        verbosity="low",
        cache_key="k",
        metadata={"a": "b"},
        temperature=1.5,
    )
    assert warned(request) == [
        ("dropped", "frequency_penalty"),
        ("dropped", "seed"),
        ("dropped", "logprobs"),
        ("dropped", "verbosity"),
        ("dropped", "cache_key"),
        ("clamped", "temperature"),
        ("dropped", "metadata"),
    ]
    assert body(request)["temperature"] == 1.0


def test_the_other_settings() -> None:
    written = body(
        asking(
            stop=("END",),
            user="u-1",
            service_tier="standard_only",
            cache=CacheMark(ttl="5m"),
            output=OutputFormat(json_schema=CLOSED, name="answer"),
            extra={"anthropic": {"container": "c", "metadata": None}, "openai": {"store": True}},
        ),
        options={"inference_geo": "eu", "container": "default"},
    )
    assert written == {
        "model": "m",
        "messages": [{"role": "user", "content": "hello"}],
        "max_tokens": 4096,
        "stop_sequences": ["END"],
        "service_tier": "standard_only",
        "cache_control": {"type": "ephemeral", "ttl": "5m"},
        "output_config": {"format": {"type": "json_schema", "schema": CLOSED}},
        "inference_geo": "eu",
        "container": "c",
    }


def test_there_is_no_json_mode_without_a_schema() -> None:
    request = asking(output=OutputFormat(kind="json_object"))
    assert "output_config" not in body(request)
    assert warned(request) == [("dropped", "output")]


def test_tools() -> None:
    request = asking(
        tools=(
            Tool(name="f", description="d", parameters=CLOSED, strict=True, cache=CacheMark()),
            Tool(name="g", extra={"anthropic": {"defer_loading": True}}),
            Tool(name="h", strict=False),
            OpaqueTool("anthropic", {"type": "web_search_20260209", "name": "web_search"}),
            OpaqueTool("openai", {"type": "file_search"}),
        )
    )
    assert body(request)["tools"] == [
        {
            "name": "f",
            "description": "d",
            "input_schema": CLOSED,
            "strict": True,
            "cache_control": {"type": "ephemeral"},
        },
        {"name": "g", "input_schema": {"type": "object", "properties": {}}, "defer_loading": True},
        {"name": "h", "input_schema": {"type": "object", "properties": {}}, "strict": False},
        {"type": "web_search_20260209", "name": "web_search"},
    ]
    assert warned(request) == [("dropped", "tools")]


TOOLS = (Tool(name="f"), Tool(name="g"))


@pytest.mark.parametrize(
    ("choice", "parallel", "expected"),
    [
        (ToolChoice("auto"), None, {"type": "auto"}),
        (ToolChoice("none"), False, {"type": "none"}),
        (ToolChoice("required"), None, {"type": "any"}),
        (ToolChoice("tool", ("f",)), False, {"type": "tool", "name": "f", "disable_parallel_tool_use": True}),
        (ToolChoice("tool"), None, {"type": "any"}),
        (ToolChoice("auto"), True, {"type": "auto", "disable_parallel_tool_use": False}),
        (None, False, {"type": "auto", "disable_parallel_tool_use": True}),
    ],
)
def test_tool_choice(choice: ToolChoice | None, parallel: bool | None, expected: dict[str, Any]) -> None:
    written = body(asking(tools=TOOLS, tool_choice=choice, parallel_tool_calls=parallel))
    assert written["tool_choice"] == expected


def test_a_refused_forced_choice_becomes_free_with_a_warning() -> None:
    quirks = Quirks(tool_choice=frozenset({"auto", "none"}))
    request = asking(tools=TOOLS, tool_choice=ToolChoice("tool", ("f",)))
    assert body(request, quirks=quirks)["tool_choice"] == {"type": "auto"}
    assert warned(request, quirks=quirks) == [("dropped", "tool_choice")]


def test_a_choice_among_some_tools_sends_only_those() -> None:
    request = asking(tools=TOOLS, tool_choice=ToolChoice("required", ("g",)))
    written = body(request)
    assert [tool["name"] for tool in written["tools"]] == ["g"]
    assert written["tool_choice"] == {"type": "any"}
    assert warned(request) == [("emulated", "tool_choice")]


def test_a_begun_answer_is_left_out_where_refused_but_a_paused_turn_is_none() -> None:
    quirks = Quirks(prefill=False)
    begun = GenerationRequest(messages=(*HELLO, Message.assistant("The answer is")))
    assert len(body(begun)["messages"]) == 2
    assert len(body(begun, quirks=quirks)["messages"]) == 1
    assert warned(begun, quirks=quirks) == [("dropped", "prefill")]
    paused = GenerationRequest(
        messages=(*HELLO, Message.assistant((Opaque("anthropic", {"type": "server_tool_use"}),)))
    )
    assert len(body(paused, quirks=quirks)["messages"]) == 2
    assert warned(paused, quirks=quirks) == []


ORIGIN = b'{"stream": false, "model": "alias", "temperature": 0.5, "x": [1.0, {"deep": null}], "messages": []}'


def test_an_answer_whose_question_was_dropped_gets_a_user_message_behind_it() -> None:
    unheard = Message.user((Audio(data="UklGRg==", media_type="audio/wav"),))
    heard = GenerationRequest(messages=(unheard, Message.assistant("Hello")))
    assert [message["role"] for message in body(heard, quirks=Quirks(prefill=False))["messages"]] == [
        "assistant",
        "user",
    ]


def test_a_body_in_this_dialect_is_patched() -> None:
    origin = WireOrigin("anthropic", ORIGIN, (("anthropic-version", "2023-06-01"), ("anthropic-beta", "b, a")))
    request = GenerationRequest(messages=(), model="alias", origin=origin, temperature=0.5)
    request = request.with_defaults(top_k=3)
    http, warnings = sent(request, stream=True, headers=(*NEW, ("anthropic-beta", "a,c")), options={"x": 0, "y": 1})
    assert json.loads(http.body or b"") == {
        "stream": True,
        "model": "m",
        "temperature": 0.5,
        "x": [1.0, {"deep": None}],
        "messages": [],
        "max_tokens": 4096,
        "top_k": 3,
        "y": 1,
    }
    assert list(json.loads(http.body or b""))[:5] == ["stream", "model", "temperature", "x", "messages"]
    assert dict(http.headers)["anthropic-version"] == "2023-06-01", "the body was written for this version"
    assert dict(http.headers)["anthropic-beta"] == "a,c,b"
    assert warnings == []


def test_a_patched_body_gives_way_only_where_another_model_would_refuse() -> None:
    raw = {
        "model": "claude-haiku-4-5",
        "temperature": 0.5,
        "thinking": {"type": "enabled", "budget_tokens": 2000},
        "tool_choice": {"type": "any"},
        "output_config": {"effort": "xhigh", "task_budget": 5},
        "max_tokens": 4000,
    }
    quirks = Quirks(
        refused=SAMPLING,
        tool_choice=frozenset({"auto", "none"}),
        thinking_modes=frozenset({"adaptive"}),
        efforts=frozenset({"low", "high"}),
    )
    request = GenerationRequest(
        messages=(),
        origin=WireOrigin("anthropic", json.dumps(raw).encode()),
        temperature=0.5,
        max_tokens=4000,
        tool_choice=ToolChoice("required"),
        reasoning=Reasoning(mode="enabled", budget=2000, effort="xhigh"),
    )
    assert body(request, model="claude-haiku-4-5", quirks=quirks) == raw
    assert warned(request, model="claude-haiku-4-5", quirks=quirks) == []
    assert body(request, model="claude-opus-5-5", quirks=quirks) == {
        "model": "claude-opus-5-5",
        "thinking": {"type": "adaptive"},
        "tool_choice": {"type": "auto"},
        "output_config": {"effort": "high", "task_budget": 5},
        "max_tokens": 4000,
    }
    assert {what for _, what in warned(request, model="claude-opus-5-5", quirks=quirks)} == {
        "temperature",
        "tool_choice",
        "reasoning",
    }


def test_a_form_of_the_answer_that_another_model_lacks_is_taken_out_of_a_body() -> None:
    form = {"type": "json_schema", "schema": CLOSED}
    raw = {"model": "a", "max_tokens": 9, "messages": [], "output_config": {"format": form, "task_budget": 5}}
    request = GenerationRequest(
        messages=(),
        origin=WireOrigin("anthropic", json.dumps(raw).encode()),
        output=OutputFormat(json_schema=CLOSED),
        max_tokens=9,
    )
    assert body(request, model="b")["output_config"] == raw["output_config"]
    assert warned(request, model="b") == []
    plain = Quirks(output_formats=frozenset({"text"}))
    assert body(request, model="b", quirks=plain)["output_config"] == {"task_budget": 5}
    assert warned(request, model="b", quirks=plain) == [("dropped", "output")]


def test_counting_sends_what_a_message_would_be() -> None:
    request = asking(tools=TOOLS, max_tokens=5, temperature=0.1, stop=("x",), user="u", service_tier="auto")
    (send,) = DIALECT.open(
        Operation.COUNT_TOKENS, request, Endpoint(provider="anthropic", base_url="https://host", model="m", headers=OLD)
    ).start()
    assert isinstance(send, Send)
    assert send.request.url == "https://host/v1/messages/count_tokens"
    assert set(json.loads(send.request.body or b"")) == {"model", "messages", "tools"}


def test_arguments_whose_names_are_refused_are_described() -> None:
    parameters = {
        "type": "object",
        "properties": {"city": {"type": "string"}, "größe": {"type": "integer"}},
        "required": ["city", "größe"],
        "additionalProperties": False,
        "description": "A place.",
    }
    asked = asking(tools=(Tool(name="look", parameters=parameters, strict=True),))
    assert body(asked)["tools"] == [
        {
            "name": "look",
            "input_schema": {
                "type": "object",
                "properties": {"city": {"type": "string"}},
                "required": ["city"],
                "description": 'A place.\nFurther properties of this object:\n"größe" (required): {"type":"integer"}',
            },
        }
    ]
    assert warned(asked) == [("emulated", "tools"), ("dropped", "strict")]


def test_no_mark_lasts_longer_than_one_before_it() -> None:
    long, short = CacheMark(ttl="1h"), CacheMark(ttl="5m")
    tool = Tool(name="look", cache=long)
    system = Message.system((Text("a", cache=long),))
    result = ToolResult(call_id="c", content=(Text("b", cache=short),), cache=long)
    call = Message.assistant((ToolCall(id="c", name="look", arguments="{}"),))
    asked = GenerationRequest(messages=(*HELLO, call, Message.tool(result), system), tools=(tool,))
    written = body(asked)
    assert written["tools"][0]["cache_control"]["ttl"] == written["system"][0]["cache_control"]["ttl"] == "1h"
    (outer,) = written["messages"][-1]["content"]
    assert [outer["cache_control"]["ttl"], outer["content"][0]["cache_control"]["ttl"]] == ["1h", "5m"]
    short_tool = body(msgspec.structs.replace(asked, tools=(Tool(name="look", cache=short),)))
    assert short_tool["system"][0]["cache_control"]["ttl"] == "5m"
    assert short_tool["messages"][-1]["content"][0]["cache_control"]["ttl"] == "5m"
