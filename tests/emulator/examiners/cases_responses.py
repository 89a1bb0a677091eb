"""Requests to the Responses API of OpenAI and Azure OpenAI, each of which breaks one rule."""

from __future__ import annotations

from typing import Any

from tests.emulator.examiners.cases_openai import CITY, EMPTY, PDF, PNG, STRICT_SCHEMAS
from tests.emulator.examiners.tables import Case, Table
from understudy.domain.content import Json, JsonObject

COUNT = "/v1/responses/input_tokens"


def ask(given: Json = "Hello", model: str = "gpt-4.1", **fields: Any) -> JsonObject:
    return {"model": model, "input": given, **fields}


def items(*given: Json, **fields: Any) -> JsonObject:
    return ask(list(given), **fields)


def message(role: str, *parts: Json, **more: Any) -> JsonObject:
    return {"type": "message", "role": role, "content": list(parts), **more}


def says(text: str, kind: str = "input_text") -> JsonObject:
    return {"type": kind, "text": text}


def user(*parts: Json) -> JsonObject:
    return message("user", *parts)


def call(call_id: str = "call_1", name: str = "f", **more: Any) -> JsonObject:
    return {"type": "function_call", "call_id": call_id, "name": name, "arguments": "{}", **more}


def result(call_id: str = "call_1", output: Json = "4", **more: Any) -> JsonObject:
    return {"type": "function_call_output", "call_id": call_id, "output": output, **more}


def thought(**more: Any) -> JsonObject:
    return {"type": "reasoning", "id": "rs_1", "summary": [], **more}


def without(item: JsonObject, name: str) -> JsonObject:
    return {key: value for key, value in item.items() if key != name}


def tool(name: str = "f", parameters: Json = EMPTY, **more: Any) -> JsonObject:
    return {"type": "function", "name": name, "parameters": parameters, **more}


def tooled(*tools: Json, **fields: Any) -> JsonObject:
    return ask(tools=list(tools), **fields)


def answer(schema: Json, **more: Any) -> JsonObject:
    return ask(text={"format": {"type": "json_schema", "name": "city", "schema": schema, "strict": True, **more}})


def image(url: str, **more: Any) -> JsonObject:
    return user({"type": "input_image", "image_url": url, **more})


def file(**fields: Any) -> JsonObject:
    return user({"type": "input_file", **fields})


HI = {"role": "user", "content": "Hello"}
SAID = message("assistant", says("Hi", "output_text"))
URL = "https://example.com/a.png"

