"""A caller's JSON Schema is never a reason to open a connection or a file."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

import understudy as u

Schemas = dict[str, Callable[[str], dict[str, Any]]]

LEAVING: Schemas = {
    "web": lambda url: {"$ref": url},
    "deep": lambda url: {"type": "object", "properties": {"a": {"items": [{"anyOf": [{"$ref": url}]}]}}},
    "named like data": lambda url: {"properties": {"default": {"$ref": url}}},
    "relative to an id": lambda url: {"$id": url, "$ref": "other.json"},
    "relative to an inner id": lambda url: {"$defs": {"a": {"$id": url, "$ref": "b"}}, "$ref": "#/$defs/a"},
    "relative": lambda _: {"$ref": "other.json"},
    "same host": lambda url: {"$id": url, "$ref": "/other"},
    "without scheme": lambda url: {"$ref": url.removeprefix("http:")},
    "dynamic": lambda url: {"$dynamicRef": url},
    "recursive": lambda url: {"$schema": "https://json-schema.org/draft/2019-09/schema", "$recursiveRef": url},
    "dialect": lambda url: {"$schema": url, "type": "object"},
    "vocabulary": lambda url: {"$schema": url, "$vocabulary": {url: True}},
    "inside unknown words": lambda url: {"x-mine": {"$ref": url}, "$ref": "#/x-mine"},
    "behind data": lambda url: {"default": {"$ref": url}, "$ref": "#/default"},
    "urn": lambda _: {"$ref": "urn:example:thing"},
    "published": lambda _: {"$ref": "https://json-schema.org/draft/2020-12/schema"},
    "not a URL": lambda _: {"$ref": "http://["},
}
INSIDE: dict[str, dict[str, Any]] = {
    "fragment": {"$ref": "#/$defs/n", "$defs": {"n": {"type": "integer"}}},
    "anchor": {"$ref": "#n", "$defs": {"n": {"$anchor": "n", "type": "integer"}}},
    "dynamic": {"$dynamicRef": "#n", "$defs": {"n": {"$dynamicAnchor": "n", "type": "integer"}}},
    "embedded": {"$id": "https://a.example/r", "$ref": "n", "$defs": {"n": {"$id": "n", "type": "integer"}}},
    "itself": {"$id": "https://a.example/", "$ref": "https://a.example/#/$defs/n", "$defs": {"n": {"type": "integer"}}},
    "a property of that name": {"anyOf": [{"type": "integer"}, {"properties": {"$ref": {"type": "string"}}}]},
    "data": {"type": "integer", "default": 1, "examples": [{"$ref": "https://a.example/"}]},
    "draft 7": {"$schema": "http://json-schema.org/draft-07/schema#", "$ref": "#/definitions/n",
                "definitions": {"n": {"type": "integer"}}},
}  # fmt: skip


class Listener:
    """A server that counts connections and answers with whatever would do as a schema."""

    def __init__(self) -> None:
        self.connections = 0
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}")
        writer.close()


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    found = Listener()
    async with await asyncio.start_server(found.serve, "127.0.0.1") as server:
        found.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/schema"
        yield found


@pytest.mark.parametrize("option", ["schema", "output"])
@pytest.mark.parametrize("name", LEAVING)
async def test_a_schema_that_refers_to_the_outside_is_misuse_before_anything_is_sent(
    listener: Listener, name: str, option: str
) -> None:
    document = LEAVING[name](listener.url)
    given: dict[str, Any] = {option: document if option == "schema" else u.OutputFormat(json_schema=document)}
    llm = u.create_provider(u.ProviderConfig(provider="ollama", base_url=listener.url, text_model="m"))
    with pytest.raises(u.Misuse, match=r"outside itself|Retrieval is disabled") as plain:
        await llm.generate("hi", **given)
    with pytest.raises(u.Misuse) as streamed:
        llm.stream("hi", **given)
    await llm.aclose()
    assert streamed.value.message == plain.value.message
    assert listener.connections == 0


async def test_a_file_is_neither_read_nor_quoted(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("canary-4711")
    llm = u.create_provider(u.ProviderConfig(provider="ollama", text_model="m"))
    with pytest.raises(u.Misuse, match=r'put that schema under "\$defs"') as caught:
        await llm.generate("hi", schema={"properties": {"a": {"$ref": secret.as_uri()}}})
    assert "#/properties/a/$ref" in caught.value.message
    assert "canary" not in repr(caught.value) + repr(caught.value.__cause__) + repr(caught.value.__context__)


@pytest.mark.parametrize("name", INSIDE)
def test_references_within_the_schema_are_followed(name: str) -> None:
    llm = u.create_provider(u.ProviderConfig(provider="ollama", text_model="m"))
    llm.explain("hi", schema=INSIDE[name])


@pytest.mark.parametrize("depth", [200, 20_000])
def test_a_schema_too_deep_is_misuse(depth: int) -> None:
    schema: dict[str, Any] = {"type": "object"}
    for _ in range(depth):
        schema = {"properties": {"a": schema}}
    llm = u.create_provider(u.ProviderConfig(provider="ollama", text_model="m"))
    with pytest.raises(u.Misuse, match="not valid"):
        llm.explain("hi", schema=schema)
