"""Requests of the Gemini API, read by the server half: every field has a place, typed or in `extra`."""

from __future__ import annotations

import json
from typing import Any

import pytest

from understudy.dialects.gemini.server import SERVER
from understudy.dialects.server import BadRequest, Inbound
from understudy.domain.content import (
    Audio,
    File,
    Image,
    Opaque,
    Provenance,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from understudy.domain.failures import FailureKind as K
from understudy.domain.messages import Message, OpaqueTool, Role, Tool, ToolChoice
from understudy.domain.operation import Operation
from understudy.domain.requests import EmbeddingRequest, GenerationRequest, ModelsRequest, OutputFormat, Reasoning
from understudy.wire.http import HttpRequest

HELLO = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}


def read(body: Any, method: str = "generateContent", query: str = "") -> Inbound:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return SERVER.parse(HttpRequest("POST", f"/v1beta/models/gemini-x:{method}{query}", (), data))


def chat(**fields: Any) -> GenerationRequest:
    request = read({**HELLO, **fields}).request
    assert isinstance(request, GenerationRequest)
    return request


def message(*parts: Any, role: str = "user") -> Message:
    return chat(contents=[{"role": role, "parts": list(parts)}]).messages[0]


def refused(body: Any, method: str = "generateContent") -> str:
    with pytest.raises(BadRequest) as caught:
        read(body, method)
    failure = caught.value.failure
    assert (failure.kind, failure.status, failure.type) == (K.INVALID_REQUEST, 400, "INVALID_ARGUMENT")
    return failure.message


@pytest.mark.parametrize(
    ("method", "path", "operation"),
    [
        ("POST", "/v1beta/models/gemini-x:generateContent", Operation.CHAT),
        ("POST", "/v1/models/gemini-x:streamGenerateContent", Operation.CHAT),
        ("POST", "/google/v1beta/tunedModels/x:generateContent", Operation.CHAT),
        ("POST", "/v1beta/models/m:countTokens", Operation.COUNT_TOKENS),
        ("POST", "/v1beta/models/m:embedContent", Operation.EMBED),
        ("POST", "/v1alpha/models/m:batchEmbedContents", Operation.EMBED),
        ("GET", "/v1beta/models", Operation.MODELS),
        ("GET", "/v1/models/gemini-x", Operation.MODELS),
        ("POST", "/v1beta/models/m:predict", None),
        ("GET", "/v1beta/models/m:generateContent", None),
        ("POST", "/v1beta/models", None),
        ("POST", "/v1/chat/completions", None),
    ],
)
def test_routes(method: str, path: str, operation: Operation | None) -> None:
    assert SERVER.operation(method, path) is operation


def test_keys() -> None:
    def key(url: str, *headers: tuple[str, str]) -> str | None:
        return SERVER.credential(HttpRequest("POST", url, headers))

    assert key("/", ("X-Goog-Api-Key", " k "), ("Authorization", "Bearer t")) == "k"
    assert key("/", ("Authorization", "Bearer t")) == "t"
    assert key("/?key=k") is None, "addresses end in logs"
    assert key("/", ("authorization", "Basic t")) is None


def test_the_address_says_model_and_way_of_answering() -> None:
    plain, events = read(HELLO), read(HELLO, "streamGenerateContent", "?alt=sse")
    assert (plain.request.model, plain.stream, events.stream) == ("gemini-x", False, True)
    assert (events.options["sse"], read(HELLO, "streamGenerateContent").options["sse"]) == (True, False)


def test_parts() -> None:
    signed = {"thoughtSignature": "c2ln"}
    found = message(
        {"text": "hm", "thought": True, **signed},
        {"text": "yes", **signed},
        {"functionCall": {"id": "c1", "name": "f", "args": {"a": 1}}, **signed},
        {"executableCode": {"language": "PYTHON", "code": "1"}},
        role="model",
    )
    mine = Provenance("gemini")
    assert found == Message(
        Role.ASSISTANT,
        (
            Thinking("hm", signature="c2ln", provenance=mine),
            Text("yes", extra={"gemini": signed}),
            ToolCall(id="c1", name="f", arguments='{"a":1}', provenance=mine, extra={"gemini": signed}),
            Opaque("gemini", {"executableCode": {"language": "PYTHON", "code": "1"}}),
        ),
    )


def test_media() -> None:
    found = message(
        {"inline_data": {"mime_type": "image/png", "data": "a_-="}},
        {"inlineData": {"mimeType": "audio/mp3", "data": "YQ=="}},
        {"fileData": {"mimeType": "application/pdf", "fileUri": "https://x.example/a"}},
        {"fileData": {"fileUri": "https://x.example/b"}, "videoMetadata": {"fps": 1}},
        {"inlineData": {"mimeType": "image/png", "data": "YQ==", "displayName": "x"}},
    )
    assert found.content == (
        Image(data="a/+=", media_type="image/png"),
        Audio(data="YQ==", media_type="audio/mp3", format="mp3"),
        File(url="https://x.example/a", media_type="application/pdf"),
        File(url="https://x.example/b", extra={"gemini": {"videoMetadata": {"fps": 1}}}),
        Opaque("gemini", {"inlineData": {"mimeType": "image/png", "data": "YQ==", "displayName": "x"}}),
    )


