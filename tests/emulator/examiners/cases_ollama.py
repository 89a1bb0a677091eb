"""Requests to Ollama, each of which breaks one rule."""

from __future__ import annotations

from tests.emulator.examiners.bodies import PNG, PNG_URL, Body, turn
from tests.emulator.examiners.tables import Case, Table
from understudy.domain.content import JsonObject

USER = turn("user", "Hello")


def chat(**fields: object) -> Body:
    return {"model": "llama3.2", "messages": [USER], **fields}


def talk(*messages: JsonObject, **fields: object) -> Body:
    return chat(messages=[USER, *messages], **fields)


def embed(**fields: object) -> Body:
    return {"model": "nomic-embed-text", "input": "Hello", **fields}


def calling(call: object) -> JsonObject:
    return turn("assistant", "", tool_calls=[call])


def with_call(arguments: object, **fields: object) -> Body:
    called = calling({"function": {"name": "weather", "arguments": arguments, **fields}})
    return talk(called, turn("tool", "18 degrees", tool_name="weather"))


def tooled(parameters: object, **fields: object) -> Body:
    function = {"name": "weather", "parameters": parameters, **fields}
    return chat(tools=[{"type": "function", "function": function}])


def of(name: str, schema: object) -> Body:
    return tooled({"type": "object", "properties": {name: schema}})


CITY: JsonObject = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}

CHAT = (
    Case(
        "body",
        chat(messages="Hello"),
        chat(),
        says="json: cannot unmarshal string into Go struct field ChatRequest.messages",
    ),
    Case("body", chat(stream="yes"), chat(stream=True), says="of type bool"),
    Case("body", chat(options=[]), chat(options={})),
    Case(
        "messages",
        talk(turn("user", [{"type": "text", "text": "Hi"}])),
        talk(turn("user", "Hi")),
        says="cannot unmarshal array into Go struct field Alias.content of type string",
    ),
    Case("messages", talk(turn("user", {"text": "Hi"})), talk(turn("user", None))),
    Case("messages", chat(messages=["Hello"]), chat()),
    Case("calls", with_call({}, index="0"), with_call({}, index=0)),
    Case(
        "calls",
        talk(calling({"id": 1, "function": {"name": "a", "arguments": {}}})),
        talk(calling({"id": "1", "function": {"name": "a", "arguments": {}}})),
    ),
    Case(
        "arguments",
        with_call('{"city": "Paris"}'),
        with_call({"city": "Paris"}),
        says="Value looks like object, but can't find closing '}' symbol",
    ),
    Case("arguments", with_call([]), with_call({})),
    Case(
        "images",
        talk(turn("user", "Look", images=[PNG_URL]), model="qwen3-vl"),
        talk(turn("user", "Look", images=[PNG]), model="qwen3-vl"),
        says="illegal base64 data at input byte 4",
    ),
    Case(
        "images",
        talk(turn("user", "Look", images=["https://example.com/a.png"]), model="qwen3-vl"),
        talk(turn("user", "Look", images=[PNG]), model="qwen3-vl"),
    ),
    Case("tools", chat(tools=[{"type": "function", "function": "weather"}]), tooled(CITY)),
    Case("tools", tooled(CITY, description=["words"]), tooled(CITY, description="words")),
    Case(
        "tool-parameters",
        tooled({"type": ["object", "null"], "properties": {}}),
        tooled({"type": "object", "properties": {}}),
        says="into Go struct field ToolFunctionParameters.tools.function.parameters.type of type string",
    ),
    Case("tool-parameters", tooled({**CITY, "properties": []}), tooled(CITY)),
    Case("tool-parameters", tooled({**CITY, "required": {}}), tooled({**CITY, "required": None})),
    Case("tool-parameters", tooled({**CITY, "required": [1]}), tooled({**CITY, "minProperties": 1})),
    Case("tool-properties", of("city", True), of("city", {}), says="of type api.ToolProperty"),
    Case("tool-properties", of("city", {"type": [1]}), of("city", {"type": ["string", "null"]})),
    Case("tool-properties", of("city", {"anyOf": [False]}), of("city", {"anyOf": [{"type": "string"}]})),
    Case(
        "tool-properties",
        of("place", {"type": "object", "properties": {"city": {"enum": "Paris"}}}),
        of("place", {"type": "object", "properties": {"city": {"enum": ["Paris", None]}}}),
    ),
    Case(
        "think",
        chat(model="qwen3", think="xhigh"),
        chat(model="qwen3", think="max"),
        says='invalid think value: "xhigh"',
    ),
    Case("think", chat(model="qwen3", think=1), chat(model="qwen3", think=True)),
    Case("keep-alive", chat(keep_alive="5 minutes"), chat(keep_alive="1h30m"), says="time: invalid duration"),
    Case("keep-alive", chat(keep_alive=[5]), chat(keep_alive=-1)),
    Case("top-logprobs", chat(top_logprobs=21), chat(logprobs=True, top_logprobs=20)),
    Case("model", {"messages": [USER]}, chat(), says="model is required"),
    Case(
        "model", chat(model="a model"), chat(model="hf.co/bartowski/Llama-3.2-3B-GGUF:Q8_0"), says="invalid model name"
    ),
    Case(
        "capabilities",
        {**tooled(CITY), "model": "gemma3"},
        tooled(CITY),
        says='"gemma3" does not support tools',
    ),
    Case("capabilities", chat(think=True), chat(think=False), says='"llama3.2" does not support thinking'),
    Case("capabilities", chat(model="nomic-embed-text"), chat()),
    Case(
        "options",
        chat(options={"temperature": "0.5"}),
        chat(options={"temperature": 0, "mood": "good"}),
        says='option "temperature" must be of type float32',
    ),
    Case("options", chat(options={"stop": "END"}), chat(options={"stop": ["END"]})),
    Case("options", chat(options={"stop": [1]}), chat(options={"num_predict": 9.0})),
    Case("format", chat(format="xml"), chat(format="json"), says='expected "json" or a valid JSON Schema object'),
    Case("format", chat(format=["json"]), chat(format=CITY)),
)
EMBED = (
    Case("body", embed(dimensions="9"), embed(dimensions=9)),
    Case("embed-input", embed(input=[1]), embed(input=["1"]), says="invalid input type"),
    Case("embed-input", embed(input={"text": "Hello"}), embed(input=[])),
    Case("keep-alive", embed(keep_alive="long"), embed(keep_alive="5m")),
)

TABLES = (Table("ollama", "ollama", "/api/chat", CHAT), Table("ollama", "ollama", "/api/embed", EMBED))
