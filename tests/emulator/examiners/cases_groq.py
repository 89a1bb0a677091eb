"""Requests to Groq, each of which breaks one rule."""

from __future__ import annotations

from tests.emulator.examiners.bodies import PNG_URL, Body, call, calling, look, result, tool, turn
from tests.emulator.examiners.tables import Case, Table
from understudy.domain.content import JsonObject

USER = turn("user", "Hello")
OSS = "openai/gpt-oss-120b"
QWEN = "qwen/qwen3.8-27b"
LLAMA = "llama-3.3-70b-versatile"
CITY: JsonObject = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}


def chat(**fields: object) -> Body:
    return {"model": OSS, "messages": [USER], **fields}


def talk(*messages: JsonObject, **fields: object) -> Body:
    return chat(messages=[USER, *messages], **fields)


def tooled(parameters: object, **fields: object) -> Body:
    return chat(tools=[tool("weather", parameters, **fields)])


def out(schema: object, **fields: object) -> Body:
    return chat(response_format={"type": "json_schema", "json_schema": {"name": "out", "schema": schema, **fields}})


def strict(**properties: object) -> Body:
    return out({**CITY, "properties": properties, "required": list(properties)}, strict=True)


def asked_for(kind: str, text: str = "Answer in JSON.", **fields: object) -> Body:
    return chat(messages=[turn("user", text)], response_format={"type": kind}, **fields)


ROUND = (calling(call()), result("c1"))

