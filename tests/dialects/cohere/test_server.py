"""The server half: requests read, answers written."""

from __future__ import annotations

import json
from typing import Any

import pytest

from understudy.dialects.base import Endpoint, Send
from understudy.dialects.cohere.client import DIALECT
from understudy.dialects.cohere.server import SERVER
from understudy.dialects.server import BadRequest, Inbound
from understudy.domain import events as e
from understudy.domain.content import (
    Audio,
    Citation,
    Image,
    Opaque,
    Provenance,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.finish import FinishReason
from understudy.domain.fold import fold, unfold
from understudy.domain.messages import Message, OpaqueTool, Tool, ToolChoice
from understudy.domain.operation import Operation
from understudy.domain.requests import EmbeddingRequest, GenerationRequest, ModelsRequest, OutputFormat, Reasoning
from understudy.domain.responses import EmbeddingResponse, GenerationResponse, ModelInfo, TokenCount
from understudy.domain.usage import Usage
from understudy.wire.http import HttpReply, HttpRequest

OWN = Provenance("cohere")
SAID = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
CITED = {"start": 0, "end": 2, "text": "Hi", "sources": [], "type": "TEXT_CONTENT"}
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


def parse(body: Any, path: str = "/v2/chat") -> Inbound:
    return SERVER.parse(HttpRequest("POST", path, (), json.dumps(body).encode()))


def chat(**fields: Any) -> GenerationRequest:
    request = parse({**SAID, **fields}).request
    assert isinstance(request, GenerationRequest)
    return request


def message(**fields: Any) -> Message:
    return chat(messages=[fields]).messages[0]


def again(request: GenerationRequest) -> dict[str, Any]:
    """What the client half writes of a request that was read, without its own bytes."""
    from msgspec.structs import replace

    endpoint = Endpoint(provider="cohere", base_url="https://host")
    steps = DIALECT.open(Operation.CHAT, replace(request, origin=None), endpoint).start()
    (send,) = [step for step in steps if isinstance(step, Send)]
    body: dict[str, Any] = json.loads(send.request.body or b"")
    return body


@pytest.mark.parametrize(
    ("method", "path", "operation"),
    [
        ("POST", "/v2/chat", Operation.CHAT),
        ("POST", "/cohere/v2/chat/", Operation.CHAT),
        ("POST", "/v2/embed", Operation.EMBED),
        ("POST", "/v1/tokenize", Operation.COUNT_TOKENS),
        ("GET", "/v1/models?page_size=2", Operation.MODELS),
        ("GET", "/v1/models/command", Operation.MODELS),
        ("POST", "/v1/chat", None),
        ("GET", "/v2/chat", None),
        ("GET", "/v1/modelsx", None),
    ],
)
def test_routes(method: str, path: str, operation: Operation | None) -> None:
    assert SERVER.operation(method, path) is operation


def test_no_such_route() -> None:
    with pytest.raises(BadRequest) as refused:
        SERVER.parse(HttpRequest("POST", "/v1/chat", (), b"{}"))
    assert (refused.value.failure.kind, refused.value.failure.status) == (FailureKind.NOT_FOUND, 404)


@pytest.mark.parametrize(
    ("header", "key"), [("Bearer k", "k"), ("bearer  k ", "k"), ("Basic k", None), ("Bearer ", None), ("", None)]
)
def test_the_key(header: str, key: str | None) -> None:
    assert SERVER.credential(HttpRequest("POST", "/v2/chat", (("Authorization", header),))) == key


def test_settings() -> None:
    body = {
        **SAID,
        "stream": True,
        "max_tokens": 5,
        "temperature": 0,
        "p": 0.5,
        "k": 3,
        "presence_penalty": 0.1,
        "frequency_penalty": 0.2,
        "seed": 7,
        "stop_sequences": ["x"],
        "logprobs": True,
        "tool_choice": "REQUIRED",
        "response_format": {"type": "json_object", "json_schema": SCHEMA},
        "thinking": {"type": "enabled", "token_budget": 9},
        "safety_mode": "OFF",
        "documents": ["a"],
        "priority": None,
    }
    inbound = parse(body)
    request = inbound.request
    assert isinstance(request, GenerationRequest)
    assert inbound.stream
    assert (request.max_tokens, request.temperature, request.top_p, request.top_k, request.seed) == (5, 0, 0.5, 3, 7)
    assert (request.presence_penalty, request.frequency_penalty, request.stop) == (0.1, 0.2, ("x",))
    assert (request.logprobs, request.tool_choice) == (True, ToolChoice("required"))
    assert request.output == OutputFormat(json_schema=SCHEMA)
    assert request.reasoning == Reasoning(mode="enabled", budget=9, display="auto")
    assert request.extra == {"cohere": {"safety_mode": "OFF", "documents": ["a"]}}
    assert request.origin is not None
    assert json.loads(request.origin.body) == body


@pytest.mark.parametrize(
    ("form", "output"),
    [
        ({"type": "text"}, OutputFormat(kind="text")),
        ({"type": "json_object"}, OutputFormat(kind="json_object")),
        ({"type": "json_object", "schema": SCHEMA}, OutputFormat(json_schema=SCHEMA)),
        ({"type": "json_object", "json_schema": SCHEMA, "new": 1}, OutputFormat(json_schema=SCHEMA)),
    ],
)
def test_forms_of_the_answer(form: dict[str, Any], output: OutputFormat) -> None:
    request = chat(response_format=form)
    assert request.output == output
    assert again(request)["response_format"] == form


def test_tools() -> None:
    tools = [
        {"type": "function", "function": {"name": "a", "description": "A", "parameters": SCHEMA, "x": 1}, "y": 2},
        {"type": "hosted", "z": 3},
    ]
    request = chat(tools=tools, strict_tools=True, tool_choice="NONE")
    extra = {"cohere": {"y": 2, "function": {"x": 1}}}
    assert request.tools == (
        Tool(name="a", description="A", parameters=SCHEMA, strict=True, extra=extra),
        OpaqueTool("cohere", tools[1]),
    )
    assert request.tool_choice == ToolChoice("none")
    written = again(request)
    assert (written["tools"], written["strict_tools"], written["tool_choice"]) == (tools, True, "NONE")
    assert again(chat(strict_tools=True))["strict_tools"] is True


def test_messages() -> None:
    assert message(role="system", content="be brief") == Message.system("be brief")
    assert message(role="user", content="hi", name="x").extra == {"cohere": {"name": "x"}}
    blocks = [
        {"type": "text", "text": "see", "new": 1},
        {"type": "image_url", "image_url": {"url": "https://x", "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}},
        {"type": "image_url", "image_url": {"url": "https://x", "new": 1}},
        {"type": "video"},
    ]
    read = message(role="user", content=blocks)
    assert read.content == (
        Text("see", extra={"cohere": {"new": 1}}),
        Image(url="https://x", detail="low"),
        Image(data="aGk=", media_type="image/png"),
        Opaque("cohere", blocks[3]),
        Opaque("cohere", blocks[4]),
    )
    assert again(chat(messages=[{"role": "user", "content": blocks}]))["messages"][0]["content"] == blocks


def test_an_assistants_message() -> None:
    call = {"id": "1", "type": "function", "function": {"name": "a", "arguments": "{}"}}
    plan_cited, numbered = {**CITED, "type": "PLAN"}, {**CITED, "content_index": 1}
    body = {
        "role": "assistant",
        "tool_plan": "I will look.",
        "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "Hi"}],
        "tool_calls": [call],
        "citations": [numbered, CITED, plan_cited],
    }
    read = message(**body)
    plan, thought, text, called = read.parts
    assert plan == Thinking("I will look.", provenance=OWN, extra={"cohere": {"tool_plan": True}})
    assert thought == Thinking("hm", provenance=OWN)
    assert isinstance(text, Text)
    assert [citation.raw for citation in text.citations] == [numbered, CITED]
    assert called == ToolCall(id="1", name="a", arguments="{}", provenance=OWN)
    assert read.extra == {"cohere": {"citations": [plan_cited]}}
    written = again(chat(messages=[body]))["messages"][0]
    # Beside calls Cohere accepts text as a plan only.
    assert written["tool_plan"] == "I will look.\nHi"
    assert written["content"] == [{"type": "thinking", "thinking": "hm"}]


@pytest.mark.parametrize("content", [None, "", []])
def test_a_turn_of_calls_alone(content: Any) -> None:
    call = {"id": "1", "type": "function", "function": {"name": "a", "arguments": "{}"}}
    assert [type(part) for part in message(role="assistant", content=content, tool_calls=[call]).parts] == [ToolCall]


def test_tool_results() -> None:
    document = {"type": "document", "document": {"data": {"n": 1}, "id": "d"}}
    read = message(role="tool", tool_call_id="1", content=[{"type": "text", "text": "x"}, document])
    said = Text('{"n":1}', extra={"cohere": {"document": document["document"]}})
    assert read.parts == (ToolResult(call_id="1", content=(Text("x"), said)),)
    assert message(role="tool", tool_call_id="1", content="x").parts == (ToolResult(call_id="1", content="x"),)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ([], "failed to decode"),
        ({"messages": []}, "model is required"),
        ({"model": "m"}, "messages is required"),
        ({"model": "m", "messages": []}, "messages must not be empty"),
        ({"model": 3, "messages": []}, "model must be of type string"),
        ({**SAID, "temperature": True}, "temperature must be of type number"),
        ({**SAID, "max_tokens": 1.5}, "max_tokens must be of type integer"),
        ({**SAID, "stop_sequences": [1]}, "stop_sequences must be a list of strings"),
        ({**SAID, "tool_choice": "required"}, "tool_choice must be REQUIRED or NONE"),
        ({**SAID, "response_format": {"type": "json_schema"}}, "response_format.type"),
        ({**SAID, "thinking": {"type": "adaptive"}}, "thinking.type"),
        ({**SAID, "tools": [{"type": "function"}]}, "tools[0]"),
        ({"model": "m", "messages": ["hi"]}, "messages[0] must be an object"),
        ({"model": "m", "messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
        ({"model": "m", "messages": [{"role": "user"}]}, "content is required"),
        ({"model": "m", "messages": [{"role": "user", "content": [{"text": "x"}]}]}, "messages[0].content[0]"),
        ({"model": "m", "messages": [{"role": "tool", "content": "x"}]}, "tool_call_id is required"),
        ({"model": "m", "messages": [{"role": "assistant", "tool_calls": [{}]}]}, "tool_calls"),
    ],
)
def test_bad_chats(body: Any, words: str) -> None:
    with pytest.raises(BadRequest) as refused:
        parse(body)
    assert words in refused.value.failure.message
    assert (refused.value.failure.kind, refused.value.failure.status) == (FailureKind.INVALID_REQUEST, 400)


def test_embeddings_are_read() -> None:
    body = {
        "model": "e",
        "texts": ["a"],
        "input_type": "search_query",
        "output_dimension": 256,
        "embedding_types": ["float", "base64"],
        "truncate": "NONE",
    }
    inbound = parse(body, "/v2/embed")
    request = inbound.request
    assert isinstance(request, EmbeddingRequest)
    assert (request.texts, request.model, request.dimensions, request.input_type) == (("a",), "e", 256, "query")
    assert request.extra == {"cohere": {"truncate": "NONE"}}
    assert inbound.options["embedding_types"] == ("float", "base64")
    inputs = [{"content": [{"type": "text", "text": "a"}]}]
    read = parse({"model": "e", "inputs": inputs, "input_type": "clustering"}, "/v2/embed").request
    assert isinstance(read, EmbeddingRequest)
    assert read.texts == ("a",)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"input_type": None}, "valid input_type must be provided"),
        ({"input_type": "image"}, "valid input_type must be provided"),
        ({"texts": None}, "texts are required"),
        ({"texts": None, "images": ["data:..."]}, "texts are required"),
        ({"texts": None, "inputs": [{"content": [{"type": "image_url"}]}]}, "each must contain one text"),
        ({"texts": ["x"] * 97}, "at most 96"),
        ({"embedding_types": ["float16"]}, "'float16'"),
        ({"embedding_types": ["float", "int8"]}, "only one of the rounded types"),
    ],
)
def test_bad_embeddings(fields: dict[str, Any], words: str) -> None:
    body = {"model": "e", "texts": ["a"], "input_type": "search_query", **fields}
    with pytest.raises(BadRequest) as refused:
        parse(body, "/v2/embed")
    assert words in refused.value.failure.message


