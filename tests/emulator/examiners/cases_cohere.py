"""Requests to Cohere, each of which breaks one rule."""

from __future__ import annotations

from tests.emulator.examiners.bodies import PNG_URL, Body, result, turn
from tests.emulator.examiners.tables import Case, Table
from understudy.domain.content import JsonObject

USER: JsonObject = {"role": "user", "content": "Hello"}


def chat(**fields: object) -> Body:
    return {"model": "command-a-03-2025", "messages": [USER], **fields}


def talk(*messages: JsonObject, **fields: object) -> Body:
    return chat(messages=[*messages], **fields)


def embed(**fields: object) -> Body:
    return {"model": "embed-v4.0", "input_type": "search_query", "texts": ["Hello"], **fields}


def call(call_id: str = "c1", name: str = "weather", arguments: object = "{}", **fields: object) -> JsonObject:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}, **fields}


def tool(name: str = "weather", parameters: object = None, **fields: object) -> JsonObject:
    schema = {"type": "object", "properties": {}} if parameters is None else parameters
    return {"type": "function", "function": {"name": name, "parameters": schema, **fields}}


def out(properties: JsonObject, **fields: object) -> Body:
    schema = {"type": "object", "properties": properties, "required": list(properties), **fields}
    return chat(response_format={"type": "json_object", "json_schema": schema})


def calling(*calls: JsonObject, **fields: object) -> JsonObject:
    return {"role": "assistant", "tool_calls": list(calls), **fields}


def picture(url: str) -> Body:
    content = [{"type": "image_url", "image_url": {"url": url}}]
    return {"model": "command-a-plus-05-2026", "messages": [{"role": "user", "content": content}]}


STRICT = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
LOOSE = {"type": "object", "properties": {"city": {"type": "string"}}}
R08 = "command-r-08-2024"
TEXT = {"type": "text", "text": "Hello"}