INPUT = tuple(
    Case("input", broken, kept, words, param)
    for broken, kept, words, param in (
        (ask(3), ask(), "one of a string or array of input items, but got an integer", "input"),
        (items("Hello"), items(HI), "expected an object, but got a string", "input[0]"),
        (items({"type": "text", "text": "Hello"}), items(HI), "Invalid value: 'text'", "input[0].type"),
        (items({"content": "Hello"}), items(HI), "Missing required parameter", "input[0].role"),
        (items({"role": "tool", "content": "x"}), items({"role": "system", "content": "x"}), "'developer', and 'user'",
         "input[0].role"),
        (items({"role": "user"}), items({"role": "user", "content": []}), "Missing", "input[0].content"),
        (items(message("user", says("Hello", "text"))), items(user(says("Hello"))),
         "Supported values are: 'input_text', 'input_image', and 'input_file'.", "input[0].content[0].type"),
        (items(HI, message("assistant", says("Hi"))), items(HI, SAID),
         "Invalid value: 'input_text'. Supported values are: 'output_text' and 'refusal'.",
         "input[1].content[0].type"),
        (items(user({**says("Hello"), "cache_control": {}})),
         items(user({**says("Hello"), "prompt_cache_breakpoint": {"mode": "explicit"}})),
         "Unknown parameter: 'input[0].content[0].cache_control'.", None),
        (items(HI, {**SAID, "tool_calls": []}), items(HI, {**SAID, "id": "msg_1", "status": "completed"}),
         "Unknown parameter: 'input[1].tool_calls'.", "input[1].tool_calls"),
        (items(HI, {**SAID, "id": "abc"}), items(HI, {**SAID, "id": "msg_abc"}),
         "Invalid 'input[1].id': 'abc'. Expected an ID that begins with 'msg'.", None),
        (items(call(), result(), {"type": "function_call_output", "output": "4"}), items(call(), result()), "Missing",
         "input[2].call_id"),
        (items(without(call(), "arguments"), result()), items(call(), result()), "Missing", "input[0].arguments"),
        (items({**call(), "arguments": {}}, result()), items(call(), result()), "expected a string", None),
        (items(call(name="a.b"), result()), items(call(name="a_b"), result()), "match pattern", "input[0].name"),
        (items(call("x" * 65), result("x" * 65)), items(call("x" * 64), result("x" * 64)), "maximum length 64",
         "input[0].call_id"),
        (items(call(id="toolu_1"), result()), items(call(id="fc_1"), result()), "begins with 'fc'", "input[0].id"),
        (items(call(), without(result(), "output")), items(call(), result(output="")), "Missing", "input[1].output"),
        (items(call(), result(output={"a": 4})), items(call(), result(output=[says("4")])),
         "but got an object instead", "input[1].output"),
        (items(call(), result(output=[says("4", "output_text")])), items(call(), result(output=image(PNG)["content"])),
         "Invalid value: 'output_text'", "input[1].output[0].type"),
        (items(call(), result(is_error=True)), items(call(), result(status="completed")), "Unknown parameter", None),
        (items(without(thought(), "summary"), SAID), items(thought(), SAID), "Missing", "input[0].summary"),
        (items(thought(signature="x"), SAID), items(thought(encrypted_content="x"), SAID), "Unknown parameter", None),
        (items(thought(summary=["x"]), SAID),
         items(thought(summary=[{"type": "summary_text", "text": "x"}]), SAID), "input[0].summary[0]", None),
        (items({"type": "custom_tool_call", "call_id": "call_1", "name": "f"},
               {"type": "custom_tool_call_output", "call_id": "call_1", "output": "4"}),
         items({"type": "custom_tool_call", "call_id": "call_1", "name": "f", "input": "x"},
               {"type": "custom_tool_call_output", "call_id": "call_1", "output": "4"}), "Missing", "input[0].input"),
        (items(image("a.png")), items(image(URL)), "Expected a valid URL", "input[0].content[0].image_url"),
        (items(image("data:image/bmp;base64,Qk0=")), items(image(PNG)), "unsupported MIME type 'image/bmp'", None),
        (items(image("data:image/png;base64,Qk0=")), items(image(PNG, detail="original")), "unsupported image", None),
        (items(user({"type": "input_image"})), items(user({"type": "input_image", "file_id": "file-1"})), "Missing",
         "input[0].content[0].image_url"),
        (items(user({"type": "input_image", "image_url": {"url": PNG}})), items(image(PNG)), "expected a string", None),
        (items(file(file_data=PDF)), items(file(file_data=PDF, filename="a.pdf")), "Missing",
         "input[0].content[0].filename"),
        (items(file(filename="a.pdf")), items(file(file_url="https://example.com/a.pdf")), "Missing",
         "input[0].content[0].file_id"),
        (items(file(file_data="data:video/mp4;base64,AAAA", filename="a")),
         items(file(file_data="data:text/csv;base64,YSxi", filename="a.csv")), "unsupported MIME type", None),
        (items(file(file_url="a.pdf")), items(file(file_id="file-1")), "does not match pattern", None),
    )
)  # fmt: skip
ORDER = (
    Case("calls-and-results", items(result()), items(call(), result()), "No tool call found for function call output"),
    Case("calls-and-results", items(result(), call()), items(result(), previous_response_id="resp_1"), "No tool call"),
    Case("calls-and-results", items(call(), HI), items(call(), result(), HI), "No tool output found for function call"),
    Case("calls-and-results", items(call(), call("call_2"), result()),
         items(call(), call("call_2"), result(), result("call_2")), "function call call_2."),
    Case("calls-and-results",
         items({"type": "custom_tool_call", "call_id": "call_1", "name": "f", "input": "x"}),
         items(HI), "No tool output found for custom tool call call_1."),
    Case("reasoning-is-followed", items(HI, thought()), items(HI, thought(), SAID), "required following item"),
    Case("reasoning-is-followed", items(thought(), HI), items(thought(), call(), result()), "'rs_1' of type"),
    Case("reasoning-is-followed", items(call(), thought(), result()), items(thought(), call(), result()), "required"),
    Case("reasoning-is-kept", items(thought(), SAID, store=False),
         items(thought(encrypted_content="x"), SAID, store=False), "Items are not persisted"),
)  # fmt: skip
NAMED = {"type": "function", "name": "f"}
TOOLS = (
    Case("tools", tooled(*(tool(f"f{n}") for n in range(129))), tooled(*(tool(f"f{n}") for n in range(128))), "128"),
    Case("tools", tooled({"type": "function", "function": {"name": "f"}}), tooled(tool()), "Missing", "tools[0].name"),
    Case("tools", tooled(tool("a b")), tooled(tool("a-b", strict=False)), "does not match pattern", "tools[0].name"),
    Case("tools", tooled({"type": "retrieval"}), tooled({"type": "web_search"}), "'web_search'"),
    Case("tools", tooled(tool(input_schema={})), tooled(tool(description=None)), "Unknown parameter"),
    Case("tools", tooled(tool(strict="yes")), tooled(tool(strict=None)), "expected a boolean"),
    Case("tool-schemas", tooled(tool(parameters={})), tooled(tool(parameters=None)), "schema must be a JSON Schema of",
         "tools[0].parameters"),
    Case("tool-schemas", tooled(tool(parameters={"type": "object"})), tooled(tool()), "object schema missing"),
    *(
        Case("tool-schemas", tooled(tool(parameters=broken, strict=True)), tooled(tool(parameters=kept, strict=True)),
             words)
        for broken, kept, words in STRICT_SCHEMAS[:16]
    ),
    Case("tool-choice", tooled(tool(), tool_choice="any"), tooled(tool(), tool_choice="auto"), "'required'"),
    Case("tool-choice", tooled(tool(), tool_choice={"type": "function", "function": {"name": "f"}}),
         tooled(tool(), tool_choice=NAMED), "tool_choice.name"),
    Case("tool-choice-is-there", ask(tool_choice=NAMED), tooled(tool(), tool_choice=NAMED), "Tool choice 'f' not"),
    Case("tool-choice-is-there", tooled(tool("g"), tool_choice=NAMED), tooled(tool(), tool_choice=NAMED), "not found"),
)  # fmt: skip
JSON_MODE: JsonObject = {"format": {"type": "json_object"}}
SETTINGS = (
    Case("fields", ask(max_tokens=99), ask(max_output_tokens=99), "Unknown parameter: 'max_tokens'.", "max_tokens"),
    Case("fields", ask(stop="x"), ask(), "Unknown parameter: 'stop'."),
    Case("fields", ask(response_format=JSON_MODE), ask(), "'response_format'"),
    Case("count-fields", ask(temperature=1), ask(truncation="auto"), "Unknown parameter: 'temperature'.", path=COUNT),
    Case("needs-input", {"model": "gpt-4.1"}, ask(), 'One of "input" or "previous_response_id"'),
    Case("needs-input", ask(""), {"model": "gpt-4.1", "previous_response_id": "resp_1"}, "must be provided"),
    Case("text", ask(text={"format": {"type": "json"}}), ask(text={"format": {"type": "text"}}), "'json_schema'"),
    Case("text", answer(CITY, name="list[City]"), answer(CITY, name="Cities"), "does not match", "text.format.name"),
    Case("text", ask(text={"format": {"type": "json_schema", "schema": CITY}}), answer(CITY), "text.format.name"),
    Case("text", ask(text={"verbosity": "brief"}), ask(text={"verbosity": "medium"}), "'medium'"),
    *(Case("response-schema", answer(broken), answer(kept), words) for broken, kept, words in STRICT_SCHEMAS[:4]),
    Case("response-schema", answer({"type": "list"}, strict=False), answer({"type": "array"}, strict=False), "list"),
    Case("json-is-mentioned", ask(text=JSON_MODE, instructions="JSON"), ask("As JSON", text=JSON_MODE), "'json' in"),
    Case("json-is-mentioned", items(HI, text=JSON_MODE), items(user(says("As JSON")), text=JSON_MODE), "'json' in"),
    Case("reasoning", ask(model="gpt-5", reasoning={"effort": "huge"}), ask(model="gpt-5", reasoning={}), "'xhigh'"),
    Case("reasoning", ask(reasoning={"summary": "long"}), ask(reasoning={"summary": "detailed"}), "'concise'"),
    Case("reasoning", ask(reasoning={"budget": 9}), ask(reasoning={"summary": None}), "Unknown parameter"),
    Case("include", ask(include=["logprobs"]), ask(include=["message.output_text.logprobs"]), "Invalid value"),
    Case("one-history", ask(previous_response_id="resp_1", conversation="conv_1"), ask(conversation="conv_1"),
         "Mutually exclusive parameters"),
    Case("one-history", ask(previous_response_id="chatcmpl-1"), ask(previous_response_id="resp_1"), "with 'resp'"),
    Case("background-is-stored", ask(background=True, store=False), ask(background=True), "requires store=true"),
    Case("temperature", ask(temperature=3), ask(temperature=2), "<= 2"),
    Case("top-p", ask(top_p=-1), ask(top_p=0), ">= 0"),
    Case("token-limit", ask(max_output_tokens=15), ask(max_output_tokens=16), "Expected a value >= 16, but got 15"),
    Case("call-limit", ask(max_tool_calls=0), ask(max_tool_calls=1), ">= 1"),
    Case("logprobs", ask(top_logprobs=21), ask(top_logprobs=20), "<= 20"),
    Case("metadata", ask(metadata={"x": 1}), ask(metadata={"x": "1"}), "expected a string"),
    Case("stream", ask(stream=True, stream_options={"include_usage": True}),
         ask(stream=True, stream_options={"include_obfuscation": False}), "Unknown parameter"),
    Case("stream-options-need-stream", ask(stream_options={}), ask(stream=True, stream_options={}), "enabled"),
    Case("choices-by-name", ask(truncation="last"), ask(truncation="auto"), "'disabled'"),
    Case("choices-by-name", ask(service_tier="cheap"), ask(service_tier="flex"), "'flex'"),
    Case("identifiers", ask(safety_identifier="x" * 65), ask(safety_identifier="x" * 64), "64"),
    Case("identifiers", ask(client_metadata="x"), ask(client_metadata={"x-codex-installation-id": "1"}), "an object"),
    Case("identifiers", ask(instructions=["x"]), ask(instructions="x"), "expected a string"),
)  # fmt: skip
ENCRYPTED = ["reasoning.encrypted_content"]
FAMILIES = (
    *(
        Case("sampling-of-model", ask(model=model, temperature=0.5), ask(model=model, temperature=1),
             "Unsupported parameter: 'temperature' is not supported with this model.")
        for model in ("o3", "gpt-5", "gpt-5-pro", "gpt-5-codex", "codex-mini-latest", "gpt-5.6-sol", "gpt-6-astra")
    ),
    Case("sampling-of-model", ask(model="gpt-5.4", top_p=0.5, reasoning={"effort": "low"}),
         ask(model="gpt-5.4", top_p=0.5), "'top_p'"),
    Case("logprobs-of-model", ask(model="gpt-5", top_logprobs=2), ask(top_logprobs=2), "not supported with reasoning"),
    Case("logprobs-of-model", ask(model="gpt-5", include=["message.output_text.logprobs"]),
         ask(include=["message.output_text.logprobs"]), "logprobs"),
    *(
        Case("effort-of-model", ask(model=model, reasoning={"effort": wrong}),
             ask(model=model, reasoning={"effort": right}), words, "reasoning.effort")
        for model, wrong, right, words in (
            ("gpt-5.6-sol", "minimal", "max", "'none', 'low', 'medium', 'high', 'xhigh', and 'max'."),
            ("gpt-6-astra", "none", "max", "'low', 'medium', 'high', 'xhigh', and 'max'."),
            ("gpt-5-pro", "low", "high", "Supported values are: 'high'."),
            ("gpt-5-codex", "minimal", "low", "with the 'gpt-5-codex' model"),
            ("gpt-5.2-pro", "low", "medium", "'medium', 'high', and 'xhigh'."),
            ("o3-pro", "xhigh", "high", "'low', 'medium', and 'high'."),
        )
    ),
    Case("effort-of-model", ask(reasoning={"effort": "low"}), ask(reasoning={}), "Unsupported parameter"),
    Case("verbosity-of-model", ask(text={"verbosity": "low"}), ask(model="gpt-5", text={"verbosity": "low"}), "medium"),
    Case("format-of-model", {**answer(CITY), "model": "gpt-3.5-turbo"}, answer(CITY), "of type 'json_schema'"),
    Case("vision-of-model", items(image(PNG), model="gpt-3.5-turbo"), items(image(PNG)), "certain models"),
    Case("encrypted-reasoning-of-model", ask(include=ENCRYPTED), ask(model="gpt-5", include=ENCRYPTED), "Encrypted"),
)  # fmt: skip