def decoded(reply: HttpReply) -> dict[str, Any]:
    assert reply.status == 200
    body: dict[str, Any] = json.loads(reply.body)
    return body


def test_vectors_are_written_in_the_types_asked_for() -> None:
    def written(*types: str, vector: tuple[float, ...]) -> HttpReply:
        body = {"model": "e", "texts": ["a"], "input_type": "search_query", "embedding_types": list(types)}
        response = EmbeddingResponse(embeddings=(vector,), usage=Usage(input=3))
        return SERVER.render(response, parse(body, "/v2/embed"))

    both = decoded(written("float", "base64", vector=(1.0, -0.5)))
    assert both["embeddings"] == {"float": [[1.0, -0.5]], "base64": ["AACAPwAAAL8="]}
    assert both["meta"]["billed_units"] == {"input_tokens": 3}
    assert both["texts"] == ["a"]
    assert decoded(written("int8", vector=(1.0, -2.0)))["embeddings"] == {"int8": [[1, -2]]}
    # Rounding is the model's art, not ours.
    refused = written("int8", vector=(0.25,))
    assert (refused.status, json.loads(refused.body)["message"]) == (
        400,
        "embedding_types: int8 is not available here",
    )


def test_token_counts() -> None:
    inbound = parse({"model": "m", "text": "hello"}, "/v1/tokenize")
    assert isinstance(inbound.request, GenerationRequest)
    assert inbound.request.messages == (Message.user("hello"),)
    assert len(decoded(SERVER.render(TokenCount(input_tokens=3), inbound))["tokens"]) == 3


