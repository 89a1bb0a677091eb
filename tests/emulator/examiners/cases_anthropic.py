"""Requests to Anthropic's Messages API, each of which breaks one rule."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from tests.emulator.examiners.tables import Case, Table
from understudy.domain.content import Json, JsonObject

MESSAGES = "/v1/messages"
COUNT = "/v1/messages/count_tokens"
OLD = {"anthropic-version": "2023-06-01"}
NEW = {"anthropic-version": "2026-10-21"}
BETA = {**NEW, "anthropic-beta": "structured-outputs-2025-11-13"}

PNG = b64encode(b"\x89PNG\r\n\x1a\n" + bytes(40)).decode()
PDF = b64encode(b"%PDF-1.7\n" + bytes(40)).decode()

QUESTION: JsonObject = {"role": "user", "content": "What is the weather in Paris?"}
CALL: JsonObject = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Paris"}}
RESULT: JsonObject = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "18 degrees"}
THOUGHT: JsonObject = {"type": "thinking", "thinking": "Paris, then.", "signature": "EqoBCkgIARABGAIiQA=="}
INPUT: JsonObject = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER: JsonObject = {"name": "weather", "description": "Looks it up", "input_schema": INPUT}


def text(words: str, **fields: Json) -> JsonObject:
    return {"type": "text", "text": words, **fields}


def user(*blocks: Json) -> JsonObject:
    return {"role": "user", "content": list(blocks)}


def assistant(*blocks: Json) -> JsonObject:
    return {"role": "assistant", "content": list(blocks)}


def system(words: str) -> JsonObject:
    return {"role": "system", "content": words}


def chat(*messages: Json, model: str = "claude-sonnet-4-5", **fields: Any) -> JsonObject:
    return {"model": model, "max_tokens": 2048, "messages": list(messages or [QUESTION]), **fields}


def without(body: JsonObject, *names: str) -> JsonObject:
    return {name: value for name, value in body.items() if name not in names}


def loop(*after: Json, **fields: Any) -> JsonObject:
    """Return a conversation with one call; `after` are the messages that follow it."""
    return chat(QUESTION, assistant(CALL), *after, tools=[WEATHER], **fields)


def tools(schema: Json, strict: bool = False, **fields: Any) -> JsonObject:
    tool: JsonObject = {"name": "weather", "input_schema": schema, **({"strict": True} if strict else {})}
    return chat(tools=[tool], **fields)


def closed(**properties: Json) -> JsonObject:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def form(schema: Json) -> JsonObject:
    return chat(output_config={"format": {"type": "json_schema", "schema": schema}})


def image(**source: Json) -> JsonObject:
    return chat(user({"type": "image", "source": source}, text("What is this?")))


def data_image(data: str, media_type: str = "image/png") -> JsonObject:
    return image(type="base64", media_type=media_type, data=data)


def document(data: str) -> JsonObject:
    source = {"type": "base64", "media_type": "application/pdf", "data": data}
    return chat(user({"type": "document", "source": source}, text("Sum it up.")))


def marked(*times: str | None) -> JsonObject:
    marks = [text("Hello", cache_control={"type": "ephemeral", **({"ttl": ttl} if ttl else {})}) for ttl in times]
    return chat(user(*marks))


def case(rule: str, broken: JsonObject, kept: JsonObject, says: str = "", **fields: Any) -> Case:
    return Case(rule, broken, kept, says, **{"headers": NEW, **fields})


BODY = (
    Case("version-header", chat(), chat(), "header is required", kept_headers=OLD),
    case("sampling-removed", chat(temperature=1), chat(), "temperature: Extra inputs are not permitted"),
    case("sampling-removed", chat(top_k=5), chat(), "top_k: Extra inputs are not permitted"),
    case("required-fields", without(chat(), "max_tokens"), chat(), "max_tokens: Field required"),
    case("required-fields", without(chat(), "messages"), chat(), "messages: Field required"),
    case("required-fields", chat(assistant(without(CALL, "input"))), loop(user(RESULT)), "tool_use.input: Field"),
    case("required-fields", chat(QUESTION, assistant(without(THOUGHT, "signature")), user(text("And?"))),
         chat(QUESTION, assistant(THOUGHT), user(text("And?"))), "thinking.signature: Field required"),
    case("required-fields", chat(tools=[without(WEATHER, "input_schema")]), chat(tools=[WEATHER]),
         "tools.0.custom.input_schema: Field required"),
    case("user-id", chat(metadata={"user_id": "ann@example.com"}), chat(metadata={"user_id": "ann"}),
         "metadata.user_id: user_id appears to contain an email address."),
    case("unknown-fields", chat(seed=7), chat(), "seed: Extra inputs are not permitted"),
    case("unknown-fields", chat(user(text("Hi", name="Ann"))), chat(user(text("Hi"))), "text.name: Extra inputs"),
    case("unknown-fields", chat(QUESTION, assistant({**THOUGHT, "cache_control": {"type": "ephemeral"}}), QUESTION),
         chat(QUESTION, assistant(THOUGHT), QUESTION), "thinking.cache_control: Extra inputs"),
    case("unknown-fields", chat(output_format={"type": "json_schema", "schema": closed()}), form(closed()),
         "output_format: Extra inputs"),
    case("unknown-fields", chat(), without(chat(), "max_tokens"), "max_tokens: Extra inputs", path=COUNT),
    case("field-values", chat("Hello"), chat(), "messages.0: Input does not match the expected shape."),
    case("field-values", chat({"role": "tool", "content": "x"}), chat(), "Input should be 'user', 'assistant' or"),
    case("field-values", chat(user({"type": "input_text", "text": "x"})), chat(user(text("x"))),
         "Input tag 'input_text' found using 'type' does not match"),
    case("field-values", chat(tools=[{**WEATHER, "name": "städte"}]), chat(tools=[{**WEATHER, "name": "x" * 128}]),
         "tools.0.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'"),
    case("field-values", chat(tools=[{**WEATHER, "name": "x" * 129}]), chat(tools=[WEATHER]), "at most 128 characters"),
    case("field-values", loop(user({**RESULT, "tool_use_id": "call:1"})), loop(user(RESULT)),
         "tool_result.tool_use_id: String should match pattern '^[a-zA-Z0-9_-]+$'"),
    case("field-values", chat(QUESTION, assistant({**CALL, "input": "{}"}), user(RESULT)), loop(user(RESULT)),
         "tool_use.input: Input should be a valid dictionary"),
    case("field-values", data_image(PNG, "image/jpg"), data_image(PNG), "media_type: Input should be 'image/jpeg', "),
    case("field-values", chat(system=[{"type": "image"}]), chat(system=[text("Be brief.")]), "system.0"),
    case("field-values", chat(thinking={"type": "enabled", "budget_tokens": 1023}),
         chat(thinking={"type": "enabled", "budget_tokens": 1024}),
         "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024"),
    case("field-values", marked("10m"), marked("1h"), "cache_control.ttl: Input should be '5m' or '1h'"),
    case("field-values", chat(tool_choice={"type": "required"}, tools=[WEATHER]),
         chat(tool_choice={"type": "any"}, tools=[WEATHER]), "Input tag 'required'"),
    case("field-values", chat(max_tokens=True), chat(max_tokens=0), "max_tokens: Input should be a valid integer"),
    case("field-values", chat(metadata={"user_id": "x" * 257}), chat(metadata={"user_id": "x" * 256}), "256"),
)  # fmt: skip

NEWER = "claude-opus-5"
PER_TURN = {**NEW, "anthropic-beta": "effort-2025-11-24,per-turn-control-2026-07-01"}


def turned(role: str) -> JsonObject:
    """Return a conversation whose second message sets an effort."""
    return chat(QUESTION, {"role": role, "content": "Be brief.", "output_config": {"effort": "medium"}}, model=NEWER)


PICTURE = data_image(PNG)["messages"][0]["content"]
TURNS = (
    case("some-message", {**chat(), "messages": []}, chat(), "at least one message is required"),
    case("system-messages", chat(QUESTION, system("Be brief.")), chat(system="Be brief."), 'Unexpected role "system"'),
    case("system-messages", chat(system("Be brief."), QUESTION, model=NEWER),
         chat(QUESTION, system("Be brief."), model=NEWER), "use the top-level 'system' parameter"),
    case("system-messages", chat(QUESTION, assistant(text("Yes?")), system("Be brief."), QUESTION, model=NEWER),
         chat(QUESTION, assistant(text("Yes?")), QUESTION, system("Be brief."), model=NEWER), "must follow a user"),
    case("system-messages", chat(QUESTION, system("Be brief."), QUESTION, model=NEWER),
         chat(QUESTION, system("Be brief."), assistant(text("Yes?")), QUESTION, model=NEWER),
         "followed by an assistant"),
    case("system-settings", turned("user"), turned("system"), "messages.1.output_config: Extra inputs",
         headers=PER_TURN),
    case("system-settings", turned("system"), turned("system"), "messages.1.output_config: Extra inputs", headers=BETA,
         kept_headers=PER_TURN),
    case("system-settings", chat(QUESTION, {**system("Now."), "clear_at": "never"}, model=NEWER),
         chat(QUESTION, assistant(text("Yes?")), {"role": "system", "content": [], "output_config": {"effort": "low"}},
              QUESTION, model=NEWER), "clear_at: Extra inputs", headers=BETA, kept_headers=PER_TURN),
    case("block-roles", chat(user(CALL), user(text("x"))), loop(user(RESULT)),
         "`tool_use` blocks can only be in `assistant` messages", also=frozenset({"results-after-calls"})),
    case("block-roles", chat(user(THOUGHT, text("Hi"))), chat(), "`thinking` blocks can only be in `assistant`"),
    case("removed-blocks", chat(QUESTION, assistant(document(PDF)["messages"][0]["content"][0]), QUESTION),
         document(PDF), "`document` blocks can only be in `user` messages"),
    case("removed-blocks", chat(user(text("x", citations=[{"type": "char_location"}]))),
         chat(user(text("x", citations=[]))), "citations: Extra inputs are not permitted"),
    case("empty-messages", chat(user()), chat(), "messages.0: all messages must have non-empty content"),
    case("empty-messages", chat({"role": "user", "content": ""}), chat(QUESTION, assistant()), "non-empty content"),
    case("empty-text", chat(user(text(""))), chat(user(text("x"))), "messages: text content blocks must be non-empty"),
    case("empty-text", chat(user(text(" \n"))), chat(), "messages: text content blocks must contain non-whitespace"),
    case("empty-text", chat({"role": "user", "content": "  "}), chat(), "must contain non-whitespace text"),
    case("empty-text", chat(system=[text(" ")]), chat(system=""), "system: text content blocks must contain"),
    case("empty-text", loop(user({**RESULT, "content": [text("")]})), loop(user({**RESULT, "content": ""})),
         "text content blocks must be non-empty"),
    case("empty-text", chat(user(text("", cache_control={"type": "ephemeral"}))), marked(None),
         "cache_control cannot be set for empty text blocks"),
    case("unique-calls", chat(QUESTION, assistant(CALL), user(RESULT), assistant(CALL), user(RESULT)),
         chat(QUESTION, assistant(CALL), user(RESULT), assistant({**CALL, "id": "b"}),
              user({**RESULT, "tool_use_id": "b"})), "`tool_use` ids must be unique"),
    case("results-after-calls", loop(), loop(user(RESULT)), "messages.1: `tool_use` ids were found without"),
    case("results-after-calls", loop(user(text("And?"))), loop(user(RESULT, text("And?"))),
         "immediately after: toolu_1"),
    case("results-after-calls", loop(user(text("And?"), RESULT)), loop(user(RESULT), user(text("And?"))),
         "immediately after: toolu_1"),
    case("results-after-calls", chat(user(RESULT)), loop(user(RESULT)),
         "messages.0.content.0: unexpected `tool_use_id` found in `tool_result` blocks: toolu_1"),
    case("unique-results", loop(user(RESULT, RESULT)), loop(user(RESULT)), "each tool_use must have a single result"),
    case("failed-results", loop(user({**RESULT, "content": "", "is_error": True})),
         loop(user({**RESULT, "is_error": True})), "content cannot be empty if `is_error` is true"),
    case("failed-results", loop(user({**RESULT, "is_error": True, "content": PICTURE})),
         loop(user({**RESULT, "content": PICTURE})), "must be type `text`"),
    case("thinking-first", loop(user(RESULT), thinking={"type": "enabled", "budget_tokens": 1024}),
         chat(QUESTION, assistant(THOUGHT, CALL), user(RESULT), assistant({**CALL, "id": "b"}),
              user({**RESULT, "tool_use_id": "b"}), thinking={"type": "enabled", "budget_tokens": 1024}),
         "messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `tool_use`"),
    case("thinking-first", loop(user(RESULT), thinking={"type": "enabled", "budget_tokens": 1024}),
         loop(user(RESULT), thinking={"type": "adaptive"}, model="claude-sonnet-5"), "start with a thinking block"),
    case("thinking-signatures", chat(QUESTION, assistant({**THOUGHT, "signature": "rs_0123"}), QUESTION),
         chat(QUESTION, assistant(THOUGHT), QUESTION), "messages.1.content.0: Invalid `signature` in `thinking` block"),
    case("trailing-space", chat(QUESTION, assistant(text("It is "))), chat(QUESTION, assistant(text("It is"))),
         "final assistant content cannot end with trailing whitespace"),
)  # fmt: skip

MEDIA = (
    case("media-urls", image(type="url", url="data:image/png;base64," + PNG),
         image(type="url", url="https://example.com/a.png"), "Only HTTPS URLs are supported."),
    case("media-base64", data_image("not base64!"), data_image(PNG), "invalid base64 data",
         also=frozenset({"media-bytes"})),
    case("media-base64", document(""), document(PDF), "document cannot be empty", also=frozenset({"media-bytes"})),
    case("media-bytes", data_image(PNG, "image/jpeg"), data_image(PNG),
         "The image was specified using the image/jpeg media type, but the image appears to be a image/png image"),
    case("media-bytes", data_image(b64encode(b"<svg/>").decode()), data_image(PNG),
         "The image specified was not valid"),
    case("media-bytes", document(PNG), document(PDF), "The PDF specified was not valid."),
    case("cache-marks", marked(*[None] * 5), marked(*[None] * 4), "with cache_control may be provided. Found 5."),
    case("cache-order", marked(None, "1h"), marked("1h", None), "a ttl='1h' cache_control block must not come after"),
    case("cache-order", chat(system=[text("Hi", cache_control={"type": "ephemeral", "ttl": "1h"})],
                             tools=[{**WEATHER, "cache_control": {"type": "ephemeral"}}]),
         chat(system=[text("Hi", cache_control={"type": "ephemeral"})],
              tools=[{**WEATHER, "cache_control": {"type": "ephemeral", "ttl": "1h"}}]), "system.0.cache_control.ttl"),
)  # fmt: skip

ANY: JsonObject = {"type": "any"}
NODE: JsonObject = {**closed(next={"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}]})}
STRICT = "tools.0.custom: "
TOOLS = (
    case("tool-names", chat(tools=[WEATHER, WEATHER]), chat(tools=[WEATHER]), "Tool names must be unique."),
    case("tool-choice", chat(tool_choice={"type": "auto"}), chat(tool_choice={"type": "auto"}, tools=[WEATHER]),
         "may only be specified while providing tools"),
    case("tool-choice", chat(tool_choice={"type": "tool", "name": "news"}, tools=[WEATHER]),
         chat(tool_choice={"type": "tool", "name": "weather"}, tools=[WEATHER]), "Tool 'news' not found"),
    case("forced-tool", chat(tool_choice=ANY, tools=[WEATHER], model="claude-opus-5-5"),
         chat(tool_choice=ANY, tools=[WEATHER], model="claude-haiku-5-5"),
         'tool_choice: type "tool" and "any" are not supported for this model.'),
    case("forced-tool", chat(tool_choice=ANY, tools=[WEATHER], model="claude-fable-5"),
         chat(tool_choice=ANY, tools=[WEATHER], model="claude-opus-5"), "not supported for this model"),
    case("forced-tool", chat(tool_choice=ANY, tools=[WEATHER], thinking={"type": "enabled", "budget_tokens": 1024}),
         chat(tool_choice=ANY, tools=[WEATHER]), "Thinking may not be enabled when tool_choice forces tool use."),
    case("input-objects", tools({}), tools({"type": "object"}), "tools.0.custom.input_schema.type: Field required"),
    case("input-objects", tools({"type": "string"}), tools(INPUT), "input_schema.type: Input should be 'object'"),
    case("input-objects", tools({"type": "object", "anyOf": [{"required": ["city"]}]}), tools(INPUT),
         "input_schema does not support oneOf, allOf, or anyOf at the top level"),
    case("property-keys", tools({"type": "object", "properties": {"filter[id]": {}}}),
         tools({"type": "object", "properties": {"filter.id": {}}}),
         "Property keys should match pattern '^[a-zA-Z0-9_.-]{1,64}$'"),
    case("valid-schemas", tools({"type": "object", "required": "city"}), tools(INPUT), "JSON schema is invalid."),
    case("strict-tools", chat(tools=[{**WEATHER, "name": f"t{n}", "strict": True, "input_schema": closed()}
                                     for n in range(21)]),
         chat(tools=[{**WEATHER, "name": f"t{n}", "strict": True, "input_schema": closed()} for n in range(20)]),
         "Too many strict tools (21)."),
    case("strict-subset", tools(INPUT, strict=True), tools(closed(), strict=True),
         STRICT + "For 'object' type, 'additionalProperties' must be explicitly set to false"),
    case("strict-subset", tools({**closed(), "additionalProperties": True}, strict=True), tools(INPUT),
         "'additionalProperties: true' is not supported"),
    case("strict-subset", tools(closed(value=True), strict=True), tools(closed(value={"type": "null"}), strict=True),
         STRICT + "For 'object' type, property 'properties' is not supported"),
    case("strict-subset", tools({**NODE, "$defs": {"Node": NODE}}, strict=True),
         tools({**closed(a={"$ref": "#/$defs/A"}), "$defs": {"A": closed()}}, strict=True),
         "Circular reference detected in schema definitions: Node -> Node."),
    case("former-format", chat(output_format={"type": "json_schema"}),
         chat(output_format={"type": "json_schema", "schema": closed()}), "output_format.schema: Field required",
         headers=BETA),
    case("answer-subset", form(closed(n={"type": "integer", "minimum": 0})), form(closed(n={"type": "integer"})),
         "output_config.format.schema: For 'integer' type, property 'minimum' is not supported"),
    case("answer-subset", form(closed(n={"type": "array", "items": {"type": "string"}, "minItems": 2})),
         form(closed(n={"type": "array", "items": {"type": "string"}, "minItems": 1})),
         "For 'array' type, 'minItems' values other than 0 or 1 are not supported"),
    case("answer-subset", form(closed(n={"oneOf": [{"type": "string"}]})),
         form(closed(n={"anyOf": [{"type": "string"}]})), "Schema type 'oneOf' is not supported"),
    case("answer-subset", form(closed(n={"type": "string", "format": "binary"})),
         form(closed(n={"type": "string", "format": "uuid"})), "format 'binary' is not supported"),
    case("answer-subset", form(closed(n={"type": "string", "pattern": "(?=a)b"})),
         form(closed(n={"type": "string", "pattern": "^[a-z]+$"})), "property 'pattern' is not supported"),
    case("answer-subset", form(closed(n={})), form({"type": "array", "items": {"type": "string"}}), "missing a 'type'"),
    case("answer-subset", form(closed(n={"enum": [{"a": 1}]})), form(closed(n={"enum": ["a", None]})), "enum"),
    case("answer-subset", form(closed(n={"$ref": "https://example.com/s"})), form(closed()), "could not be resolved"),
    case("schema-complexity", form({**closed(**{f"p{n}": {"type": "null"} for n in range(25)}), "required": []}),
         form({**closed(**{f"p{n}": {"type": "null"} for n in range(25)}), "required": ["p0"]}),
         "too many optional parameters (25)"),
    case("schema-complexity", form(closed(**{f"p{n}": {"type": ["null", "string"]} for n in range(17)})),
         form(closed(**{f"p{n}": {"type": ["null", "string"]} for n in range(16)})), "union types (17)"),
)  # fmt: skip

BUDGET = {"type": "enabled", "budget_tokens": 1024}
ADAPTIVE = {"type": "adaptive"}


def effort(level: str, model: str, **fields: Any) -> JsonObject:
    return chat(output_config={"effort": level}, model=model, **fields)


MODELS = (
    case("thinking-type", chat(thinking=BUDGET, model="claude-opus-4-8"), chat(thinking=BUDGET),
         '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive"'),
    case("thinking-type", chat(thinking={"type": "disabled"}, model="claude-sonnet-5-5"),
         chat(thinking={"type": "between_tools"}, model="claude-sonnet-5-5"), '"thinking.type.disabled" is not'),
    case("thinking-type", chat(thinking={"type": "between_tools"}, model="claude-opus-5-5"),
         chat(thinking=ADAPTIVE, model="claude-opus-5-5"), '"thinking.type.between_tools" is not supported'),
    case("thinking-type", chat(thinking=ADAPTIVE, model="claude-haiku-4-5"),
         chat(thinking=ADAPTIVE, model="claude-sonnet-4-6"), "adaptive thinking is not supported on this model"),
    case("thinking-budget", chat(thinking={**BUDGET, "budget_tokens": 2048}),
         chat(thinking={**BUDGET, "budget_tokens": 2047}),
         "`max_tokens` must be greater than `thinking.budget_tokens`."),
    case("effort", effort("low", "claude-haiku-4-5"), effort("low", "claude-opus-4-5"), "not support the effort"),
    case("effort", effort("xhigh", "claude-opus-4-6"), effort("xhigh", "claude-opus-4-7"), "effort level 'xhigh'"),
    case("effort", effort("max", "claude-opus-5", thinking={"type": "disabled"}),
         effort("max", "claude-opus-5", thinking=ADAPTIVE), "effort level 'max'"),
    case("answer-length", chat(max_tokens=64_001), chat(max_tokens=64_000), "64001 > 64000, which is the maximum"),
    case("answer-length", chat(max_tokens=128_001, model="claude-sonnet-5"),
         chat(max_tokens=128_000, model="claude-sonnet-5"), "number of output tokens for claude-sonnet-5"),
    case("sampling-ranges", chat(temperature=1.1), chat(temperature=0.5), "temperature: range: 0..1", headers=OLD),
    case("sampling-ranges", chat(top_k=-1), chat(top_k=40), "top_k: range", headers=OLD),
    case("sampling-of-family", chat(temperature=0.5, top_p=0.5), chat(temperature=0.5),
         "`temperature` and `top_p` cannot both be specified for this model.", headers=OLD),
    case("sampling-of-family", chat(temperature=0.5, model="claude-opus-4-8"),
         chat(temperature=1, model="claude-opus-4-8"), "`temperature` is deprecated for this model.", headers=OLD),
    case("sampling-with-thinking", chat(temperature=0.5, thinking=BUDGET), chat(temperature=1, thinking=BUDGET),
         "`temperature` may only be set to 1 when thinking is enabled.", headers=OLD),
    case("sampling-with-thinking", chat(top_p=0.9, thinking=BUDGET), chat(top_p=0.95, thinking=BUDGET),
         "`top_p` must be greater than or equal to 0.95", headers=OLD),
    case("sampling-with-thinking", chat(top_k=5, thinking=BUDGET), chat(top_k=5), "`top_k` must be unset", headers=OLD),
    case("stop-sequences", chat(stop_sequences=["\n"]), chat(stop_sequences=["END"]), "must contain non-whitespace"),
    case("prefill", chat(QUESTION, assistant(text("It is")), model="claude-sonnet-4-6"),
         chat(QUESTION, assistant(text("It is"))), "This model does not support assistant message prefill."),
    case("prefill", chat(QUESTION, assistant(text("It is")), model="claude-opus-5"),
         chat(QUESTION, assistant({"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}),
              model="claude-opus-5"), "The conversation must end with a user message."),
)  # fmt: skip

TABLES = (Table("anthropic", "anthropic", MESSAGES, (*BODY, *TURNS, *MEDIA, *TOOLS, *MODELS)),)
