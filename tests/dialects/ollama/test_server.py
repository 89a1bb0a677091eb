"""What the server half of the ollama dialect reads and writes."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from tests.contract.driving import drive, drive_reply, open_only
from understudy.dialects.base import Endpoint
from understudy.dialects.ollama.client import DIALECT
from understudy.dialects.ollama.server import SERVER
from understudy.dialects.server import BadRequest, Inbound
from understudy.domain import events as e
from understudy.domain.content import Image, Provenance, Text, Thinking, ToolCall, ToolResult
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.finish import FinishReason
from understudy.domain.fold import fold, unfold
from understudy.domain.messages import Message, OpaqueTool, Role, Tool
from understudy.domain.operation import Operation
from understudy.domain.requests import EmbeddingRequest, GenerationRequest, ModelsRequest, OutputFormat, Reasoning
from understudy.domain.responses import EmbeddingResponse, GenerationResponse, ModelInfo
from understudy.domain.usage import Usage
from understudy.wire.http import HttpHead, HttpReply, HttpRequest

_EMPTY = {"type": "object", "properties": {}}


def inbound(path: str, body: Any, method: str = "POST") -> Inbound:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return SERVER.parse(HttpRequest(method, f"http://host{path}?x=1", (), data))


def chat(**fields: Any) -> GenerationRequest:
    request = inbound("/api/chat", {"model": "m", "messages": [], **fields}).request
    assert isinstance(request, GenerationRequest)
    return request


def conversation(*messages: dict[str, Any]) -> tuple[Message, ...]:
    return chat(messages=list(messages)).messages


def refusal(path: str, body: Any) -> Failure:
    with pytest.raises(BadRequest) as caught:
        inbound(path, body)
    return caught.value.failure


def sent_again(body: dict[str, Any]) -> Any:
    """Read a request, forget its bytes, and write it again from what was read."""
    read = inbound("/api/chat", body)
    assert isinstance(read.request, GenerationRequest)
    typed = GenerationRequest(
        **{name: getattr(read.request, name) for name in GenerationRequest.__struct_fields__ if name != "origin"}
    )
    outcome = open_only(
        DIALECT.open(Operation.CHAT, typed, Endpoint(provider="ollama", base_url="http://h"), stream=read.stream)
    )
    assert not outcome.steps, "nothing that came in on this wire may be dropped"
    return json.loads(outcome.request.body or b"")


class TestRoutes:
    @pytest.mark.parametrize(
        ("method", "path", "operation"),
        [
            ("POST", "/api/chat", Operation.CHAT),
            ("post", "/api/generate", Operation.CHAT),
            ("POST", "/api/embed", Operation.EMBED),
            ("POST", "/api/embeddings", Operation.EMBED),
            ("GET", "/api/tags", Operation.MODELS),
            ("POST", "/api/show", Operation.MODELS),
            ("GET", "/api/version", None),
            ("GET", "/api/chat", None),
            ("POST", "/api/pull", None),
            ("POST", "/v1/chat/completions", None),
        ],
    )
    def test_operations(self, method: str, path: str, operation: Operation | None) -> None:
        assert SERVER.operation(method, path) == operation

    def test_an_unknown_route_is_refused(self) -> None:
        assert refusal("/api/pull", {}).status == 404

    @pytest.mark.parametrize(
        ("headers", "key"),
        [
            ((("Authorization", "Bearer k1"),), "k1"),
            ((("authorization", "bearer  k2 "),), "k2"),
            ((("authorization", "Basic abc"),), None),
            ((("authorization", "Bearer "),), None),
            ((("x-api-key", "k"),), None),
            ((), None),
        ],
    )
    def test_credentials(self, headers: tuple[tuple[str, str], ...], key: str | None) -> None:
        assert SERVER.credential(HttpRequest("POST", "/api/chat", headers)) == key


class TestChat:
    @pytest.mark.parametrize(("fields", "stream"), [({}, True), ({"stream": None}, True), ({"stream": False}, False)])
    def test_streams_unless_told_otherwise(self, fields: dict[str, Any], stream: bool) -> None:
        assert inbound("/api/chat", {"model": "m", "messages": [], **fields}).stream is stream

    def test_the_bytes_are_kept(self) -> None:
        body = b'{"model": "m",  "messages": []}'
        request = inbound("/api/chat", body).request
        assert isinstance(request, GenerationRequest)
        assert request.origin is not None
        assert (request.origin.dialect, request.origin.body) == ("ollama", body)

    def test_options_and_what_has_no_name(self) -> None:
        request = chat(
            options={
                "num_predict": 5, "temperature": 0, "top_k": 40.0, "seed": 1, "stop": ["a"], "num_ctx": 9, "x": None,
            },
            keep_alive="5m", think="high", format="json", logprobs=True, top_logprobs=2,
        )  # fmt: skip
        assert (request.max_tokens, request.temperature, request.top_k, request.seed) == (5, 0.0, 40, 1)
        assert (request.stop, request.logprobs, request.top_logprobs) == (("a",), True, 2)
        assert request.reasoning == Reasoning(effort="high", display="auto")
        assert request.output == OutputFormat(kind="json_object")
        assert request.extra == {"ollama": {"keep_alive": "5m", "options": {"num_ctx": 9}}}

    def test_no_limit_is_no_number_of_tokens(self) -> None:
        request = chat(options={"num_predict": -1})
        assert request.max_tokens is None
        assert request.extra == {"ollama": {"options": {"num_predict": -1}}}

    @pytest.mark.parametrize(
        ("think", "reasoning"),
        [
            (True, Reasoning(mode="enabled", display="auto")),
            (False, Reasoning(effort="none")),
            ("max", Reasoning(effort="max", display="auto")),
            (None, None),
        ],
    )
    def test_think(self, think: Any, reasoning: Reasoning | None) -> None:
        assert chat(think=think).reasoning == reasoning

    def test_a_schema_is_bare(self) -> None:
        schema = {"type": "object", "properties": {}}
        assert chat(format=schema).output == OutputFormat(kind="json_schema", json_schema=schema)

    def test_tools(self) -> None:
        function = {"name": "f", "description": "d", "parameters": {"type": "object"}}
        tools = chat(tools=[{"type": "function", "function": function}, {"type": "search"}]).tools
        assert tools == (
            Tool(name="f", description="d", parameters={"type": "object"}), OpaqueTool("ollama", {"type": "search"}),
        )  # fmt: skip

    def test_messages(self) -> None:
        messages = conversation(
            {"role": "system", "content": "s"},
            {"role": "User", "content": "u", "images": ["iVBORw0KGgoAAAAA", "AAAA"]},
            {"role": "assistant", "content": "a", "thinking": "t"},
            {"role": "assistant"},
        )
        assert messages == (
            Message.system("s"),
            Message.user((Text("u"), Image(data="iVBORw0KGgoAAAAA", media_type="image/png"), Image(data="AAAA"))),
            Message.assistant((Thinking("t", provenance=Provenance("ollama")), Text("a"))),
            Message.assistant(""),
        )

    def test_results_find_their_calls_by_id_by_name_and_by_place(self) -> None:
        def call(name: str, **fields: Any) -> dict[str, Any]:
            return {"function": {"name": name, "arguments": {}}, **fields}

        messages = conversation(
            {"role": "assistant", "content": "", "tool_calls": [call("f"), call("g"), call("f"), call("h", id="own")]},
            {"role": "tool", "content": "1", "tool_name": "g"},
            {"role": "tool", "content": "2", "tool_name": "f"},
            {"role": "tool", "content": "3", "tool_call_id": "own"},
            {"role": "tool", "content": "4"},
            {"role": "tool", "content": "5"},
        )
        calls = [part for part in messages[0].parts if isinstance(part, ToolCall)]
        results = [part for message in messages[1:] for part in message.parts if isinstance(part, ToolResult)]
        assert len({made.id for made in calls}) == 4
        first, second, third, own = (made.id for made in calls)
        assert own == "own"
        assert [result.call_id for result in results[:4]] == [second, first, own, third]
        assert [result.name for result in results] == ["g", "f", "h", "f", None]
        assert results[4].call_id
        assert all(message.role is Role.TOOL for message in messages[1:])

    @pytest.mark.parametrize(
        ("body", "words"),
        [
            (b"", "missing request body"),
            (b"{", "invalid request"),
            (b"[]", "invalid request"),
            ({"messages": []}, "model is required"),
            ({"model": "m", "messages": [{"role": "robot", "content": ""}]}, "invalid role: robot"),
            ({"model": "m", "messages": [{"role": "user", "content": [{"type": "text"}]}]}, "invalid request"),
            ({"model": "m", "messages": [], "think": "much"}, 'invalid think value: "much"'),
            ({"model": "m", "messages": [], "format": "xml"}, "invalid format"),
            ({"model": "m", "messages": [], "top_logprobs": 21}, "between 0 and 20"),
            ({"model": "m", "messages": [], "options": {"temperature": "hot"}}, "temperature"),
            ({"model": "m", "messages": [], "tools": [{"function": {}}]}, "invalid tool"),
            (
                b'{"model": "m", "messages": [{"role": "assistant", "tool_calls": ['
                b'{"function": {"name": "f", "arguments": {"a": "\xff"}}}]}]}',
                "invalid request",
            ),
            (
                {"model": "m", "messages": [{"role": "assistant", "tool_calls": [
                    {"function": {"name": "f", "arguments": "{}"}}]}]},
                "must be an object",
            ),
        ],
    )  # fmt: skip
    def test_what_cannot_be_read_is_refused_with_400(self, body: Any, words: str) -> None:
        failure = refusal("/api/chat", body)
        assert (failure.kind, failure.status) == (FailureKind.INVALID_REQUEST, 400)
        assert words in failure.message

    @pytest.mark.parametrize(
        "body",
        [
            {"model": "m", "messages": [], "stream": False},
            {"model": "m", "messages": [{"role": "user", "content": "", "a": 1}], "options": {}, "stream": True},
            {
                "model": "m", "messages": [{"role": "user", "content": "", "images": ["QQ=="]}],
                "format": "", "tools": [], "stream": True,
            },
            {
                "model": "m",
                "messages": [
                    {"role": "assistant", "content": "", "thinking": "t", "images": [], "tool_calls": [
                        {"type": "function", "function": {"index": 0, "name": "f", "arguments": {"a": 1.50}}}]},
                    {"role": "tool", "content": "r", "tool_name": "f"},
                    {"role": "tool", "content": "r", "tool_call_id": "c", "images": ["QQ=="]},
                ],
                "tools": [
                    {"type": "function", "function": {"name": "f", "parameters": _EMPTY, "strict": True}, "x": 1},
                    {"function": {"name": "g", "description": ""}},
                    {"type": "other"},
                ],
                "think": True, "options": {"stop": [], "num_predict": -2, "mirostat": 1, "min_p": 0.1},
                "keep_alive": 0, "truncate": False, "logprobs": False, "stream": False,
            },
            {"model": "m", "messages": [], "think": False, "format": {"type": "object"}, "stream": False},
        ],
    )  # fmt: skip
    def test_a_request_read_and_written_again_is_the_same(self, body: dict[str, Any]) -> None:
        assert sent_again(body) == body

    def test_nulls_count_as_absent(self) -> None:
        options = {"seed": None, "num_ctx": None}
        body: dict[str, Any] = {"model": "m", "messages": [], "keep_alive": None, "options": options}
        assert sent_again(body) == {"model": "m", "messages": [], "stream": True}


class TestTextCompletion:
    def test_is_read_as_a_chat(self) -> None:
        read = inbound(
            "/api/generate",
            {"model": "m", "prompt": "p", "system": "s", "images": ["QQ=="], "suffix": "", "raw": False, "template": "",
             "options": {"num_ctx": 1, "seed": 2}, "keep_alive": 0},
        )  # fmt: skip
        request = read.request
        assert isinstance(request, GenerationRequest)
        assert request.messages == (Message.system("s"), Message.user((Text("p"), Image(data="QQ=="))))
        assert request.seed == 2
        assert request.extra == {"ollama": {"keep_alive": 0, "options": {"num_ctx": 1}}}
        assert request.origin is None
        assert read.stream

    def test_without_a_prompt_it_only_loads_the_model(self) -> None:
        request = inbound("/api/generate", {"model": "m"}).request
        assert isinstance(request, GenerationRequest)
        assert request.messages == ()

    @pytest.mark.parametrize("field", [{"suffix": "}"}, {"raw": True}, {"template": "x"}, {"context": [1]}])
    def test_what_no_chat_can_express_is_refused(self, field: dict[str, Any]) -> None:
        failure = refusal("/api/generate", {"model": "m", "prompt": "p", **field})
        assert failure.status == 400
        assert next(iter(field)) in failure.message

    def test_is_answered_in_its_own_form(self) -> None:
        read = inbound("/api/generate", {"model": "m", "prompt": "p", "stream": False})
        response = GenerationResponse(message=Message.assistant((Thinking("hm"), Text("OK"))), model="m2")
        body = json.loads(SERVER.render(response, read).body)
        assert (body["response"], body["thinking"], body["done"], body["model"]) == ("OK", "hm", True, "m2")
        assert "message" not in body

    def test_its_stream_never_forwards_the_lines_of_a_chat(self) -> None:
        renderer = SERVER.renderer(inbound("/api/generate", {"model": "m", "prompt": "p"}))
        events: list[e.Event] = [e.Started(model="m2", wire=b""), e.TextDelta(0, "a", wire=b"{}\n"), e.Frame(b"{}\n")]
        written = b"".join(renderer.feed(event) for event in events) + renderer.close()
        first, last = (json.loads(text) for text in written.splitlines())
        assert first == {"model": "m2", "response": "a", "done": False}
        assert last == {"model": "m2", "response": "", "done": True}


class TestOtherRequests:
    def test_embeddings(self) -> None:
        one = inbound("/api/embed", {"model": "m", "input": "a", "truncate": False, "options": {"num_ctx": 1}}).request
        assert isinstance(one, EmbeddingRequest)
        assert (one.texts, one.single) == (("a",), True)
        assert one.extra == {"ollama": {"truncate": False, "options": {"num_ctx": 1}}}
        several = inbound("/api/embed", {"model": "m", "input": ["a", "b"], "dimensions": 3}).request
        assert isinstance(several, EmbeddingRequest)
        assert (several.texts, several.single, several.dimensions) == (("a", "b"), False, 3)
        endpoint = Endpoint(provider="ollama", base_url="http://h", model="n", options={"truncate": True, "num_ctx": 2})
        again = open_only(DIALECT.open(Operation.EMBED, one, endpoint)).request.body
        assert json.loads(again or b"") == {"model": "n", "input": "a", "truncate": False, "options": {"num_ctx": 1}}

    def test_the_older_route_for_one_text(self) -> None:
        read = inbound("/api/embeddings", {"model": "m", "prompt": "a"})
        assert isinstance(read.request, EmbeddingRequest)
        assert (read.request.texts, read.request.single) == (("a",), True)
        reply = SERVER.render(EmbeddingResponse(embeddings=((0.5, 1.0),)), read)
        assert json.loads(reply.body) == {"embedding": [0.5, 1.0]}

    def test_an_embedding_needs_an_input(self) -> None:
        assert refusal("/api/embed", {"model": "m"}).status == 400

    def test_models(self) -> None:
        assert inbound("/api/tags", b"", "GET").request == ModelsRequest()
        assert inbound("/api/show", {"model": "a"}).request == ModelsRequest(model="a")
        assert inbound("/api/show", {"name": "a"}).request == ModelsRequest(model="a")
        assert refusal("/api/show", {}).status == 400


CALLS = (ToolCall(id="a", name="f", arguments='{\n "x": 1\n}'), ToolCall(id="b", name="g", arguments="broken"))
RESPONSE = GenerationResponse(
    message=Message.assistant((Thinking("hm"), Text("hi"), *CALLS)),
    finish_reason=FinishReason.TOOL_CALLS,
    finish_reason_raw="tool_use",
    usage=Usage(input=3, cache_read=4, output=5, reasoning=6),
    model="m2",
    created=1767225600.0,
    extra={"durations": {"total_duration": 9}, "remote_model": "r", "logprobs": {"content": [{"token": "hi"}]}},
)
EXPECTED: dict[str, Any] = {
    "model": "m2",
    "created_at": "2026-01-01T00:00:00Z",
    "message": {
        "role": "assistant",
        "content": "hi",
        "thinking": "hm",
        "tool_calls": [
            {"id": "a", "function": {"index": 0, "name": "f", "arguments": {"x": 1}}},
            {"id": "b", "function": {"index": 1, "name": "g", "arguments": {"raw_arguments": "broken"}}},
        ],
    },
    "done": True,
    "done_reason": "stop",
    "total_duration": 9,
    "remote_model": "r",
    "prompt_eval_count": 7,
    "eval_count": 11,
    "logprobs": [{"token": "hi"}],
}
CHAT = inbound("/api/chat", {"model": "m", "messages": []})
EVENTS: list[e.Event] = [
    e.Started(model="m2", created=1767225600.0),
    e.ThinkingDelta(0, "hm"),
    e.TextDelta(1, "h"),
    e.TextDelta(1, "i"),
    e.ToolCallStarted(2, "a", "f"),
    e.ToolCallStarted(3, "b", "g"),
    e.ToolCallDelta(3, "bro"),
    e.ToolCallDelta(2, '{\n "x"'),
    e.ToolCallDelta(3, "ken"),
    e.ToolCallDelta(2, ": 1\n}"),
    e.FactReported("durations", {"total_duration": 9}),
    e.FactReported("remote_model", "r"),
    e.FactReported("logprobs", {"content": [{"token": "hi"}]}),
    e.Finished(FinishReason.TOOL_CALLS, "tool_use"),
    e.UsageReported(Usage(input=3, cache_read=4, output=5, reasoning=6)),
]


def rendered(*events: e.Event) -> bytes:
    renderer = SERVER.renderer(CHAT)
    return b"".join(renderer.feed(event) for event in events) + renderer.close()


class TestRendering:
    def test_a_whole_answer(self) -> None:
        reply = SERVER.render(RESPONSE, CHAT)
        assert (reply.status, dict(reply.headers)["content-type"]) == (200, "application/json")
        assert json.loads(reply.body) == EXPECTED

    def test_what_is_not_known_is_not_written(self) -> None:
        body = json.loads(SERVER.render(GenerationResponse(message=Message.assistant("x")), CHAT).body)
        assert body == {"model": "", "message": {"role": "assistant", "content": "x"}, "done": True}

    def test_a_time_that_no_calendar_has_is_not_written(self) -> None:
        response = GenerationResponse(message=Message.assistant("x"), created=1e20)
        assert "created_at" not in json.loads(SERVER.render(response, CHAT).body)

    def test_arguments_that_are_nested_beyond_measure_go_out_as_text(self) -> None:
        call = ToolCall(id="a", name="f", arguments='{"a":' * 9000 + "1" + "}" * 9000)
        body = json.loads(SERVER.render(GenerationResponse(message=Message.assistant((call,))), CHAT).body)
        assert list(body["message"]["tool_calls"][0]["function"]["arguments"]) == ["raw_arguments"]

    def test_a_stream_folds_to_the_whole_answer(self) -> None:
        lines = [json.loads(text) for text in rendered(*EVENTS).splitlines()]
        assert [line["done"] for line in lines] == [False] * (len(lines) - 1) + [True]
        assert [line["message"] for line in lines] == [
            {"role": "assistant", "content": "", "thinking": "hm"},
            {"role": "assistant", "content": "h"},
            {"role": "assistant", "content": "i"},
            {"role": "assistant", "content": "", "tool_calls": EXPECTED["message"]["tool_calls"]},
            {"role": "assistant", "content": ""},
        ]
        message = {
            "role": "assistant",
            "content": "hi",
            **{k: EXPECTED["message"][k] for k in ("thinking", "tool_calls")},
        }
        assert {**lines[-1], "message": message} == EXPECTED

    def test_a_whole_answer_may_be_written_as_a_stream(self) -> None:
        marked = Text("hi", extra={"openai": {"annotations": []}})
        parts = (Thinking("hm", extra={"openai": {}}), marked, *CALLS, Thinking(redacted="x"))
        response = msgspec.structs.replace(RESPONSE, message=Message.assistant(parts))
        lines = [json.loads(text) for text in rendered(*unfold(response)).splitlines()]
        assert "".join(line["message"]["content"] for line in lines) == "hi"
        assert "".join(line["message"].get("thinking", "") for line in lines) == "hm"
        assert [call["id"] for line in lines for call in line["message"].get("tool_calls", [])] == ["a", "b"]

    def test_the_client_half_reads_what_this_half_writes(self) -> None:
        endpoint = Endpoint(provider="ollama", base_url="http://h", model="m")
        request = GenerationRequest(messages=())
        whole = drive_reply(DIALECT.open(Operation.CHAT, request, endpoint), SERVER.render(RESPONSE, CHAT))
        head = HttpHead(200, dict(SERVER.renderer(CHAT).headers))
        stream = drive(DIALECT.open(Operation.CHAT, request, endpoint, stream=True), head, [rendered(*EVENTS)])
        assert fold(whole.steps) == fold(stream.steps)
        response = fold(stream.steps)
        assert (response.text, response.thinking, response.finish_reason) == ("hi", "hm", FinishReason.TOOL_CALLS)
        assert [call.id for call in response.tool_calls] == ["a", "b"]

    @pytest.mark.parametrize(
        ("reason", "raw", "written"),
        [
            (FinishReason.STOP, "end_turn", "stop"),
            (FinishReason.STOP, "load", "load"),
            (FinishReason.LENGTH, "max_tokens", "length"),
            (FinishReason.CONTENT_FILTER, "refusal", "content_filter"),
            (FinishReason.UNKNOWN, "custom", "custom"),
            (FinishReason.UNKNOWN, None, None),
        ],
    )
    def test_reasons(self, reason: FinishReason, raw: str | None, written: str | None) -> None:
        assert json.loads(rendered(e.Finished(reason, raw))).get("done_reason") == written

    def test_frames_of_this_dialect_are_forwarded_as_they_came(self) -> None:
        frames = [b'{"message": {"content":"a"},  "done":false}\n', b'{"odd":1}\n', b'{"done":true}\n']
        events: list[e.Event] = [
            e.Started(wire=frames[0]), e.TextDelta(0, "a", wire=b""), e.Frame(frames[1]),
            e.Finished(FinishReason.STOP, wire=frames[2]),
        ]  # fmt: skip
        assert rendered(*events) == b"".join(frames)

    def test_an_error_in_the_middle_is_the_last_line_and_says_no_done(self) -> None:
        line = SERVER.renderer(CHAT).fail(Failure(kind=FailureKind.SERVER_ERROR, message="it\nbroke"))
        assert line.endswith(b"}\n")
        assert json.loads(line) == {"error": "it\nbroke"}
        assert line.count(b"\n") == 1


class TestRenderingModels:
    SHOW = inbound("/api/show", {"model": "a"})

    def _show(self, *models: ModelInfo) -> HttpReply:
        return SERVER.render(list(models), self.SHOW)

    def test_list(self) -> None:
        models = [
            ModelInfo(id="a", created=1767225600.0, capabilities=frozenset({"chat", "tools"})),
            ModelInfo(id="b:1b", raw={"size": 3, "digest": "d", "details": {"family": "llama"}, "object": "model"}),
        ]
        body = json.loads(SERVER.render(models, inbound("/api/tags", b"", "GET")).body)
        unknown = dict.fromkeys(("parent_model", "format", "family", "parameter_size", "quantization_level"), "")
        unknown["families"] = None  # type: ignore[assignment]
        first, second = body["models"]
        assert len(first.pop("digest")) == 64
        assert first == {
            "name": "a",
            "model": "a",
            "size": 0,
            "details": unknown,
            "modified_at": "2026-01-01T00:00:00Z",
            "capabilities": ["completion", "tools"],
        }
        details = {**unknown, "family": "llama"}
        assert second == {"name": "b:1b", "model": "b:1b", "size": 3, "digest": "d", "details": details}

    def test_one_is_found_with_and_without_its_tag(self) -> None:
        assert self._show(ModelInfo(id="a:latest")).status == 200
        assert self._show(ModelInfo(id="a:1b"), ModelInfo(id="b")).status == 404
        assert json.loads(self._show().body) == {"error": "model 'a' not found"}

    def test_the_window_is_read_back(self) -> None:
        reply = self._show(ModelInfo(id="a", context_window=4096, capabilities=frozenset({"embed"})))
        endpoint = Endpoint(provider="ollama", base_url="http://h")
        model = drive_reply(DIALECT.open(Operation.MODELS, ModelsRequest(model="a"), endpoint), reply).one()
        assert (model.context_window, model.capabilities) == (4096, frozenset({"embed"}))

    def test_what_ollama_said_goes_out_as_it_came(self) -> None:
        raw = {"model_info": {"x": 1}, "license": "text"}
        assert json.loads(self._show(ModelInfo(id="a", raw=raw)).body) == raw


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (Failure(kind=FailureKind.NOT_FOUND, message="m"), 404),
        (Failure(kind=FailureKind.OVERLOADED, message="m"), 503),
        (Failure(kind=FailureKind.DEADLINE, message="m"), 504),
        (Failure(kind=FailureKind.CONNECT, message="m"), 502),
        (Failure(kind=FailureKind.SERVER_ERROR, message="m", status=200), 500),
        (Failure(kind=FailureKind.SERVER_ERROR, message="m", status=418), 418),
    ],
)
def test_errors_have_a_status_and_a_message(failure: Failure, status: int) -> None:
    reply = SERVER.render_error(failure)
    assert (reply.status, json.loads(reply.body)) == (status, {"error": "m"})


@pytest.mark.parametrize("kind", list(FailureKind))
def test_every_kind_has_a_status_of_an_error(kind: FailureKind) -> None:
    assert 400 <= SERVER.render_error(Failure(kind=kind, message="m")).status <= 599


def test_a_hint_goes_out_in_whole_seconds() -> None:
    reply = SERVER.render_error(Failure(kind=FailureKind.RATE_LIMITED, message="m", retry_after=1.2))
    assert dict(reply.headers)["retry-after"] == "2"