MODELS = [ModelInfo(id=f"m{n}", capabilities=frozenset({"embed"} if n % 2 else {"chat", "tools"})) for n in range(5)]


def listed(query: str = "", models: list[ModelInfo] | None = None) -> HttpReply:
    inbound = SERVER.parse(HttpRequest("GET", f"/v1/models{query}"))
    assert isinstance(inbound.request, ModelsRequest)
    return SERVER.render(models or MODELS, inbound)


def test_models() -> None:
    first = decoded(listed("?page_size=3"))
    assert [model["name"] for model in first["models"]] == ["m0", "m1", "m2"]
    rest = decoded(listed(f"?page_size=3&page_token={first['next_page_token']}"))
    assert [model["name"] for model in rest["models"]] == ["m3", "m4"]
    assert "next_page_token" not in rest
    assert [model["name"] for model in decoded(listed("?endpoint=embed"))["models"]] == ["m1", "m3"]
    assert decoded(listed("?endpoint=chat&default_only=true"))["models"] == []
    assert decoded(listed("/m0"))["features"] == ["tools"]
    missing = listed("/nonesuch")
    assert (missing.status, json.loads(missing.body)["message"]) == (404, "model 'nonesuch' not found")
    own = ModelInfo(id="own", raw={"name": "theirs", "endpoints": ["rerank"], "new": 1})
    assert decoded(listed("/own", [own])) == {"name": "own", "endpoints": ["rerank"], "new": 1}
    unknown = ModelInfo(id="x", context_window=10)
    assert decoded(listed("/x", [unknown])) == {
        "name": "x",
        "endpoints": ["chat"],
        "finetuned": False,
        "default_endpoints": [],
        "tokenizer_url": None,
        "context_length": 10,
    }


