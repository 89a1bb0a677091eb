"""Requests to Google's Gemini API, each of which breaks one rule."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from tests.emulator.examiners.tables import Case, Table
from understudy.domain.content import Json, JsonObject


def path(model: str, method: str = "generateContent") -> str:
    return f"/v1beta/models/{model}:{method}"


OLD = path("gemini-2.0-flash")
FLASH = path("gemini-2.5-flash")
PRO = path("gemini-2.5-pro")
THREE = path("gemini-3-flash-preview")
NEW = path("gemini-3.8-flash")
COUNT = path("gemini-2.5-flash", "countTokens")
VECTOR = path("gemini-embedding-001", "embedContent")
VECTORS = path("gemini-embedding-001", "batchEmbedContents")

PNG = b64encode(b"\x89PNG\r\n\x1a\n" + bytes(40)).decode()
PDF = b64encode(b"%PDF-1.7\n" + bytes(40)).decode()
SIGNATURE = b64encode(b"\x12\x03abc").decode()


def user(*parts: Json) -> JsonObject:
    return {"role": "user", "parts": list(parts)}


def model(*parts: Json) -> JsonObject:
    return {"role": "model", "parts": list(parts)}


def text(words: str) -> JsonObject:
    return {"text": words}


def call(name: str = "weather", signature: str | None = None, **fields: Json) -> JsonObject:
    part: JsonObject = {"functionCall": {"name": name, "args": {"city": "Paris"}, **fields}}
    return part if signature is None else {**part, "thoughtSignature": signature}


def response(name: str = "weather", **fields: Json) -> JsonObject:
    return {"functionResponse": {"name": name, "response": {"output": "18 degrees"}, **fields}}


QUESTION = user(text("What is the weather in Paris?"))


def chat(*contents: Json, **fields: Any) -> JsonObject:
    return {"contents": list(contents or [QUESTION]), **fields}


def loop(*after: Json, **fields: Any) -> JsonObject:
    """Return a conversation with one call; `after` are the contents that follow it."""
    return chat(QUESTION, model(call()), *after, **fields)


def config(**fields: Any) -> JsonObject:
    return chat(generationConfig=fields)


def function(name: str = "weather", **fields: Any) -> JsonObject:
    return {"name": name, "description": "Looks it up", **fields}


def tools(*declarations: Json, **fields: Any) -> JsonObject:
    return chat(tools=[{"functionDeclarations": list(declarations)}], **fields)


def parameters(**properties: Json) -> JsonObject:
    return tools(function(parameters={"type": "OBJECT", "properties": properties}))


def json_parameters(schema: Json) -> JsonObject:
    return tools(function(parametersJsonSchema=schema))


def form(schema: Json) -> JsonObject:
    return config(responseMimeType="application/json", responseSchema=schema)


def json_form(schema: Json) -> JsonObject:
    return config(responseMimeType="application/json", responseJsonSchema=schema)


def data(mime_type: str, content: str = PNG) -> JsonObject:
    return chat(user({"inlineData": {"mimeType": mime_type, "data": content}}, text("What is this?")))


def file(address: str) -> JsonObject:
    return chat(user({"fileData": {"mimeType": "image/png", "fileUri": address}}))


def choice(mode: str, *names: str) -> JsonObject:
    return {"functionCallingConfig": {"mode": mode, **({"allowedFunctionNames": list(names)} if names else {})}}


def embed(words: str = "Hello", **fields: Any) -> JsonObject:
    return {"model": "models/gemini-embedding-001", "content": {"parts": [{"text": words}]}, **fields}


def batch(*requests: Json) -> JsonObject:
    return {"requests": list(requests)}


STRING: JsonObject = {"type": "STRING"}

FRONT = (
    Case("unknown-names", chat(model_config={}), chat(system_instruction=user(text("Be brief."))),
         'Invalid JSON payload received. Unknown name "model_config": Cannot find field.'),
    Case("unknown-names", parameters(n={"type": "STRING", "const": "a"}), parameters(n={"type": "string"}),
         "at 'tools[0].function_declarations[0].parameters.properties[0].value': Cannot find field."),
    Case("unknown-names", parameters(n={"type": ["STRING", "NULL"]}), parameters(n={**STRING, "nullable": True}),
         "Proto field is not repeating, cannot start list."),
    Case("unknown-names", config(max_tokens=5), config(max_output_tokens=5), "Unknown name \"max_tokens\" at"),
    Case("unknown-names", chat(tools=[]), chat(), "Unknown name \"tools\"", path=COUNT),
    Case("unknown-names", embed(dimensions=5), embed(outputDimensionality=5), "dimensions", path=VECTOR),
    Case("field-values", chat(user({"text": 5})), chat(user({"text": "5"})),
         "Invalid value at 'contents[0].parts[0].text' (TYPE_STRING), 5"),
    Case("field-values", data("image/png", "data:image/png;base64," + PNG), data("image/png"),
         "Invalid value at 'contents[0].parts[0].inline_data.data' (TYPE_BYTES), Base64 decoding failed for \"data:"),
    Case("field-values", loop(user(response(response="18"))), loop(user(response(response={"output": 18}))),
         "contents[2].parts[0].function_response.response' (TYPE_STRUCT)"),
    Case("field-values", tools(function(), toolConfig=choice("required")), tools(function(), toolConfig=choice("any")),
         "function_calling_config.mode' (type.googleapis.com"),
    Case("field-values", parameters(n={"type": "INTEGER", "enum": [1]}), parameters(n={**STRING, "enum": ["1"]}),
         "properties[0].value.enum[0]' (TYPE_STRING), 1"),
    Case("field-values", batch(embed(taskType="SEARCH")), batch(embed(taskType="RETRIEVAL_QUERY")), "task_type",
         path=VECTORS),
    Case("one-data-field", chat(user({"text": "a", "inlineData": {"mimeType": "image/png", "data": PNG}})),
         data("image/png"), "oneof field 'data' is already set. Cannot set 'inlineData'"),
)  # fmt: skip

TURNS = (
    Case("some-content", {"contents": []}, chat(), "contents: contents is not specified"),
    Case("some-content", {}, {"generateContentRequest": {"model": "models/gemini-2.5-flash", "contents": [QUESTION]}},
         "* CountTokensRequest.contents: contents is not specified", path=COUNT),
    Case("roles", chat({"role": "assistant", "parts": [text("Hi")]}), chat({"parts": [text("Hi")]}),
         "Please use a valid role: user, model."),
    Case("some-parts", chat(user()), chat(), "contents[0].parts: contents.parts must not be empty."),
    Case("some-parts", chat(systemInstruction={"parts": []}), chat(systemInstruction=user(text("Be brief."))),
         "system_instruction.parts"),
    Case("part-data", chat(user({})), chat(user(text(""))),
         "contents[0].parts[0].data: required oneof field 'data' must have one initialized field"),
    Case("part-data", chat(user({"thought": True})), chat(user({"thought": True, "text": "x"})), "parts[0].data"),
    Case("system-text", chat(systemInstruction=data("image/png")["contents"][0]),
         chat(systemInstruction={"role": "system", "parts": [text("Be brief.")]}), "only supports text"),
    Case("single-turn", chat(model(text("Hi"))), chat(model(text("Hi")), QUESTION), "single turn requests end with"),
    Case("calls-after-user", chat(QUESTION, model(text("Well.")), model(call()), user(response())),
         chat(QUESTION, model(text("Well."), call()), user(response())),
         "Please ensure that function call turn comes immediately after a user turn or after a function response"),
    Case("calls-after-user", chat(model(call()), user(response())), loop(user(response())), "function call turn comes"),
    Case("responses-after-calls", chat(user(response())), loop(user(response())), "function response turn comes"),
    Case("responses-after-calls", loop(user(text("?")), user(response())), loop(user(response()), user(text("?"))),
         "function response turn comes immediately after", also=frozenset({"as-many-responses", "response-names"})),
    Case("as-many-responses", loop(user(response(), response())), loop(user(response(), text("And?"))),
         "number of function response parts is equal to the number of function call parts"),
    Case("as-many-responses", loop(user(text("And?"))), loop(), "function call turn.",
         also=frozenset({"response-names"})),
    Case("named-functions", loop(user({"functionResponse": {"response": {}}})), loop(user(response())),
         "contents[2].parts[0].function_response.name: Name cannot be empty.", also=frozenset({"response-names"})),
    Case("response-names", loop(user(response("call_1"))), loop(user(response())), "functionCall.name \"weather\""),
    Case("response-names", chat(QUESTION, model(call(signature=SIGNATURE, id="a")), user(response(id="b"))),
         chat(QUESTION, model(call(signature=SIGNATURE, id="a")), user(response(id="a"))), "functionCall.id \"a\"",
         path=NEW),
    Case("response-media", loop(user(response(parts=[{"inlineData": {"mimeType": "image/png", "data": PNG}}]))),
         loop(user(response(parts=[]))), "Multimodal function responses"),
    Case("signatures", loop(user(response())), chat(QUESTION, model(call(signature=SIGNATURE), call("news")),
         user(response("news"), response())),
         "missing a thought_signature in functionCall parts.", path=THREE),
    Case("signatures", loop(user(response())), loop(user(response()), model(text("Sunny.")), QUESTION),
         "function call `default_api:weather` , position 2.", path=THREE),
    Case("own-signatures", chat(QUESTION, model(call(signature=b64encode(b"signed by another").decode())),
                                user(response())),
         chat(QUESTION, model(call(signature=b64encode(b"skip_thought_signature_validator").decode())),
              user(response())), "Corrupted thought signature.", path=THREE),
    Case("last-turn", chat(QUESTION, model(text("It is"))), chat(QUESTION, model(text("It is")), QUESTION),
         "Requests ending with a model turn are not supported.", path=NEW),
    Case("last-turn", chat(QUESTION, model(text("It is"))), chat(), "Requests ending with a model turn",
         path=path("gemini-3.5-flash-lite")),
)  # fmt: skip

MEDIA = (
    Case("mime-types", data("image/svg+xml"), data("image/png"), "Unsupported MIME type: image/svg+xml"),
    Case("mime-types", data(""), data("image/webp"), "inline_data.mime_type: mime_type must not be empty"),
    Case("media-bytes", data("image/png", PDF), data("application/pdf", PDF), "Provided image is not valid."),
    Case("media-bytes", data("image/png", ""), data("image/png", PNG.replace("+", "-").rstrip("=")), "not be empty"),
    Case("media-bytes", data("application/pdf"), data("application/pdf", PDF), "The document has no pages."),
    Case("file-addresses", file("data:image/png;base64," + PNG), file("https://example.com/a.png"),
         "Invalid or unsupported file uri: data:"),
    Case("file-addresses", file(""), file("gs://bucket/a.png"), "file_uri must not be empty"),
)  # fmt: skip

NODE: JsonObject = {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}}}
ROOT: JsonObject = {"type": "object", "properties": {"node": {"$ref": "#/$defs/Node"}}, "required": ["node"]}
TOOLS = (
    Case("function-names", tools(function("fs/read")), tools(function("fs.read-it:now")),
         "tools[0].function_declarations[0].name: Invalid function name. Must start with a letter or an underscore."),
    Case("function-names", tools(function("x" * 129)), tools(function("x" * 128)), "maximum length of 128"),
    Case("function-names", chat(QUESTION, model(call("städte")), user(response("städte"))), loop(user(response())),
         "contents[1].parts[0].function_call.name"),
    Case("distinct-functions", tools(function(), function()), tools(function(), function("news")),
         "Duplicate function declaration found: weather"),
    Case("one-schema", tools(function(parameters={"type": "OBJECT", "properties": {"a": STRING}},
                                      parametersJsonSchema={"type": "object"})),
         json_parameters({"type": "object"}), "only one of parameters and parameters_json_schema"),
    Case("one-schema", config(responseMimeType="application/json", responseSchema=STRING, responseJsonSchema={}),
         form(STRING), "only one of response_schema and response_json_schema"),
    Case("parameters-object", tools(function(parameters=STRING)), tools(function()), "should be of type OBJECT."),
    Case("openapi-schemas", form({"type": "OBJECT", "properties": {}}),
         tools(function(parameters={"type": "OBJECT", "properties": {}})),
         "response_schema.properties: should be non-empty for OBJECT type"),
    Case("openapi-schemas", parameters(a={"type": "ARRAY"}), parameters(a={"type": "ARRAY", "items": STRING}),
         "parameters.properties[a].items: missing field."),
    Case("openapi-schemas", parameters(a={**STRING, "properties": {"b": STRING}}), parameters(a=STRING),
         "parameters.properties[a].properties: only allowed for OBJECT type"),
    Case("openapi-schemas", parameters(a={"type": "INTEGER", "enum": ["1"]}), parameters(a={**STRING, "enum": ["1"]}),
         "parameters.properties[a].enum: only allowed for STRING type"),
    Case("openapi-schemas", form({"type": "OBJECT", "properties": {"a": STRING}, "required": ["b"]}),
         form({"type": "OBJECT", "properties": {"a": STRING}, "required": ["a"]}),
         "response_schema.required[0]: property is not defined"),
    Case("openapi-schemas", parameters(a={"anyOf": [{**STRING, "enum": ["a", ""]}]}),
         parameters(a={"anyOf": [STRING]}), "properties[a].any_of[0].enum[1]: cannot be empty"),
    Case("openapi-schemas", parameters(a={}), parameters(a={"anyOf": [STRING]}), "schema type field", path=THREE),
    Case("json-schemas", json_parameters({"type": "object", "required": "a"}), json_parameters({"type": "object"}),
         "parameters_json_schema: invalid JSON schema"),
    Case("json-schemas", json_form({"$ref": "https://example.com/s"}), json_form({"type": "array"}),
         "reference to undefined schema: https://example.com/s"),
    Case("json-schemas", json_form({"type": "OBJECTS"}), json_form({"type": "OBJECT", "properties": {"a": STRING}}),
         "invalid JSON schema"),
    Case("json-parameters-object", json_parameters({"type": "string"}),
         json_parameters({"$ref": "#/$defs/A", "$defs": {"A": {"type": "object"}}}), "should be of type OBJECT."),
    Case("answer-references", json_form({**ROOT, "$defs": {"Node": {**NODE, "required": ["next"]}}}),
         json_form({**ROOT, "$defs": {"Node": NODE}}), "Cyclic references"),
    Case("answer-references",
         json_form({"properties": {"a": {"$ref": "#/$defs/A", "title": "A"}}, "$defs": {"A": {"type": "string"}}}),
         json_form({"properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": {"type": "string"}}}), "'title'"),
    Case("function-calling", chat(toolConfig=choice("AUTO")), tools(function(), toolConfig=choice("AUTO")),
         "Function calling config is set without function_declarations."),
    Case("function-calling", tools(function(), toolConfig=choice("ANY", "news")),
         tools(function(), toolConfig=choice("ANY", "weather")), "function news is not declared"),
    Case("function-calling", tools(function(), toolConfig=choice("AUTO", "weather")),
         tools(function(), toolConfig=choice("VALIDATED", "weather")), "when the mode is ANY or VALIDATED"),
    Case("form-with-tools", tools(function(), generationConfig={"responseMimeType": "application/json"}),
         tools(function()),
         "Function calling with a response mime type: 'application/json' is unsupported"),
    Case("built-in-tools", chat(tools=[{"googleSearch": {}, "functionDeclarations": [function()]}]),
         chat(tools=[{"googleSearch": {}}]), "Tool use with function calling is unsupported"),
    Case("built-in-tools", chat(tools=[{"googleSearch": {}}, {"functionDeclarations": [function()]}]),
         chat(tools=[{"googleSearch": {}}, {"functionDeclarations": [function()]}],
              toolConfig={"includeServerSideToolInvocations": True}),
         "Please enable tool_config.include_server_side_tool_invocations", path=NEW),
)  # fmt: skip


def thinking(**fields: Any) -> JsonObject:
    return config(thinkingConfig=fields)


NUMBERS = (
    Case("ranges", config(temperature=2.1), config(temperature="2"), "temperature must be in the range [0.0, 2.0]."),
    Case("ranges", config(topP=1.5), config(topP=1), "generation_config.top_p"),
    Case("ranges", config(topK=0), config(topK=40), "top_k must be positive."),
    Case("ranges", config(maxOutputTokens=0), config(maxOutputTokens=1), "max_output_tokens must be positive."),
    Case("ranges", config(presencePenalty=2), config(presencePenalty=1.9), "[-2.0, 2.0)", path=OLD),
    Case("stop-sequences", config(stopSequences=list("abcdef")), config(stopSequences=list("abcde")), "is 5"),
    Case("stop-sequences", config(stopSequences=[""]), config(stopSequences=["\n"]), "cannot be empty"),
    Case("penalties", config(frequencyPenalty=1), config(frequencyPenalty=0),
         "Penalty is not enabled for models/gemini-2.5-flash"),
    Case("candidates", config(candidateCount=2), config(candidateCount=1),
         "Multiple candidates is not enabled for this model", path=THREE),
    Case("logprobs", config(logprobs=5), config(logprobs=5, responseLogprobs=True), "when response_logprobs is true"),
    Case("answer-type", config(responseMimeType="image/png"), config(responseMimeType="text/x.enum"),
         "allowed mimetypes are `text/plain`, `application/json`"),
    Case("answer-type", config(responseSchema=STRING), form(STRING), "must be `application/json`"),
    Case("thinking", thinking(thinkingLevel="LOW", thinkingBudget=5), thinking(thinkingBudget=5), "set only one of"),
    Case("thinking", thinking(thinkingLevel="LOW"), thinking(thinkingBudget=-1),
         "Thinking level is not supported for this model."),
    Case("thinking", thinking(thinkingBudget=0, includeThoughts=True), thinking(thinkingBudget=0), "include_thoughts"),
    Case("thinking", thinking(thinkingBudget=24_577), thinking(thinkingBudget=24_576), "between 0 and 24576"),
    Case("thinking", thinking(thinkingBudget=0), thinking(thinkingBudget=128), "only works in thinking mode", path=PRO),
    Case("thinking", thinking(thinkingBudget=511), thinking(thinkingBudget=0), "between 512 and 24576",
         path=path("gemini-2.5-flash-lite")),
    Case("thinking", thinking(thinkingLevel="minimal"), thinking(thinkingLevel="low"), "MINIMAL is not supported",
         path=NEW),
    Case("thinking", thinking(thinkingBudget=5), thinking(includeThoughts=True), "Thinking is not supported", path=OLD),
)  # fmt: skip

EMBEDDINGS = (
    Case("batch-size", batch(*[embed()] * 101), batch(*[embed()] * 100), "at most 100 requests can be in one batch"),
    Case("batch-size", batch(), batch(embed()), "requests must not be empty"),
    Case("batch-models", batch({"content": embed()["content"]}), batch(embed()), "unexpected model name format"),
    Case("batch-models", batch({**embed(), "model": "models/other"}), batch(embed()), "must be the same"),
    Case("some-text", batch(embed(), embed("")), batch(embed(), embed(" ")), "requests[1].content: contains an empty"),
    Case("some-text", embed(content={}), {"content": embed()["content"]}, "content is empty", path=VECTOR),
    Case("dimensions", batch(embed(outputDimensionality=3073)), batch(embed(outputDimensionality=3072)), "3072"),
)

TABLES = (
    Table("google", "gemini", FLASH, (*FRONT, *TURNS, *MEDIA, *TOOLS, *NUMBERS)),
    Table("google", "gemini", VECTORS, EMBEDDINGS),
)