def test_results_without_ids_answer_the_calls_of_their_name_in_order() -> None:
    def call(name: str) -> dict[str, Any]:
        return {"functionCall": {"name": name, "args": {}}}

    def result(name: str, response: Any) -> dict[str, Any]:
        return {"functionResponse": {"name": name, "response": response}}

    contents = [
        {"role": "user", "parts": [{"text": "q"}]},
        {"role": "model", "parts": [call("f"), call("g"), call("f")]},
        {"role": "user", "parts": [result("f", {"output": "1"}), result("f", {"error": "2"}), result("g", {"x": 3})]},
    ]
    calls, results = (one.content for one in chat(contents=contents).messages[1:])
    assert [part.id for part in calls if isinstance(part, ToolCall)] == ["call_0", "call_1", "call_2"]
    assert isinstance(results, tuple)
    found = [part for part in results if isinstance(part, ToolResult)]
    assert [(part.call_id, part.name, part.content, part.is_error) for part in found] == [
        ("call_0", "f", "1", None),
        ("call_2", "f", "2", True),
        ("call_1", "g", '{"x":3}', None),
    ]


@pytest.mark.parametrize(
    "response",
    [{"result": "warm"}, {"return_value": "warm"}, {"name": "f", "content": "warm"}],
    ids=["google-genai", "pydantic-ai", "ai"],
)
def test_results_as_clients_wrap_them(response: Any) -> None:
    call = {"functionCall": {"name": "f", "args": {}}}
    result = {"functionResponse": {"name": "f", "response": response}}
    contents = [{"role": "model", "parts": [call]}, {"role": "user", "parts": [result]}]
    (part,) = chat(contents=contents).messages[1].parts
    assert isinstance(part, ToolResult)
    assert part.content == "warm"


def test_settings() -> None:
    request = chat(
        system_instruction={"role": "system", "parts": {"text": "Be brief."}},
        generationConfig={
            "max_output_tokens": 9, "temperature": 0, "topP": 0.5, "topK": 40.0, "seed": 1, "presencePenalty": 0.1,
            "frequencyPenalty": 0.2, "responseLogprobs": True, "logprobs": 2, "stopSequences": ["x"],
            "thinkingConfig": {"thinkingLevel": "LOW", "include_thoughts": True}, "candidateCount": 1,
        },
        labels={"team": "x"},
        serviceTier="flex",
        safetySettings=[{"category": 7}],
        cachedContent=None,
    )  # fmt: skip
    assert request.messages[0] == Message(Role.SYSTEM, (Text("Be brief."),), extra={"gemini": {"role": "system"}})
    assert (request.max_tokens, request.temperature, request.top_p, request.top_k) == (9, 0, 0.5, 40)
    assert (request.seed, request.presence_penalty, request.frequency_penalty) == (1, 0.1, 0.2)
    assert (request.logprobs, request.top_logprobs, request.stop) == (True, 2, ("x",))
    assert request.reasoning == Reasoning(effort="low", display="auto")
    assert (request.metadata, request.service_tier) == ({"team": "x"}, "flex")
    assert request.extra == {"gemini": {"safetySettings": [{"category": 7}], "generationConfig": {"candidateCount": 1}}}


def test_forms_of_the_answer() -> None:
    schema = {"type": "object", "properties": {"snake_case": {"type": "string"}}}

    def form(**config: Any) -> tuple[OutputFormat | None, Any]:
        request = chat(generationConfig={"responseMimeType": "application/json", **config})
        return request.output, request.extra

    assert form() == (OutputFormat(kind="json_object"), None)
    assert form(response_json_schema=schema) == (OutputFormat(json_schema=schema), None)
    capitals = {"type": "OBJECT", "properties": {"snake_case": {"type": "STRING"}}}
    assert form(responseJsonSchema=capitals) == (OutputFormat(json_schema=schema), None)
    older = {
        "type": "OBJECT",
        "properties": {"type": {"type": "STRING", "nullable": True}, "b": {"anyOf": [{"type": "INTEGER"}]}},
    }
    output, extra = form(responseSchema=older)
    assert output is not None
    assert output.json_schema == {
        "type": "object",
        "properties": {"type": {"type": ["string", "null"]}, "b": {"anyOf": [{"type": "integer"}]}},
    }
    assert extra["gemini"]["generationConfig"]["responseSchema"] == older


