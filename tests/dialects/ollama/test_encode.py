"""What the ollama dialect sends."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from tests.contract.driving import open_only
from understudy.dialects.base import Endpoint
from understudy.dialects.ollama.client import DIALECT
from understudy.dialects.ollama.server import SERVER
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
from understudy.domain.messages import Message, OpaqueTool, Role, Tool, ToolChoice
from understudy.domain.operation import Operation
from understudy.domain.requests import EmbeddingRequest, GenerationRequest, ModelsRequest, OutputFormat, Reasoning
from understudy.providers.base import endpoint_of
from understudy.providers.ollama import ROW
from understudy.wire.http import HttpRequest

ENDPOINT = Endpoint(provider="ollama", base_url="http://host:11434", model="llama3.2")
HELLO = (Message.user("hello"),)
ADD = Tool(name="add", description="adds", parameters={"type": "object", "properties": {}})
SUB = Tool(name="sub")


def sent(
    request: GenerationRequest, endpoint: Endpoint = ENDPOINT, *, stream: bool = False
) -> tuple[dict[str, Any], set[tuple[str, str]]]:
    """Return the body, and the warnings as (kind, what)."""
    outcome = open_only(DIALECT.open(Operation.CHAT, request, endpoint, stream=stream))
    assert outcome.request.body is not None
    warnings = {(str(step.warning.kind), step.warning.what) for step in outcome.steps}
    return json.loads(outcome.request.body), warnings


def messages(*given: Message, endpoint: Endpoint = ENDPOINT) -> tuple[list[dict[str, Any]], set[tuple[str, str]]]:
    body, warnings = sent(GenerationRequest(messages=given), endpoint)
    return body["messages"], warnings


@pytest.mark.parametrize("stream", [True, False])
def test_stream_is_always_written_because_the_default_of_the_server_is_true(stream: bool) -> None:
    body, warnings = sent(GenerationRequest(messages=HELLO), stream=stream)
    assert body == {"model": "llama3.2", "messages": [{"role": "user", "content": "hello"}], "stream": stream}
    assert not warnings


def test_the_request_goes_to_the_chat_route_without_a_credential() -> None:
    endpoint = msgspec.structs.replace(ENDPOINT, base_url="http://host/proxy", headers=(("x-fixed", "1"),))
    request = open_only(DIALECT.open(Operation.CHAT, GenerationRequest(messages=HELLO), endpoint, stream=True)).request
    assert (request.method, request.url) == ("POST", "http://host/proxy/api/chat")
    assert request.headers == (("content-type", "application/json"), ("x-fixed", "1"))


def test_sampling_goes_into_options_under_the_names_of_ollama() -> None:
    body, warnings = sent(
        GenerationRequest(
            messages=HELLO, max_tokens=5, temperature=0.0, top_p=0.9, top_k=40, min_p=0.05, seed=7,
            stop=("a", "b"), presence_penalty=0.1, frequency_penalty=0.2, logprobs=True, top_logprobs=3,
        )
    )  # fmt: skip
    assert body["options"] == {
        "num_predict": 5, "temperature": 0.0, "top_p": 0.9, "top_k": 40, "min_p": 0.05, "seed": 7,
        "stop": ["a", "b"], "presence_penalty": 0.1, "frequency_penalty": 0.2,
    }  # fmt: skip
    assert (body["logprobs"], body["top_logprobs"]) == (True, 3)
    assert not warnings


def test_fields_without_a_place_on_this_wire_become_warnings() -> None:
    request = GenerationRequest(
        messages=HELLO, logit_bias={"1": 1.0}, verbosity="low", service_tier="flex", user="u", cache_key="k",
        cache=CacheMark(), metadata={"a": "b"}, parallel_tool_calls=False,
    )  # fmt: skip
    body, warnings = sent(request)
    assert set(body) == {"model", "messages", "stream"}
    named = {"logit_bias", "verbosity", "service_tier", "user", "cache_key", "cache", "metadata", "parallel_tool_calls"}
    assert warnings == {("dropped", name) for name in named}


def test_parallel_tool_calls_on_is_what_ollama_does_anyway() -> None:
    assert not sent(GenerationRequest(messages=HELLO, parallel_tool_calls=True))[1]


def test_what_the_model_refuses_is_left_out_silently_only_when_the_configuration_said_it() -> None:
    endpoint = msgspec.structs.replace(ENDPOINT, quirks=Quirks(refused=frozenset({"temperature", "top_k"})))
    request = GenerationRequest(messages=HELLO, top_k=3).with_defaults(temperature=0.5)
    body, warnings = sent(request, endpoint)
    assert "options" not in body
    assert warnings == {("dropped", "top_k")}


class TestExtra:
    def test_options_are_merged_one_by_one_and_none_removes(self) -> None:
        endpoint = msgspec.structs.replace(ENDPOINT, options={"options": {"num_ctx": 8192}, "keep_alive": "1h"})
        extra: dict[str, Any] = {"ollama": {"options": {"num_gpu": 1, "temperature": None}, "keep_alive": 0}}
        body, _ = sent(GenerationRequest(messages=HELLO, temperature=0.1, seed=3, extra=extra), endpoint)
        assert body["options"] == {"num_ctx": 8192, "num_gpu": 1, "seed": 3}
        assert body["keep_alive"] == 0

    def test_an_option_beside_options_is_moved_in_because_the_server_would_ignore_it(self) -> None:
        endpoint = msgspec.structs.replace(ENDPOINT, options={"num_ctx": 4096, "repeat_penalty": 1.1})
        extra = {"ollama": {"num_ctx": 8192}}
        body, _ = sent(GenerationRequest(messages=HELLO, temperature=0.1, extra=extra), endpoint)
        assert body["options"] == {"temperature": 0.1, "num_ctx": 8192, "repeat_penalty": 1.1}
        assert "num_ctx" not in body

    def test_the_name_of_the_provider_beats_that_of_the_dialect(self) -> None:
        endpoint = msgspec.structs.replace(ENDPOINT, provider="mine")
        extra: dict[str, Any] = {"mine": {"keep_alive": 1}, "ollama": {"keep_alive": 2}, "openai": {"store": True}}
        body, _ = sent(GenerationRequest(messages=HELLO, extra=extra), endpoint)
        assert body["keep_alive"] == 1
        assert "store" not in body


class TestMessages:
    def test_roles_and_flat_text(self) -> None:
        written, _ = messages(
            Message(Role.DEVELOPER, "be brief"),
            Message.user((Text("one"), Text("two"))),
            Message.assistant((Text("an"), Text("swer"), Refusal("!"))),
        )
        assert written == [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": "one\ntwo"},
            {"role": "assistant", "content": "answer!"},
        ]

    def test_images_are_bare_base64(self) -> None:
        urls = (Image(url="data:image/png;base64,REVG"), Image(url="data:image/jpeg,%FF%D8%FF"))
        written, warnings = messages(Message.user((Text("see"), Image(data="QUJD"), *urls)))
        assert written == [{"role": "user", "content": "see", "images": ["QUJD", "REVG", "/9j/"]}]
        assert not warnings

    @pytest.mark.parametrize(
        ("image", "what"),
        [
            (Image(url="https://example.org/a.png"), "image url"),
            (Image(file_id="file-1"), "image file_id"),
        ],
    )
    def test_images_without_bytes_cannot_be_expressed(self, image: Image, what: str) -> None:
        written, warnings = messages(Message.user((Text("see"), image)))
        assert written == [{"role": "user", "content": "see"}]
        assert warnings == {("dropped", what)}

    def test_parts_that_cannot_be_expressed_are_named(self) -> None:
        parts = (
            Text("x", citations=(Citation(url="u"),), cache=CacheMark()),
            Audio(data="QQ=="), File(data="QQ=="), Citation(url="u"), Opaque("anthropic", {}),
        )  # fmt: skip
        written, warnings = messages(Message.user(parts), Message(Role.USER, "y", name="ann"))
        assert [message["content"] for message in written] == ["x", "y"]
        named = {"citations", "cache", "audio", "file", "opaque part", "name"}
        assert warnings == {("dropped", name) for name in named}

    def test_a_plain_text_file_stands_in_the_message(self) -> None:
        written, warnings = messages(Message.user((File(text="the text"), Text("sum up"))))
        assert written[0]["content"] == "the text\nsum up"
        assert warnings == {("emulated", "file")}

    def test_own_thinking_is_replayed_and_that_of_others_is_not(self) -> None:
        own = Thinking("mine", provenance=Provenance("ollama", "qwen3"))
        foreign = Thinking("theirs", signature="s", provenance=Provenance("anthropic", "claude"))
        written, warnings = messages(
            Message.assistant((own, Text("a"))), Message.assistant((foreign, Text("b"))), Message.assistant((foreign,))
        )
        assert written == [
            {"role": "assistant", "content": "a", "thinking": "mine"},
            {"role": "assistant", "content": "b"},
        ]
        assert warnings == {("dropped", "thinking")}

    def test_thinking_that_is_bound_to_another_model_is_left_out(self) -> None:
        endpoint = msgspec.structs.replace(ENDPOINT, quirks=Quirks(thinking_bound_to_model=True))
        thinking = Thinking("mine", provenance=Provenance("ollama", "qwen3"))
        written, warnings = messages(Message.assistant((thinking, Text("a"))), endpoint=endpoint)
        assert written == [{"role": "assistant", "content": "a"}]
        assert warnings == {("dropped", "thinking")}

    def test_an_empty_message_is_still_a_message(self) -> None:
        assert messages(Message.assistant(""))[0] == [{"role": "assistant", "content": ""}]


class TestTools:
    def test_arguments_are_an_object_and_results_bear_the_name_of_the_tool(self) -> None:
        call = ToolCall(id="c1", name="add", arguments='{"x": 1.0,\n "y": 2}')
        written, warnings = messages(
            Message.assistant((call,)),
            Message.tool(ToolResult(call_id="c1", content="3"), ToolResult(call_id="c2", content="4", name="sub")),
        )
        assert written == [
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [{"id": "c1", "function": {"name": "add", "arguments": {"x": 1.0, "y": 2}}}],
            },
            {"role": "tool", "content": "3", "tool_name": "add", "tool_call_id": "c1"},
            {"role": "tool", "content": "4", "tool_name": "sub", "tool_call_id": "c2"},
        ]
        assert not warnings

    @pytest.mark.parametrize(
        ("text", "written"),
        [
            ("", {}),
            ("{}", {}),
            ('{"a": ', {"raw_arguments": '{"a": '}),
            ("[1]", {"raw_arguments": "[1]"}),
            ('"x"', {"raw_arguments": '"x"'}),
        ],
    )
    def test_arguments_that_are_no_object_are_kept_as_text(self, text: str, written: dict[str, Any]) -> None:
        found, warnings = messages(Message.assistant((ToolCall(id="c", name="f", arguments=text),)))
        assert found[0]["tool_calls"][0]["function"]["arguments"] == written
        assert warnings == ({("emulated", "tool call arguments")} if written else set())

    def test_results_in_a_user_message_come_ahead_of_its_text(self) -> None:
        result = ToolResult(call_id="c", content=(Text("a"), Image(data="QQ==")), name="f", is_error=True)
        written, warnings = messages(Message.user((Text("and now?"), result)))
        assert written == [
            {"role": "tool", "content": "Error: a", "images": ["QQ=="], "tool_name": "f", "tool_call_id": "c"},
            {"role": "user", "content": "and now?"},
        ]
        assert warnings == set()

    def test_definitions(self) -> None:
        own = OpaqueTool("ollama", {"type": "future"})
        tools = (ADD, Tool(name="sub", strict=True, cache=CacheMark()), own, OpaqueTool("openai", {}))
        body, warnings = sent(GenerationRequest(messages=HELLO, tools=tools))
        assert body["tools"] == [
            {
                "type": "function",
                "function": {"name": "add", "description": "adds", "parameters": {"type": "object", "properties": {}}},
            },
            {"type": "function", "function": {"name": "sub"}},
            {"type": "future"},
        ]
        assert warnings == {("dropped", "strict"), ("dropped", "cache"), ("dropped", "tools")}

    @pytest.mark.parametrize(
        ("choice", "names", "warnings"),
        [
            (ToolChoice("auto"), ["add", "sub"], set()),
            (ToolChoice("none"), [], {("emulated", "tool_choice")}),
            (ToolChoice("required"), ["add", "sub"], {("dropped", "tool_choice")}),
            (ToolChoice("auto", ("add",)), ["add"], {("emulated", "tool_choice")}),
            (ToolChoice("tool", ("sub",)), ["sub"], {("dropped", "tool_choice"), ("emulated", "tool_choice")}),
        ],
    )
    def test_choice(self, choice: ToolChoice, names: list[str], warnings: set[tuple[str, str]]) -> None:
        body, found = sent(GenerationRequest(messages=HELLO, tools=(ADD, SUB), tool_choice=choice))
        assert [tool["function"]["name"] for tool in body.get("tools", [])] == names
        assert found == warnings


SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}


class TestFormat:
    @pytest.mark.parametrize(
        ("output", "written"),
        [
            (OutputFormat(kind="text"), None),
            (OutputFormat(kind="json_object"), "json"),
            (OutputFormat(kind="json_schema", json_schema=SCHEMA, name="n", strict=True), SCHEMA),
            (OutputFormat(kind="json_schema"), "json"),
        ],
    )
    def test_is_the_word_json_or_the_bare_schema(self, output: OutputFormat, written: Any) -> None:
        assert sent(GenerationRequest(messages=HELLO, output=output))[0].get("format") == written

    def test_a_form_that_the_model_lacks_is_requested_in_the_prompt(self) -> None:
        endpoint = msgspec.structs.replace(ENDPOINT, quirks=Quirks(output_formats=frozenset({"text"})))
        body, warnings = sent(GenerationRequest(messages=HELLO, output=OutputFormat(kind="json_object")), endpoint)
        assert "format" not in body
        assert body["messages"][0] == {"role": "system", "content": "Answer with one JSON object and nothing else."}
        assert warnings == {("emulated", "output")}


class TestThink:
    @pytest.mark.parametrize(
        ("model", "reasoning", "think", "kinds"),
        [
            ("qwen3", Reasoning(), None, set()),
            ("qwen3", Reasoning(effort="none"), False, set()),
            ("qwen3", Reasoning(mode="disabled"), False, set()),
            ("qwen3", Reasoning(mode="enabled"), True, set()),
            ("qwen3", Reasoning(mode="adaptive"), True, set()),
            ("qwen3", Reasoning(effort="high"), "high", set()),
            ("qwen3", Reasoning(effort="high", mode="enabled"), "high", set()),
            ("qwen3", Reasoning(effort="minimal"), "low", {"clamped"}),
            ("qwen3", Reasoning(effort="xhigh"), "max", {"clamped"}),
            ("qwen3", Reasoning(budget=1000), True, {"emulated"}),
            ("qwen3", Reasoning(effort="low", display="summarized"), "low", set()),
            ("gpt-oss:20b", Reasoning(budget=10_000), "high", {"emulated"}),
            ("gpt-oss:20b", Reasoning(budget=1000), "low", {"emulated"}),
            ("gpt-oss:20b", Reasoning(effort="none"), "low", {"clamped"}),
            ("gpt-oss:20b", Reasoning(mode="enabled"), None, set()),
            ("gpt-oss:20b", Reasoning(effort="medium"), "medium", set()),
            ("gpt-oss:20b", Reasoning(effort="max"), "high", {"clamped"}),
            ("gpt-oss:20b", Reasoning(effort="xhigh"), "high", {"clamped"}),
        ],
    )
    def test_levels(self, model: str, reasoning: Reasoning, think: Any, kinds: set[str]) -> None:
        endpoint = endpoint_of(ROW, model)
        body, warnings = sent(GenerationRequest(messages=HELLO, reasoning=reasoning), endpoint)
        assert body.get("think") == think
        assert warnings == {(kind, "reasoning") for kind in kinds}

    def test_thinking_cannot_be_hidden(self) -> None:
        reasoning = Reasoning(effort="low", display="omitted")
        _, warnings = sent(GenerationRequest(messages=HELLO, reasoning=reasoning))
        assert warnings == {("dropped", "reasoning display")}

    def test_a_target_of_unknown_levels_gets_what_is_asked(self) -> None:
        assert sent(GenerationRequest(messages=HELLO, reasoning=Reasoning(effort="max")))[0]["think"] == "max"


class TestPatchedPath:
    BODY = (
        b'{"messages":[{"role":"user","content":"hi","future":1}],"model":"old","tools":[],"format":"",'
        b'"options":{"temperature":0.5,"num_ctx":100},"keep_alive":"5m","unknown":{"a":[1]}}'
    )

    def _request(self, body: bytes = BODY) -> GenerationRequest:
        request = SERVER.parse(HttpRequest("POST", "/api/chat", (), body)).request
        assert isinstance(request, GenerationRequest)
        return request

    def test_changes_the_model_and_nothing_else(self) -> None:
        body, _ = sent(self._request(), stream=True)
        assert body == {**json.loads(self.BODY), "model": "llama3.2"}

    @pytest.mark.parametrize(
        ("written", "stream", "sent_as"),
        [(b"true", False, False), (b"false", True, True), (b"null", True, None), (b"null", False, False)],
    )
    def test_writes_stream_only_where_it_would_be_read_otherwise(
        self, written: bytes, stream: bool, sent_as: bool | None
    ) -> None:
        request = self._request(b'{"model":"m","messages":[],"stream":%b}' % written)
        assert sent(request, stream=stream)[0]["stream"] is sent_as

    def test_fills_only_what_the_caller_left_open_with_the_configuration(self) -> None:
        endpoint = msgspec.structs.replace(ENDPOINT, options={"num_ctx": 8192, "num_gpu": 1, "keep_alive": "1h"})
        body, warnings = sent(self._request().with_defaults(temperature=0.1, max_tokens=9), endpoint)
        assert body["options"] == {"temperature": 0.5, "num_ctx": 100, "num_predict": 9, "num_gpu": 1}
        assert body["keep_alive"] == "5m"
        assert not warnings

    def test_null_leaves_it_open(self) -> None:
        request = self._request(b'{"model":"m","messages":[],"keep_alive":null,"options":{"num_predict":null}}')
        endpoint = msgspec.structs.replace(ENDPOINT, options={"keep_alive": "1h"})
        body, _ = sent(request.with_defaults(max_tokens=9), endpoint)
        assert (body["keep_alive"], body["options"]) == ("1h", {"num_predict": 9})

    def test_the_typed_path_says_the_same(self) -> None:
        request = self._request()
        assert sent(msgspec.structs.replace(request, origin=None)) == sent(request)


class TestOtherOperations:
    def test_embed_sends_one_text_bare_and_several_as_a_list(self) -> None:
        def body(request: EmbeddingRequest) -> Any:
            request_sent = open_only(DIALECT.open(Operation.EMBED, request, ENDPOINT)).request
            assert request_sent.url == "http://host:11434/api/embed"
            return json.loads(request_sent.body or b"")

        assert body(EmbeddingRequest(texts=("a",), single=True)) == {"model": "llama3.2", "input": "a"}
        several = EmbeddingRequest(texts=("a", "b"), dimensions=64, extra={"ollama": {"truncate": False}})
        assert body(several) == {"model": "llama3.2", "input": ["a", "b"], "dimensions": 64, "truncate": False}

    def test_models(self) -> None:
        listed = open_only(DIALECT.open(Operation.MODELS, ModelsRequest(), ENDPOINT)).request
        assert (listed.method, listed.url, listed.body) == ("GET", "http://host:11434/api/tags", None)
        shown = open_only(DIALECT.open(Operation.MODELS, ModelsRequest(model="qwen3:4b"), ENDPOINT)).request
        assert (shown.method, shown.url, shown.body) == ("POST", "http://host:11434/api/show", b'{"model":"qwen3:4b"}')

    def test_tokens_cannot_be_counted(self) -> None:
        assert Operation.COUNT_TOKENS not in DIALECT.operations
