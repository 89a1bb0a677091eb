"""Requests of the Gemini API, written: rendered from the unified request, or patched where they came in as this."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from tests.dialects.gemini.helpers import BASE, asked, body, endpoint, sent, warnings
from understudy.dialects.base import Send
from understudy.dialects.gemini.client import DIALECT
from understudy.dialects.gemini.quirks import PLACEHOLDER
from understudy.dialects.gemini.server import SERVER
from understudy.domain.content import (
    AnyPart,
    Audio,
    CacheMark,
    File,
    Image,
    Opaque,
    Provenance,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from understudy.domain.messages import Message, OpaqueTool, Role, Tool, ToolChoice
from understudy.domain.operation import Operation
from understudy.domain.requests import GenerationRequest, OutputFormat, Reasoning
from understudy.wire.http import HttpRequest

SIGNED = {"gemini": {"thoughtSignature": "c2ln"}}
MINE = Provenance("gemini")
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}
WEATHER = Tool(name="weather", description="d", parameters=SCHEMA)


def user(*parts: AnyPart) -> list[dict[str, Any]]:
    """The parts that one message of the user becomes."""
    contents: list[dict[str, Any]] = body(asked(Message.user(parts)))["contents"]
    return contents[0]["parts"] if contents else []


def test_the_model_and_the_way_of_answering_stand_in_the_address() -> None:
    plain, stream = sent(asked()), sent(asked(), stream=True)
    assert plain.url == f"{BASE}/v1beta/models/gemini-x:generateContent"
    assert stream.url == f"{BASE}/v1beta/models/gemini-x:streamGenerateContent?alt=sse"
    assert plain.body == stream.body == b'{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}'
    names = (("models/m", "models/m"), ("tunedModels/t 1", "tunedModels/t%201"), ("a/b?c", "models/a%2Fb%3Fc"))
    for name, path in names:
        assert sent(asked(), replace(endpoint(), model=name)).url == f"{BASE}/v1beta/{path}:generateContent"


def test_roles() -> None:
    written = body(
        asked(
            Message.system("Be brief."),
            Message.user("a"),
            Message.assistant("b"),
            Message(Role.DEVELOPER, "Now loud."),
            Message.user("c"),
        )
    )
    assert written["systemInstruction"] == {"parts": [{"text": "Be brief."}, {"text": "Now loud."}]}
    assert [(one["role"], one["parts"][0]["text"]) for one in written["contents"]] == [
        ("user", "a"),
        ("model", "b"),
        ("user", "c"),
    ]


def test_a_system_prompt_alone_becomes_the_users_words() -> None:
    request = asked(Message.system("Say hello."))
    assert body(request) == {"contents": [{"role": "user", "parts": [{"text": "Say hello."}]}]}
    assert warnings(request) == [("emulated", "messages")]


def test_signatures_and_thoughts_go_back_as_they_came() -> None:
    said = (
        Thinking("Hm", signature="dGhv", provenance=MINE),
        Text("Hello"),
        Text("", extra=SIGNED),
        ToolCall(id="x", name="f", arguments='{"n": 1.0}', provenance=MINE, extra=SIGNED),
    )
    request = asked(Message.user("q"), Message.assistant(said), Message.user("and?"))
    raw = sent(request).body or b""
    assert json.loads(raw)["contents"][1]["parts"] == [
        {"text": "Hm", "thought": True, "thoughtSignature": "dGhv"},
        {"text": "Hello"},
        {"text": "", "thoughtSignature": "c2ln"},
        {"functionCall": {"id": "x", "name": "f", "args": {"n": 1.0}}, "thoughtSignature": "c2ln"},
    ]
    assert b'{"n": 1.0}' in raw, "the model's own words"


def test_what_others_wrote_stays_out() -> None:
    said = (Thinking("x", signature="s", provenance=Provenance("anthropic")), Opaque("openai", {"a": 1}), Text("Yes"))
    request = asked(Message.user("q"), Message.assistant(said), Message.user("and?"))
    assert body(request)["contents"][1]["parts"] == [{"text": "Yes"}]
    assert warnings(request) == [("dropped", "thinking"), ("dropped", "opaque part")]


def calls_and_results(*results: ToolResult, **extra: Any) -> GenerationRequest:
    calls = (ToolCall(id="c1", name="f", extra=extra or None), ToolCall(id="c2", name="g"))
    return asked(Message.user("q"), Message.assistant(calls), *(Message.tool(result) for result in results))


def test_results_of_parallel_calls_share_one_turn_and_bear_names() -> None:
    request = calls_and_results(
        ToolResult(call_id="c1", content="18 degrees"),
        ToolResult(call_id="c2", content="no such place", is_error=True),
    )
    assert body(request)["contents"][2] == {
        "role": "user",
        "parts": [
            {"functionResponse": {"id": "c1", "name": "f", "response": {"output": "18 degrees"}}},
            {"functionResponse": {"id": "c2", "name": "g", "response": {"error": "no such place"}}},
        ],
    }


def test_a_call_that_came_without_an_id_goes_back_without_one() -> None:
    request = calls_and_results(ToolResult(call_id="c1", content="x"), gemini={"functionCall": {"id": None}})
    contents = body(request)["contents"]
    assert contents[1]["parts"][0] == {"functionCall": {"name": "f", "args": {}}}
    assert contents[2]["parts"][0] == {"functionResponse": {"name": "f", "response": {"output": "x"}}}


def test_a_result_may_hold_media_and_may_answer_no_known_call() -> None:
    picture = Image(data="aGk=", media_type="image/png")
    request = calls_and_results(ToolResult(call_id="zz", content=(Text("see"), picture)))
    response = body(request)["contents"][2]["parts"][0]["functionResponse"]
    assert response == {
        "id": "zz",
        "name": "zz",
        "response": {"output": "see"},
        "parts": [{"inlineData": {"mimeType": "image/png", "data": "aGk="}}],
    }
    assert warnings(request) == [("emulated", "tool result")]


def test_arguments_that_are_no_object_are_sent_all_the_same() -> None:
    request = asked(Message.user("q"), Message.assistant((ToolCall(id="c", name="f", arguments="[1,"),)))
    call = body(request)["contents"][1]["parts"][0]["functionCall"]
    assert call["args"] == {"raw_arguments": "[1,"}
    assert warnings(request) == [("emulated", "tool call arguments")]


@pytest.mark.parametrize(
    ("part", "written"),
    [
        (Image(data="aGk=", media_type="image/webp"), {"inlineData": {"mimeType": "image/webp", "data": "aGk="}}),
        (Image(data="iVBORw0KGgo="), {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}}),
        (Image(url="data:image/webp;base64,R0k="), {"inlineData": {"mimeType": "image/webp", "data": "R0k="}}),
        (
            Image(url="https://x.example/a.JPG?b=c"),
            {"fileData": {"mimeType": "image/jpeg", "fileUri": "https://x.example/a.JPG?b=c"}},
        ),
        (Image(url="https://x.example/a"), {"fileData": {"fileUri": "https://x.example/a"}}),
        (Audio(data="aGk=", format="mp3"), {"inlineData": {"mimeType": "audio/mp3", "data": "aGk="}}),
        (
            File(file_id="files/abc", media_type="application/pdf"),
            {"fileData": {"mimeType": "application/pdf", "fileUri": f"{BASE}/v1beta/files/abc"}},
        ),
        (File(file_id="abc"), {"fileData": {"fileUri": f"{BASE}/v1beta/files/abc"}}),
        (File(text="hi"), {"inlineData": {"mimeType": "text/plain", "data": "aGk="}}),
    ],
)
def test_media(part: AnyPart, written: dict[str, Any]) -> None:
    assert user(part) == [written]


@pytest.mark.parametrize(
    ("part", "what"),
    [
        (Image(), "image"),
        (Image(data="aGk=", media_type="image/png", detail="high"), "image detail"),
        (File(text="x", name="a.txt"), "file name"),
        (Text("x", cache=CacheMark()), "cache"),
    ],
)
def test_what_cannot_be_said_of_parts_is_a_warning(part: AnyPart, what: str) -> None:
    assert warnings(asked(Message.user((part, Text("?"))))) == [("dropped", what)]


def test_images_by_address_only_where_they_are_taken() -> None:
    said = (Image(url="https://x.example/a.png"), Image(url="data:image/png;base64,R0k="), Image(file_id="a"))
    request, target = asked(Message.user(said)), endpoint(image_urls=False)
    kinds = [list(part) for part in body(request, target)["contents"][0]["parts"]]
    assert kinds == [["inlineData"], ["fileData"]]
    assert warnings(request, target) == [("dropped", "image url")]


def test_settings_have_their_places() -> None:
    request = asked(
        max_tokens=9,
        temperature=0.5,
        top_p=0.9,
        top_k=40,
        presence_penalty=0.1,
        frequency_penalty=0.2,
        seed=7,
        stop=("a", "b"),
        logprobs=True,
        top_logprobs=3,
        metadata={"team": "x"},
        service_tier="default",
    )
    assert body(request) == {
        "contents": [{"role": "user", "parts": [{"text": "hi"}]}],
        "generationConfig": {
            "maxOutputTokens": 9,
            "temperature": 0.5,
            "topP": 0.9,
            "topK": 40,
            "presencePenalty": 0.1,
            "frequencyPenalty": 0.2,
            "seed": 7,
            "responseLogprobs": True,
            "logprobs": 3,
            "stopSequences": ["a", "b"],
        },
        "labels": {"team": "x"},
        "serviceTier": "standard",
    }
    assert warnings(request) == []


@pytest.mark.parametrize(
    ("fields", "warning"),
    [
        ({"user": "u"}, ("dropped", "user")),
        ({"logit_bias": {"1": 2.0}}, ("dropped", "logit_bias")),
        ({"cache": CacheMark()}, ("dropped", "cache")),
        ({"service_tier": "turbo"}, ("dropped", "service_tier")),
        ({"parallel_tool_calls": False}, ("dropped", "parallel_tool_calls")),
        ({"tools": (OpaqueTool("openai", {"type": "web_search"}),)}, ("dropped", "tools")),
    ],
)
def test_what_has_no_place_is_a_warning(fields: dict[str, Any], warning: tuple[str, str]) -> None:
    assert warnings(asked(**fields)) == [warning]
    quiet = {"configured": frozenset(fields)}
    assert warnings(asked(**fields, **quiet)) == []


def test_tools_are_declared_together_and_hosted_ones_apart() -> None:
    search: dict[str, Any] = {"googleSearch": {}}
    tools = (WEATHER, OpaqueTool("gemini", search), Tool(name="now"))
    assert body(asked(tools=tools))["tools"] == [
        {
            "functionDeclarations": [
                {"name": "weather", "description": "d", "parametersJsonSchema": SCHEMA},
                {"name": "now"},
            ]
        },
        search,
    ]


@pytest.mark.parametrize(
    ("choice", "written"),
    [
        (ToolChoice("auto"), {"mode": "AUTO"}),
        (ToolChoice("none"), {"mode": "NONE"}),
        (ToolChoice("required"), {"mode": "ANY"}),
        (ToolChoice("required", ("a", "b")), {"mode": "ANY", "allowedFunctionNames": ["a", "b"]}),
        (ToolChoice("tool", ("a",)), {"mode": "ANY", "allowedFunctionNames": ["a"]}),
        (ToolChoice("auto", ("a",)), {"mode": "VALIDATED", "allowedFunctionNames": ["a"]}),
    ],
)
def test_the_choice_of_tools(choice: ToolChoice, written: dict[str, Any]) -> None:
    assert body(asked(tools=(WEATHER,), tool_choice=choice))["toolConfig"] == {"functionCallingConfig": written}


def test_a_strict_tool_is_validated() -> None:
    strict = replace(WEATHER, strict=True)
    assert body(asked(tools=(strict,)))["toolConfig"] == {"functionCallingConfig": {"mode": "VALIDATED"}}
    assert "toolConfig" not in body(asked(tools=(WEATHER,)))


def test_the_form_of_the_answer() -> None:
    def form(output: OutputFormat) -> Any:
        return body(asked(output=output)).get("generationConfig")

    assert form(OutputFormat(kind="text")) is None
    assert form(OutputFormat(kind="json_object")) == {"responseMimeType": "application/json"}
    assert form(OutputFormat(json_schema=SCHEMA)) == {
        "responseMimeType": "application/json",
        "responseJsonSchema": SCHEMA,
    }


def test_the_form_gives_way_to_tools_where_both_do_not_go_together() -> None:
    request = asked(tools=(WEATHER,), output=OutputFormat(json_schema=SCHEMA), max_tokens=5)
    older = endpoint(output_with_tools=False)
    assert body(request, older)["generationConfig"] == {"maxOutputTokens": 5}
    assert warnings(request, older) == [("emulated", "output")]
    assert "It must fit this JSON Schema: {" in body(request, older)["systemInstruction"]["parts"][0]["text"]
    hosted = asked(tools=(OpaqueTool("gemini", {"googleSearch": {}}),), output=OutputFormat(json_schema=SCHEMA))
    assert warnings(hosted, older) == []


def test_what_a_model_refuses_is_left_out() -> None:
    request = asked(temperature=0.5, max_tokens=90, stop=("a", "b", "c"))
    target = endpoint(refused=frozenset({"temperature"}), max_output_tokens=50, max_stop=2)
    assert body(request, target)["generationConfig"] == {"maxOutputTokens": 50, "stopSequences": ["a", "b"]}
    assert warnings(request, target) == [("dropped", "temperature"), ("clamped", "max_tokens"), ("clamped", "stop")]
    only = asked(temperature=0.5)
    assert "generationConfig" not in body(only, target)


def test_an_answer_begun_by_the_caller_is_left_out_where_it_is_refused() -> None:
    request = asked(Message.user("q"), Message.assistant("Once"))
    assert len(body(request)["contents"]) == 2
    assert len(body(request, endpoint(prefill=False))["contents"]) == 1
    assert warnings(request, endpoint(prefill=False)) == [("dropped", "prefill")]


def test_calls_of_another_model_get_the_placeholder_of_the_signature() -> None:
    """Only in the current turn, and only the first call of each step."""
    foreign = (ToolCall(id="a", name="f"), ToolCall(id="b", name="f"))
    own = (ToolCall(id="c", name="f", extra=SIGNED),)
    request = asked(
        Message.user("q"), Message.assistant(foreign[:1]), Message.tool(ToolResult(call_id="a", content="1")),
        Message.user("again"),
        Message.assistant(foreign), Message.tool(ToolResult(call_id="a"), ToolResult(call_id="b")),
        Message.assistant(own), Message.tool(ToolResult(call_id="c")),
    )  # fmt: skip
    target = endpoint(thought_signatures=True)
    steps = [one["parts"] for one in body(request, target)["contents"] if one["role"] == "model"]
    found = [[part.get("thoughtSignature") for part in parts] for parts in steps]
    assert found == [[None], [PLACEHOLDER, None], ["c2ln"]]
    assert warnings(request, target) == [("emulated", "thinking")]
    assert warnings(request) == []


def test_extra_fields_are_merged_last() -> None:
    extra = {
        "gemini": {"safetySettings": [1], "generationConfig": {"response_modalities": ["TEXT"], "topK": None}},
        "google": {"cachedContent": "cachedContents/1"},
        "openai": {"n": 2},
    }
    target = replace(endpoint(), options={"safetySettings": [], "generation_config": {"candidateCount": 1}})
    written = body(asked(temperature=1.0, top_k=3, extra=extra), target)
    assert written["generationConfig"] == {"temperature": 1.0, "candidateCount": 1, "responseModalities": ["TEXT"]}
    assert (written["safetySettings"], written["cachedContent"]) == ([1], "cachedContents/1")
    assert "n" not in written


OWN = {
    "generation_config": {"thinking_config": {"thinking_level": "MINIMAL"}, "temperature": 1, "maxOutputTokens": 5},
    "model": "models/old",
    "contents": [{"parts": {"text": "hi"}}],
    "toolConfig": None,
}


def came_in(value: dict[str, Any]) -> GenerationRequest:
    path = "/v1beta/models/old:generateContent"
    request = SERVER.parse(HttpRequest("POST", path, (), json.dumps(value).encode())).request
    assert isinstance(request, GenerationRequest)
    return request


def test_a_request_of_this_wire_goes_out_as_it_came() -> None:
    written = body(came_in(OWN))
    assert written == {**OWN, "model": "models/gemini-x"}
    assert list(written) == list(OWN)


def test_a_request_of_this_wire_is_altered_only_where_the_target_would_refuse_it() -> None:
    target = endpoint(efforts=frozenset({"low", "high"}), refused=frozenset({"temperature"}))
    config = {"thinking_config": {"thinking_level": "LOW"}, "maxOutputTokens": 5}
    request = came_in(OWN)
    assert body(request, target) == {**OWN, "model": "models/gemini-x", "generation_config": config}
    assert warnings(request, target) == [("dropped", "temperature"), ("clamped", "reasoning")]


def test_configured_values_fill_only_what_a_request_of_this_wire_leaves_open() -> None:
    request = came_in(OWN).with_defaults(max_tokens=99, top_p=0.5)
    target = replace(endpoint(), options={"safetySettings": [1], "generationConfig": {"maxOutputTokens": 7}})
    written = body(request, target)
    assert written["generation_config"] == {**OWN["generation_config"], "topP": 0.5}  # type: ignore[dict-item]
    assert written["safetySettings"] == [1]


def counted(request: GenerationRequest) -> dict[str, Any]:
    step = DIALECT.open(Operation.COUNT_TOKENS, request, endpoint()).start()[0]
    assert isinstance(step, Send)
    assert step.request.url == f"{BASE}/v1beta/models/gemini-x:countTokens"
    found: dict[str, Any] = json.loads(step.request.body or b"")
    return found


def test_a_count_holds_what_is_part_of_the_prompt() -> None:
    assert counted(asked(max_tokens=3)) == {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
    whole = counted(asked(Message.system("s"), Message.user("u"), tools=(WEATHER,), temperature=1.0))
    assert list(whole) == ["generateContentRequest"]
    assert list(whole["generateContentRequest"]) == ["model", "contents", "systemInstruction", "tools"]
    assert whole["generateContentRequest"]["model"] == "models/gemini-x"


def test_no_key_is_in_a_request() -> None:
    request = sent(asked(), stream=True)
    assert "key" not in request.url
    assert [name for name, _ in request.headers] == ["content-type"]


def test_reasoning_is_written_as_it_was_asked_for() -> None:
    config = body(asked(reasoning=Reasoning(effort="low", display="auto")))["generationConfig"]
    assert config == {"thinkingConfig": {"includeThoughts": True, "thinkingLevel": "LOW"}}


def test_answers_are_one_turn_whatever_stood_between_them() -> None:
    call = ToolCall(id="c", name="weather", arguments="{}")
    unsupported = Message.user((Opaque("anthropic", {"type": "x"}),))
    for between in ((), (Message.system("Be brief."),), (unsupported,)):
        spoken = (Message.user("Hi"), Message.assistant("Well."), *between, Message.assistant((call,)))
        written = body(asked(*spoken, Message.tool(ToolResult(call_id="c", content="18"))))["contents"]
        assert [content["role"] for content in written] == ["user", "model", "user"]
        assert [list(part) for part in written[1]["parts"]] == [["text"], ["functionCall"]]