@pytest.mark.parametrize("size", ["0", "1001", "many", "inf"])
def test_bad_page_sizes(size: str) -> None:
    with pytest.raises(BadRequest, match="page_size"):
        SERVER.parse(HttpRequest("GET", f"/v1/models?page_size={size}"))


PARTS = (
    Thinking("I will look.", extra={"cohere": {"tool_plan": True, "citations": [{**CITED, "type": "PLAN"}]}}),
    Thinking("hm", extra={"cohere": {"citations": [{**CITED, "type": "THINKING_CONTENT"}]}}),
    Text("Hi there", citations=(Citation(raw=CITED, dialect="cohere"), Citation(url="https://x", start=3, end=8))),
    Audio(data="aGk=", format="wav"),
    Refusal("no"),
    Opaque("cohere", {"type": "chart"}),
    ToolCall(id="1", name="a", arguments='{"x": 1}'),
)
ANSWER = GenerationResponse(
    message=Message.assistant(PARTS),
    finish_reason=FinishReason.TOOL_CALLS,
    id="abc",
    usage=Usage(input=4, cache_read=2, output=3, reasoning=1, raw={"billed_units": {"input_tokens": 5}}),
    extra={"logprobs": {"content": [{"token": "Hi", "logprob": -1.0}]}},
)
FOREIGN_CITED = {
    "start": 3,
    "end": 8,
    "text": "there",
    "sources": [{"type": "document", "id": "https://x", "document": {"url": "https://x"}}],
    "content_index": 1,
    "type": "TEXT_CONTENT",
}
WRITTEN = {
    "id": "abc",
    "message": {
        "role": "assistant",
        "tool_plan": "I will look.",
        "content": [
            {"type": "thinking", "thinking": "hm"},
            {"type": "text", "text": "Hi there"},
            {"type": "text", "text": "no"},
            {"type": "chart"},
        ],
        "tool_calls": [{"id": "1", "type": "function", "function": {"name": "a", "arguments": '{"x": 1}'}}],
        "citations": [{**CITED, "type": "PLAN"}, {**CITED, "type": "THINKING_CONTENT"}, CITED, FOREIGN_CITED],
    },
    "finish_reason": "TOOL_CALL",
    "usage": {
        "billed_units": {"input_tokens": 5},
        "tokens": {"input_tokens": 6, "output_tokens": 4, "reasoning_tokens": 1},
        "cached_tokens": 2,
    },
    "logprobs": [{"text": "Hi", "token_ids": [], "logprobs": [-1.0]}],
}


