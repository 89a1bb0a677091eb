"""Schemas as each wire accepts them. What is expected is written by hand from the vendors' pages named in the rules."""

from __future__ import annotations

import enum
from typing import Any, Literal

import pydantic
import pytest

from understudy.dialects import schema_rules as rules
from understudy.dialects.schema_rules import SchemaRules
from understudy.dialects.schemas import fit, loosen, tool_root

ALL = (rules.OPENAI, rules.OPENAI_TUNED, rules.AZURE, rules.ANTHROPIC, rules.GEMINI, rules.COHERE, rules.OLLAMA)

MAP = {"type": "object", "additionalProperties": {"type": "integer"}}
PAIR = {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}]}
NULLABLE = {"anyOf": [{"type": "string", "enum": ["x"]}, {"type": "null"}]}


def of(part: dict[str, Any], *, required: bool = True) -> dict[str, Any]:
    return {"type": "object", "properties": {"a": part}, "required": ["a"] if required else []}


def fitted(part: dict[str, Any], wire: SchemaRules, **how: Any) -> Any:
    """Return a required property as the wire gets it."""
    found = fit(of(part), wire, **how)
    assert found.flaws == ()
    return found.schema["properties"]["a"]


def flaw(part: dict[str, Any], wire: SchemaRules) -> str:
    found = fit(of(part), wire)
    assert found.flaws, found.schema
    return str(found.flaws[0])


@pytest.mark.parametrize("wire", ALL, ids=lambda wire: wire.name)
def test_objects_are_closed_where_the_wire_wants_that(wire: SchemaRules) -> None:
    written = fit(of(of({"type": "integer"})), wire).schema
    expected = {"closed": False, "open": None, "silent": None}[wire.objects]
    assert written.get("additionalProperties") is expected
    assert written["properties"]["a"].get("additionalProperties") is expected
    explicit = fit({**of({"type": "integer"}), "additionalProperties": False}, wire).schema
    assert explicit["additionalProperties"] is False


@pytest.mark.parametrize(
    ("part", "wire", "expected"),
    [
        ({"type": "integer", "minimum": 0}, rules.OPENAI, {"type": "integer", "minimum": 0}),
        ({"type": "integer", "minimum": 0}, rules.ANTHROPIC,
         {"type": "integer", "description": "Constraints: minimum 0."}),
        ({"type": "number", "exclusiveMinimum": 0}, rules.GEMINI,
         {"type": "number", "description": "Constraints: exclusiveMinimum 0."}),
        ({"type": "string", "description": "A.", "minLength": 2}, rules.OPENAI,
         {"type": "string", "description": "A.\n\nConstraints: minLength 2."}),
        ({"type": "array", "items": {"type": "integer"}, "uniqueItems": True, "minItems": 1}, rules.ANTHROPIC,
         {"type": "array", "items": {"type": "integer"}, "minItems": 1,
          "description": "Constraints: uniqueItems true."}),
        ({"type": "array", "items": {"type": "integer"}, "minItems": 2}, rules.ANTHROPIC,
         {"type": "array", "items": {"type": "integer"}, "description": "Constraints: minItems 2."}),
        ({"type": "string", "format": "uri"}, rules.ANTHROPIC, {"type": "string", "format": "uri"}),
        ({"type": "string", "format": "uri"}, rules.OPENAI,
         {"type": "string", "description": 'Constraints: format "uri".'}),
        ({"type": "string", "pattern": "^a(?!b)"}, rules.OPENAI,
         {"type": "string", "description": 'Constraints: pattern "^a(?!b)".'}),
        ({"type": "string", "pattern": "^[ab]+$"}, rules.ANTHROPIC, {"type": "string", "pattern": "^[ab]+$"}),
        ({"type": "string", "pattern": "^[ab]+$"}, rules.COHERE,
         {"type": "string", "description": 'Constraints: pattern "^[ab]+$".'}),
        ({"const": "x"}, rules.OPENAI, {"type": "string", "const": "x"}),
        ({"const": "x"}, rules.GEMINI, {"type": "string", "enum": ["x"]}),
        ({"const": True}, rules.GEMINI, {"type": "boolean", "description": "Always true."}),
        ({"enum": ["x", None]}, rules.OPENAI, {"type": ["string", "null"], "enum": ["x", None]}),
        ({"enum": ["x", None]}, rules.ANTHROPIC, NULLABLE),
        ({"enum": ["x", None]}, rules.GEMINI, NULLABLE),
        ({"type": ["string", "null"], "maxLength": 3}, rules.ANTHROPIC,
         {"anyOf": [{"type": "string", "description": "Constraints: maxLength 3."}, {"type": "null"}]}),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, rules.COHERE, {"type": ["string", "null"]}),
        ({"oneOf": [{"type": "string"}, {"type": "integer"}]}, rules.OPENAI,
         {"anyOf": [{"type": "string"}, {"type": "integer"}]}),
        ({"allOf": [{"type": "integer", "minimum": 1}, {"maximum": 3, "minimum": 0}]}, rules.OPENAI,
         {"type": "integer", "minimum": 1, "maximum": 3}),
        ({**PAIR, "minItems": 2, "maxItems": 2}, rules.OPENAI,
         {"type": "array", "items": {"anyOf": [{"type": "integer"}, {"type": "string"}]}, "minItems": 2, "maxItems": 2,
          "description": 'Constraints: items in this order ["integer","string"].'}),
        ({"type": "array", "prefixItems": [{"type": "integer"}], "items": False}, rules.GEMINI,
         {"type": "array", "prefixItems": [{"type": "integer"}]}),
        ({"title": "X"}, rules.OLLAMA, {"title": "X", "anyOf": [{"type": kind} for kind in (
            "object", "array", "string", "number", "integer", "boolean", "null")]}),
    ],
)  # fmt: skip
def test_what_a_wire_cannot_express_is_described(part: dict[str, Any], wire: SchemaRules, expected: Any) -> None:
    assert fitted(part, wire) == expected


