"""From functions to schemas, and from a model's arguments to calls. The expected schemas are written by hand."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import functools
from decimal import Decimal
from typing import Annotated, Any, Literal, Optional, TypedDict

import msgspec
import pydantic
import pytest

import understudy as u


class Unit(enum.Enum):
    C = "celsius"
    F = "fahrenheit"


@dataclasses.dataclass
class Place:
    city: str
    country: str = "PT"


class Range(TypedDict):
    start: int
    end: int


class Person(pydantic.BaseModel):
    name: str
    age: int = pydantic.Field(ge=0)


def schema_of(function: Any) -> Any:
    return u.FunctionTool(function).definition.parameters


def called(function: Any, **arguments: Any) -> Any:
    tool = u.FunctionTool(function)
    args, kwargs = tool.bind(arguments)
    return tool(*args, **kwargs)


def weather(
    city: Annotated[str, "The city"],
    unit: Unit = Unit.C,
    days: Annotated[int, msgspec.Meta(ge=1, le=7)] = 1,
    mode: Literal["short", "long"] = "short",
    near: Place | None = None,
    *,
    tags: list[str] = [],  # noqa: B006 - never changed
) -> dict[str, Any]:
    """Look up the weather.

    Args:
        city: Not this: the annotation says it.
        days: How many days.
    """
    return {"city": city, "unit": unit, "days": days, "mode": mode, "near": near, "tags": tags}


def test_the_schema_of_a_function() -> None:
    tool = u.FunctionTool(weather).definition
    assert tool.name == "weather"
    assert tool.description == "Look up the weather."
    assert tool.strict is None
    assert tool.parameters == {
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "The city"},
            "unit": {"$ref": "#/$defs/Unit", "default": "celsius"},
            "days": {"type": "integer", "minimum": 1, "maximum": 7, "description": "How many days.", "default": 1},
            "mode": {"enum": ["long", "short"], "default": "short"},
            "near": {"anyOf": [{"$ref": "#/$defs/Place"}, {"type": "null"}], "default": None},
            "tags": {"type": "array", "items": {"type": "string"}, "default": []},
        },
        "required": ["city"],
        "$defs": {
            "Unit": {"title": "Unit", "enum": ["celsius", "fahrenheit"]},
            "Place": {
                "title": "Place",
                "type": "object",
                "properties": {"city": {"type": "string"}, "country": {"type": "string", "default": "PT"}},
                "required": ["city"],
            },
        },
    }
    assert list(schema_of(weather)["properties"]) == ["city", "unit", "days", "mode", "near", "tags"]


def test_arguments_become_the_annotated_types() -> None:
    assert called(weather, city="Lisbon", unit="fahrenheit", days="3", near={"city": "Porto"}) == {
        "city": "Lisbon",
        "unit": Unit.F,
        "days": 3,
        "mode": "short",
        "near": Place("Porto"),
        "tags": [],
    }


def test_a_string_stays_a_string_where_either_is_allowed() -> None:
    def either(value: int | str, flag: bool = False) -> Any:
        return value, flag

    assert called(either, value="5") == ("5", False)
    assert called(either, value=5, flag="true") == (5, True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "missing required field `city`"),
        ({"city": 5}, "Expected `str`, got `int` - at `$.city`"),
        ({"city": "x", "days": 9}, "Expected `int` <= 7 - at `$.days`"),
        ({"city": "x", "unit": "kelvin"}, "Invalid enum value 'kelvin'"),
        ({"city": "x", "when": "now"}, "unknown argument 'when'; the arguments are city, days, mode, near, tags, unit"),
        ([], "expected an object, got list"),
        ("x", "expected an object, got str"),
    ],
)
def test_invalid_arguments_are_explained(arguments: Any, words: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        u.FunctionTool(weather).bind(arguments)
    assert words in str(caught.value)


def test_pydantic_parameters() -> None:
    def hire(
        person: Person,
        salary: Annotated[Decimal, pydantic.Field(gt=0, description="Per month")],
        note: str = pydantic.Field("none", description="For the file"),
        since: datetime.date | None = None,
    ) -> Any:
        return person, salary, note, since

    schema = schema_of(hire)
    assert schema["required"] == ["person", "salary"]
    assert schema["properties"]["person"] == {"$ref": "#/$defs/Person"}
    assert schema["properties"]["salary"]["description"] == "Per month"
    assert schema["properties"]["note"] == {"type": "string", "default": "none", "description": "For the file"}
    assert schema["$defs"]["Person"]["properties"]["age"]["minimum"] == 0
    found = called(hire, person={"name": "Ann", "age": "7"}, salary=12.5, since="2026-11-28")
    assert found == (Person(name="Ann", age=7), Decimal("12.5"), "none", datetime.date(2026, 11, 28))
    with pytest.raises(ValueError, match="person/age: Input should be greater than or equal to 0"):
        u.FunctionTool(hire).bind({"person": {"name": "Ann", "age": -1}, "salary": 1})


def test_a_pydantic_model_inside_another_type() -> None:
    def hire(people: list[Person], by: dict[str, Person | None]) -> Any:
        return people, by

    assert schema_of(hire)["properties"]["people"]["items"] == {"$ref": "#/$defs/Person"}
    assert called(hire, people=[{"name": "A", "age": 1}], by={"x": None}) == ([Person(name="A", age=1)], {"x": None})


def test_other_parameters() -> None:
    def f(a, b: Any, c: Optional[int], d: Range, /, *, e: tuple[int, str], f: set[int], g: bytes = b"") -> Any:  # type: ignore[no-untyped-def]  # noqa: UP045
        return a, b, c, d, e, f, g

    schema = schema_of(f)
    assert schema["required"] == ["a", "b", "c", "d", "e", "f"]
    assert schema["properties"]["a"] == {}
    assert schema["properties"]["c"] == {"anyOf": [{"type": "integer"}, {"type": "null"}]}
    found = called(f, a=1, b=[2], c=None, d={"start": 1, "end": 2}, e=[1, "x"], f=[1, 1])
    assert found == (1, [2], None, {"start": 1, "end": 2}, (1, "x"), {1}, b"")


def test_an_omitted_positional_parameter_has_its_default() -> None:
    def f(a: int, b: int = 5, c: int = 6, /) -> Any:
        return a, b, c

    assert called(f, a=1, c=2) == (1, 5, 2)


def test_a_function_without_parameters() -> None:
    def now() -> str:
        return "noon"

    assert schema_of(now) is None
    assert called(now) == "noon"
    with pytest.raises(ValueError, match="unknown argument 'x'; the arguments are none"):
        u.FunctionTool(now).bind({"x": 1})


class Service:
    def __init__(self, name: str) -> None:
        self.name = name

    @u.tool(name="greet_person")
    def greet(self, person: str) -> str:
        """Greet somebody."""
        return f"{self.name} greets {person}"

    @classmethod
    def make(cls, name: str) -> str:
        return f"{cls.__name__} {name}"

    @staticmethod
    def add(a: int, b: int) -> int:
        return a + b

    def __call__(self, word: str) -> str:
        """Say a word."""
        return f"{self.name}: {word}"


def test_methods_and_callables() -> None:
    service = Service("Bob")
    greet = u.FunctionTool(service.greet)
    assert (greet.name, greet.definition.description) == ("greet_person", "Greet somebody.")
    assert list(greet.definition.parameters["properties"]) == ["person"]  # type: ignore[index]
    assert called(service.greet, person="Ann") == "Bob greets Ann"
    assert called(Service("Eve").greet, person="Ann") == "Eve greets Ann"
    assert called(Service.make, name="x") == "Service x"
    assert called(Service.add, a=1, b=2) == 3
    assert u.FunctionTool(service).definition.description == "Say a word."
    assert called(service, word="hi") == "Bob: hi"
    assert service.greet("Cat") == "Bob greets Cat"


def test_partials_hide_what_is_bound() -> None:
    def f(a: int, b: int, c: int = 3) -> Any:
        return a, b, c

    assert list(schema_of(functools.partial(f, 1))["properties"]) == ["b", "c"]
    bound = functools.partial(f, b=2)
    assert list(schema_of(bound)["properties"]) == ["a", "c"]
    assert called(bound, a=1, c=4) == (1, 2, 4)
    assert u.FunctionTool(bound).name == "f"
    with pytest.raises(ValueError, match="unknown argument 'b'"):
        u.FunctionTool(bound).bind({"a": 1, "b": 9})


def test_a_wrapped_function_is_read_through_its_wrapper() -> None:
    @functools.wraps(weather)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return weather(*args, **kwargs)

    assert schema_of(wrapper) == schema_of(weather)
    assert called(wrapper, city="x")["city"] == "x"


def test_a_type_of_an_enclosing_function_is_found_if_the_function_uses_it() -> None:
    @dataclasses.dataclass
    class Local:
        x: int

    def f(local: Local) -> Any:
        return isinstance(local, Local)

    assert called(f, local={"x": 1}) is True


class NotJson:
    pass


def stars(*cities: str) -> None: ...
def double_stars(**cities: str) -> None: ...
def odd(value: NotJson) -> None: ...
def unknown(value: Missing) -> None: ...  # type: ignore[name-defined]  # noqa: F821


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (stars, r"tool 'stars': \*cities has no JSON Schema: declare each parameter by name"),
        (double_stars, r"tool 'double_stars': \*\*cities has no JSON Schema"),
        (odd, "tool 'odd': a parameter's type cannot be turned into a JSON Schema"),
        (unknown, r"tool 'unknown': an annotation cannot be evaluated \(name 'Missing' is not defined\)"),
        (lambda x: x, r"a lambda has no name that a model could call: pass FunctionTool\(function, name=…\)"),
        (Person, "a tool must be a function, got the class Person"),
        (5, "a tool must be a function, got int"),
        (min, "tool 'min': its signature cannot be read"),
    ],
)
def test_what_no_tool_can_be_made_of(function: Any, words: str) -> None:
    with pytest.raises(u.Misuse, match=words):
        u.FunctionTool(function)


def test_the_decorator_leaves_the_function_as_it_is() -> None:
    def plain(x: int) -> int:
        """Double."""
        return 2 * x

    assert u.tool(plain) is plain
    named = u.tool(name="twice", description="Double a number.", strict=True, needs_approval=True)(plain)
    assert named is plain
    assert plain(2) == 4
    made = u.FunctionTool(plain)
    assert made.definition == u.Tool(
        name="twice",
        description="Double a number.",
        strict=True,
        parameters={"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]},
    )
    assert made.needs_approval is True
    again = u.FunctionTool(plain, name="double", needs_approval=False)
    assert (again.name, again.needs_approval, again.definition.strict) == ("double", False, True)
    assert again(4) == 8
    assert repr(again) == "<FunctionTool double>"


def test_the_decorator_in_classes() -> None:
    class Box:
        @u.tool(name="one")
        @staticmethod
        def first(x: int) -> int:
            return x

        @u.tool(name="two")
        @classmethod
        def second(cls, x: int) -> int:
            return x

    assert u.FunctionTool(Box.first).name == "one"
    assert u.FunctionTool(Box().second).name == "two"


@pytest.mark.parametrize("wrong", [5, Person])
def test_the_decorator_is_for_functions(wrong: Any) -> None:
    with pytest.raises(u.Misuse, match="@tool must decorate a function"):
        u.tool(wrong)
    with pytest.raises(u.Misuse, match="@tool must decorate a function"):
        u.tool(name="x")(wrong)


def test_what_cannot_be_marked() -> None:
    with pytest.raises(u.Misuse, match=r"pass FunctionTool\(function, name=…\)"):
        u.tool(name="x")(Service("a").greet)
