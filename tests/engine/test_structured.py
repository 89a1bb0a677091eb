"""Schemas and Python types in, values out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, Literal, NotRequired, TypeVar

import msgspec
import pydantic
import pydantic.dataclasses
import pytest
from typing_extensions import TypedDict

import understudy as u
from understudy.engine import structured
from understudy.engine.structured import check_tools, form_of


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


def test_nested_types_keep_their_definitions_and_optional_fields() -> None:
    form = form_of(Nested)
    assert form.output.json_schema is not None
    assert "Inner" in form.output.json_schema["$defs"]
    assert form.output.strict is True
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


class Cat(pydantic.BaseModel):
    kind: Literal["cat"]
    lives: int = pydantic.Field(default=9, ge=1)


class Dog(pydantic.BaseModel):
    kind: Literal["dog"]


T = TypeVar("T")


class Box(pydantic.BaseModel, Generic[T]):
    content: T


class Cats(pydantic.RootModel[list[Cat]]):
    pass


@pydantic.dataclasses.dataclass
class Checked:
    n: int = pydantic.Field(ge=1)


class Partial(TypedDict):
    name: str
    nick: NotRequired[str]


CAT = Cat(kind="cat")


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (list[Cat], '{"value": [{"kind": "cat"}]}', [CAT]),
        (Cat | Dog, '{"value": {"kind": "dog"}}', Dog(kind="dog")),
        (Cat | None, '{"value": null}', None),
        (Box[int], '{"content": 3}', Box[int](content=3)),
        (Cats, '{"value": [{"kind": "cat"}]}', Cats([CAT])),
        (Checked, '{"n": 2}', Checked(2)),
    ],
)
def test_types_around_models_are_read_back(kind: Any, text: str, value: Any) -> None:
    form = form_of(kind)
    assert form.output.json_schema is not None
    assert form.output.json_schema["type"] == "object"
    assert form.parse(text) == value
    assert form_of(kind) is form


def test_the_constraints_of_a_type_hold_whatever_the_wire_enforced() -> None:
    for kind, text in ((list[Cat], '{"value": [{"kind": "cat", "lives": 0}]}'), (Checked, '{"n": 0}')):
        with pytest.raises(ValueError, match="greater than or equal to 1"):
            form_of(kind).parse(text)


def test_a_null_for_an_optional_property_counts_as_missing() -> None:
    assert form_of(Cat).parse('{"kind": "cat", "lives": null}') == CAT
    assert form_of(Partial).parse('{"name": "a", "nick": null}') == {"name": "a"}
    nested = form_of(list[Cat | Dog]).parse('{"value": [{"kind": "cat", "lives": null}]}')
    assert nested == [CAT]
    schema = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": ["string", "null"]}}}
    assert form_of(schema).parse('{"a": null, "b": null}') == {"b": None}
    with pytest.raises(ValueError, match="name"):
        form_of(Partial).parse('{"name": null}')


@pytest.mark.parametrize(
    "text",
    [
        f"Here you are:\n```json\n{TEXT}\n```\nAnything else?",
        f'<think>Perhaps {{}}? Or {{"name": 1}}.</think>\n{TEXT}',
        f"Sure! {TEXT}",
        f"{TEXT} Done.",
        f"It's {{short}}, see [1]: {TEXT}",
        f"```\n{TEXT}\n```",
    ],
)
def test_json_is_found_among_words(text: str) -> None:
    assert form_of(AsStruct).parse(text) == AsStruct("Ada", ["x", "y"])


def test_of_several_values_the_longest_counts() -> None:
    form = form_of({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]})
    assert form.parse('{"n": 1} or rather {"n": 22}') == {"n": 22}


def test_brackets_without_end_are_read_in_one_pass() -> None:
    with pytest.raises(ValueError, match="JSON"):
        form_of(AsStruct).parse("x " + "[{" * 100_000)


def test_the_top_of_a_json_schema_may_be_a_list() -> None:
    form = form_of({"type": "array", "items": {"type": "integer"}})
    assert form.output.json_schema is not None
    assert form.output.json_schema["properties"]["value"] == {"type": "array", "items": {"type": "integer"}}
    assert form.parse('{"value": [1]}') == [1]
    assert form.parse("[1]") == [1]


@pytest.mark.parametrize(
    "parameters", [{"type": "strung"}, {"type": "object", "properties": {"a": {"type": "object", "required": 5}}}]
)
def test_an_invalid_schema_of_a_tool_is_misuse_that_names_it(parameters: dict[str, Any]) -> None:
    with pytest.raises(u.Misuse, match="tool 'look'"):
        check_tools((u.Tool(name="look", parameters=parameters),))


def test_a_schema_that_was_changed_after_it_was_checked_is_checked_again() -> None:
    schema: dict[str, Any] = {"type": "object", "properties": {"a": {"type": "string"}}}
    tools = (u.Tool(name="plain"), u.Tool(name="look", parameters=schema), u.OpaqueTool("openai", {"type": "x"}))
    for _ in range(2):
        check_tools(tools)
    schema["properties"]["a"]["type"] = "nothing"
    for _ in range(2):
        with pytest.raises(u.Misuse, match="the parameters of the tool 'look' are invalid"):
            check_tools(tools)


def test_what_is_known_of_tools_together_is_bounded() -> None:
    for number in range(40):
        check_tools((u.Tool(name=f"f{number}"), u.Tool(name="long", description="x" * 150_000)))
        check_tools((u.Tool(name=f"f{number}"),))
    assert len(structured.CHECKED_TOGETHER) == structured.CHECKED_TOGETHER.limit
    assert max(map(len, structured.CHECKED_TOGETHER)) < 150_000


def test_tools_that_cannot_be_encoded_together_are_checked_one_by_one() -> None:
    fields: dict[str, Any] = {}
    odd = u.Tool(name="odd", extra={"cohere": fields})
    fields["x"] = object()
    check_tools((odd,))
    with pytest.raises(u.Misuse, match="the parameters of the tool 'look' are invalid"):
        check_tools((odd, u.Tool(name="look", parameters={"type": "nothing"})))