@pytest.mark.parametrize(
    ("part", "wire", "why"),
    [
        (MAP, rules.OPENAI, "#/properties/a: an object with"),
        (MAP, rules.ANTHROPIC, "#/properties/a: an object with"),
        (MAP, rules.COHERE, "#/properties/a: an object with"),
        ({}, rules.OPENAI, "#/properties/a: a value of any type"),
        ({"type": "array"}, rules.ANTHROPIC, "#/properties/a/items: a value of any type"),
        ({"anyOf": [of({"type": "string"}), of({"type": "integer"})]}, rules.COHERE, "#/properties/a: unions"),
        ({"type": "object", "properties": {}, "additionalProperties": False}, rules.COHERE, "without properties"),
        ({"enum": [[1]]}, rules.OPENAI, "an enumeration of arrays"),
        ({"$ref": "#/nowhere"}, rules.OPENAI, "#/properties/a: the reference '#/nowhere' points at nothing"),
        ({"type": "object", "required": 5}, rules.OPENAI, "#/properties/a/required"),
    ],
)  # fmt: skip
def test_what_has_no_form_is_a_flaw_with_its_place(part: dict[str, Any], wire: SchemaRules, why: str) -> None:
    assert why in flaw(part, wire)


class Colour(enum.Enum):
    RED = "r"
    BLUE = "b"


class Cat(pydantic.BaseModel):
    kind: Literal["cat"]


class Dog(pydantic.BaseModel):
    kind: Literal["dog"]
    name: str


class Tree(pydantic.BaseModel):
    value: int
    children: list[Tree] = []


class Owner(pydantic.BaseModel):
    pet: Cat | Dog = pydantic.Field(discriminator="kind")
    colour: Colour = pydantic.Field(description="of the pet")
    note: str | None = None
    count: int = 1


def test_optional_properties_are_null_in_strict_mode_and_stay_optional_for_tools() -> None:
    schema = Owner.model_json_schema()
    written = fit(schema, rules.OPENAI)
    assert written.flaws == ()
    assert written.schema["required"] == ["pet", "colour", "note", "count"]
    assert written.schema["properties"]["note"]["anyOf"] == [{"type": "string"}, {"type": "null"}]
    assert written.schema["properties"]["count"]["type"] == ["integer", "null"]
    assert [str(found) for found in fit(schema, rules.OPENAI, nullable=False).flaws] == [
        "#/properties/count: every property must be required"
    ]
    assert fit(schema, rules.ANTHROPIC).schema["required"] == ["pet", "colour"]