def test_a_whole_answer() -> None:
    assert decoded(SERVER.render(ANSWER, parse(SAID))) == WRITTEN


def test_an_answer_that_says_little() -> None:
    response = GenerationResponse(message=Message.assistant("Hi"), finish_reason=FinishReason.STOP)
    assert decoded(SERVER.render(response, parse(SAID))) == {
        "id": "understudy",
        "message": {"role": "assistant", "content": [{"type": "text", "text": "Hi"}]},
        "finish_reason": "COMPLETE",
    }


def streamed(*told: e.Event) -> list[dict[str, Any]]:
    renderer = SERVER.renderer(parse({**SAID, "stream": True}))
    data = b"".join(map(renderer.feed, told)) + renderer.close()
    assert data.endswith(b"data: [DONE]\n\n")
    frames = [frame.split(b"\n") for frame in data.split(b"\n\n")[:-2]]
    events: list[dict[str, Any]] = [json.loads(lines[1].removeprefix(b"data: ")) for lines in frames]
    assert [lines[0].removeprefix(b"event: ").decode() for lines in frames] == [event["type"] for event in events]
    return events


def test_a_streamed_answer_folds_to_the_whole_one() -> None:
    events = streamed(*unfold(ANSWER))
    data = b"".join(b"data: %b\n\n" % json.dumps(event).encode() for event in events)
    exchange = DIALECT.open(
        Operation.CHAT, chat(), Endpoint(provider="cohere", base_url="https://host", model="m"), stream=True
    )
    exchange.start()
    steps = [step for step in exchange.feed(data) if not isinstance(step, (Send, Failure))]
    again = decoded(SERVER.render(fold(steps, dialect="cohere"), parse(SAID)))
    assert again == WRITTEN


