"""Requests and messages in OpenAI's form are read, and what is wrong with them is said exactly."""

from __future__ import annotations

import json
from typing import Any

import pytest

from understudy.dialects.openai.parse_messages import read_messages
from understudy.dialects.openai.server import SERVER
from understudy.dialects.server import BadRequest, Inbound
from understudy.domain.content import (
    Audio,
    CacheMark,
    File,
    Image,
    Opaque,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from understudy.domain.errors import Misuse
from understudy.domain.messages import Message, OpaqueTool, Role, Tool, ToolChoice
from understudy.domain.operation import Operation
from understudy.domain.requests import EmbeddingRequest, GenerationRequest, ModelsRequest, OutputFormat, Reasoning
from understudy.wire.http import HttpRequest

SAID = [{"role": "user", "content": "hi"}]


def post(path: str, body: Any) -> Inbound:
    return SERVER.parse(HttpRequest("POST", path, (), json.dumps(body).encode()))


def chat(**fields: Any) -> GenerationRequest:
    request = post("/v1/chat/completions", {"model": "m", "messages": SAID} | fields).request
    assert isinstance(request, GenerationRequest)
    return request


class TestMessages:
    def test_every_kind_of_message(self) -> None:
        found = read_messages(
            [
                {"role": "developer", "content": "d"},
                {"role": "user", "content": "u", "name": "n"},
                {"role": "assistant", "content": "a", "refusal": "no", "tool_calls": [
                    {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
                {"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "1"}]},
                {"role": "assistant", "content": None, "audio": {"id": "audio_1"}, "reasoning_content": "hm"},
            ]
        )  # fmt: skip
        assert found[0] == Message(Role.DEVELOPER, "d")
        assert found[1] == Message(Role.USER, "u", name="n")
        assert found[2].parts == (Text("a"), Refusal("no"), ToolCall(id="c", name="f", arguments="{}"))
        assert found[3].parts == (ToolResult(call_id="c", content=(Text("1"),)),)
        assert found[4].parts == (Thinking("hm"), Audio(file_id="audio_1"))

    def test_every_kind_of_part(self) -> None:
        parts = [
            {"type": "text", "text": "t", "prompt_cache_breakpoint": {"mode": "explicit"}},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA==", "detail": "low"}},
            {"type": "image_url", "image_url": "http://a.invalid/i.png"},
            {"type": "input_audio", "input_audio": {"data": "AA==", "format": "mp3"}},
            {"type": "file", "file": {"file_data": "data:application/pdf;base64,AA==", "filename": "a.pdf"}},
            {"type": "file", "file": {"file_data": "AA=="}},
            {"type": "file", "file": {"file_id": "f"}},
            {"type": "video_url", "video_url": {"url": "x"}},
        ]
        (message,) = read_messages([{"role": "user", "content": parts}])
        assert [type(part) for part in message.parts] == [Text, Image, Image, Audio, File, File, File, Opaque]
        found: tuple[Any, ...] = message.parts
        text, image, linked, audio, pdf, raw, by_id, opaque = found
        assert text.cache == CacheMark()
        assert (image.data, image.media_type, image.detail) == ("AA==", "image/png", "low")
        assert linked.url == "http://a.invalid/i.png"
        assert (audio.format, audio.media_type) == ("mp3", "audio/mpeg")
        assert (pdf.data, pdf.media_type, pdf.name) == ("AA==", "application/pdf", "a.pdf")
        assert (raw.data, raw.media_type) == ("AA==", None)
        assert by_id.file_id == "f"
        assert opaque.json == parts[7]

    def test_deprecated_functions_get_ids_that_fit_together(self) -> None:
        call, result = read_messages(
            [
                {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
                {"role": "function", "name": "f", "content": "1"},
            ]
        )
        (made,), (answered,) = call.parts, result.parts
        assert isinstance(made, ToolCall)
        assert isinstance(answered, ToolResult)
        assert made.id == answered.call_id

    @pytest.mark.parametrize(
        ("message", "words"),
        [
            ("hi", "messages[1]: expected an object, got a string"),
            ({"content": "x"}, "messages[1].role: expected one of"),
            ({"role": "robot", "content": "x"}, "'robot'"),
            ({"role": "user"}, "messages[1].content: expected a string or an array of parts, got null"),
            (
                {"role": "user", "content": 5},
                "messages[1].content: expected a string or an array of parts, got a number",
            ),
            (
                {"role": "user", "content": [{"text": "x"}]},
                "messages[1].content[0].type: every content part needs a type",
            ),
            (
                {"role": "user", "content": [{"type": "text", "text": 1}]},
                "messages[1].content[0].text: expected a string",
            ),
            (
                {"role": "user", "content": [{"type": "image_url"}]},
                "messages[1].content[0].image_url: expected an object",
            ),
            ({"role": "user", "content": [{"type": "file", "file": {}}]}, "messages[1].content[0].file.file_data"),
            ({"role": "user", "content": "x", "name": 3}, "messages[1].name"),
            ({"role": "tool", "content": "x"}, "messages[1].tool_call_id: a tool message needs the id"),
            ({"role": "assistant", "tool_calls": {}}, "messages[1].tool_calls: expected an array"),
            (
                {"role": "assistant", "tool_calls": [{"id": "a"}]},
                "messages[1].tool_calls[0].function: expected an object",
            ),
            (
                {"role": "assistant", "tool_calls": [{"function": {"name": "f"}}]},
                "messages[1].tool_calls[0].id: a tool call needs an id",
            ),
            (
                {"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": {}}}]},
                "messages[1].tool_calls[0].function.arguments: expected a string, got an object",
            ),
        ],
    )
    def test_what_is_wrong_is_said_with_message_and_field(self, message: Any, words: str) -> None:
        with pytest.raises(Misuse) as caught:
            read_messages([{"role": "user", "content": "fine"}, message])
        assert words in str(caught.value)
        with pytest.raises(Misuse) as caught:
            read_messages([message], first=7)
        assert words.replace("messages[1]", "messages[7]") in str(caught.value)


class TestChat:
    def test_parameters(self) -> None:
        found = chat(
            max_tokens=1,
            temperature=0,
            stop="x",
            reasoning_effort="low",
            safety_identifier="u",
            prompt_cache_key="k",
            tool_choice="required",
            response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": {}, "strict": True}},
            n=2,
            stream_options={"include_usage": True},
        )
        assert (found.max_tokens, found.temperature, found.stop) == (1, 0, ("x",))
        assert (found.reasoning, found.user, found.cache_key) == (Reasoning(effort="low"), "u", "k")
        assert found.tool_choice == ToolChoice("required")
        assert found.output == OutputFormat(json_schema={}, name="n", strict=True)
        assert found.extra == {"openai": {"n": 2}}
        assert found.origin is not None
        assert found.origin.dialect == "openai"

    @pytest.mark.parametrize(
        ("count", "expected"), [(0, (False, None)), (1, (True, None)), (3, (True, 3)), (True, (True, None))]
    )
    def test_log_probabilities_may_be_a_number_of_alternatives(
        self, count: Any, expected: tuple[bool, int | None]
    ) -> None:
        found = chat(logprobs=count)
        assert (found.logprobs, found.top_logprobs) == expected

    def test_tools_of_all_kinds(self) -> None:
        function = {"name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True}
        custom = {"type": "custom", "custom": {"name": "c"}}
        hosted = {"type": "browser_search"}
        tools = chat(tools=[{"type": "function", "function": function}, custom, hosted]).tools
        assert tools == (
            Tool(name="f", description="d", parameters={"type": "object"}, strict=True),
            OpaqueTool("openai", custom, effects=False),
            OpaqueTool("openai", hosted, effects=True),
        )
        assert chat(functions=[function]).tools == tools[:1]

    @pytest.mark.parametrize(
        ("choice", "expected"),
        [
            ("auto", ToolChoice()),
            ({"type": "function", "function": {"name": "f"}}, ToolChoice("tool", ("f",))),
            ({"type": "custom", "custom": {"name": "f"}}, ToolChoice("tool", ("f",))),
            ("f", ToolChoice("tool", ("f",))),
            (
                {
                    "type": "allowed_tools",
                    "allowed_tools": {"mode": "required", "tools": [{"type": "function", "function": {"name": "f"}}]},
                },
                ToolChoice("required", ("f",)),
            ),
        ],
    )
    def test_choices(self, choice: Any, expected: ToolChoice) -> None:
        assert chat(tool_choice=choice).tool_choice == expected

    def test_options_of_the_reply(self) -> None:
        asked = {"model": "m", "messages": SAID, "stream": True, "stream_options": {"include_usage": True}}
        inbound = post("/chat/completions", asked | {"functions": [{"name": "f"}]})
        assert (inbound.stream, inbound.options) == (True, {"include_usage": True, "legacy": True})

    @pytest.mark.parametrize(
        ("body", "param"),
        [
            ({}, "messages"),
            ({"messages": []}, "messages"),
            ({"messages": SAID, "temperature": "hot"}, "temperature"),
            ({"messages": SAID, "temperature": True}, "temperature"),
            ({"messages": SAID, "max_completion_tokens": 1.5}, "max_completion_tokens"),
            ({"messages": SAID, "stream": "yes"}, "stream"),
            ({"messages": SAID, "stop": [1]}, "stop"),
            ({"messages": SAID, "tools": {}}, "tools"),
            ({"messages": SAID, "tools": [{"type": "function"}]}, "tools[0].function.name"),
            ({"messages": SAID, "tool_choice": 1}, "tool_choice"),
            ({"messages": SAID, "model": 1}, "model"),
            ([], "body"),
        ],
    )
    def test_a_bad_request_names_its_field(self, body: Any, param: str) -> None:
        with pytest.raises(BadRequest) as caught:
            post("/v1/chat/completions", body)
        failure = caught.value.failure
        assert (failure.param, failure.status, failure.type) == (param, 400, "invalid_request_error")

    def test_no_json_at_all(self) -> None:
        with pytest.raises(BadRequest, match="not a JSON object"):
            SERVER.parse(HttpRequest("POST", "/v1/chat/completions", (), b"{"))


class TestRoutes:
    @pytest.mark.parametrize(
        ("method", "path", "operation"),
        [
            ("POST", "/v1/chat/completions", Operation.CHAT),
            ("POST", "/chat/completions", Operation.CHAT),
            ("post", "/openai/v1/chat/completions/", Operation.CHAT),
            ("POST", "/openai/deployments/d/chat/completions?api-version=1", Operation.CHAT),
            ("POST", "/v1/embeddings", Operation.EMBED),
            ("GET", "/v1/models", Operation.MODELS),
            ("GET", "/models/openai/gpt-oss-20b", Operation.MODELS),
            ("GET", "/v1/chat/completions", None),
            ("POST", "/v1/models", None),
            ("POST", "/v1/completions", None),
            ("GET", "/v1/supermodels", None),
        ],
    )
    def test_paths_are_matched_by_their_end(self, method: str, path: str, operation: Operation | None) -> None:
        assert SERVER.operation(method, path) is operation

    def test_the_key(self) -> None:
        def key(*headers: tuple[str, str]) -> str | None:
            return SERVER.credential(HttpRequest("GET", "/v1/models", headers))

        assert key(("Authorization", "Bearer sk-1")) == "sk-1"
        assert key(("api-key", "az")) == "az"
        assert key(("authorization", "Basic abc")) is None
        assert key() is None

    def test_models(self) -> None:
        def asked(path: str) -> Any:
            return SERVER.parse(HttpRequest("GET", path)).request

        assert asked("/v1/models") == ModelsRequest()
        assert asked("/v1/models/openai%2Fgpt-oss") == ModelsRequest(model="openai/gpt-oss")
        assert asked("/v1/models/openai/gpt-oss") == ModelsRequest(model="openai/gpt-oss")

    def test_the_deployment_stands_for_the_model(self) -> None:
        path = "/openai/deployments/my-gpt/chat/completions?api-version=1"
        assert post(path, {"messages": SAID}).request.model == "my-gpt"


class TestEmbeddings:
    def embed(self, **fields: Any) -> EmbeddingRequest:
        request = post("/v1/embeddings", {"model": "m"} | fields).request
        assert isinstance(request, EmbeddingRequest)
        return request

    def test_texts(self) -> None:
        one, many = self.embed(input="a"), self.embed(input=["a", "b"], dimensions=3, user="u")
        assert (one.texts, one.single) == (("a",), True)
        assert (many.texts, many.single, many.dimensions, many.user) == (("a", "b"), False, 3, "u")

    @pytest.mark.parametrize("tokens", [[1, 2], [[1], [2]]])
    def test_tokens_stay_as_they_are(self, tokens: Any) -> None:
        found = self.embed(input=tokens)
        assert (found.texts, found.extra) == ((), {"openai": {"input": tokens}})

    @pytest.mark.parametrize("given", [None, 5, [], ["a", 1], {}])
    def test_anything_else_is_refused(self, given: Any) -> None:
        with pytest.raises(BadRequest):
            self.embed(input=given)