def test_a_discriminated_union_is_a_plain_one_and_a_described_reference_stands_alone() -> None:
    written = fit(Owner.model_json_schema(), rules.OPENAI).schema
    assert written["properties"]["pet"]["anyOf"] == [{"$ref": "#/$defs/Cat"}, {"$ref": "#/$defs/Dog"}]
    assert "discriminator" not in written["properties"]["pet"]
    assert written["properties"]["colour"] == {
        "type": "string", "enum": ["r", "b"], "title": "Colour", "description": "of the pet",
    }  # fmt: skip


def test_recursion() -> None:
    schema = Tree.model_json_schema()
    strict = fit(schema, rules.OPENAI)
    assert strict.flaws == ()
    assert strict.schema["$defs"]["Tree"]["properties"]["children"]["items"] == {"$ref": "#/$defs/Tree"}
    assert "contains itself" in str(fit(schema, rules.ANTHROPIC).flaws[0])
    assert "contains itself" in str(fit(schema, rules.COHERE).flaws[0])
    # Gemini unrolls a definition only below properties that are not required.
    demanding = {**schema["$defs"]["Tree"], "required": ["value", "children"]}
    gemini = fit({"$ref": "#/$defs/Tree", "$defs": {"Tree": demanding}}, rules.GEMINI)
    assert gemini.flaws == ()
    assert gemini.schema["required"] == ["value"]
    assert gemini.schema["$defs"]["Tree"]["required"] == ["value"]


@pytest.mark.parametrize("root", [{"type": "array", "items": {"type": "integer"}}, {"anyOf": [of({"type": "string"})]}])
def test_what_is_not_an_object_becomes_the_property_of_one(root: dict[str, Any]) -> None:
    written = fit(root, rules.OPENAI)
    assert written.wrapped
    assert written.schema["type"] == "object"
    assert written.schema["required"] == ["value"]
    assert loosen(root).schema["properties"] == {"value": root}


def test_a_reference_to_the_top_survives_the_wrapper() -> None:
    root = {"type": "array", "items": {"$ref": "#"}}
    written = fit(root, rules.OPENAI).schema
    assert written["properties"]["value"]["items"] == {"$ref": "#/$defs/value"}
    assert written["$defs"]["value"] == {"type": "array", "items": {"$ref": "#/$defs/value"}}


def test_limits_of_size() -> None:
    deep: dict[str, Any] = {"type": "string"}
    for _ in range(11):
        deep = of(deep)
    assert "11 levels of nesting" in str(fit(deep, rules.OPENAI).flaws[0])
    wide = {"type": "object", "properties": {f"p{n}": {"type": "string"} for n in range(101)}}
    assert fit(wide, rules.OPENAI).flaws == ()
    assert "101 properties" in str(fit(wide, rules.AZURE).flaws[0])
    assert "101 optional properties" in str(fit(wide, rules.ANTHROPIC).flaws[0])


def test_definitions_that_double_at_each_level_do_not_explode() -> None:
    definitions: dict[str, Any] = {"D0": of({"type": "string"})}
    for level in range(1, 40):
        below = {"$ref": f"#/$defs/D{level - 1}"}
        definitions[f"D{level}"] = {"type": "object", "properties": {"a": below, "b": below}, "required": ["a", "b"]}
    schema = {"$ref": "#/$defs/D39", "$defs": definitions}
    assert "too large" in str(fit(schema, rules.COHERE).flaws[0])
    assert "too large" in str(fit(schema, rules.OPENAI).flaws[0])


def test_the_parameters_of_a_tool_are_a_plain_object() -> None:
    assert tool_root({}) == {"type": "object", "properties": {}}
    assert tool_root({"properties": {"a": {"type": "array"}}}) == {
        "type": "object", "properties": {"a": {"type": "array", "items": {}}},
    }  # fmt: skip
    united = tool_root({"oneOf": [of({"type": "string"}), {**of({"type": "integer"}), "required": ["a"]}]})
    assert united == {
        "type": "object",
        "properties": {"a": {"anyOf": [{"type": "string"}, {"type": "integer"}]}},
        "required": ["a"],
    }


def test_a_schema_is_rewritten_once_and_never_changed() -> None:
    schema = Owner.model_json_schema()
    before = repr(schema)
    assert fit(schema, rules.OPENAI) is fit(Owner.model_json_schema(), rules.OPENAI)
    assert repr(schema) == before
