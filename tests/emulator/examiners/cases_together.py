"""Requests to Together AI, each of which breaks one rule."""

from __future__ import annotations

from tests.emulator.examiners.bodies import PNG_URL, Body, call, calling, look, result, tool, turn
from tests.emulator.examiners.tables import Case, Table
from understudy.domain.content import JsonObject

USER = turn("user", "Hello")
MODEL = "Qwen/Qwen3.5-397B-A17B"
E5 = "intfloat/multilingual-e5-large-instruct"
CITY: JsonObject = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def chat(**fields: object) -> Body:
    return {"model": MODEL, "messages": [USER], **fields}


def talk(*messages: JsonObject, **fields: object) -> Body:
    return chat(messages=[USER, *messages], **fields)


def out(schema: object, **fields: object) -> Body:
    return chat(response_format={"type": "json_schema", "json_schema": {"name": "out", "schema": schema, **fields}})


def embed(**fields: object) -> Body:
    return {"model": E5, "input": "Hello", **fields}


def hear(kind: str) -> JsonObject:
    return turn("user", [{"type": "input_audio", "input_audio": {"data": "AAAA", "format": kind}}])


ROUND = (calling(call()), result("c1"))

CHAT = (
    Case("required", {"messages": [USER]}, chat(), says="Missing required parameter: 'model'"),
    Case("known-fields", chat(max_completion_tokens=9), chat(max_tokens=9), says="max_completion_tokens"),
    Case("known-fields", chat(parallel_tool_calls=False), chat(seed=1), param="parallel_tool_calls"),
    Case("types", chat(logprobs=True), chat(logprobs=1), param="logprobs"),
    Case("types", chat(stop="END"), chat(stop=["END"]), param="stop"),
    Case("ranges", chat(logprobs=21), chat(logprobs=20)),
    Case("ranges", chat(frequency_penalty=-3), chat(frequency_penalty=-2)),
    Case("choices", chat(reasoning_effort="max"), chat(reasoning_effort="high")),
    Case("roles", talk(turn("developer", "Be kind.")), talk(turn("system", "Be kind."))),
    Case("content", talk(turn("system", [{"type": "text", "text": "Hi"}])), talk(turn("system", "Hi"))),
    Case("content", talk(turn("user", None)), talk(turn("user", [{"type": "text", "text": "Hi"}]))),
    Case("content", talk(*ROUND[:1], {**result("c1"), "content": [{"type": "text", "text": "x"}]}), talk(*ROUND)),
    Case("part-types", talk(turn("user", [{"type": "file", "file": {}}])), talk(turn("user", look(PNG_URL)))),
    Case("audio", talk(hear("mp3")), talk(hear("wav"))),
    Case("images", talk(turn("user", look("a.png"))), talk(turn("user", look("https://example.com/a.png")))),
    Case(
        "calls",
        talk(calling({**call(), "id": ""}), result("c1")),
        talk(*ROUND),
        also=frozenset({"results-after-calls"}),
    ),
    Case("arguments", talk(calling(call(arguments="")), result("c1")), talk(*ROUND)),
    Case("arguments", talk(calling(call(arguments={})), result("c1")), talk(*ROUND)),
    Case("results-have-ids", talk(*ROUND, turn("tool", "x")), talk(*ROUND)),
    Case("results-after-calls", talk(calling(call()), USER, result("c1")), talk(*ROUND, USER)),
    Case("results-after-calls", talk(result("c1")), talk(USER)),
    Case("tools", chat(tools=[{"type": "function"}]), chat(tools=[tool()])),
    Case("tools", chat(tools=[tool(parameters=[])]), chat(tools=[tool()])),
    Case("tool-choice", chat(tools=[tool()], tool_choice="news"), chat(tools=[tool()], tool_choice="weather")),
    Case("tool-choice", chat(tool_choice="required"), chat(tools=[tool()], tool_choice="required")),
    Case("response-format", out(CITY, name="an odd name"), out(CITY)),
    Case("response-format", chat(response_format={"type": "json"}), chat(response_format={"type": "json_object"})),
    Case("response-format", out({"$ref": "#/$defs/City"}), out({"$ref": "#/$defs/City", "$defs": {"City": CITY}})),
    Case("kind-of-model", chat(model=E5), chat()),
)
EMBED = (
    Case("required", {"model": E5}, embed()),
    Case("embed-known-fields", embed(dimensions=256), embed(), param="dimensions"),
    Case("embed-input", embed(input=[1]), embed(input=["1"])),
    Case("kind-of-model", embed(model=MODEL), embed()),
)

TABLES = (
    Table("together", "openai", "/v1/chat/completions", CHAT),
    Table("together", "openai", "/v1/embeddings", EMBED),
)
