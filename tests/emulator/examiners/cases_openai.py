"""Requests to OpenAI's chat completions and embeddings, each of which breaks one rule."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from tests.emulator.examiners.tables import Case, Table
from understudy.domain.content import Json, JsonObject

PNG = "data:image/png;base64,iVBORw0KGgo="
PDF = "data:application/pdf;base64," + b64encode(b"%PDF-1.7\n").decode()
WAV = b64encode(b"RIFF\x24\x00\x00\x00WAVEfmt ").decode()
MP3 = b64encode(b"ID3\x04\x00").decode()
HELLO: JsonObject = {"role": "user", "content": "Hello"}
EMPTY: JsonObject = {"type": "object", "properties": {}}


def chat(*messages: Json, model: str = "gpt-4.1", **fields: Any) -> JsonObject:
    return {"model": model, "messages": list(messages) or [HELLO], **fields}


def user(*parts: Json) -> JsonObject:
    return {"role": "user", "content": list(parts)}


def text(value: str) -> JsonObject:
    return {"type": "text", "text": value}


def image(url: str, **more: Any) -> JsonObject:
    return user({"type": "image_url", "image_url": {"url": url, **more}})


def audio(data: str, form: str) -> JsonObject:
    return user({"type": "input_audio", "input_audio": {"data": data, "format": form}})


def file(**fields: Any) -> JsonObject:
    return user({"type": "file", "file": fields})


def call(name: str = "f", arguments: str = "{}", **more: Any) -> JsonObject:
    return {"id": "call_1", "type": "function", "function": {"name": name, "arguments": arguments}, **more}


def calling(*calls: Json) -> JsonObject:
    return {"role": "assistant", "tool_calls": list(calls)}


def result(call_id: str = "call_1", **more: Any) -> JsonObject:
    return {"role": "tool", "tool_call_id": call_id, "content": "4", **more}


def tool(name: str = "f", parameters: Json = EMPTY, **more: Any) -> JsonObject:
    return {"type": "function", "function": {"name": name, "parameters": parameters, **more}}


def tooled(*tools: Json, **fields: Any) -> JsonObject:
    return chat(tools=list(tools), **fields)


def strict_object(**properties: Json) -> JsonObject:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def strict(schema: Json) -> JsonObject:
    return tooled(tool(parameters=schema, strict=True))


def answer(schema: Json, *, name: str = "city", strict: bool | None = True, **fields: Any) -> JsonObject:
    form = {"name": name, "schema": schema, "strict": strict}
    return chat(response_format={"type": "json_schema", "json_schema": form}, **fields)


STRING: JsonObject = {"type": "string"}
CITY = strict_object(name=STRING)

MODEL = (
    Case("model", {"messages": [HELLO]}, chat(), "you must provide a model"),
    Case("model", chat(model=""), chat()),
    Case("model", {"input": "Hello"}, {"input": "Hello", "model": "text-embedding-3-small"}, path="/v1/embeddings"),
)
FIELDS = (
    Case("fields", chat(thinking={"type": "enabled"}), chat(), "Unrecognized request argument supplied: thinking"),
    Case("fields", chat(top_k=40), chat(top_p=0.5)),
)
MESSAGES = tuple(
    Case("messages", broken, kept, says, param)
    for broken, kept, says, param in (
        ({"model": "gpt-4.1"}, chat(), "Missing required parameter: 'messages'.", "messages"),
        ({**chat(), "messages": []}, chat(), "empty array", "messages"),
        ({**chat(), "messages": "Hello"}, chat(), "expected an array of objects, but got a string", "messages"),
        (chat("Hello"), chat(), "expected an object, but got a string", "messages[0]"),
        (chat({"content": "Hello"}), chat(), "Missing required parameter", "messages[0].role"),
        (
            chat({"role": "model", "content": "Hello"}),
            chat({"role": "developer", "content": "Hello"}),
            "Supported values are: 'system', 'assistant', 'user', 'function', 'tool', and 'developer'.",
            "messages[0].role",
        ),
        (chat({"role": "user"}), chat(), "Missing required parameter", "messages[0].content"),
        (chat({"role": "user", "content": None}), chat(), "expected a string, got null", "messages[0].content"),
        (chat({"role": "user", "content": 3}), chat(), "one of a string or array of objects", "messages[0].content"),
        (chat(user()), chat(user(text("Hello"))), "empty array", "messages[0].content"),
        (chat({**HELLO, "cache_control": {}}), chat({**HELLO, "name": "ann"}), "Unknown parameter", None),
        (chat({**HELLO, "name": "Ann Lee"}), chat({**HELLO, "name": "Ann-Lee"}), "pattern", "messages[0].name"),
        (chat(user({"text": "Hello"})), chat(user(text("Hello"))), "Missing", "messages[0].content[0].type"),
        (chat(user({"type": "text"})), chat(user(text(""))), "Missing", "messages[0].content[0].text"),
        (chat(user({"type": "input_text", "text": "Hello"})), chat(user(text("Hello"))), "'image_url'", None),
        (
            chat(user({**text("Hello"), "cache_control": {"type": "ephemeral"}})),
            chat(user({**text("Hello"), "prompt_cache_breakpoint": {"mode": "explicit"}})),
            "Unknown parameter: 'messages[0].content[0].cache_control'.",
            "messages[0].content[0].cache_control",
        ),
        (
            chat({"role": "system", "content": image(PNG)["content"]}),
            chat({"role": "system", "content": [text("Be brief")]}),
            "Invalid value: 'image_url'",
            "messages[0].content[0].type",
        ),
        (
            chat(HELLO, {"role": "assistant", "content": image(PNG)["content"]}),
            chat(HELLO, {"role": "assistant", "content": [{"type": "refusal", "refusal": "No"}]}),
            "Supported values are: 'text' and 'refusal'.",
            "messages[1].content[0].type",
        ),
        (
            chat(HELLO, {"role": "assistant", "content": None}),
            chat(HELLO, {"role": "assistant", "content": "", "annotations": [], "refusal": None}),
            "expected a string, got null",
            "messages[1].content",
        ),
        (
            chat(HELLO, {"role": "assistant", "content": "Hi", "tool_calls": []}),
            chat(HELLO, {"role": "assistant", "content": "Hi"}),
            "empty array",
            "messages[1].tool_calls",
        ),
        (
            chat(HELLO, {"role": "assistant", "content": "Hi", "reasoning_content": "Hm"}),
            chat(HELLO, {"role": "assistant", "content": "Hi"}),
            "Unknown parameter: 'messages[1].reasoning_content'",
            None,
        ),
        (chat(calling(call(id="x" * 41)), result("x" * 41)), chat(calling(call(id="x" * 40)), result("x" * 40)),
         "maximum length 40", "messages[0].tool_calls[0].id"),
        (chat(calling(call(id="")), result("")), chat(calling(call()), result()), "empty string", None),
        (chat(calling(call(index=0)), result()), chat(calling(call()), result()), "Unknown parameter", None),
        (chat(calling(call("a.b")), result()), chat(calling(call("a-b")), result()), "does not match pattern",
         "messages[0].tool_calls[0].function.name"),
        (chat(calling(call("x" * 65)), result()), chat(calling(call("x" * 64)), result()), "too long", None),
        (chat(calling({**call(), "function": {"name": "f", "arguments": {}}}), result()),
         chat(calling(call()), result()), "expected a string, but got an object",
         "messages[0].tool_calls[0].function.arguments"),
        (chat(calling({**call(), "function": {"name": "f"}}), result()), chat(calling(call(arguments="")), result()),
         "Missing required parameter", "messages[0].tool_calls[0].function.arguments"),
        (chat(calling({"id": "call_1", "type": "custom", "custom": {"name": "f"}}), result()),
         chat(calling({"id": "call_1", "type": "custom", "custom": {"name": "f", "input": "x"}}), result()),
         "Missing required parameter", "messages[0].tool_calls[0].custom.input"),
        (chat(calling(call()), result(content=image(PNG)["content"])),
         chat(calling(call()), result(content=[text("4")])), "Invalid value: 'image_url'", None),
        (chat(calling(call()), result(content={"a": 4})), chat(calling(call()), result(name="f")),
         "one of a string or array of objects, but got an object", "messages[1].content"),
    )
)  # fmt: skip
MEDIA = tuple(
    Case("messages", broken, kept, says, param)
    for broken, kept, says, param in (
        (chat(image("picture.png")), chat(image("https://example.com/a.png")), "Expected a valid URL",
         "messages[0].content[0].image_url.url"),
        (chat(image("data:image/png,iVBORw0KGgo=")), chat(image(PNG)), "without the ';base64' separator", None),
        (chat(image("data:image/svg+xml;base64,PHN2Zz4=")), chat(image(PNG)), "MIME type 'image/svg+xml'", None),
        (chat(image("data:image/png;base64,%%%")), chat(image(PNG)), "an invalid base64-encoded value", None),
        (chat(image("data:image/png;base64,")), chat(image(PNG)), "empty base64-encoded bytes", None),
        (chat(image("data:image/png;base64,SGVsbG8=")), chat(image(PNG)), "['png', 'jpeg', 'gif', 'webp']", None),
        (chat(image(PNG, detail="best")), chat(image(PNG, detail="high")), "'auto', 'low', and 'high'", None),
        (chat(audio(WAV, "ogg")), chat(audio(WAV, "wav")), "Supported values are: 'wav' and 'mp3'.",
         "messages[0].content[0].input_audio.format"),
        (chat(audio(MP3, "wav")), chat(audio(MP3, "mp3")), "not of valid wav format", None),
        (chat(audio("no", "mp3")), chat(audio(MP3, "mp3")), "not of valid mp3 format", None),
        (chat(file(file_data=PDF)), chat(file(file_data=PDF, filename="a.pdf")), "Missing required parameter",
         "messages[0].content[0].file.filename"),
        (chat(file(filename="a.pdf")), chat(file(file_id="file-1")), "Missing",
         "messages[0].content[0].file.file_data"),
        (chat(file(file_data=PDF.replace("pdf", "x-tar"), filename="a")), chat(file(file_data=PDF, filename="a")),
         "unsupported MIME type 'application/x-tar'", "messages[0].content[0].file.file_data"),
        (chat(file(file_data="JVBERi0=", filename="a")), chat(file(file_data=PDF, filename="a")), "'data:' prefix",
         None),
        (chat(file(file_data="data:application/pdf;base64,SGVsbG8=", filename="a")),
         chat(file(file_data=PDF, filename="a")), "not a PDF", None),
    )
)  # fmt: skip
ORDER = tuple(
    Case("calls-and-results", chat(*broken), chat(*kept), says, param)
    for broken, kept, says, param in (
        ([HELLO, result()], [calling(call()), result()], "preceeding message with 'tool_calls'", "messages.[1].role"),
        ([calling(call()), HELLO], [calling(call()), result(), HELLO], "did not have response messages: call_1", None),
        ([HELLO, calling(call())], [HELLO, calling(call()), result()], "call_1", "messages"),
        ([calling(call()), HELLO, result()], [calling(call()), result(), HELLO], "call_1", "messages.[1].role"),
        (
            [calling(call(), call(id="call_2")), result()],
            [calling(call(), call(id="call_2")), result("call_2"), result()],
            "call_2",
            None,
        ),
        ([calling(call()), result(), result()], [calling(call()), result()], "preceeding", "messages.[2].role"),
    )
)
TOOLS = tuple(
    Case("tools", broken, kept, says, param)
    for broken, kept, says, param in (
        (chat(tools=[]), tooled(tool()), "empty array", "tools"),
        (tooled(*(tool(f"f{n}") for n in range(129))), tooled(*(tool(f"f{n}") for n in range(128))),
         "maximum length 128, but got an array with length 129", "tools"),
        (tooled({"function": {"name": "f"}}), tooled({"type": "function", "function": {"name": "f"}}), "Missing",
         "tools[0].type"),
        (tooled({"type": "function", "name": "f"}), tooled(tool()), "Missing", "tools[0].function"),
        (tooled({"type": "web_search"}), tooled(tool()), "Supported values are: 'function' and 'custom'.", None),
        (tooled(tool("fs.read/file")), tooled(tool("fs-read_file")), "does not match pattern",
         "tools[0].function.name"),
        (tooled(tool("städte")), tooled(tool("staedte")), "pattern '^[a-zA-Z0-9_-]+$'", None),
        (tooled(tool("x" * 65)), tooled(tool("x" * 64)), "maximum length 64", None),
        (tooled(tool("")), tooled(tool()), "empty string", None),
        (tooled(tool(parameters="{}")), tooled(tool(parameters=None)), "expected an object, but got a string",
         "tools[0].function.parameters"),
        (tooled(tool(input_schema={})), tooled(tool(strict=False)), "Unknown parameter", None),
        (tooled(tool(strict="yes")), tooled(tool(strict=None)), "expected a boolean", None),
        (tooled({"type": "custom", "custom": {"name": "f", "format": {"type": "grammar"}}}),
         tooled({"type": "custom", "custom": {"name": "f", "format": {"type": "text"}}}), "Missing",
         "tools[0].custom.format.grammar"),
    )
)  # fmt: skip
SCHEMAS = tuple(
    Case("tool-schemas", tooled(tool(parameters=broken)), tooled(tool(parameters=kept)), says)
    for broken, kept, says in (
        ({}, EMPTY, "Invalid schema for function 'f': schema must be a JSON Schema of 'type: \"object\"', got 'type: "),
        ({"type": "object"}, EMPTY, "In context=(), object schema missing properties."),
        ({"type": "string"}, EMPTY, "got 'type: \"string\"'"),
        ({**EMPTY, "anyOf": [{}]}, {**EMPTY, "additionalProperties": True}, "at the top level"),
        ({**EMPTY, "required": "a"}, {**EMPTY, "required": []}, "is not of type"),
        ({"type": "object", "properties": {"a": {"type": "list"}}},
         {"type": "object", "properties": {"a": {"type": "array", "items": {}}}}, "list"),
        ({"type": "object", "properties": {"a": {"type": "array"}}},
         {"type": "object", "properties": {"a": {"type": "object"}}},
         "In context=('properties', 'a'), array schema missing items."),
        ({"type": "object", "properties": {"a": {"type": "string", "pattern": r"\p{Cc}"}}},
         {"type": "object", "properties": {"a": {"type": "string", "pattern": "(?=a)a", "minLength": 1}}},
         "is not a 'regex'"),
        ({"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}},
         {"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": {}}}, "reference"),
    )
)  # fmt: skip


def nested(levels: int) -> JsonObject:
    schema = strict_object()
    for _ in range(levels):
        schema = strict_object(a=schema)
    return schema


def one(part: Json) -> JsonObject:
    return strict_object(a=part)


NULLABLE: JsonObject = {"anyOf": [STRING, {"type": "null"}]}
STRICT_SCHEMAS: tuple[tuple[Json, Json, str], ...] = (
    (EMPTY, strict_object(), "'additionalProperties' is required to be supplied and to be false."),
    (one(EMPTY), one(strict_object()), "In context=('properties', 'a'), 'additionalProperties'"),
    ({**one(STRING), "required": []}, one(NULLABLE), "every key in properties. Missing 'a'."),
    ({**strict_object(), "required": ["b"]}, strict_object(), "Extra required key 'b' supplied."),
    ({**CITY, "additionalProperties": STRING}, CITY, "'additionalProperties' is required"),
    ({"type": "array", "items": STRING}, one({"type": "array", "items": STRING}), "got 'type: \"array\"'"),
    ({**CITY, "anyOf": [CITY]}, one({"anyOf": [CITY]}), "at the top level"),
    ({"$ref": "#/$defs/A", "$defs": {"A": CITY}}, {**one({"$ref": "#/$defs/A"}), "$defs": {"A": CITY}}, "type"),
    (one({}), one(STRING), "schema must have a 'type' key."),
    (one({"const": "x"}), one({"const": "x", "type": "string"}), "schema must have a 'type' key."),
    (one({"type": "array"}), one({"type": "array", "items": STRING, "minItems": 1}), "array schema missing items."),
    (one({"type": "array", "items": [STRING]}), one({"type": "array", "items": STRING}), "is not of type 'object'"),
    (
        {**one({"$ref": "#/$defs/A", "description": "x"}), "$defs": {"A": CITY}},
        {**one({"$ref": "#/$defs/A"}), "$defs": {"A": {**CITY, "description": "x"}}},
        "In context=('properties', 'a'), $ref cannot have keywords {'description'}.",
    ),
    (one({"$ref": "#/$defs/A"}), one({"anyOf": [{"$ref": "#"}, {"type": "null"}]}), "reference can only point to"),
    (
        strict_object(a=CITY, b={"$ref": "#/properties/a"}),
        {**strict_object(a={"$ref": "#/definitions/A"}), "definitions": {"A": CITY}},
        "defined at the top level of the schema.",
    ),
    *(
        (one({**part, keyword: value}), one(part), f"'{keyword}' is not permitted.")
        for part, keyword, value in (
            (STRING, "minLength", 1),
            (STRING, "maxLength", 1),
            (STRING, "default", "x"),
            (STRING, "examples", ["x"]),
            (STRING, "contentEncoding", "base64"),
            (STRING, "minimum", 1),
            ({"type": "array", "items": STRING}, "uniqueItems", True),
            ({"type": "array", "items": STRING}, "prefixItems", [STRING]),
            ({"type": "array", "items": STRING}, "contains", STRING),
            (CITY, "minProperties", 1),
            (CITY, "patternProperties", {}),
            (CITY, "propertyNames", STRING),
            (CITY, "unevaluatedProperties", False),
            (CITY, "dependentRequired", {}),
            (CITY, "if", CITY),
            (CITY, "not", STRING),
            (CITY, "allOf", [CITY]),
            (CITY, "oneOf", [CITY]),
            (CITY, "discriminator", {"propertyName": "name"}),
        )
    ),
    *(
        (one({**STRING, "format": wrong}), one({**STRING, "format": right}), f"'{wrong}' is not a valid format.")
        for wrong, right in (
            ("uri", "uuid"),
            ("binary", "date-time"),
            ("regex", "duration"),
            ("json-pointer", "hostname"),
        )
    ),
    (one({**STRING, "pattern": "^(?=a)"}), one({**STRING, "pattern": r"^(?:\(?a)+$"}), "is not a 'regex'"),
    (nested(11), nested(10), "11 levels of nesting exceeds limit of 10."),
    (
        one({**STRING, "enum": [str(n) for n in range(1001)]}),
        one({**STRING, "enum": [str(n) for n in range(1000)]}),
        "Expected at most 1000 enum values in total",
    ),
    (
        one({**STRING, "enum": [f"{n:060}" for n in range(251)]}),
        one({**STRING, "enum": [f"{n:060}" for n in range(250)]}),
        "15000 characters",
    ),
    (one({**STRING, "const": "x" * 120_000}), one({**STRING, "const": "x" * 119_999}), "120000 characters"),
    (
        strict_object(**{f"a{n}": STRING for n in range(5001)}),
        strict_object(**{f"a{n}": STRING for n in range(5000)}),
        "5001 parameters exceeds limit of 5000.",
    ),
)
STRICT = (
    *(Case("tool-schemas", strict(broken), strict(kept), says) for broken, kept, says in STRICT_SCHEMAS),
    *(Case("response-schema", answer(broken), answer(kept), says) for broken, kept, says in STRICT_SCHEMAS[:8]),
    Case("tool-schemas", strict({**CITY, "properties": {"name": 3}}), strict(CITY), "is not of type"),
    Case(
        "response-schema",
        answer({"type": "object", "properties": {"a": {"type": "list"}}}, strict=None),
        answer({"type": "array", "items": {"minLength": 1}}, strict=False),
        "Invalid schema for response_format 'city'",
        "response_format",
    ),
)
CHOICE = (
    Case("tool-choice", tooled(tool(), tool_choice="any"), tooled(tool(), tool_choice="required"), "'required'"),
    Case("tool-choice", tooled(tool(), tool_choice=True), tooled(tool(), tool_choice="none"), "but got a boolean"),
    Case(
        "tool-choice",
        tooled(tool(), tool_choice={"type": "function", "name": "f"}),
        tooled(tool(), tool_choice={"type": "function", "function": {"name": "f"}}),
        "Missing required parameter",
        "tool_choice.function",
    ),
    Case(
        "tool-choice",
        tooled(tool(), tool_choice={"type": "allowed_tools", "allowed_tools": {"mode": "none", "tools": [tool()]}}),
        tooled(tool(), tool_choice={"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [tool()]}}),
        "'auto' and 'required'",
    ),
    Case(
        "tool-choice-is-there",
        tooled(tool(), tool_choice={"type": "function", "function": {"name": "g"}}),
        tooled(tool("g"), tool_choice={"type": "function", "function": {"name": "g"}}),
        "Tool choice 'g' not found in 'tools' parameter.",
    ),
    Case("tool-choice-needs-tools", chat(tool_choice="auto"), tooled(tool(), tool_choice="auto"), "only allowed when"),
    Case("parallel-needs-tools", chat(parallel_tool_calls=False), tooled(tool(), parallel_tool_calls=False), "only"),
)
JSON_MODE: JsonObject = {"type": "json_object"}
FORMAT = (
    Case("response-format", chat(response_format="json"), chat(response_format={"type": "text"}), "but got a string"),
    Case("response-format", chat(response_format={"type": "json"}), chat(), "'json_object', 'json_schema', and 'text'"),
    Case("response-format", chat(response_format={"type": "json_schema"}), answer(CITY), "response_format.json_schema"),
    Case("response-format", answer(CITY, name="my city"), answer(CITY, name="my_city"), "does not match pattern"),
    Case("response-format", answer(CITY, name="list[City]"), answer(CITY, name="x" * 64), "does not match pattern"),
    Case("response-format", answer(CITY, name="x" * 65), answer(CITY, name="x" * 64), "maximum length 64"),
    Case(
        "json-is-mentioned",
        chat(response_format=JSON_MODE),
        chat(user(text("Answer as JSON")), response_format=JSON_MODE),
        "must contain the word 'json'",
    ),
)
RANGES = (
    Case("temperature", chat(temperature=2.1), chat(temperature=2), "Expected a value <= 2, but got 2.1 instead."),
    Case("temperature", chat(temperature=-0.1), chat(temperature=0), "decimal below minimum value"),
    Case("temperature", chat(temperature="1"), chat(temperature=None), "expected a decimal, but got a string"),
    Case("top-p", chat(top_p=1.1), chat(top_p=1), "<= 1"),
    Case("penalties", chat(presence_penalty=3), chat(presence_penalty=2), "<= 2"),
    Case("penalties", chat(frequency_penalty=-3), chat(frequency_penalty=-2), ">= -2"),
    Case("token-limit", chat(max_tokens=0), chat(max_tokens=1), "integer below minimum value"),
    Case("token-limit", chat(max_completion_tokens=1.5), chat(max_completion_tokens=2), "expected an integer"),
    Case("stop", chat(stop=["a", "b", "c", "d", "e"]), chat(stop=["a", "b", "c", "d"]), "maximum length 4"),
    Case("stop", chat(stop=[""]), chat(stop=[]), "empty string"),
    Case("choices", chat(n=0), chat(n=1), ">= 1"),
    Case("choices", chat(n=129), chat(n=128), "<= 128"),
    Case("seed", chat(seed=1.5), chat(seed=-1), "expected an integer"),
    Case("logprobs", chat(logprobs=1), chat(logprobs=True), "expected a boolean"),
    Case("logprobs", chat(logprobs=True, top_logprobs=21), chat(logprobs=True, top_logprobs=20), "<= 20"),
    Case("top-logprobs-need-logprobs", chat(top_logprobs=2), chat(logprobs=True, top_logprobs=2), "'logprobs' is"),
    Case("logit-bias", chat(logit_bias={"50256": -101}), chat(logit_bias={"50256": -100}), ">= -100"),
    Case("metadata", chat(metadata={str(n): "x" for n in range(17)}), chat(metadata={str(n): "x" for n in range(16)})),
    Case("metadata", chat(metadata={"x" * 65: "x"}), chat(metadata={"x" * 64: "x"}), "maximum length 64"),
    Case("metadata", chat(metadata={"x": "x" * 513}), chat(metadata={"x": "x" * 512}), "maximum length 512"),
    Case("metadata", chat(metadata={"x": 1}), chat(metadata={"x": "1"}), "expected a string", "metadata.x"),
    Case("stream", chat(stream="yes"), chat(stream=True), "expected a boolean"),
    Case("stream", chat(stream=True, stream_options={"usage": True}), chat(stream=True, stream_options={}), "Unknown"),
    Case(
        "stream-options-need-stream",
        chat(stream_options={"include_usage": True}),
        chat(stream=True, stream_options={"include_usage": True}),
        "only allowed when 'stream' is enabled",
    ),
    Case("choices-by-name", chat(service_tier="cheap"), chat(service_tier="flex"), "'flex'"),
    Case("choices-by-name", chat(model="gpt-5", verbosity="brief"), chat(model="gpt-5", verbosity="low"), "'medium'"),
    Case("choices-by-name", chat(model="gpt-5", reasoning_effort="huge"), chat(model="gpt-5"), "'xhigh'"),
    Case("choices-by-name", chat(modalities=["video"]), chat(modalities=["text"]), "'audio'"),
    Case("choices-by-name", chat(prompt_cache_options={"ttl": "1h"}), chat(prompt_cache_options={"ttl": "30m"})),
    Case("choices-by-name", chat(prompt_cache_retention="1h"), chat(prompt_cache_retention="24h")),
    Case("identifiers", chat(safety_identifier="x" * 65), chat(safety_identifier="x" * 64), "maximum length 64"),
    Case("identifiers", chat(user=3), chat(user="3"), "expected a string"),
)


def to(model: str, **fields: Any) -> JsonObject:
    return chat(model=model, **fields)


SAID: JsonObject = {"type": "content", "content": "Hello"}
FAMILIES = (
    *(
        Case("served-here", to(model), to(other), "only supported in v1/responses", "model")
        for model, other in (
            ("gpt-5-pro", "gpt-5"),
            ("gpt-5-pro-2025-10-06", "gpt-5-2025-08-07"),
            ("gpt-5-codex", "gpt-5-mini"),
            ("gpt-5.1-codex-max", "gpt-5.1"),
            ("gpt-5.5-pro", "gpt-5.5"),
            ("codex-mini-latest", "o4-mini"),
            ("o1-pro", "o1"),
            ("o3-pro", "o3"),
            ("o4-mini-deep-research", "o4-mini"),
        )
    ),
    *(
        Case("max-tokens-of-model", to(model, max_tokens=9), to(model, max_completion_tokens=9), "Use 'max_completion")
        for model in ("o1", "o3-mini", "gpt-5", "gpt-5-nano-2025-08-07", "gpt-5.4", "gpt-6-sol")
    ),
    *(
        Case("stop-of-model", to(model, stop="x"), to("gpt-4o", stop="x"), "'stop' is not supported with this model")
        for model in ("o1-mini", "o4-mini", "gpt-5", "gpt-6-luna")
    ),
    *(
        Case(
            "sampling-of-model", to(model, temperature=0.5), to(model, temperature=1), "'temperature' does not support"
        )
        for model in ("o3", "gpt-5", "gpt-5.6-sol", "gpt-6.1-sol")
    ),
    Case("sampling-of-model", to("gpt-5", top_p=0.5), to("gpt-5", top_p=1), "top_p"),
    Case("sampling-of-model", to("o3", presence_penalty=1), to("o3", presence_penalty=0), "presence_penalty"),
    Case("sampling-of-model", to("o3", frequency_penalty=1), to("o3", frequency_penalty=0), "frequency_penalty"),
    Case(
        "sampling-of-model",
        to("gpt-5.1", temperature=0, reasoning_effort="low"),
        to("gpt-5.1", temperature=0),
        "does not support 0 with this model",
    ),
    Case(
        "sampling-of-model",
        to("gpt-5.6-luna", temperature=0),
        to("gpt-5.6-luna", temperature=0, reasoning_effort="none"),
    ),
    Case("logit-bias-of-model", to("gpt-5", logit_bias={"1": 1}), to("gpt-4o", logit_bias={"1": 1}), "'logit_bias'"),
    Case("logprobs-of-model", to("o3", logprobs=True), to("gpt-4o", logprobs=True), "'logprobs' is not supported"),
    *(
        Case("effort-of-model", to(model, reasoning_effort=wrong), to(model, reasoning_effort=right), says)
        for model, wrong, right, says in (
            ("o4-mini", "minimal", "low", "Supported values are: 'low', 'medium', and 'high'."),
            ("gpt-5-mini", "none", "minimal", "'minimal', 'low', 'medium', and 'high'."),
            ("gpt-5.1", "xhigh", "none", "'none', 'low', 'medium', and 'high'."),
            ("gpt-5.5", "minimal", "xhigh", "'none', 'low', 'medium', 'high', and 'xhigh'."),
            ("gpt-5.6-terra", "max", "xhigh", "does not support 'max' with this model."),
            ("gpt-6-astra", "none", "low", "Supported values are: 'low', 'medium', 'high', and 'xhigh'."),
        )
    ),
    Case(
        "logprobs-of-model",
        to("gpt-5.6-terra", logprobs=True, top_logprobs=6, reasoning_effort="none"),
        to("gpt-5.6-terra", logprobs=True, top_logprobs=5, reasoning_effort="none"),
        "must be less than or equal to 5.",
    ),
    Case("prediction-of-model", to("gpt-5", prediction=SAID), to("gpt-4o", prediction=SAID), "'prediction' is not"),
    Case(
        "cache-of-model",
        to("gpt-5.5", prompt_cache_retention="in_memory"),
        to("gpt-5.1", prompt_cache_retention="in_memory"),
        "only with 24h extended prompt caching",
    ),
    Case("choices", to("gpt-5.6-terra", n=9), to("gpt-5.6-terra", n=8), "<= 8, but got 9"),
    Case("effort-of-model", to("gpt-4o", reasoning_effort="low"), to("gpt-4o"), "Unrecognized request argument"),
    Case("verbosity-of-model", to("gpt-4.1", verbosity="low"), to("gpt-5", verbosity="low"), "values are: 'medium'."),
    Case(
        "parallel-of-model",
        tooled(tool(), model="o3", parallel_tool_calls=True),
        tooled(tool(), model="gpt-5", parallel_tool_calls=True),
        "'parallel_tool_calls' is not supported with this model",
    ),
    *(
        Case("tools-of-model", tooled(tool(), model=model, **effort), tooled(tool(), model=model, **other), "Function")
        for model, effort, other in (
            ("gpt-5.4", {"reasoning_effort": "low"}, {}),
            ("gpt-5.6-sol", {}, {"reasoning_effort": "none"}),
            ("gpt-6-luna", {"reasoning_effort": "high"}, {"reasoning_effort": "none"}),
        )
    ),
    Case("tools-of-model", tooled(tool(), model="gpt-6.1-sol"), tooled(tool(), model="gpt-5"), "v1/responses"),
    Case("format-of-model", answer(CITY, model="gpt-4-turbo"), answer(CITY, model="gpt-4o"), "of type 'json_schema'"),
    Case(
        "format-of-model",
        chat({"role": "user", "content": "JSON"}, model="gpt-4", response_format=JSON_MODE),
        chat({"role": "user", "content": "JSON"}, model="gpt-4-turbo", response_format=JSON_MODE),
        "of type 'json_object' is not supported",
    ),
    *(
        Case(
            "system-of-model",
            chat({"role": role, "content": "Be brief"}, HELLO, model="o1-mini"),
            chat({"role": role, "content": "Be brief"}, HELLO, model="o1"),
            f"'messages[0].role' does not support '{role}' with this model.",
        )
        for role in ("system", "developer")
    ),
    *(
        Case("vision-of-model", chat(image(PNG), model=model), chat(image(PNG), model="gpt-4o"), "certain models")
        for model in ("gpt-3.5-turbo", "gpt-4", "o3-mini")
    ),
    Case(
        "search-of-model",
        to("gpt-4o", web_search_options={}),
        to("gpt-4o-mini-search-preview", web_search_options={}),
        "Web search options not supported with this model.",
    ),
)


def embed(given: Json, model: str = "text-embedding-3-small", **fields: Any) -> JsonObject:
    return {"model": model, "input": given, **fields}


EMBEDDINGS = (
    Case("embedding-fields", embed("Hello", truncate=True), embed("Hello"), "Unrecognized request argument"),
    Case("embedding-input", {"model": "text-embedding-3-small"}, embed("Hello"), "Missing required parameter: 'input'"),
    *(
        Case("embedding-input", embed(wrong), embed(right), "'$.input' is invalid")
        for wrong, right in (
            ("", "x"),
            ([], ["x"]),
            (["x", ""], ["x", "y"]),
            (["x", 1], [1, 2]),
            ([[1], []], [[1], [2]]),
            ({"text": "x"}, "x"),
        )
    ),
    Case("embedding-input", embed(["x"] * 2049), embed(["x"] * 2048), "2048"),
    Case("embedding-encoding", embed("x", encoding_format="int8"), embed("x", encoding_format="base64"), "'float'"),
    Case("embedding-dimensions", embed("x", dimensions=0), embed("x", dimensions=1), "less than the minimum of 1"),
    Case("embedding-dimensions", embed("x", dimensions="9"), embed("x", dimensions=9), "not of type 'integer'"),
    Case("embedding-dimensions-of-model", embed("x", dimensions=1537), embed("x", dimensions=1536), "1536"),
    Case(
        "embedding-dimensions-of-model",
        embed("x", "text-embedding-ada-002", dimensions=512),
        embed("x", "text-embedding-ada-002"),
        "This model does not support specifying dimensions.",
    ),
    Case("embedding-user", embed("x", user=1), embed("x", user="1"), "expected a string"),
)
CHATS = (
    *FIELDS, *MESSAGES, *MEDIA, *ORDER, *TOOLS, *SCHEMAS, *STRICT, *CHOICE, *FORMAT, *RANGES, *FAMILIES,
)  # fmt: skip
TABLES: tuple[Table, ...] = (
    Table("openai", "openai", "/v1/chat/completions", (*MODEL, *CHATS)),
    Table("openai", "openai", "/v1/embeddings", EMBEDDINGS),
)