def test_tools() -> None:
    older = {"type": "OBJECT", "properties": {"a": {"type": "ARRAY", "items": {"type": "NUMBER"}}}}
    newer = {"type": "object", "properties": {"snake_case": {"type": "string"}}}
    tools = chat(
        tools=[
            {"googleSearch": {}, "codeExecution": None},
            {
                "function_declarations": [
                    {"name": "f", "description": "d", "parameters": older},
                    {"name": "g", "parameters_json_schema": newer, "behavior": "BLOCKING"},
                ]
            },
            {"codeExecution": {}},
        ]
    ).tools
    read_older = {"type": "object", "properties": {"a": {"type": "array", "items": {"type": "number"}}}}
    assert tools == (
        OpaqueTool("gemini", {"googleSearch": {}}, effects=False),
        Tool(name="f", description="d", parameters=read_older, extra={"gemini": {"parameters": older}}),
        Tool(name="g", parameters=newer, extra={"gemini": {"behavior": "BLOCKING"}}),
        OpaqueTool("gemini", {"codeExecution": {}}, effects=True),
    )


@pytest.mark.parametrize(
    ("calling", "choice"),
    [
        ({"mode": "AUTO"}, ToolChoice("auto")),
        ({"mode": "ANY"}, ToolChoice("required")),
        ({"mode": "ANY", "allowed_function_names": ["a"]}, ToolChoice("tool", ("a",))),
        ({"mode": "ANY", "allowedFunctionNames": ["a", "b"]}, ToolChoice("required", ("a", "b"))),
        ({"mode": "NONE"}, ToolChoice("none")),
        ({"mode": "none"}, ToolChoice("none", extra={"gemini": {"mode": "none"}})),
        ({"mode": "VALIDATED"}, ToolChoice("auto", extra={"gemini": {"mode": "VALIDATED"}})),
    ],
)
def test_choices_of_tools(calling: Any, choice: ToolChoice) -> None:
    request = chat(toolConfig={"functionCallingConfig": calling, "retrievalConfig": {"languageCode": "pt"}})
    assert request.tool_choice == choice
    assert request.extra == {"gemini": {"toolConfig": {"retrievalConfig": {"languageCode": "pt"}}}}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "Invalid JSON payload"),
        ([], "Invalid JSON payload"),
        ({}, "contents is not specified"),
        ({"contents": []}, "contents is not specified"),
        ({"contents": ["hi"]}, "contents"),
        ({"contents": [{"role": "user"}]}, "parts must not be empty"),
        ({"contents": [{"role": "system", "parts": [{"text": "x"}]}]}, "valid role"),
        ({**HELLO, "tools": "x"}, "tools"),
        ({**HELLO, "systemInstruction": "x"}, "system_instruction"),
    ],
)
def test_what_is_no_request_is_refused(body: Any, words: str) -> None:
    assert words in refused(body)


def test_one_content_may_stand_without_its_list_and_without_its_role() -> None:
    request = chat(contents={"parts": {"text": "hi"}})
    assert request.messages == (Message(Role.USER, (Text("hi"),), extra={"gemini": {"role": None}}),)


def test_counts() -> None:
    plain = read(HELLO, "countTokens")
    assert (plain.operation, plain.request.model) == (Operation.COUNT_TOKENS, "gemini-x")
    whole = read({"generateContentRequest": {**HELLO, "systemInstruction": {"parts": [{"text": "s"}]}}}, "countTokens")
    assert isinstance(whole.request, GenerationRequest)
    assert [message.text for message in whole.request.messages] == ["s", "hi"]


def embedding(body: Any, method: str = "batchEmbedContents") -> EmbeddingRequest:
    request = read(body, method).request
    assert isinstance(request, EmbeddingRequest)
    return request


def test_embeddings() -> None:
    def item(text: str, **fields: Any) -> dict[str, Any]:
        return {"model": "models/gemini-x", "content": {"parts": [{"text": text}]}, **fields}

    same = {"taskType": "CLUSTERING", "output_dimensionality": 8}
    request = embedding({"requests": [item("a", **same), item("b", **same)]})
    assert (request.texts, request.input_type, request.dimensions) == (("a", "b"), "clustering", 8)
    assert (request.extra, request.single) == (None, False)
    mixed = {"requests": [item("a", title="T"), item("b")]}
    assert embedding(mixed).extra == {"gemini": mixed}
    one = embedding(item("a", taskType="RETRIEVAL_QUERY"), "embedContent")
    assert (one.texts, one.single, one.input_type) == (("a",), True, "query")
    assert "requests is not specified" in refused({}, "batchEmbedContents")


def test_model_pages() -> None:
    def page(query: str) -> ModelsRequest:
        request = SERVER.parse(HttpRequest("GET", f"/v1beta/models{query}")).request
        assert isinstance(request, ModelsRequest)
        return request

    assert page("") == ModelsRequest(limit=50)
    assert page("?pageSize=5000&pageToken=x") == ModelsRequest(limit=1000, after="x")
    assert page("/gemini-x").model == "gemini-x"
    for broken in ("?pageSize=x", "?pageSize=-1"):
        with pytest.raises(BadRequest):
            page(broken)
