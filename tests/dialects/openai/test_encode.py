"""What is sent: the plain form, what a target wants otherwise, and requests that came in on this wire."""

from __future__ import annotations

import json
from typing import Any, ClassVar

import pytest

from tests.dialects.openai.talking import HELLO, answer, completion, sent, whole
from understudy.dialects.openai.parse import parse_chat
from understudy.dialects.quirks import Quirks
from understudy.domain.content import (
    Audio,
    CacheMark,
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
from understudy.domain.messages import Message, OpaqueTool, Role, Tool, ToolChoice
from understudy.domain.requests import GenerationRequest, OutputFormat, Reasoning, WireOrigin

EMPTY = {"type": "object", "properties": {}}
CLOSED: dict[str, Any] = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}

MARKED = {"type": "text", "text": "t", "prompt_cache_breakpoint": {"mode": "explicit"}}
USER = {"role": "user", "content": "hello"}


def asked(*messages: Message, **fields: Any) -> GenerationRequest:
    return GenerationRequest(messages=messages or (Message.user("hello"),), **fields)


def written(*messages: Message, quirks: Quirks | None = None) -> tuple[list[Any], dict[str, str]]:
    body, warnings = sent(asked(*messages), quirks)
    return body["messages"], warnings


def came_in(body: dict[str, Any]) -> GenerationRequest:
    raw = json.dumps(body).encode()
    return parse_chat(json.loads(raw), WireOrigin("openai", raw))


def test_nothing_is_sent_that_nobody_asked_for() -> None:
    assert sent(HELLO) == ({"model": "m", "messages": [USER]}, {})
    body, _ = sent(HELLO, stream=True)
    assert body == {"model": "m", "messages": [USER], "stream": True, "stream_options": {"include_usage": True}}
    assert "stream_options" not in sent(HELLO, Quirks(stream_usage=False), stream=True)[0]


def test_every_parameter_has_its_place() -> None:
    body, warnings = sent(
        asked(
            max_tokens=5,
            temperature=0.5,
            top_p=0.9,
            presence_penalty=1.0,
            frequency_penalty=-1.0,
            seed=7,
            stop=("a", "b"),
            logit_bias={"1": 2.0},
            logprobs=True,
            top_logprobs=2,
            reasoning=Reasoning(effort="low"),
            verbosity="low",
            service_tier="flex",
            user="u",
            cache_key="k",
            metadata={"a": "b"},
            tools=(Tool(name="f", parameters=CLOSED, strict=True), Tool(name="g", description="d")),
            tool_choice=ToolChoice("tool", ("f",)),
            parallel_tool_calls=False,
            output=OutputFormat(json_schema=CLOSED, name="n", strict=True),
        )
    )
    assert warnings == {}
    assert body == {
        "model": "m",
        "messages": [USER],
        "max_completion_tokens": 5,
        "temperature": 0.5,
        "top_p": 0.9,
        "presence_penalty": 1.0,
        "frequency_penalty": -1.0,
        "seed": 7,
        "stop": ["a", "b"],
        "logit_bias": {"1": 2.0},
        "logprobs": True,
        "top_logprobs": 2,
        "reasoning_effort": "low",
        "verbosity": "low",
        "service_tier": "flex",
        "user": "u",
        "prompt_cache_key": "k",
        "metadata": {"a": "b"},
        "tools": [
            {"type": "function", "function": {"name": "f", "parameters": CLOSED, "strict": True}},
            {"type": "function", "function": {"name": "g", "description": "d"}},
        ],
        "tool_choice": {"type": "function", "function": {"name": "f"}},
        "parallel_tool_calls": False,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "n", "schema": CLOSED, "strict": True},
        },
    }