CHAT = (
    Case("required", {"messages": [USER]}, chat(), says="property 'model' is missing"),
    Case("required", chat(messages=[]), chat(), says="minimum number of items is 1"),
    Case("known-fields", chat(top_k=5), chat(top_p=0.5), says="property 'top_k' is unsupported"),
    Case("types", chat(max_completion_tokens="9"), chat(max_completion_tokens=9)),
    Case("types", chat(stop={}), chat(stop="END")),
    Case("unsupported", chat(logprobs=True), chat(logprobs=False), says="`logprobs` is not supported with this model"),
    Case("unsupported", chat(logit_bias={"1": 1}), chat(logit_bias={})),
    Case("one-choice", chat(n=2), chat(n=1), says="'n' : number must be at most 1"),
    Case("not-stored", chat(metadata={"a": "b"}), chat(user="Ann")),
    Case("ranges", chat(temperature=2.5), chat(temperature=2), says="number must be at most 2"),
    Case("ranges", chat(top_p=-1), chat(top_p=0)),
    Case("choices", chat(service_tier="fast"), chat(service_tier="flex")),
    Case("stop", chat(stop=["a", "b", "c", "d", "e"]), chat(stop=["a", "b", "c", "d"])),
    Case("roles", talk(turn("model", "Hi")), talk(turn("assistant", "Hi"))),
    Case(
        "message-fields",
        talk(turn("assistant", "Hi", reasoning_content="Hm.")),
        talk(turn("assistant", "Hi", reasoning="Hm.")),
        says="property 'reasoning_content' is unsupported",
    ),
    Case("message-fields", talk(turn("user", "Hi", name="Ann")), talk(turn("user", "Hi"))),
    Case("message-fields", talk(*ROUND[:1], result("c1", name="weather")), talk(*ROUND)),
    Case("content", talk(turn("user", None)), talk(turn("user", "Hi")), says="property 'content' is missing"),
    Case("content", talk(turn("assistant", None)), talk(turn("assistant", ""))),
    Case("content", talk(turn("user", {"text": "Hi"})), talk(turn("user", [{"type": "text", "text": "Hi"}]))),
    Case("part-types", talk(turn("user", [{"type": "file"}])), talk(turn("user", [{"type": "text", "text": "Hi"}]))),
    Case(
        "part-types",
        talk(turn("assistant", look(PNG_URL)), model=QWEN),
        talk(turn("user", look(PNG_URL)), model=QWEN),
    ),
    Case(
        "reasoning",
        talk(turn("assistant", "Hi", reasoning="Hm."), model=LLAMA),
        talk(turn("assistant", "Hi", reasoning="Hm.")),
        says="property 'reasoning' is unsupported",
    ),
    Case("calls", talk(calling(call(name="fs.read")), result("c1")), talk(*ROUND)),
    Case("calls", talk(calling(call(arguments={})), result("c1")), talk(*ROUND)),
    Case("arguments", talk(calling(call(arguments="")), result("c1")), talk(*ROUND)),
    Case(
        "arguments",
        talk(calling(call(arguments='{"a": ')), result("c1")),
        talk(calling(call(arguments="null")), result("c1")),
    ),
    Case("results-have-ids", talk(*ROUND, turn("tool", "x")), talk(*ROUND), says="property 'tool_call_id' is missing"),
    Case(
        "results-after-calls",
        talk(calling(call()), USER),
        talk(*ROUND, USER),
        says="did not have response messages: c1",
    ),
    Case("results-after-calls", talk(calling(call()), USER, result("c1")), talk(*ROUND, USER)),
    Case("results-after-calls", talk(result("c1")), talk(USER), says="must be a response to a preceding message"),
    Case(
        "images",
        talk(turn("user", look(*[PNG_URL] * 6)), model=QWEN),
        talk(turn("user", look(*[PNG_URL] * 5)), model=QWEN),
        says="up to 5 images",
    ),
    Case(
        "images",
        talk(turn("user", look("data:image/png;base64," + "A" * 4_200_000)), model=QWEN),
        talk(turn("user", look("https://example.com/large.png")), model=QWEN),
        says="Request Entity Too Large",
    ),
    Case(
        "images",
        talk(turn("user", look("data:image/png,plain")), model=QWEN),
        talk(turn("user", look(PNG_URL)), model=QWEN),
        says="invalid image data",
    ),
    Case(
        "capabilities",
        talk(turn("user", look(PNG_URL))),
        talk(turn("user", look(PNG_URL)), model=QWEN),
        says="messages[1].content must be a string",
    ),
    Case("tools", chat(tools=[tool(f"t{n}") for n in range(129)]), chat(tools=[tool(f"t{n}") for n in range(128)])),
    Case("tools", chat(tools=[{"type": "function"}]), chat(tools=[tool()])),
    Case("tool-names", chat(tools=[tool("fs.read/file")]), chat(tools=[tool("fs-read_file")])),
    Case("tool-names", chat(tools=[tool("t" * 65)]), chat(tools=[tool("t" * 64)])),
    Case("tool-choice", chat(tools=[tool()], tool_choice="any"), chat(tools=[tool()], tool_choice="required")),
    Case(
        "tool-choice",
        chat(tools=[tool()], tool_choice={"type": "function", "function": {"name": "news"}}),
        chat(tools=[tool()], tool_choice={"type": "function", "function": {"name": "weather"}}),
    ),
    Case("response-format", chat(response_format={"type": "json"}), chat(response_format={"type": "text"})),
    Case("response-format", out(CITY, name="an odd name"), out(CITY)),
    Case("response-format", chat(response_format={"type": "json_schema", "json_schema": {"name": "out"}}), out(CITY)),
    Case(
        "schema-models",
        {**out(CITY), "model": LLAMA},
        out(CITY),
        says="This model does not support response format `json_schema`",
    ),
    Case("strict-models", {**out(CITY, strict=True), "model": QWEN}, {**out(CITY, strict=False), "model": QWEN}),
    Case("object-schemas", tooled({}), tooled({"type": "object"}), says="schema must have a 'type' key"),
    Case("object-schemas", tooled({"type": "array"}), tooled(CITY)),
    Case(
        "required-needs-properties",
        tooled({"type": "object", "required": []}),
        tooled({"type": "object", "properties": {}, "required": []}),
        says="invalid JSON schema for tool weather, tools[0].function.parameters: 'required' present but 'properties'",
    ),
    Case(
        "required-needs-properties",
        tooled({**CITY, "properties": {"city": {"type": "object", "required": ["a"]}}}),
        tooled({**CITY, "properties": {"city": {"type": "object"}}}),
    ),
    Case("references", tooled({**CITY, "properties": {"city": {"$ref": "#/$defs/City"}}}), tooled(CITY)),
    Case("references", tooled({**CITY, "properties": {"city": {"$ref": "https://example.com/city"}}}), tooled(CITY)),
    Case(
        "strict-schemas",
        out({**CITY, "additionalProperties": True}, strict=True),
        out({**CITY, "additionalProperties": True}),
        says="additionalProperties:false must be set on every object",
    ),
    Case(
        "strict-schemas",
        out({**CITY, "required": []}, strict=True),
        out({**CITY, "required": []}),
        says="The following properties must be listed in `required`: city",
    ),
    Case("strict-schemas", strict(a={"type": "object", "properties": {}}), strict(a=CITY)),
    Case("strict-schemas", strict(a={"oneOf": [CITY]}), strict(a={"anyOf": [CITY, {"type": "null"}]})),
    Case(
        "strict-schemas",
        strict(a={"type": "array", "minItems": 1}),
        strict(a={"type": "array", "items": {"type": "string"}}),
        says="minItems is not supported",
    ),
    Case("strict-schemas", tooled({**CITY, "required": []}, strict=True), tooled({**CITY, "required": []})),
    Case("effort", chat(reasoning_effort="none"), chat(reasoning_effort="low"), says="`low` or `medium` or `high`"),
    Case("effort", chat(model=QWEN, reasoning_effort="max"), chat(model=QWEN, reasoning_effort="none")),
    Case(
        "effort",
        chat(model=LLAMA, reasoning_effort="low"),
        chat(model=LLAMA),
        says="`reasoning_effort` is not supported with this model",
    ),
    Case(
        "reasoning-format",
        chat(reasoning_format="parsed", include_reasoning=True),
        chat(reasoning_format="parsed"),
    ),
    Case(
        "reasoning-format",
        chat(reasoning_format="raw", tools=[tool()]),
        chat(reasoning_format="hidden", tools=[tool()]),
    ),
    Case(
        "json-without-tools",
        asked_for("json_object", tools=[tool()]),
        asked_for("json_object"),
        says="json mode cannot be combined with tool/function calling",
    ),
    Case(
        "json-is-named",
        asked_for("json_object", "Answer."),
        asked_for("json_object", "Answer in JSON."),
        says="must contain the word 'json'",
    ),
)

TABLES = (Table("groq", "openai", "/openai/v1/chat/completions", CHAT),)