def test_blocks_follow_one_another_and_calls_may_interleave() -> None:
    events = streamed(
        e.Started(id="1"),
        e.TextDelta(0, "a"),
        e.ThinkingDelta(1, "b"),
        e.ThinkingDelta(1, ""),
        e.TextDelta(0, "c"),
        e.ToolCallStarted(2, "x", "f"),
        e.ToolCallStarted(3, "y", "g"),
        e.ToolCallDelta(2, "{}"),
        e.ToolCallDelta(9, "lost"),
        e.Finished(FinishReason.TOOL_CALLS),
    )
    assert [(event["type"], event.get("index")) for event in events] == [
        ("message-start", None),
        ("content-start", 0),
        ("content-delta", 0),
        ("content-end", 0),
        ("content-start", 1),
        ("content-delta", 1),
        ("content-end", 1),
        ("content-start", 2),
        ("content-delta", 2),
        ("content-end", 2),
        ("tool-call-start", 0),
        ("tool-call-start", 1),
        ("tool-call-delta", 0),
        ("tool-call-end", 0),
        ("tool-call-end", 1),
        ("message-end", None),
    ]


def test_an_error_in_the_middle() -> None:
    renderer = SERVER.renderer(parse({**SAID, "stream": True}))
    renderer.feed(e.TextDelta(0, "a"))
    data = renderer.fail(Failure(kind=FailureKind.OVERLOADED, message="no room"))
    assert json.loads(data.split(b"\n")[1].removeprefix(b"data: ")) == {
        "type": "message-end",
        "delta": {"finish_reason": "ERROR", "error": "no room"},
    }


def test_frames_of_this_dialect_are_forwarded() -> None:
    renderer = SERVER.renderer(parse({**SAID, "stream": True}))
    assert renderer.feed(e.Started(id="1", wire=b"one\n\n")) == b"one\n\n"
    assert renderer.feed(e.TextDelta(0, "a", wire=b"")) == b""
    assert renderer.feed(e.TextDelta(0, "b")) == b""
    assert renderer.close() == b"data: [DONE]\n\n"


@pytest.mark.parametrize(
    ("reason", "raw", "word"),
    [
        (FinishReason.STOP, "end_turn", "COMPLETE"),
        (FinishReason.STOP, "STOP_SEQUENCE", "STOP_SEQUENCE"),
        (FinishReason.LENGTH, None, "MAX_TOKENS"),
        (FinishReason.CONTENT_FILTER, "refusal", "ERROR_TOXIC"),
        (FinishReason.PAUSED, "pause_turn", "COMPLETE"),
        (FinishReason.UNKNOWN, "new", "new"),
        (FinishReason.UNKNOWN, None, None),
    ],
)
def test_words_for_the_end(reason: FinishReason, raw: str | None, word: str | None) -> None:
    response = GenerationResponse(message=Message.assistant("x"), finish_reason=reason, finish_reason_raw=raw)
    assert decoded(SERVER.render(response, parse(SAID)))["finish_reason"] == word
