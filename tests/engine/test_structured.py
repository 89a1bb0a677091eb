"""Schemas and Python types in, values out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypedDict

import msgspec
import pydantic
import pytest

import understudy as u
from understudy.engine.structured import form_of


@dataclass
class AsDataclass:
    name: str
    tags: list[str]


class AsTypedDict(TypedDict):
    name: str
    tags: list[str]


class AsStruct(msgspec.Struct):
    name: str
    tags: list[str]


class AsModel(pydantic.BaseModel):
    name: str
    tags: list[str]


class Inner(msgspec.Struct):
    value: int


class Nested(msgspec.Struct):
    inner: Inner
    more: list[Inner] = []


TEXT = '{"name": "Ada", "tags": ["x", "y"]}'


@pytest.mark.parametrize("kind", [AsDataclass, AsTypedDict, AsStruct, AsModel])
def test_every_kind_of_type_becomes_a_strict_schema_and_a_value(kind: Any) -> None:
    form = form_of(kind)
    schema = form.output.json_schema
    assert schema is not None
    assert schema["type"] == "object"
    assert schema["required"] == ["name", "tags"]
    assert schema["additionalProperties"] is False
    assert form.output.strict is True
    assert form.output.name == kind.__name__
    value = form.parse(TEXT)
    assert isinstance(value, kind if kind is not AsTypedDict else dict)
    with pytest.raises(ValueError, match="tags"):
        form.parse('{"name": "Ada"}')


def test_nested_types_keep_their_definitions_and_optional_fields_are_not_strict() -> None:
    form = form_of(Nested)
    assert form.output.json_schema is not None
    assert "Inner" in form.output.json_schema["$defs"]
    assert form.output.strict is None
    assert form.parse('{"inner": {"value": 1}}') == Nested(Inner(1))


@pytest.mark.parametrize(
    ("kind", "text", "value"), [(list[int], '{"value": [1, 2]}', [1, 2]), (int, '{"value": 3}', 3)]
)
def test_what_is_no_object_is_wrapped_on_the_wire_and_unwrapped_in_the_value(kind: Any, text: str, value: Any) -> None:
    form = form_of(kind)
    assert form.output.json_schema is not None
    assert form.output.json_schema["type"] == "object"
    assert form.parse(text) == value
    with pytest.raises(ValueError, match="value"):
        form.parse("{}")


def test_a_json_schema_is_sent_as_it_is_and_checked() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}, "required": ["n"]}
    form = form_of(schema)
    assert form.output.json_schema == schema
    assert form.parse('{"n": 2}') == {"n": 2}
    with pytest.raises(ValueError, match="at n: 0 is less than the minimum of 1"):
        form.parse('{"n": 0}')
    with pytest.raises(ValueError, match="JSON"):
        form.parse("not JSON")


def test_a_markdown_fence_is_taken_off() -> None:
    assert form_of(AsStruct).parse(f"```json\n{TEXT}\n```") == AsStruct("Ada", ["x", "y"])


@pytest.mark.parametrize("schema", [lambda: None, 5, "text"])
def test_what_is_no_schema_is_misuse(schema: Any) -> None:
    with pytest.raises(u.Misuse, match="JSON Schema"):
        form_of(schema)
