"""Values made for JSON schemas."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, create_model

from understudy.emulator.pattern import sample
from understudy.emulator.schema import Unfillable, fill
from understudy.emulator.validator import is_valid, schema_error


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Address(BaseModel):
    street: str = Field(min_length=3, max_length=40)
    postcode: str = Field(pattern=r"^[A-Z]{2}-\d{4,6}$")


class Tree(BaseModel):
    label: str
    children: list[Tree]


class Person(BaseModel):
    name: str
    age: Annotated[int, Field(ge=18, lt=130)]
    ratio: Annotated[float, Field(gt=0, lt=1)]
    even: Annotated[int, Field(multiple_of=14, ge=30)]
    colour: Colour
    level: Literal["low", "high"]
    address: Address | None
    tags: list[str] = Field(min_length=2, max_length=4)
    pair: tuple[int, str]
    numbers: set[int] = Field(min_length=3)
    scores: dict[str, float]
    tree: Tree


def test_a_pydantic_model_accepts_what_its_schema_gives() -> None:
    person = Person.model_validate(fill(Person.model_json_schema()))
    assert person.tree.label


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"const": 7}, 7),
        ({"enum": ["b", "a"]}, "b"),
        ({"type": ["null", "integer"]}, 1),
        ({"anyOf": [{"type": "null"}, {"type": "boolean"}]}, True),
        ({"type": "integer", "exclusiveMinimum": 3, "maximum": 4}, 4),
        ({"type": "number", "minimum": 0.25, "maximum": 0.5}, 0.5),
        ({"type": "string", "maxLength": 2}, "te"),
        ({"type": "string", "format": "date"}, "2026-01-02"),
        ({"type": "array", "items": {"type": "null"}, "maxItems": 0}, []),
        ({"type": "object", "properties": {}}, {}),
        ({"type": "string", "default": "metric"}, "metric"),
        ({"allOf": [{"type": "integer"}, {"minimum": 5}]}, 5),
        ({"type": "string", "not": {"const": "text"}, "enum": ["text", "other"]}, "other"),
        ({"oneOf": [{"minimum": 0, "type": "integer"}, {"type": "integer", "minimum": 10}]}, 1),
    ],
)
def test_simple_schemas(schema: dict[str, Any], value: object) -> None:
    assert fill(schema) == value


def test_required_properties_come_first_and_optional_ones_only_with_a_hint() -> None:
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string"}, "unit": {"type": "string"}, "days": {"type": "integer"}},
        "required": ["city"],
    }
    assert fill(schema) == {"city": "city"}
    hints = {"city": "Oslo", "days": 3}
    assert fill(schema, lambda name, _: hints.get(name)) == {"city": "Oslo", "days": 3}


def test_a_hint_that_does_not_fit_is_passed_over() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer", "maximum": 5}}, "required": ["n"]}
    assert fill(schema, lambda *_: 9) == {"n": 1}


def test_recursive_schemas_end() -> None:
    node: dict[str, Any] = {
        "$defs": {"Node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}}, "required": []}},
        "$ref": "#/$defs/Node",
    }
    assert is_valid(fill(node), node)


@pytest.mark.parametrize("schema", [False, {"$ref": "#/nowhere"}, {"type": "string", "enum": [1]}])
def test_what_nothing_fits_is_said(schema: Any) -> None:
    with pytest.raises(Unfillable):
        fill({"type": "object", "properties": {"x": schema}, "required": ["x"]})


@pytest.mark.parametrize(
    "pattern",
    [r"^\d{3}-\d{4}$", r"[A-Z][a-z]+", r"^(foo|bar)s?$", r"^\+?[1-9]\d{1,14}$", r"^[^@\s]+@[^@\s]+\.[a-z]{2,}$", r"^$"],
)
def test_patterns(pattern: str) -> None:
    value = fill({"type": "string", "pattern": pattern})
    assert is_valid(value, {"pattern": pattern})


def test_a_pattern_beyond_us_is_none() -> None:
    assert sample(r"(?=a)b") is None
    assert sample(r"(a)\1") is None
    assert sample("[") is None


@pytest.mark.parametrize(
    ("value", "schema"),
    [
        (True, {"type": "integer"}),
        (1, {"type": "boolean"}),
        (1, {"const": True}),
        ([1, 1], {"uniqueItems": True}),
        ({"a": 1}, {"additionalProperties": False}),
        ({}, {"required": ["a"]}),
        ([1, "x"], {"prefixItems": [{"type": "integer"}], "items": {"type": "integer"}}),
        (5, {"oneOf": [{"type": "integer"}, {"minimum": 1}]}),
        (0.3, {"multipleOf": 0.2}),
        ("x", {"$ref": "#/$defs/n", "$defs": {"n": {"type": "null"}}}),
    ],
)
def test_what_does_not_fit(value: object, schema: dict[str, Any]) -> None:
    assert not is_valid(value, schema)


@pytest.mark.parametrize(
    "schema", [{"required": 3}, {"properties": []}, {"type": 3}, {"items": [1]}, {"anyOf": [3]}, {"enum": "x"}, 3]
)
def test_what_is_no_schema_is_said(schema: Any) -> None:
    assert schema_error(schema)


def test_a_foreign_pattern_forbids_nothing() -> None:
    schema = {"type": "string", "pattern": r"^\p{L}+$"}
    assert schema_error(schema) is None
    assert is_valid("x", schema)
    assert isinstance(fill(schema), str)


_FIELDS = st.sampled_from(
    [str, int, float, bool, list[str], list[int] | None, Address, Colour, dict[str, int], Literal["x", 3], Tree]
)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.sampled_from(["a", "name", "count", "items", "z_1"]), _FIELDS, min_size=1))
def test_any_model_accepts_what_its_schema_gives(fields: dict[str, Any]) -> None:
    drawn: Any = {name: (kind, ...) for name, kind in fields.items()}
    model: type[BaseModel] = create_model("Drawn", **drawn)
    model.model_validate(fill(model.model_json_schema()))
