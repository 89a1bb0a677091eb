"""A request in the words of one model: only what the model takes, and a warning for all else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.sending.conversations import PNG
from understudy.dialects.base import Endpoint, WarningLog
from understudy.dialects.replicate.encode import encode_request
from understudy.dialects.replicate.encode_settings import encode_inputs
from understudy.dialects.replicate.schema import InputSchema, schema_of
from understudy.domain.content import Citation, File, Image, JsonObject, Text, Thinking, ToolCall, ToolResult
from understudy.domain.messages import Message, Tool
from understudy.domain.requests import GenerationRequest, OutputFormat, Reasoning
from understudy.wire.json import BadJson

HELLO = (Message.user("Hello"),)
STRING: JsonObject = {"type": "string"}
NUMBER: JsonObject = {"type": "number"}


def written(
    properties: JsonObject | None, *messages: Message, **fields: Any
) -> tuple[JsonObject, list[tuple[str, str]]]:
    notes = WarningLog()
    request = GenerationRequest(messages=messages or HELLO, **fields)
    inputs = encode_inputs(request, InputSchema(properties=properties), notes)
    return inputs, [(str(warning.kind), warning.what) for warning in notes.warnings]


@pytest.mark.parametrize("name", ["max_tokens", "max_new_tokens", "max_completion_tokens", "max_output_tokens"])
def test_the_ceiling_goes_by_the_models_own_name(name: str) -> None:
    assert written({"prompt": STRING, name: {"type": "integer"}}, max_tokens=7) == ({"prompt": "Hello", name: 7}, [])


def test_what_the_model_has_no_input_for_is_left_out_with_a_warning() -> None:
    inputs, warnings = written({"prompt": STRING}, temperature=0.5, seed=1, stop=("x",), logprobs=True, user="me")
    assert inputs == {"prompt": "Hello"}
    assert sorted(what for _, what in warnings) == ["logprobs", "seed", "stop", "temperature", "user"]


def test_values_are_brought_into_bounds() -> None:
    schema: JsonObject = {"prompt": STRING, "temperature": {"type": "number", "minimum": 0.01, "maximum": 5}}
    assert written(schema, temperature=0.0) == (
        {"prompt": "Hello", "temperature": 0.01},
        [("clamped", "temperature")],
    )
    assert written(schema, temperature=0.7) == ({"prompt": "Hello", "temperature": 0.7}, [])


def test_a_whole_number_stays_whole_when_it_is_clamped() -> None:
    inputs, _ = written({"prompt": STRING, "max_tokens": {"type": "integer", "minimum": 1024.0}}, max_tokens=5)
    assert repr(inputs["max_tokens"]) == "1024"


def test_stop_sequences_are_one_string_or_a_list() -> None:
    assert written({"prompt": STRING, "stop_sequences": STRING}, stop=("a", "b"))[0]["stop_sequences"] == "a,b"
    assert written({"prompt": STRING, "stop": {"type": "array"}}, stop=("a", "b"))[0]["stop"] == ["a", "b"]
    inputs, warnings = written({"prompt": STRING, "stop_sequences": STRING}, stop=("a,b", "c"))
    assert (inputs["stop_sequences"], warnings) == ("c", [("dropped", "stop")])


def test_a_system_prompt_has_its_own_input_or_stands_before_the_prompt() -> None:
    said = (Message.system("Be brief."), Message.user("Hello"))
    assert written({"prompt": STRING, "system_instruction": STRING}, *said) == (
        {"prompt": "Hello", "system_instruction": "Be brief."},
        [],
    )
    assert written({"prompt": STRING}, *said) == ({"prompt": "Be brief.\n\nHello"}, [("emulated", "system")])


TURNS = (Message.user("Hi"), Message.assistant("Yes?"), Message.user("Who are you?"))


def test_several_turns_are_messages_where_the_model_takes_them() -> None:
    said = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Yes?"},
        {"role": "user", "content": "Who are you?"},
    ]
    schema: JsonObject = {"prompt": STRING, "system_prompt": STRING, "messages": {"type": "array"}}
    assert written(schema, Message.system("Be brief."), *TURNS) == ({"messages": said}, [])
    inputs, _ = written({**schema, "messages": STRING}, *TURNS)
    assert inputs["messages"].startswith('[{"role":"user","content":"Hi"}')
    assert written(schema, Message.user("Hi"))[0] == {"prompt": "Hi"}, "one turn is a prompt"


def test_several_turns_are_a_transcript_where_it_takes_one_prompt() -> None:
    inputs, warnings = written({"prompt": STRING}, *TURNS)
    assert inputs == {"prompt": "User: Hi\n\nAssistant: Yes?\n\nUser: Who are you?\n\nAssistant:"}
    assert warnings == [("emulated", "messages")]


def test_an_answer_that_is_begun_is_to_be_continued() -> None:
    inputs, _ = written({"prompt": STRING}, Message.user("Count"), Message.assistant("1, 2,"))
    assert inputs["prompt"] == "User: Count\n\nAssistant: 1, 2,"


def test_tools_are_dropped_and_their_history_is_told() -> None:
    history = (
        Message.user("Weather?"),
        Message.assistant((Thinking("hm"), ToolCall(id="1", name="weather", arguments='{"city":"Oslo"}'))),
        Message.tool(ToolResult(call_id="1", name="weather", content="Sunny")),
    )
    inputs, warnings = written({"prompt": STRING}, *history, tools=(Tool(name="weather"),))
    assert '[called weather with {"city":"Oslo"}]' in inputs["prompt"]
    assert "Tool: [weather answered] Sunny" in inputs["prompt"]
    assert ("dropped", "tools") in warnings
    assert ("dropped", "thinking") in warnings
    assert ("emulated", "tool call") in warnings


PICTURE = Image(data="AAAA", media_type="image/png")


def test_images_go_where_the_model_wants_them() -> None:
    shown = Message.user((Text("What?"), PICTURE, Image(url="https://x.invalid/a.png")))
    urls = ["data:image/png;base64,AAAA", "https://x.invalid/a.png"]
    assert written({"prompt": STRING, "image_input": {"type": "array"}}, shown) == (
        {"prompt": "What?", "image_input": urls},
        [],
    )
    inputs, warnings = written({"prompt": STRING, "image": STRING}, shown)
    assert (inputs, warnings) == ({"prompt": "What?", "image": urls[1]}, [("dropped", "image")])
    assert written({"prompt": STRING}, shown) == ({"prompt": "What?"}, [("dropped", "image")])
    by_id = Message.user((Text("What?"), Image(file_id="f1")))
    assert written({"prompt": STRING, "image": STRING}, by_id) == ({"prompt": "What?"}, [("dropped", "image file_id")])


def test_reasoning_is_a_level_a_budget_or_a_switch() -> None:
    level: JsonObject = {"prompt": STRING, "reasoning_effort": {"type": "string", "enum": ["low", "high"]}}
    assert written(level, reasoning=Reasoning(effort="low"))[0]["reasoning_effort"] == "low"
    assert written(level, reasoning=Reasoning(effort="xhigh"))[0]["reasoning_effort"] == "high"
    assert written(level, reasoning=Reasoning(budget=9000))[0]["reasoning_effort"] == "high"
    assert written(level, reasoning=Reasoning(mode="enabled"))[0]["reasoning_effort"] == "high"
    claude: JsonObject = {
        "prompt": STRING,
        "extended_thinking": {"type": "boolean"},
        "thinking_budget_tokens": {"type": "integer", "minimum": 1024},
    }
    assert written(claude, reasoning=Reasoning(budget=5000))[0] == {
        "prompt": "Hello",
        "extended_thinking": True,
        "thinking_budget_tokens": 5000,
    }
    assert written(claude, reasoning=Reasoning(effort="medium"))[0]["thinking_budget_tokens"] == 8192
    assert written(claude, reasoning=Reasoning(mode="disabled"))[0] == {"prompt": "Hello", "extended_thinking": False}
    assert written({"prompt": STRING, "thinking_budget": NUMBER}, reasoning=Reasoning(effort="none"))[0] == {
        "prompt": "Hello",
        "thinking_budget": 0,
    }
    assert written({"prompt": STRING}, reasoning=Reasoning(effort="low"))[1] == [("dropped", "reasoning")]


def test_a_form_is_asked_for_in_words() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    inputs, warnings = written({"prompt": STRING, "system_prompt": STRING}, output=OutputFormat(json_schema=schema))
    assert inputs["prompt"] == "Hello"
    assert inputs["system_prompt"].endswith('JSON Schema: {"type":"object","properties":{"n":{"type":"integer"}}}')
    assert warnings == [("emulated", "output")]


def test_a_model_that_does_not_tell_its_inputs_gets_a_prompt_alone() -> None:
    inputs, warnings = written(None, Message.system("Be brief."), Message.user("Hello"), temperature=0.5)
    assert inputs == {"prompt": "Be brief.\n\nHello"}
    assert warnings == [("emulated", "system"), ("dropped", "temperature")]


def described(**changes: Any) -> JsonObject:
    schemas: JsonObject = {
        "Input": {"properties": {"prompt": STRING, "mode": {"allOf": [{"$ref": "#/components/schemas/mode"}]}}},
        "mode": {"type": "string", "enum": ["a", "b"]},
    }
    version = {"id": "v1", "openapi_schema": {"components": {"schemas": schemas}}}
    return {"owner": "o", "name": "n", "latest_version": version, **changes}


def test_a_description_is_read_with_its_references() -> None:
    schema = schema_of(described(), of_version=False)
    assert (schema.version, schema.official, schema.writes_files) == ("v1", False, False)
    assert schema.choices("mode") == ["a", "b"]
    assert schema_of(described(is_official=True), of_version=False).official
    assert schema_of(described(latest_version=None), of_version=False) == InputSchema(official=True)
    assert schema_of(described()["latest_version"], of_version=True).properties is not None


@pytest.mark.parametrize("value", [{}, {"owner": "o"}, {"owner": 1, "name": "n"}])
def test_what_is_no_description_is_refused(value: JsonObject) -> None:
    with pytest.raises(BadJson):
        schema_of(value, of_version=False)
    with pytest.raises(BadJson):
        schema_of({}, of_version=True)


@pytest.mark.parametrize("output", [{"type": "string", "format": "uri"}, {"type": "array", "items": {"format": "uri"}}])
def test_models_that_write_files_are_told_by_their_output(output: JsonObject) -> None:
    value = described()
    value["latest_version"]["openapi_schema"]["components"]["schemas"]["Output"] = output
    assert schema_of(value, of_version=False).writes_files


def test_a_system_message_alone_is_the_prompt() -> None:
    assert written({"prompt": STRING, "system_prompt": STRING}, Message.system("Tell a joke.")) == (
        {"prompt": "Tell a joke."},
        [("emulated", "messages")],
    )


def test_what_prompts_cannot_hold_is_left_out_with_a_warning() -> None:
    schema: JsonObject = {"prompt": STRING, "image": STRING}
    cited = Message.user((Text("Hello"), Citation(url="https://example.com")))
    assert written(schema, cited) == ({"prompt": "Hello"}, [("dropped", "citations")])
    unread = Message.user((Text("Hello"), Image(url="ftp://example.com/a.png")))
    assert written(schema, unread) == ({"prompt": "Hello"}, [("dropped", "image url")])


def test_a_file_that_is_an_image_is_sent_as_one() -> None:
    asked = Message.user((Text("Hello"), File(data=PNG, media_type="image/png")))
    inputs, warnings = written({"prompt": STRING, "image": STRING}, asked)
    assert (inputs["image"], warnings) == (f"data:image/png;base64,{PNG}", [("emulated", "file")])


def test_a_value_that_the_model_does_not_list_is_left_out_with_a_warning() -> None:
    schema: JsonObject = {"prompt": STRING, "verbosity": {"type": "string", "enum": ["low", "high"]}}
    assert written(schema, verbosity="high") == ({"prompt": "Hello", "verbosity": "high"}, [])
    assert written(schema, verbosity="medium") == ({"prompt": "Hello"}, [("dropped", "verbosity")])


@pytest.mark.parametrize("stream", [True, False])
def test_a_body_that_came_in_is_streamed_as_the_call_wants(stream: bool) -> None:
    endpoint = Endpoint(provider="p", base_url="http://host")
    request = encode_request({"input": {}, "stream": not stream}, "/v1/predictions", endpoint, stream=stream)
    assert json.loads(request.body or b"") == {"input": {}, "stream": stream}