class TestMessages:
    def test_media_go_into_parts(self) -> None:
        parts = (
            Text("look"),
            Image(url="http://a.invalid/i.png", detail="low"),
            Image(data="AA==", media_type="image/png"),
            Audio(data="AA==", media_type="audio/mpeg"),
            File(data="AA==", media_type="application/pdf", name="a.pdf"),
            File(file_id="file-1"),
            Opaque("openai", {"type": "video_url", "video_url": {"url": "x"}}),
        )
        messages, warnings = written(Message.user(parts))
        assert warnings == {}
        assert messages[0]["content"] == [
            {"type": "text", "text": "look"},
            {"type": "image_url", "image_url": {"url": "http://a.invalid/i.png", "detail": "low"}},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
            {"type": "input_audio", "input_audio": {"data": "AA==", "format": "mp3"}},
            {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AA=="}},
            {"type": "file", "file": {"file_id": "file-1"}},
            {"type": "video_url", "video_url": {"url": "x"}},
        ]

    def test_what_has_no_place_is_left_out_and_said(self) -> None:
        parts = (
            Text("x"),
            Image(file_id="f"),
            Audio(url="http://a.invalid/a.mp3"),
            File(url="http://a.invalid/a.pdf"),
            Opaque("anthropic", {"type": "search_result"}),
        )
        messages, warnings = written(Message.user(parts))
        assert messages[0]["content"] == [{"type": "text", "text": "x"}]
        assert warnings == dict.fromkeys(("image", "audio", "file url", "opaque part"), "dropped")

    def test_an_assistants_turn(self) -> None:
        message = Message.assistant((Text("a"), ToolCall(id="c", name="f", arguments='{"x": 1}'), Refusal("no")))
        (body,), _ = written(message)
        function = {"name": "f", "arguments": '{"x": 1}'}
        calls = [{"id": "c", "type": "function", "function": function}]
        assert body == {"role": "assistant", "content": "a", "refusal": "no", "tool_calls": calls}
        (only_calls,), _ = written(Message.assistant((ToolCall(id="c", name="f"),)))
        assert "content" not in only_calls

    def test_a_custom_tools_call_and_a_spoken_answer_are_replayed_as_such(self) -> None:
        custom = {"id": "a", "type": "custom", "custom": {"name": "calc", "input": "4 + 4"}}
        audio = {"id": "audio_1", "data": "AAAA", "transcript": "Hi", "expires_at": 9}
        history = answer(whole(completion({"content": None, "tool_calls": [custom], "audio": audio}))).message
        (body,), warnings = written(history)
        assert body == {"role": "assistant", "audio": {"id": "audio_1"}, "tool_calls": [custom]}
        assert warnings == {}

    def test_results_become_messages_and_media_in_them_follow_when_all_are_told(self) -> None:
        image = Image(data="AA==", media_type="image/png")
        messages, warnings = written(
            Message.assistant((ToolCall(id="a", name="f"), ToolCall(id="b", name="g"))),
            Message.tool(ToolResult(call_id="a", content=(Text("see"), image))),
            Message.user((ToolResult(call_id="b", content="2"), Text("go on"))),
        )
        assert [m["role"] for m in messages] == ["assistant", "tool", "tool", "user", "user"]
        assert messages[1]["content"] == [{"type": "text", "text": "see"}]
        assert messages[2] == {"role": "tool", "tool_call_id": "b", "content": "2"}
        assert messages[3]["content"][0]["type"] == "image_url"
        assert messages[4]["content"] == [{"type": "text", "text": "go on"}]
        assert warnings == {"tool result media": "emulated"}

    def test_ids_that_are_too_long_are_shortened_alike_for_call_and_result(self) -> None:
        long = "toolu_" + "x" * 60
        messages, _ = written(
            Message.assistant((ToolCall(id=long, name="f"),)), Message.tool(ToolResult(call_id=long, content="1"))
        )
        assert messages[0]["tool_calls"][0]["id"] == messages[1]["tool_call_id"]
        assert len(messages[1]["tool_call_id"]) == 40

    def test_thinking_goes_back_only_where_it_came_from_and_is_taken(self) -> None:
        own = Thinking("hm", provenance=Provenance("openai", "m"))
        other = Thinking("hm", signature="s", provenance=Provenance("anthropic", "c"))
        groq = Quirks(reasoning_field="reasoning")
        (body,), warnings = written(Message.assistant((own, Text("a"))), quirks=groq)
        assert (body, warnings) == ({"role": "assistant", "reasoning": "hm", "content": "a"}, {})
        for thinking, quirks in ((own, Quirks()), (other, groq)):
            (body,), warnings = written(Message.assistant((thinking, Text("a"))), quirks=quirks)
            assert body == {"role": "assistant", "content": "a"}
            assert warnings == {"thinking": "dropped"}

    def test_marks_for_the_cache(self) -> None:
        message = Message.user((Text("long", cache=CacheMark()), Text("short")))
        (body,), warnings = written(message, quirks=Quirks(cache_breakpoints=True))
        assert body["content"][0]["prompt_cache_breakpoint"] == {"mode": "explicit"}
        assert warnings == {}
        (body,), warnings = written(message)
        assert body["content"][0] == {"type": "text", "text": "long"}
        assert warnings == {"cache": "dropped"}

    def test_roles_and_names_as_the_target_wants_them(self) -> None:
        talk = (Message(Role.DEVELOPER, "be brief", name="boss"), Message.system("really"))
        roles = {role: [m["role"] for m in written(*talk, quirks=Quirks(system_role=role))[0]] for role in (
            "as_given", "system", "developer", "user")}  # fmt: skip
        assert roles == {
            "as_given": ["developer", "system"],
            "system": ["system", "system"],
            "developer": ["developer", "developer"],
            "user": ["user", "user"],
        }
        messages, warnings = written(*talk, quirks=Quirks(message_names=False))
        assert "name" not in messages[0]
        assert warnings == {"name": "dropped"}


class TestQuirks:
    def test_refused_fields_are_left_out_and_said_unless_they_were_configured(self) -> None:
        quirks = Quirks(refused=frozenset({"temperature", "seed", "user", "max_tokens", "output"}))
        fields = {"seed": 1, "user": "u", "max_tokens": 9, "output": OutputFormat(kind="json_object")}
        request = asked(**fields).with_defaults(temperature=0.5)
        body, warnings = sent(request, quirks)
        assert body == {"model": "m", "messages": [USER]}
        assert warnings == dict.fromkeys(("seed", "user", "max_tokens", "output"), "dropped")

    def test_a_value_that_says_nothing_is_never_refused(self) -> None:
        quirks = Quirks(refused=frozenset({"temperature", "n"}))
        body, warnings = sent(asked(temperature=1.0, extra={"openai": {"n": 1}}), quirks)
        assert (body["temperature"], body["n"], warnings) == (1.0, 1, {})

    def test_sampling_is_taken_while_the_model_does_not_reason(self) -> None:
        quirks = Quirks(
            refused=frozenset({"temperature"}), sampling_without_effort=True, efforts=frozenset({"none", "low"})
        )
        assert "temperature" not in sent(asked(temperature=0.5), quirks)[0]
        off = asked(temperature=0.5, reasoning=Reasoning(effort="none"))
        assert sent(off, quirks)[0]["temperature"] == 0.5
        default_off = Quirks(refused=frozenset({"temperature"}), sampling_without_effort=True, default_effort_none=True)
        assert sent(asked(temperature=0.5), default_off)[0]["temperature"] == 0.5

    @pytest.mark.parametrize(
        ("efforts", "asked_for", "written", "warned"),
        [
            ({"low", "medium", "high"}, "xhigh", "high", "clamped"),
            ({"low", "medium", "high"}, "none", "low", "clamped"),
            ({"none", "low"}, "minimal", "low", "clamped"),
            ({"none", "default"}, "high", "default", "clamped"),
            ({"low"}, "strange", None, "dropped"),
            (None, "strange", "strange", None),
        ],
    )
    def test_efforts(self, efforts: set[str] | None, asked_for: str, written: str | None, warned: str | None) -> None:
        quirks = Quirks(efforts=None if efforts is None else frozenset(efforts))
        body, warnings = sent(asked(reasoning=Reasoning(effort=asked_for)), quirks)
        assert (body.get("reasoning_effort"), warnings.get("reasoning")) == (written, warned)

    @pytest.mark.parametrize(
        ("asked_for", "effort", "warned"),
        [
            ({"mode": "disabled"}, "none", {}),
            ({"mode": "disabled", "effort": "high"}, "none", {}),
            ({"budget": 0}, "none", {}),
            ({"effort": "low", "budget": 9}, "low", {"reasoning": "emulated"}),
            ({"budget": 1024}, "low", {"reasoning": "emulated"}),
            ({"budget": 1025}, "medium", {"reasoning": "emulated"}),
            ({"budget": 10_000}, "high", {"reasoning": "emulated"}),
            ({"budget": 31_999}, "xhigh", {"reasoning": "emulated"}),
            ({"mode": "adaptive", "effort": "medium", "display": "omitted"}, "medium", {}),
        ],
    )
    def test_how_much_a_model_thinks_is_an_effort(
        self, asked_for: dict[str, Any], effort: str, warned: dict[str, str]
    ) -> None:
        found, warnings = sent(asked(reasoning=Reasoning(**asked_for)), Quirks(reasoning_display="never"))
        assert (found["reasoning_effort"], warnings) == (effort, warned)

    def test_a_model_that_thinks_only_if_asked_to_gets_an_effort(self) -> None:
        quirks = Quirks(default_effort_none=True, efforts=frozenset({"none", "low", "medium", "high"}))
        assert sent(asked(reasoning=Reasoning(mode="enabled")), quirks)[0]["reasoning_effort"] == "medium"
        assert "reasoning_effort" not in sent(asked(reasoning=Reasoning(mode="enabled")))[0]

    @pytest.mark.parametrize(
        ("asked_for", "written"),
        [
            ({"mode": "enabled"}, {"reasoning": {"enabled": True}}),
            ({"mode": "adaptive", "effort": "high"}, {"reasoning": {"enabled": True}, "reasoning_effort": "high"}),
            ({"mode": "disabled"}, {"reasoning": {"enabled": False}}),
            ({"effort": "none"}, {"reasoning": {"enabled": False}}),
            ({"effort": "low"}, {"reasoning_effort": "low"}),
        ],
    )
    def test_hybrid_models_have_a_switch(self, asked_for: dict[str, Any], written: dict[str, Any]) -> None:
        body, _ = sent(asked(reasoning=Reasoning(**asked_for)), Quirks(reasoning_switch=True))
        assert {key: body[key] for key in body.keys() & {"reasoning", "reasoning_effort"}} == written

    @pytest.mark.parametrize(
        ("field", "display", "expected"),
        [
            ("reasoning_format", "omitted", {"reasoning_format": "hidden"}),
            ("reasoning_format", "summarized", {"reasoning_format": "parsed"}),
            ("include_reasoning", "omitted", {"include_reasoning": False}),
        ],
    )
    def test_how_thinking_is_shown_goes_into_one_of_two_fields(
        self, field: Any, display: str, expected: dict[str, Any]
    ) -> None:
        body, _ = sent(asked(reasoning=Reasoning(display=display)), Quirks(reasoning_display=field))
        assert {key: body.get(key) for key in ("reasoning_format", "include_reasoning")} == {
            "reasoning_format": None,
            "include_reasoning": None,
        } | expected

    def test_names_of_fields(self) -> None:
        body, _ = sent(
            asked(max_tokens=1, user="u"), Quirks(max_tokens_field="max_tokens", user_field="safety_identifier")
        )
        assert body == {"model": "m", "messages": [USER], "max_tokens": 1, "safety_identifier": "u"}

    def test_fields_of_some_servers(self) -> None:
        assert sent(asked(top_k=3))[1] == {"top_k": "dropped"}
        assert sent(asked(top_k=3), Quirks(accepts=frozenset({"top_k"})))[0]["top_k"] == 3

    def test_media_that_the_target_does_not_take(self) -> None:
        image, pdf = Image(url="http://a.invalid/i.png"), File(data="AA==", media_type="application/pdf")
        quirks = Quirks(inputs=frozenset({"image"}), image_urls=False)
        data = Image(data="AA==", media_type="image/png")
        messages, warnings = written(Message.user((Text("x"), image, data, pdf)), quirks=quirks)
        assert [part["type"] for part in messages[0]["content"]] == ["text", "image_url"]
        assert warnings == {"image url": "dropped", "file": "dropped"}

    def test_formats_stops_and_choices_that_the_target_does_not_take(self) -> None:
        quirks = Quirks(output_formats=frozenset({"text", "json_object"}), max_stop=1, tool_choice=frozenset({"auto"}))
        request = asked(
            output=OutputFormat(json_schema={}),
            stop=("a", "b"),
            tools=(Tool(name="f"),),
            tool_choice=ToolChoice("required"),
        )
        body, warnings = sent(request, quirks)
        assert (body["response_format"], body["stop"]) == ({"type": "json_object"}, ["a"])
        assert "tool_choice" not in body
        assert warnings == {"output": "emulated", "stop": "clamped", "tool_choice": "dropped"}

    def test_allowed_tools_are_chosen_or_the_only_ones_sent(self) -> None:
        request = asked(tools=(Tool(name="f"), Tool(name="g")), tool_choice=ToolChoice("required", ("g",)))
        assert sent(request)[0]["tool_choice"]["allowed_tools"]["mode"] == "required"
        body, warnings = sent(request, Quirks(refused=frozenset({"allowed_tools"})))
        assert [tool["function"]["name"] for tool in body["tools"]] == ["g"]
        assert (body["tool_choice"], warnings) == ("required", {"tool_choice": "emulated"})


class TestTools:
    def test_a_tool_of_another_dialect_is_left_out(self) -> None:
        custom = {"type": "custom", "custom": {"name": "calc"}}
        tools = (OpaqueTool("openai", custom, effects=False), OpaqueTool("anthropic", {"type": "web_search"}))
        body, warnings = sent(asked(tools=tools, tool_choice=ToolChoice("tool", ("calc",))))
        assert body["tools"] == [custom]
        assert body["tool_choice"] == {"type": "custom", "custom": {"name": "calc"}}
        assert warnings == {"tools": "dropped"}

    def test_the_switch_for_parallel_calls_means_nothing_without_tools(self) -> None:
        assert "parallel_tool_calls" not in sent(asked(parallel_tool_calls=True))[0]


class TestExtra:
    def test_entry_dialect_and_provider_in_this_order_and_null_removes(self) -> None:
        extra = {"openai": {"b": 2, "c": 2}, "groq": {"c": 3, "temperature": None}, "anthropic": {"d": 4}}
        request = asked(temperature=0.5, extra=extra)
        body, _ = sent(request, provider="groq", options={"a": 1, "b": 1, "c": 1})
        assert body == {"model": "m", "messages": [USER], "a": 1, "b": 2, "c": 3}

    def test_what_is_meant_for_the_dialect_has_to_suit_the_target_what_names_it_is_sent(self) -> None:
        quirks = Quirks(refused=frozenset({"n"}))
        assert sent(asked(extra={"openai": {"n": 2}}), quirks, provider="groq")[1] == {"n": "dropped"}
        assert sent(asked(extra={"groq": {"n": 2}}), quirks, provider="groq")[0]["n"] == 2


class TestOrigin:
    BODY: ClassVar[dict[str, Any]] = {
        "messages": [{"role": "user", "content": "hello", "name": "n"}],
        "model": "asked",
        "stream": False,
        "max_tokens": 5,
        "user": "u",
        "top_k": 3,
        "zeta": {"b": [1, 2.50], "a": None},
    }

    def test_a_request_that_came_in_on_this_wire_is_patched_and_nothing_else(self) -> None:
        body, warnings = sent(came_in(self.BODY))
        assert list(body.items()) == list((self.BODY | {"model": "m"}).items())
        assert warnings == {}

    def test_streaming_is_the_engines_choice(self) -> None:
        asked_usage = self.BODY | {
            "stream": True,
            "stream_options": {"include_usage": False, "include_obfuscation": False},
        }
        body, _ = sent(came_in(asked_usage), stream=True)
        assert body["stream_options"] == {"include_usage": True, "include_obfuscation": False}
        body, _ = sent(came_in(asked_usage), stream=False)
        assert (body["stream"], "stream_options" in body) == (False, False)

    def test_configured_values_fill_what_is_absent(self) -> None:
        request = came_in(self.BODY).with_defaults(temperature=0.5, max_tokens=99)
        body, _ = sent(request, options={"zeta": 1, "eta": 2})
        assert (body["temperature"], body["max_tokens"], body["eta"]) == (0.5, 5, 2)
        assert "max_completion_tokens" not in body
        assert body["zeta"] == self.BODY["zeta"]

    def test_it_fits_the_target_too(self) -> None:
        quirks = Quirks(
            refused=frozenset({"top_k", "thinking", "cache"}),
            message_names=False,
            other_max_tokens=False,
            system_role="user",
        )
        messages = [
            {
                "role": "developer",
                "content": [{"type": "text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit"}}],
            },
            {"role": "assistant", "content": "b", "reasoning": "hm"},
            *self.BODY["messages"],
        ]
        body, warnings = sent(came_in(self.BODY | {"messages": messages}), quirks)
        assert body["max_completion_tokens"] == 5
        assert "top_k" not in body
        assert body["messages"] == [
            {"role": "user", "content": [{"type": "text", "text": "a"}]},
            {"role": "assistant", "content": "b"},
            USER,
        ]
        assert warnings == {
            "top_k": "dropped", "thinking": "dropped", "cache": "dropped", "name": "dropped", "system": "emulated"
        }  # fmt: skip

    def test_the_typed_path_loses_nothing_either(self) -> None:
        body = {
            "model": "m",
            "messages": [
                {"role": "system", "content": "s", "weight": 1},
                {"role": "user", "content": [MARKED]},
                {"role": "assistant", "content": "", "reasoning_content": "hm", "tool_calls": [
                    {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}, "index": 0}]},
                {"role": "tool", "tool_call_id": "c", "content": "1", "name": "f"},
            ],
            "tools": [{"type": "function", "function": {"name": "f", "parameters": EMPTY, "x": []}, "vendor": 1}],
            "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [
                {"type": "function", "function": {"name": "f"}}]}},
            "modalities": ["text"], "n": 2, "top_k": 3, "response_format": {"type": "grammar", "grammar": "x"},
        }  # fmt: skip
        request = came_in(body)
        assert sent(
            GenerationRequest(**{f: getattr(request, f) for f in request.__struct_fields__ if f != "origin"})
        ) == (
            body,
            {"n": "dropped"},
        )
