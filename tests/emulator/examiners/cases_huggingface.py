"""Requests to Hugging Face, each of which breaks one rule."""

from __future__ import annotations

from tests.emulator.examiners.bodies import PNG_URL, Body, call, calling, look, result, tool, turn
from tests.emulator.examiners.tables import Case, Table
from understudy.domain.content import JsonObject

USER = turn("user", "Hello")
MODEL = "Qwen/Qwen3-VL-235B-A22B-Instruct"
CITY: JsonObject = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def chat(**fields: object) -> Body:
    return {"model": MODEL, "messages": [USER], **fields}


def talk(*messages: JsonObject, **fields: object) -> Body:
    return chat(messages=[USER, *messages], **fields)


def out(schema: object, **fields: object) -> Body:
    return chat(response_format={"type": "json_schema", "json_schema": {"name": "out", "schema": schema, **fields}})


ROUND = (calling(call()), result("c1"))

CHAT = (
    Case("required", {"model": MODEL}, chat(), says="missing field `messages`"),
    Case("types", chat(stop="END"), chat(stop=["END"]), says="Failed to deserialize the JSON body"),
    Case("types", chat(max_tokens=9.5), chat(max_tokens=9)),
    Case(
        "roles", talk(turn("developer", "Be kind.")), talk(turn("system", "Be kind.")), says="Unexpected message role"
    ),
    Case("content", talk(turn("user", None)), talk(turn("user", "Hi")), says="MessageBody"),
    Case("content", talk(turn("assistant", None)), talk(*ROUND)),
    Case("part-types", talk(turn("user", [{"type": "file", "file": {}}])), talk(turn("user", look(PNG_URL)))),
    Case("part-types", talk(turn("user", [{"type": "text"}])), talk(turn("user", [{"type": "text", "text": "Hi"}]))),
    Case(
        "calls", talk(calling({"id": "c1", "function": {"name": "a", "arguments": "{}"}}), result("c1")), talk(*ROUND)
    ),
    Case("arguments", talk(calling(call(arguments="")), result("c1")), talk(*ROUND)),
    Case(
        "results-after-calls",
        talk(calling(call()), USER, result("c1")),
        talk(*ROUND, USER),
        says="Not the same number of function calls and responses",
    ),
    Case("results-after-calls", talk(result("c1")), talk(USER), says="Unexpected tool call id c1"),
    Case("images", talk(turn("user", look("data:image/svg+xml;base64,AAAA"))), talk(turn("user", look(PNG_URL)))),
    Case("ranges", chat(temperature=2.5), chat(temperature=2)),
    Case("ranges", chat(logprobs=True, top_logprobs=6), chat(logprobs=True, top_logprobs=5)),
    Case("ranges", chat(seed=-1), chat(seed=0)),
    Case("top-logprobs", chat(top_logprobs=2), chat(logprobs=True, top_logprobs=2)),
    Case(
        "stop",
        chat(stop=["a", "b", "c", "d", "e"]),
        chat(stop=["a", "b", "c", "d"]),
        says="`stop` supports up to 4 stop sequences. Given: 5",
    ),
    Case("tools", chat(tools=[{"type": "function"}]), chat(tools=[tool()])),
    Case("tool-names", chat(tools=[tool("städte")]), chat(tools=[tool("staedte")])),
    Case("tool-choice", chat(tools=[tool()], tool_choice="any"), chat(tools=[tool()], tool_choice="required")),
    Case("tool-choice", chat(tool_choice="required"), chat(tool_choice="auto")),
    Case(
        "tool-choice",
        chat(tools=[tool()], tool_choice={"function": {"name": "news"}}),
        chat(tools=[tool()], tool_choice={"function": {"name": "weather"}}),
        says="Tool with name news not found",
    ),
    Case("response-format", chat(response_format={"type": "json"}), chat(response_format={"type": "json_object"})),
    Case("response-format", out(CITY, name=""), out(CITY)),
    Case("response-format", out({"$ref": "#/$defs/City"}), out(CITY)),
)

GTE = "/hf-inference/models/thenlper/gte-large/pipeline/feature-extraction"
FEATURES = (
    Case("known-fields", {"inputs": "Hello", "dimensions": 9}, {"inputs": "Hello"}),
    Case("options", {"inputs": "Hello", "truncate": "yes"}, {"inputs": "Hello", "truncate": True}),
    Case("options", {"inputs": "Hi", "truncation_direction": "up"}, {"inputs": "Hi", "truncation_direction": "left"}),
    Case("inputs", {"normalize": True}, {"inputs": "Hello", "normalize": True}, says="missing field `inputs`"),
    Case("inputs", {"inputs": [1]}, {"inputs": ["1"]}),
    Case("inputs", {"inputs": ["Hello", ""]}, {"inputs": ["Hello", " "]}, says="`inputs` cannot be empty"),
)

TABLES = (
    Table("huggingface", "openai", "/v1/chat/completions", CHAT),
    Table("huggingface", "hf-features", GTE, FEATURES),
)