CHAT = (
    Case("known-fields", chat(top_p=0.5), chat(p=0.5), says="unknown field: parameter 'top_p' is not a valid field"),
    Case("known-fields", chat(tools=[tool(strict=True)]), chat(tools=[tool()], strict_tools=False), says="'strict'"),
    Case("known-fields", talk({**USER, "name": "Ann"}), talk(USER), says="'name'"),
    Case("known-fields", talk({"role": "user", "content": [{**TEXT, "cache_control": {}}]}), talk(USER)),
    Case(
        "types",
        chat(max_tokens="9"),
        chat(max_tokens=9),
        says="'max_tokens' is of type string but should be of type int32",
    ),
    Case("types", chat(max_tokens=9.5), chat(max_tokens=9)),
    Case(
        "types",
        talk(USER, calling(call(arguments={})), result("c1")),
        talk(USER, calling(call()), result("c1")),
        also=frozenset({"arguments"}),
    ),
    Case("types", chat(stop_sequences="x"), chat(stop_sequences=["x"])),
    Case("model", {"messages": [USER]}, chat(), says="a model parameter is required"),
    Case("messages", talk(), talk(USER)),
    Case("messages", talk({"role": "developer", "content": "x"}, USER), talk({"role": "system", "content": "x"}, USER)),
    Case(
        "part-types",
        talk(
            {"role": "system", "content": [{"type": "image_url", "image_url": {"url": PNG_URL}}]},
            USER,
            model="command-a-plus-05-2026",
        ),
        picture(PNG_URL),
    ),
    Case(
        "part-types",
        talk({"role": "user", "content": [TEXT, {"type": "file", "file": {}}]}),
        talk({"role": "user", "content": [TEXT]}),
    ),
    Case(
        "no-empty-turn", talk({"role": "user", "content": ""}), talk(USER), says="message must not be empty in a turn"
    ),
    Case("no-empty-turn", talk({"role": "user", "content": []}), talk(USER)),
    Case("no-empty-turn", talk(USER, turn("assistant", None), USER), talk(USER, turn("assistant", "Hi"), USER)),
    Case(
        "plan-instead-of-text",
        talk(USER, calling(call(), content="I look."), result("c1")),
        talk(USER, calling(call(), tool_plan="I look."), result("c1")),
        says="'messages[1].content[0]'",
    ),
    Case(
        "plan-instead-of-text",
        talk(USER, calling(call(), content=[TEXT]), result("c1")),
        talk(USER, calling(call(), content=[{"type": "thinking", "thinking": "I look."}]), result("c1")),
    ),
    Case(
        "calls",
        talk(USER, calling({"id": "c1", "type": "function"}), result("c1")),
        talk(USER, calling(call()), result("c1")),
        says="tool call must be of type function",
    ),
    Case(
        "calls",
        talk(USER, calling(call()), result("c1"), calling(call()), result("c1")),
        talk(USER, calling(call()), result("c1"), calling(call("c2")), result("c2")),
        says="cannot have duplicate tool ids",
    ),
    Case(
        "arguments",
        talk(USER, calling(call(arguments="")), result("c1")),
        talk(USER, calling(call(arguments="{}")), result("c1")),
    ),
    Case(
        "arguments",
        talk(USER, calling(call(arguments='{"a": ')), result("c1")),
        talk(USER, calling(call(arguments='{"a": 1}')), result("c1")),
    ),
    Case("results-after-calls", talk(USER, calling(call()), USER), talk(USER, calling(call()), result("c1"), USER)),
    Case(
        "results-after-calls",
        talk(USER, calling(call()), USER, result("c1")),
        talk(USER, calling(call()), result("c1"), USER),
    ),
    Case(
        "results-after-calls",
        talk(USER, result("c1")),
        talk(USER),
        says="tool call id not found in previous tool calls",
    ),
    Case(
        "results-after-calls",
        talk(USER, calling(call()), {"role": "tool", "content": "x"}),
        talk(USER, calling(call()), result("c1")),
        says="tool call id must be provided",
    ),
    Case("tools", chat(tools=[{"type": "function"}]), chat(tools=[tool()])),
    Case(
        "tools",
        chat(tools=[{"type": "function", "function": {"name": "weather"}}]),
        chat(tools=[tool()]),
        says="schema must be an object",
    ),
    Case(
        "tool-names",
        chat(tools=[tool("fs.read/file")]),
        chat(tools=[tool("fs_read_file")]),
        says="(provided name: 'fs.read/file')",
    ),
    Case("tool-names", chat(tools=[tool("get-weather")]), chat(tools=[tool("get_weather")])),
    Case(
        "tool-names",
        talk(USER, calling(call(name="2nd")), result("c1")),
        talk(USER, calling(call(name="nd2")), result("c1")),
    ),
    Case("tool-choice", chat(tools=[tool()], tool_choice="required"), chat(tools=[tool()], tool_choice="REQUIRED")),
    Case("tool-choice", chat(tool_choice="REQUIRED"), chat(tool_choice="NONE")),
    Case("tool-choice", chat(model=R08, tools=[tool()], tool_choice="NONE"), chat(model=R08, tools=[tool()])),
    Case(
        "response-format", chat(response_format={"type": "json_schema"}), chat(response_format={"type": "json_object"})
    ),
    Case(
        "response-format",
        chat(response_format={"type": "json_object"}, tools=[tool()]),
        chat(response_format={"type": "text"}, tools=[tool()]),
    ),
    Case(
        "response-format",
        chat(response_format={"type": "json_object"}, documents=["x"]),
        chat(documents=["x"]),
        says="not supported with RAG",
    ),
    Case(
        "schema-form",
        chat(response_format={"type": "json_object", "json_schema": {"type": "array"}}),
        out({"a": {"type": "string"}}),
        says="schema must be an object",
    ),
    Case(
        "schema-form",
        out({"a": {"description": "anything"}}),
        out({"a": {"type": "string"}}),
        says="property a must have a type",
    ),
    Case(
        "schema-form",
        out({"a": {"type": "string"}}, required=["b"]),
        out({"a": {"type": "string"}}),
        says="required field name not found in properties",
    ),
    Case("schema-features", out({"a": {"type": "integer", "minimum": 0}}), out({"a": {"type": "integer"}})),
    Case(
        "schema-features",
        out({"a": {"oneOf": [{"type": "string"}, {"type": "null"}]}}),
        out({"a": {"anyOf": [{"type": "string"}, {"type": "null"}]}}),
    ),
    Case("schema-features", out({"a": {"type": "array", "maxItems": 3}}), out({"a": {"type": "array"}})),
    Case(
        "schema-features",
        out({"a": {"type": "string", "format": "email"}}),
        out({"a": {"type": "string", "format": "date"}}),
    ),
    Case(
        "schema-features",
        out({"a": {"type": "string", "pattern": "^[A-Z]$"}}),
        out({"a": {"type": "string", "pattern": "[^A-Z$]"}}),
    ),
    Case(
        "schema-features",
        chat(
            tools=[tool(parameters={**STRICT, "properties": {"city": {"type": "string", "minLength": 1}}})],
            strict_tools=True,
        ),
        chat(tools=[tool(parameters={**STRICT, "properties": {"city": {"type": "string", "minLength": 1}}})]),
    ),
    Case("schema-required", out({"a": {"type": "string"}}, required=[]), out({"a": {"type": "string"}})),
    Case(
        "schema-required", out({"a": {"type": "object", "properties": {"b": {"type": "string"}}}}), out({"a": STRICT})
    ),
    Case(
        "strict-tools-required",
        chat(tools=[tool(parameters=LOOSE)], strict_tools=True),
        chat(tools=[tool(parameters=STRICT)], strict_tools=True),
    ),
    Case("ranges", chat(temperature=1.5), chat(temperature=1), says="temperature must be between 0 and 1.0 inclusive."),
    Case("ranges", chat(p=1), chat(p=0.99)),
    Case("ranges", chat(k=501), chat(k=500)),
    Case("ranges", chat(presence_penalty=-1), chat(presence_penalty=0)),
    Case("ranges", chat(seed=-1), chat(seed=0)),
    Case(
        "stop-sequences",
        chat(stop_sequences=["a", "b", "c", "d", "e", "f"]),
        chat(stop_sequences=["a", "b", "c", "d", "e"]),
    ),
    Case("stop-sequences", chat(stop_sequences=[""]), chat(stop_sequences=["a"])),
    Case("thinking", chat(thinking={"type": "on"}), chat(thinking={"type": "disabled"})),
    Case(
        "thinking",
        chat(model="command-a-plus-05-2026", thinking={"type": "enabled", "token_budget": 0}),
        chat(model="command-a-plus-05-2026", thinking={"type": "enabled", "token_budget": 1}),
    ),
    Case("safety-mode", chat(safety_mode="NONE"), chat(safety_mode="STRICT")),
    Case("safety-mode", chat(safety_mode="STRICT", tools=[tool()]), chat(tools=[tool()])),
    Case("safety-mode", chat(safety_mode="OFF"), chat(model=R08, safety_mode="OFF")),
    Case("images", picture("data:image/svg+xml;base64,AAAA"), picture(PNG_URL)),
    Case("images", picture(PNG_URL.replace("image/png", "image/jpeg")), picture("https://example.com/a.jpg")),
    Case(
        "capabilities",
        chat(thinking={"type": "enabled"}),
        chat(model="command-a-reasoning-08-2025", thinking={"type": "enabled"}),
    ),
    Case("capabilities", {**picture(PNG_URL), "model": "command-a-03-2025"}, picture(PNG_URL)),
)
EMBED = (
    Case("embed-known-fields", embed(dimensions=256), embed(output_dimension=256), says="'dimensions'"),
    Case(
        "embed-types",
        embed(embedding_types="float"),
        embed(embedding_types=["float"]),
        says="of type string but should be of type []Object",
        also=frozenset({"embed-embedding-types"}),
    ),
    Case("embed-model", {"input_type": "search_query", "texts": ["Hello"]}, embed()),
    Case(
        "embed-input-type",
        {"model": "embed-v4.0", "texts": ["Hello"]},
        embed(),
        says="valid input_type must be provided",
    ),
    Case("embed-one-input", embed(texts=[]), embed()),
    Case(
        "embed-one-input",
        embed(inputs=[{"content": [TEXT]}]),
        {"model": "embed-v4.0", "input_type": "search_query", "inputs": [{"content": [TEXT]}]},
    ),
    Case("embed-texts", embed(texts=["a", ""]), embed(texts=["a", "b"]), says="empty string at index 1"),
    Case("embed-texts", embed(texts=[1]), embed(texts=["1"])),
    Case("embed-count", embed(texts=["x"] * 97), embed(texts=["x"] * 96), says="at most 96 - received 97"),
    Case(
        "embed-inputs",
        {**embed(texts=None), "inputs": [{"content": [{"type": "audio"}]}]},
        {**embed(texts=None), "inputs": [{"content": [TEXT]}]},
    ),
    Case("embed-embedding-types", embed(embedding_types=["float16"]), embed(embedding_types=["int8"])),
    Case("embed-output-dimension", embed(output_dimension=2048), embed(output_dimension=1536)),
    Case(
        "embed-output-dimension",
        embed(model="embed-english-v3.0", output_dimension=256),
        embed(model="embed-english-v3.0"),
    ),
    Case("embed-truncate", embed(truncate="end"), embed(truncate="END")),
    Case("embed-limits", embed(priority=1000), embed(priority=999)),
    Case("embed-images", embed(texts=None, images=[PNG_URL]), embed(texts=None, images=[PNG_URL], input_type="image")),
    Case(
        "embed-images",
        embed(texts=None, images=["https://example.com/a.png"], input_type="image"),
        embed(texts=None, images=[PNG_URL], input_type="image"),
    ),
    Case("embed-capabilities", embed(model="command-a-03-2025"), embed()),
)

TABLES = (Table("cohere", "cohere", "/v2/chat", CHAT), Table("cohere", "cohere", "/v2/embed", EMBED))