def compaction(content: str) -> JsonObject:
    """Return a request that goes on from a compaction, which only the account that made it can read."""
    return items({"type": "compaction", "id": "cmp_1", "encrypted_content": content}, user(says("Go on.")))


OPENAIS, AZURES = (
    compaction("gAAAAAdRE27vU36fe6o3EAlBLG0VBhcmlzLg=="),
    compaction("gAAAAAWERFhqeCZxxp8ZSP77xeDlBhcmlzLg=="),
)
UNREADABLE = "The encrypted content for item cmp_1 could not be verified."
MODEL = (Case("model", {"input": "Hello"}, ask(), "you must provide a model"),)
SHARED = (*INPUT, *ORDER, *TOOLS, *SETTINGS, *FAMILIES)
DATED = "/openai/responses"
AZURE = (
    *MODEL,
    Case("api-version", ask(), ask(), "Resource not found", path=DATED, kept_path=f"{DATED}?api-version=preview"),
    *(case for case in SHARED if case.path is None),
    Case("compactions-are-own", OPENAIS, AZURES, UNREADABLE),
    Case("count-fields", ask(stream=True), ask(), "'stream'", path="/openai/v1/responses/input_tokens"),
)
TABLES = (
    Table(
        "openai",
        "responses",
        "/v1/responses",
        (*MODEL, *SHARED, Case("compactions-are-own", AZURES, OPENAIS, UNREADABLE)),
    ),
    Table("azure-openai", "responses", "/openai/v1/responses", AZURE),
)
