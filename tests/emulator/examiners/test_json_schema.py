"""The engine behind the rules for schemas: the first violation of a subset, with its path."""

from __future__ import annotations

import pytest

from understudy.domain.content import Json, JsonObject
from understudy.emulator.examiners.json_schema import Fault, Limits, Root, Subset, has_look_around, violation

STRICT = Subset(
    keywords=frozenset({"type", "description", "enum", "const", "anyOf", "$ref", "$defs"}),
    keywords_of={
        "object": frozenset({"properties", "required", "additionalProperties"}),
        "array": frozenset({"items", "minItems"}),
        "string": frozenset({"format", "pattern"}),
    },
    values={"minItems": lambda value: value in (0, 1)},
    types=frozenset({"object", "array", "string", "integer", "null"}),
    formats={"string": frozenset({"uuid"})},
    typed=True,
    closed=True,
    all_required=True,
    known_required=True,
    properties=True,
    items=True,
    ref_siblings=frozenset(),
    recursion=False,
    pattern=lambda pattern: not has_look_around(pattern),
    root=Root.PLAIN_OBJECT,
    limits=Limits(depth=3, properties=3, enum_values=3, enum_length=(2, 10), length=60, unions=1),
)
LENIENT = Subset()


def an_object(**properties: Json) -> JsonObject:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def within(part: Json) -> JsonObject:
    return an_object(a=part)


A = ("properties", "a")
VIOLATIONS: list[tuple[Json, Fault, tuple[str, ...], str]] = [
    ([], Fault.NOT_A_SCHEMA, (), "array"),
    (within(True), Fault.NOT_A_SCHEMA, A, "boolean"),
    ({"type": "array", "items": {"type": "string"}}, Fault.ROOT, (), "array"),
    ({}, Fault.ROOT, (), "None"),
    ({**an_object(), "anyOf": [an_object()]}, Fault.ROOT, (), "anyOf"),
    (within({"$ref": "#/$defs/Nowhere"}), Fault.REFERENCE, A, "#/$defs/Nowhere"),
    (within({"$ref": "https://example.com/schema"}), Fault.REFERENCE, A, "https://example.com/schema"),
    (within({"$ref": 3}), Fault.REFERENCE, A, "3"),
    (
        {**within({"$ref": "#/$defs/B", "description": "b"}), "$defs": {"B": {"type": "string"}}},
        Fault.REF_SIBLINGS,
        A,
        "'description'",
    ),
    (within({"$ref": "#"}), Fault.RECURSION, A, "#"),
    (
        {**within({"$ref": "#/$defs/B"}), "$defs": {"B": {"anyOf": [{"$ref": "#/$defs/B"}, {"type": "null"}]}}},
        Fault.RECURSION,
        A,
        "#/$defs/B",
    ),
    (within({"type": "string", "minLength": 1}), Fault.KEYWORD, A, ""),
    (within({"type": "string", "minItems": 1}), Fault.KEYWORD, A, ""),
    (within({"type": "array", "items": {"type": "string"}, "minItems": 2}), Fault.VALUE, A, "2"),
    (within({}), Fault.UNTYPED, A, ""),
    (within({"type": "number"}), Fault.TYPE, A, "number"),
    (within({"type": ["string", "boolean"]}), Fault.TYPE, A, "boolean"),
    (within({"type": "string", "format": "byte"}), Fault.FORMAT, A, "byte"),
    (within({"type": "string", "pattern": "(?=a)b"}), Fault.PATTERN, A, "(?=a)b"),
    (within({"type": "object", "properties": {}}), Fault.OPEN, A, ""),
    (within({"type": "array", "items": {**an_object(), "additionalProperties": {}}}), Fault.OPEN, (*A, "items"), ""),
    (within({"anyOf": [{"type": "null"}, {**an_object(b={"type": "null"}), "required": []}]}), Fault.OPTIONAL,
     (*A, "anyOf", "1"), "b"),
    (within({**an_object(), "required": ["b"]}), Fault.NOT_A_PROPERTY, A, "b"),
    (within({"type": "object", "additionalProperties": False}), Fault.NO_PROPERTIES, A, ""),
    (within({"type": "array"}), Fault.NO_ITEMS, A, ""),
    (within(within(within(within({"type": "null"})))), Fault.DEPTH, (), "4"),
    (an_object(**{name: {"type": "null"} for name in "abcd"}), Fault.PROPERTIES, (), "4"),
    (an_object(a={"type": ["null", "string"]}, b={"anyOf": [{"type": "null"}]}), Fault.UNIONS, (), "2"),
    (within({"type": "integer", "enum": [1, 2, 3, 4]}), Fault.ENUM_VALUES, (), "4"),
    (within({"type": "string", "enum": ["four", "five", "six"]}), Fault.ENUM_LENGTH, A, "11"),
    (within({"type": "string", "const": "x" * 60}), Fault.LENGTH, (), "61"),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "fault", "path", "detail"), VIOLATIONS)
def test_the_first_violation_is_found(schema: Json, fault: Fault, path: tuple[str, ...], detail: str) -> None:
    found = violation(schema, STRICT)
    assert found is not None
    assert (found.fault, found.path, found.detail) == (fault, path, detail)


@pytest.mark.parametrize(
    "schema",
    [
        within({"type": "string", "format": "uuid", "pattern": r"^\(?[a-z]+$"}),
        within({"type": ["string", "null"], "enum": ["a", None]}),
        within({"type": "array", "items": within({"type": "integer"}), "minItems": 1}),
        {**within({"$ref": "#/$defs/B"}), "$defs": {"B": {"type": "string"}}},
        an_object(type={"type": "string"}, required={"type": "string"}, items={"type": "null"}),
    ],
)
def test_what_the_subset_has_is_no_violation(schema: JsonObject) -> None:
    assert violation(schema, STRICT) is None


@pytest.mark.parametrize(
    ("subset", "schema", "fault"),
    [
        (Subset(single_type=True), {"type": ["string", "null"]}, Fault.TYPES),
        (Subset(some_properties=True), {"type": "object", "properties": {}}, Fault.NO_PROPERTIES),
        (Subset(some_required=True), {"type": "object", "properties": {"a": {}}}, Fault.NOTHING_REQUIRED),
        (Subset(limits=Limits(optionals=0)), {"type": "object", "properties": {"a": {}}}, Fault.OPTIONALS),
        (Subset(root=Root.OBJECT), {"type": "string"}, Fault.ROOT),
    ],
)
def test_each_choice_of_a_subset_forbids_something(subset: Subset, schema: JsonObject, fault: Fault) -> None:
    found = violation(schema, subset)
    assert found is not None
    assert found.fault is fault
    assert violation(schema, LENIENT) is None


def test_a_subset_without_rules_refuses_only_references_that_lead_nowhere() -> None:
    recursive = {**within({"$ref": "#/$defs/B"}), "$defs": {"B": {"not": True, "items": [{"$ref": "#"}]}}}
    assert violation(recursive, LENIENT) is None
    found = violation({"properties": {"a": {"$ref": "#/properties/b"}}}, LENIENT)
    assert found is not None
    assert found.fault is Fault.REFERENCE


def test_a_value_of_a_keyword_is_not_taken_for_a_schema() -> None:
    schema = within({"type": "string", "enum": ["$ref"], "const": {"$ref": "nowhere"}})
    assert violation(schema, STRICT) is None


def test_a_deep_schema_is_walked_without_recursion() -> None:
    schema: JsonObject = {"type": "null"}
    for _ in range(1000):
        schema = {"anyOf": [schema]}
    assert violation(schema, LENIENT) is None
